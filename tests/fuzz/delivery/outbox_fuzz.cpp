// Bytes -> the outbox's file. Input that begins with "patch" changes a good file ("OFFSET VALUE" in decimal, "cut SIZE"), anything else is
// the file. Whatever is in it, the outbox opens, what it holds can be sent, and what is put into it is there at the next start.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "probe/delivery/outbox.hpp"

using namespace vpn_sentinel;

namespace {

/// Aborts, so that libFuzzer and the replaying runner both see it.
void require(bool condition) {
  if (!condition) std::abort();
}

/// In memory where that is possible: nothing here needs a disk.
class Folder {
 public:
  Folder() {
    std::string name = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm/outbox-fuzz-XXXXXX" : "/tmp/outbox-fuzz-XXXXXX";
    require(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string file() const { return path_ / "outbox.sqlite"; }

 private:
  std::filesystem::path path_;
};

OutboxItem item_of(std::uint64_t seq) {
  OutboxItem item;
  item.report.client_id = "fuzz";
  item.report.boot_id = "this-start";
  item.report.seq = seq;
  item.report.timestamp = wall_now();
  item.report.state = State::danger;
  item.is_change = true;
  return item;
}

std::string good_file() {
  const Folder folder;
  {
    const auto box = Outbox::open({folder.file()});
    require(box.has_value());
    for (std::uint64_t seq = 101; seq <= 105; ++seq) (*box)->enqueue(item_of(seq));
  }
  std::ifstream in(folder.file(), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string file_of(const std::string& input) {
  if (!input.starts_with("patch")) return input;
  static const std::string good = good_file();
  auto bytes = good;
  std::istringstream lines(input.substr(5));
  std::string word;
  for (std::size_t value = 0; lines >> word >> value;) {
    if (word == "cut") {
      bytes.resize(std::min(bytes.size(), value));
    } else if (const auto at = std::strtoul(word.c_str(), nullptr, 10); at < bytes.size()) {
      bytes[at] = static_cast<char>(value);
    }
  }
  return bytes;
}

void take_everything(Outbox& box) {
  for (const auto& client : box.clients()) {
    for (const auto* item = box.front(client); item; item = box.front(client)) {
      const auto report = item->report;
      require(is_valid_client_id(report.client_id) && report.client_id == client);
      const auto size = box.size();
      box.acknowledged(client, report.boot_id, report.seq);
      require(box.size() < size);
    }
  }
  require(box.size() == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Folder folder;
  {
    std::ofstream out(folder.file(), std::ios::binary);
    out << file_of(std::string(reinterpret_cast<const char*>(data), size));
  }
  {
    const auto box = Outbox::open({folder.file()});
    require(box.has_value());
    take_everything(**box);
    (*box)->enqueue(item_of(1));
  }
  const auto box = Outbox::open({folder.file()});
  require(box.has_value());
  require((*box)->size() == 1 && (*box)->front("fuzz") != nullptr && (*box)->front("fuzz")->report.seq == 1);
  return 0;
}
