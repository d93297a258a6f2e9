#include "probe/delivery/outbox.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "netns/base/clock.hpp"
#include "probe/delivery/outbox_file.hpp"
#include "probe/delivery/outbox_salvage.hpp"
#include "probe/delivery/outbox_writer.hpp"
#include "probe/delivery/waiting_items.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;
using Rows = std::map<std::uint64_t, OutboxRow>;

OutboxRow to_row(const OutboxItem& item) {
  return OutboxRow{item.is_change, encode(item.report).dump(-1, ' ', false, json::error_handler_t::replace)};
}

/// How long ago a report of an earlier start was true, by the wall clock; a clock that was not set yet then says nothing.
MonoTime since_of_earlier(const Report& report) {
  constexpr WallTime first_believed{std::chrono::sys_days{std::chrono::year{2020} / 1 / 1}};
  const auto now = wall_now();
  const auto true_at = report.timestamp.value_or(now);
  if (true_at < first_believed || true_at > now) return mono_now();
  return mono_now() - (now - true_at);
}

std::optional<OutboxItem> from_row(const OutboxRow& row) {
  const auto parsed = json::parse(row.report, nullptr, false);
  if (parsed.is_discarded()) return std::nullopt;
  auto report = decode_report(parsed);
  if (!report) return std::nullopt;
  const auto since = since_of_earlier(*report);
  return OutboxItem{std::move(*report), row.is_change, true, row.report.size(), since};
}

/// A file that is open and read, or the reason why not.
struct Opened {
  std::optional<OutboxFile> file;
  Rows rows;
  bool rows_are_written = true;
  std::string trouble;
  std::string moved_to;
};

Result<Opened> try_to_open(const std::string& path) {
  Opened opened;
  auto file = OutboxFile::open(path);
  if (!file) return fail(file.error());
  auto rows = file->load();
  if (!rows) return fail(rows.error());
  opened.file.emplace(std::move(*file));
  opened.rows = std::move(*rows);
  return opened;
}

Result<Opened> open_or_replace(const std::string& path) {
  auto opened = try_to_open(path);
  if (opened) return opened;
  const auto why = opened.error();
  if (why.kind == Error::Kind::unavailable) return opened;
  Opened unusable;
  unusable.trouble = why.message;
  if (why.kind != Error::Kind::invalid) return unusable;
  const auto moved = OutboxFile::move_aside(path);
  if (!moved) {
    unusable.trouble += "; " + moved.error().message;
    return unusable;
  }
  auto fresh = try_to_open(path);
  if (!fresh) unusable.trouble = fresh.error().message;
  auto& result = fresh ? *fresh : unusable;
  result.rows = salvage_rows(*moved);
  result.rows_are_written = result.file && result.file->apply(OutboxBatch{result.rows, {}});
  result.trouble = fmt::format("{}; the damaged file is now {}", why.message, *moved);
  if (!result.rows.empty()) result.trouble += fmt::format(" and {} reports in it were intact", result.rows.size());
  result.moved_to = *moved;
  return std::move(result);
}

class OutboxImpl final : public Outbox {
 public:
  OutboxImpl(const Options& options, std::optional<Opened> opened) : items_(options.bounds) {
    // Later than every id of earlier runs even when their file could not be read: ids are the order.
    next_id_ = static_cast<std::uint64_t>(std::max<std::int64_t>(1, wall_now().time_since_epoch().count()));
    if (!opened) return;
    if (!opened->rows.empty()) next_id_ = std::max(next_id_, opened->rows.rbegin()->first + 1);
    if (!opened->moved_to.empty()) moved_aside_ = MovedAside{opened->moved_to, opened->trouble};
    writer_ =
        std::make_unique<OutboxWriter>(OutboxWriter::Start{options.file, std::move(opened->file), opened->trouble, options.retry_after});
    for (const auto& [id, row] : opened->rows) {
      if (!opened->rows_are_written) writer_->put(id, row);
      take_over(id, row);
    }
    forget(items_.expire(mono_now()));
  }

  void enqueue(OutboxItem item) override {
    const auto id = next_id_++;
    if (writer_) put_everything_if_wanted();
    item.since = mono_now();
    auto row = to_row(item);
    item.bytes = row.report.size();
    // A keepalive is news only while its probe lives: after a restart nobody has looked yet.
    if (item.is_change) write(id, std::move(row));
    forget(items_.add(id, std::move(item)));
    forget(items_.expire(mono_now()));
  }

  const OutboxItem* front(const std::string& client_id) const override { return items_.front(client_id); }
  const OutboxItem* front_change(const std::string& client_id) const override { return items_.front_change(client_id); }
  const OutboxItem* keepalive(const std::string& client_id) const override { return items_.keepalive(client_id); }

  std::vector<const OutboxItem*> front_changes(const std::string& client_id, std::size_t most, std::size_t most_bytes) const override {
    return items_.front_changes(client_id, most, most_bytes);
  }

  void acknowledged(const std::string& client_id, const std::string& boot_id, std::uint64_t seq) override {
    if (writer_) put_everything_if_wanted();
    if (const auto id = items_.remove(client_id, boot_id, seq)) forget({*id});
  }

  std::vector<std::string> clients() const override { return items_.clients(); }
  std::size_t size() const override { return items_.all().size(); }
  std::uint64_t dropped() const override { return items_.dropped() + unreadable_; }

  std::optional<std::string> trouble() const override {
    if (!writer_) return std::nullopt;
    if (auto now = writer_->trouble()) return now;
    for (const auto& moved : {moved_aside_, writer_->moved_aside()}) {
      if (moved && std::filesystem::exists(moved->file)) return moved->why;
    }
    return std::nullopt;
  }

  bool wait_written(std::chrono::milliseconds most) override {
    if (!writer_) return true;
    put_everything_if_wanted();
    return writer_->wait_written(most);
  }

 private:
  void take_over(std::uint64_t id, const OutboxRow& row) {
    written_.insert(id);
    if (!row.is_change) return forget({id});
    auto item = from_row(row);
    if (item) {
      forget(items_.add(id, std::move(*item)));
    } else {
      ++unreadable_;
      forget({id});
    }
  }

  void write(std::uint64_t id, OutboxRow row) {
    if (!writer_) return;
    writer_->put(id, std::move(row));
    written_.insert(id);
  }

  void forget(const std::vector<WaitingItems::Id>& ids) {
    for (const auto id : ids) {
      if (written_.erase(id) > 0) writer_->remove(id);
    }
  }

  void put_everything_if_wanted() {
    if (!writer_->take_wants_everything()) return;
    for (const auto& [id, item] : items_.all()) {
      if (item.is_change) write(id, to_row(item));
    }
  }

  WaitingItems items_;
  std::uint64_t next_id_ = 1;
  std::uint64_t unreadable_ = 0;
  std::optional<MovedAside> moved_aside_;
  std::set<std::uint64_t> written_;  ///< what the file has or will have
  std::unique_ptr<OutboxWriter> writer_;
};

}  // namespace

Result<std::unique_ptr<Outbox>> Outbox::open(const Options& options) {
  if (options.file.empty()) return std::make_unique<OutboxImpl>(options, std::nullopt);
  auto opened = open_or_replace(options.file);
  if (!opened) return fail(opened.error());
  return std::make_unique<OutboxImpl>(options, std::move(*opened));
}

}  // namespace vpn_sentinel
