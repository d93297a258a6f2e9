#include "probe/delivery/outbox_salvage.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "netns/base/fd.hpp"
#include "probe/delivery/outbox_file.hpp"
#include "probe/delivery/outbox_seal.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_bytes = 256UL * 1024 * 1024;
constexpr std::size_t chunk_size = 64UL * 1024;
/// Of looking closer at what may be a row: garbage full of marks must not take for ever.
constexpr std::size_t most_effort = 1024UL * 1024 * 1024;
// The file's layout: sqlite.org/fileformat2.html, sections 1.6 (cells and overflow), 2.1 (varint) and 4.1 (log).
constexpr std::size_t page_size = OutboxFile::page_size;
constexpr std::size_t log_header = 32;
constexpr std::size_t frame_header = 24;
/// How a report without an envelope begins.
constexpr std::string_view plain_mark = "{\"";
/// Of a row: five numbers of at most eight bytes.
constexpr std::size_t longest_cell_head = 40;

std::uint32_t big_endian(std::string_view four) {
  std::uint32_t number = 0;
  for (const char c : four.substr(0, 4)) number = number << 8U | static_cast<unsigned char>(c);
  return number;
}

class Bytes {
 public:
  explicit Bytes(const std::string& path) : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) {
    struct stat status {};
    if (file_ && ::fstat(file_.get(), &status) == 0) size_ = std::min(static_cast<std::size_t>(status.st_size), most_bytes);
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Shorter at the end and where the disk cannot be read.
  [[nodiscard]] std::string at(std::size_t offset, std::size_t count) const {
    std::string bytes(offset < size_ ? std::min(count, size_ - offset) : 0, '\0');
    std::size_t done = 0;
    while (done < bytes.size()) {
      const auto got = ::pread(file_.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
      if (got <= 0) break;
      done += static_cast<std::size_t>(got);
    }
    bytes.resize(done);
    return bytes;
  }

 private:
  Fd file_;
  std::size_t size_ = 0;
};

/// How many bytes of a text of `size` stand in the row's own page: the others follow in a chain of pages.
std::size_t local_part(std::size_t size) {
  std::size_t header = 3;  // its own length, NULL for the id, the flag, which is in its type
  for (auto type = 2 * size + 13; type > 0; type >>= 7U) ++header;
  const auto payload = header + size;
  constexpr auto most = page_size - 35;
  constexpr auto least = (page_size - 12) * 32 / 255 - 23;
  if (payload <= most) return size;
  const auto local = least + (payload - least) % (page_size - 4);
  return (local <= most ? local : least) - header;
}

/// What stands before a row's text: its id, whether it is a change, and the text's length.
struct Cell {
  std::uint64_t id = 0;
  bool is_change = false;
  std::size_t size = 0;
};

/// A variable-length integer (section 1.6.1 there) at the end of `bytes`, which is cut off; its last byte alone has no high bit. Ids and
/// lengths have eight bytes at most: the ninth would be another thing.
std::optional<std::uint64_t> take_number_at_end(std::string_view& bytes) {
  constexpr auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0x80U) != 0; };
  if (bytes.empty() || continues(bytes.back())) return std::nullopt;
  std::size_t count = 1;
  while (count < bytes.size() && count < 8 && continues(bytes[bytes.size() - count - 1])) ++count;
  std::uint64_t number = 0;
  for (const char c : bytes.substr(bytes.size() - count)) number = number << 7U | (static_cast<unsigned char>(c) & 0x7fU);
  bytes.remove_suffix(count);
  return number;
}

/// Length of all, id, length of the header, NULL for the id, 8 or 9 for the flag (0 or 1), 13 + 2n for a text of n bytes.
std::optional<Cell> cell_before(std::string_view bytes) {
  Cell cell;
  const auto all = bytes.size();
  const auto text = take_number_at_end(bytes);
  const auto of_text = all - bytes.size();
  if (!text || *text < 13 || *text % 2 == 0 || bytes.size() < 3) return std::nullopt;
  cell.size = (*text - 13) / 2;
  const auto flag = bytes.back();
  if ((flag != 8 && flag != 9) || bytes[bytes.size() - 2] != 0 || static_cast<unsigned char>(bytes[bytes.size() - 3]) != 3 + of_text)
    return std::nullopt;
  cell.is_change = flag == 9;
  bytes.remove_suffix(3);
  const auto id = take_number_at_end(bytes);
  const auto payload = id ? take_number_at_end(bytes) : std::nullopt;
  if (!payload || *payload != 3 + of_text + cell.size) return std::nullopt;
  cell.id = *id;
  return cell;
}

class Salvage {
 public:
  explicit Salvage(const std::string& path) : file_(path), log_(path + "-wal") {
    // A later frame of the same page is newer.
    for (auto at = log_header; at + frame_header < log_.size(); at += frame_header + page_size) {
      const auto head = log_.at(at, 4);
      if (head.size() == 4) frames_[big_endian(head)] = at + frame_header;
    }
  }

  std::map<std::uint64_t, OutboxRow> rows() {
    scan(file_);
    scan(log_);
    for (auto& [id, row] : unsealed_) rows_.emplace(id, std::move(row));
    return std::move(rows_);
  }

 private:
  void scan(const Bytes& bytes) {
    for (std::size_t begin = 0; begin < bytes.size(); begin += chunk_size) {
      const auto chunk = bytes.at(begin, chunk_size + seal_size);
      for (auto found = chunk.find(seal_mark); found < chunk_size; found = chunk.find(seal_mark, found + 1)) take(bytes, begin + found);
      for (auto found = chunk.find(plain_mark); found < chunk_size; found = chunk.find(plain_mark, found + 1))
        take_unsealed(bytes, begin + found);
    }
  }

  void take(const Bytes& bytes, std::size_t at) {
    const auto size = sealed_size(bytes.at(at, seal_size));
    if (size == 0 || effort_ > most_effort) return;
    effort_ += size;
    auto row = unseal(bytes.at(at, size));
    if (!row && size > local_part(size)) row = unseal(chained(bytes, at, size, true));
    if (!row && size > local_part(size)) row = unseal(chained(bytes, at, size, false));
    if (row) rows_.emplace(row->id, std::move(row->row));
  }

  /// A report of the first version, which wrote no envelopes: the head of its cell tells the length, and it must be JSON. Later entries of
  /// one id, which the log has, are newer.
  void take_unsealed(const Bytes& bytes, std::size_t at) {
    const auto from = at - std::min(at, longest_cell_head);
    const auto cell = cell_before(bytes.at(from, at - from));
    if (!cell || cell->size > longest_sealed_report || effort_ > most_effort) return;
    effort_ += cell->size;
    auto text = cell->size <= local_part(cell->size) ? bytes.at(at, cell->size) : chained(bytes, at, cell->size, true);
    if (!is_whole(text, cell->size) && cell->size > local_part(cell->size)) text = chained(bytes, at, cell->size, false);
    if (is_whole(text, cell->size)) unsealed_.insert_or_assign(cell->id, OutboxRow{cell->is_change, std::move(text)});
  }

  static bool is_whole(const std::string& text, std::size_t size) { return text.size() == size && nlohmann::json::accept(text); }

  /// A row that is longer than its page. The pages that follow may be in the log or, written back, in the file.
  [[nodiscard]] std::string chained(const Bytes& bytes, std::size_t at, std::size_t size, bool by_log) const {
    const auto local = local_part(size);
    auto text = bytes.at(at, local);
    auto next = bytes.at(at + local, 4);
    while (text.size() < size && next.size() == 4) {
      const auto content = page(big_endian(next), by_log);
      if (content.size() <= 4) break;
      next = content.substr(0, 4);
      text.append(content, 4, size - text.size());
    }
    return text;
  }

  [[nodiscard]] std::string page(std::uint32_t number, bool by_log) const {
    if (number == 0) return {};
    const auto frame = frames_.find(number);
    if (by_log && frame != frames_.end()) return log_.at(frame->second, page_size);
    return file_.at((number - std::size_t{1}) * page_size, page_size);
  }

  Bytes file_;
  Bytes log_;
  std::unordered_map<std::uint32_t, std::size_t> frames_;  ///< page -> where its newest content stands in the log
  std::map<std::uint64_t, OutboxRow> rows_;
  std::map<std::uint64_t, OutboxRow> unsealed_;
  std::size_t effort_ = 0;
};

}  // namespace

std::map<std::uint64_t, OutboxRow> salvage_rows(const std::string& path) { return Salvage(path).rows(); }

}  // namespace vpn_sentinel
