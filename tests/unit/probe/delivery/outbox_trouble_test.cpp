// Damaged, full, read-only: the outbox goes on from memory, says so, and writes again when it can.
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <fstream>
#include <thread>

#include "probe/delivery/outbox_file.hpp"
#include "probe/delivery/outbox_writer.hpp"
#include "tests/unit/probe/delivery/make_item.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

constexpr std::chrono::seconds patience{20};

void write_file(const std::string& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text;
  BOOST_REQUIRE(out.flush().good());
}

bool contains(const std::optional<std::string>& text, std::string_view part) { return text && text->find(part) != std::string::npos; }

/// No file of this process can grow beyond `bytes`: what a full disk looks like to SQLite.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    before_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit tight{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &tight);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, before_handler_);
  }

 private:
  rlimit before_{};
  void (*before_handler_)(int) = nullptr;
};

template <typename Condition>
bool wait_for(const Condition& condition) {
  const auto deadline = mono_now() + patience;
  while (!condition()) {
    if (mono_now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(outbox_trouble)

BOOST_AUTO_TEST_CASE(a_damaged_file_is_moved_aside_and_a_fresh_one_started) {
  const TemporaryFolder folder;
  for (const auto& garbage :
       {std::string(8192, 'x'), std::string("SQLite format 3\0", 16) + std::string(5000, '\xff'), std::string("short")}) {
    write_file(folder.file(), garbage);
    {
      const auto box = open_outbox(folder.file());
      BOOST_TEST(contains(box->trouble(), folder.file() + ".corrupt-"), box->trouble().value_or("no trouble"));
      BOOST_TEST(box->size() == 0U);
      box->enqueue(change(1));
      BOOST_TEST(box->wait_written(patience));
      BOOST_TEST(box->trouble().has_value());  // until somebody has looked
    }
    const auto box = open_outbox(folder.file());
    BOOST_TEST(!box->trouble().has_value());
    BOOST_TEST(take_all(*box) == "1");
  }
  for (const auto* const suffix : {".corrupt-1", ".corrupt-2", ".corrupt-3"}) BOOST_TEST(std::filesystem::exists(folder.file() + suffix));
}

BOOST_AUTO_TEST_CASE(taking_the_damaged_file_away_ends_the_trouble) {
  const TemporaryFolder folder;
  write_file(folder.file(), std::string(8192, 'x'));
  const auto box = open_outbox(folder.file());
  BOOST_TEST(box->trouble().has_value());
  std::filesystem::remove(folder.file() + ".corrupt-1");
  BOOST_TEST(!box->trouble().has_value());
}

BOOST_AUTO_TEST_CASE(a_file_of_a_newer_version_is_kept_aside_not_overwritten) {
  const TemporaryFolder folder;
  { open_outbox(folder.file())->enqueue(change(1)); }
  {
    // user_version: bytes 60 to 63 of the header (sqlite.org/fileformat.html); closing has emptied the log.
    std::fstream file(folder.file(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(60);
    file.write("\0\0\0\x09", 4);
  }
  const auto box = open_outbox(folder.file());
  BOOST_TEST(contains(box->trouble(), "written by a newer version (format 9)"), box->trouble().value_or("no trouble"));
  BOOST_TEST(std::filesystem::exists(folder.file() + ".corrupt-1"));
}

BOOST_AUTO_TEST_CASE(a_row_that_cannot_be_read_is_counted_and_the_others_are_kept) {
  const TemporaryFolder folder;
  {
    auto file = OutboxFile::open(folder.file()).value();
    OutboxBatch batch;
    batch.puts = {
        {1, {true, "{not json"}}, {2, {true, R"({"schema": 2, "client_id": "a", "seq": 2, "boot_id": "b1"})"}}, {3, {true, "{}"}}};
    BOOST_REQUIRE(file.apply(batch).has_value());
  }
  {
    const auto box = open_outbox(folder.file());
    BOOST_TEST(box->dropped() == 2U);
    BOOST_TEST(box->size() == 1U);
  }
  const auto box = open_outbox(folder.file());
  BOOST_TEST(box->dropped() == 0U);
  BOOST_TEST(take_all(*box) == "2");
}

BOOST_AUTO_TEST_CASE(damage_that_shows_while_running_costs_nothing_that_is_in_memory) {
  const TemporaryFolder folder;
  {
    const auto box = open_outbox(folder.file());
    auto item = change(1);
    item.report.findings.assign(20, Finding{"filler", Severity::warning, {}, {{"text", std::string(3000, 'e')}}});
    for (; item.report.seq <= 120; ++item.report.seq) box->enqueue(item);  // 7 MB: more than SQLite's 2 MB of cache
    BOOST_REQUIRE(box->wait_written(patience));
    {
      std::fstream file(folder.file(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(0, std::ios::end);
      const auto size = static_cast<std::size_t>(file.tellp());
      BOOST_REQUIRE(size > 5'000'000U);
      file.seekp(4096);
      file << std::string(size - 4096, '\xee');
    }
    box->acknowledged("a", "b1", 1);
    BOOST_TEST(wait_for([&] { return contains(box->trouble(), ".corrupt-1"); }));
    box->enqueue(change(9999));
    BOOST_TEST(box->wait_written(patience));
    BOOST_TEST(box->size() == 120U);
  }
  const auto box = open_outbox(folder.file());
  BOOST_TEST(box->size() == 120U);
  BOOST_TEST(seq_of(box->front("a")) == "2");
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_told_and_delivery_goes_on_from_memory_until_there_is_room) {
  const TemporaryFolder folder;
  {
    const auto box = open_outbox(folder.file());
    box->enqueue(change(1));
    BOOST_REQUIRE(box->wait_written(patience));
    {
      const FullDisk full(16 * 1024);
      for (std::uint64_t seq = 2; seq <= 200; ++seq) box->enqueue(change(seq));
      BOOST_TEST(wait_for([&] { return box->trouble().has_value(); }));
      BOOST_TEST(contains(box->trouble(), folder.file()), box->trouble().value_or("no trouble"));
      BOOST_TEST(box->size() == 200U);
      box->acknowledged("a", "b1", 1);
      BOOST_TEST(seq_of(box->front("a")) == "2");
      BOOST_TEST(!box->wait_written(std::chrono::milliseconds{50}));
    }
    BOOST_TEST(box->wait_written(patience));
    BOOST_TEST(!box->trouble().has_value());
  }
  const auto box = open_outbox(folder.file());
  BOOST_TEST(box->size() == 199U);
  BOOST_TEST(seq_of(box->front("a")) == "2");
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_opened_is_tried_again_and_takes_everything_then) {
  const TemporaryFolder folder;
  const auto place = folder.file("state");
  write_file(place, "a file where the folder should be");
  {
    const auto box = open_outbox(place + "/outbox.sqlite");
    BOOST_TEST(contains(box->trouble(), place + "/outbox.sqlite: open: Not a directory"), box->trouble().value_or("no trouble"));
    box->enqueue(change(1));
    BOOST_TEST(!box->wait_written(std::chrono::milliseconds{50}));
    BOOST_TEST(seq_of(box->front("a")) == "1");
    std::filesystem::remove(place);
    BOOST_TEST(box->wait_written(patience));
    BOOST_TEST(!box->trouble().has_value());
  }
  BOOST_TEST(take_all(*open_outbox(place + "/outbox.sqlite")) == "1");
}

BOOST_AUTO_TEST_CASE(what_is_acknowledged_before_it_was_written_is_never_written) {
  const TemporaryFolder folder;
  const auto place = folder.file("state");
  write_file(place, "a file where the folder should be");
  OutboxWriter writer({place + "/outbox.sqlite", std::nullopt, "not yet", std::chrono::hours{1}});
  writer.put(1, OutboxRow{true, "{}"});
  BOOST_REQUIRE(wait_for([&] { return writer.trouble() != "not yet"; }));  // the first try has failed and the next one is an hour away
  BOOST_TEST(!writer.wait_written(std::chrono::milliseconds{0}));
  writer.remove(1);
  BOOST_TEST(writer.wait_written(std::chrono::milliseconds{0}));
}

BOOST_AUTO_TEST_CASE(stopping_with_a_file_that_cannot_be_written_does_not_hang) {
  const TemporaryFolder folder;
  const auto place = folder.file("state");
  write_file(place, "a file where the folder should be");
  const auto start = mono_now();
  { open_outbox(place + "/outbox.sqlite")->enqueue(change(1)); }
  BOOST_TEST((mono_now() - start < patience));
}

BOOST_AUTO_TEST_SUITE_END()
