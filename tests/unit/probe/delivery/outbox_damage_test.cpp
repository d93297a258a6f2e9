// A file that was cut off or changed at any byte: what is intact in it is sent all the same, and nothing else is.
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <fstream>
#include <iterator>
#include <set>

#include "probe/delivery/outbox_salvage.hpp"
#include "probe/delivery/outbox_seal.hpp"
#include "tests/unit/probe/delivery/make_item.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

std::string read_file(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::string& file, const std::string& bytes) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << bytes;
  BOOST_TEST_REQUIRE(out.flush().good());
}

/// An empty database whose pages are small, so that a small file has several of them.
void make_small_pages(const std::string& file) {
  sqlite3* database = nullptr;
  BOOST_TEST_REQUIRE(sqlite3_open(file.c_str(), &database) == SQLITE_OK);
  BOOST_TEST(sqlite3_exec(database, "PRAGMA page_size = 512; PRAGMA journal_mode = WAL; VACUUM", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(database);
}

struct Place {
  std::uint64_t seq;
  std::size_t begin;
  std::size_t end;
};

/// Where the rows stand. Each is in one piece.
std::vector<Place> places_in(const std::string& bytes) {
  std::vector<Place> places;
  for (auto at = bytes.find(seal_mark); at != std::string::npos; at = bytes.find(seal_mark, at + 1)) {
    const auto row = unseal(std::string_view(bytes).substr(at));
    BOOST_TEST_REQUIRE(row.has_value());
    places.push_back({nlohmann::json::parse(row->row.report).at("seq").get<std::uint64_t>(), at, at + seal_size + row->row.report.size()});
  }
  return places;
}

/// Of every row in the file: whether it came back. A row that comes back is as it was.
std::set<std::uint64_t> seqs_of(Outbox& box) {
  std::set<std::uint64_t> seqs;
  for (const auto* item = box.front("a"); item; item = box.front("a")) {
    const auto report = item->report;
    BOOST_TEST_REQUIRE((report == change(report.seq).report));
    seqs.insert(report.seq);
    box.acknowledged("a", report.boot_id, report.seq);
  }
  return seqs;
}

struct SmallFile {
  SmallFile() {
    make_small_pages(folder.file());
    {
      const auto box = open_outbox(folder.file());
      for (std::uint64_t seq = 1; seq <= 4; ++seq) box->enqueue(change(seq));
    }
    bytes = read_file(folder.file());
    places = places_in(bytes);
    BOOST_TEST_REQUIRE(places.size() == 4U);
    BOOST_TEST_REQUIRE(bytes.size() <= 4096U);
  }
  /// What comes back of `damaged`, and that the box works on.
  std::set<std::uint64_t> opened_with(const std::string& damaged) const {
    const TemporaryFolder other(place_in_memory());
    write_file(other.file(), damaged);
    const auto box = open_outbox(other.file());
    auto seqs = seqs_of(*box);
    box->enqueue(change(99));
    BOOST_TEST(seq_of(box->front("a")) == "99");
    return seqs;
  }

  TemporaryFolder folder;
  std::string bytes;
  std::vector<Place> places;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(outbox_damage)

BOOST_FIXTURE_TEST_CASE(a_file_that_is_cut_off_anywhere_keeps_every_row_before_the_cut, SmallFile) {
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto kept = opened_with(bytes.substr(0, size));
    for (const auto& place : places) BOOST_TEST(kept.contains(place.seq) == (place.end <= size), "cut at " << size << ": " << place.seq);
  }
}

BOOST_FIXTURE_TEST_CASE(a_byte_that_is_changed_anywhere_costs_at_most_the_row_in_which_it_is, SmallFile) {
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto damaged = bytes;
    damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ (at % 2 == 0 ? 0x01U : 0xffU));
    const auto kept = opened_with(damaged);
    for (const auto& place : places) {
      const bool hit = at >= place.begin && at < place.end;
      BOOST_TEST(kept.contains(place.seq) != hit, "byte " << at << ": " << place.seq);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_row_over_several_pages_is_found_without_the_head_of_the_file) {
  const TemporaryFolder folder;
  auto item = change(1);
  for (const std::size_t size : {500U, 3300U, 3400U, 3500U, 3600U, 9000U, 20'000U}) {
    item.report.findings.push_back(Finding{"filler", Severity::warning, {}, {{"text", std::string(size / 10, 'e')}}});
    for (std::size_t i = 0; i < 9; ++i)
      item.report.findings.push_back(Finding{"f", Severity::warning, {}, {{"t", std::string(size / 10, 'x')}}});
    std::filesystem::remove(folder.file());
    { open_outbox(folder.file())->enqueue(item); }
    auto bytes = read_file(folder.file());
    bytes.replace(0, 100, std::string(100, '\xff'));
    write_file(folder.file(), bytes);
    const auto box = open_outbox(folder.file());
    BOOST_TEST_REQUIRE(box->size() == 1U, size);
    BOOST_TEST((box->front("a")->report == item.report));
    BOOST_TEST(box->trouble().value_or("").find("and 1 reports in it were intact") != std::string::npos);
    item.report.findings.clear();
  }
}

BOOST_AUTO_TEST_CASE(rows_that_only_the_log_has_are_found_too) {
  const TemporaryFolder folder;
  const auto child = ::fork();
  BOOST_TEST_REQUIRE(child >= 0);
  if (child == 0) {
    const auto box = open_outbox(folder.file()).release();  // never closed: the log stays
    auto item = change(1);
    for (; item.report.seq <= 3; ++item.report.seq) box->enqueue(item);
    item.report.findings.assign(10, Finding{"long", Severity::warning, {}, {{"text", std::string(3000, 'e')}}});
    box->enqueue(item);
    if (!box->wait_written(std::chrono::seconds{20})) ::_exit(1);
    ::raise(SIGKILL);
  }
  int status = 0;
  BOOST_TEST_REQUIRE(::waitpid(child, &status, 0) == child);
  BOOST_TEST_REQUIRE(WIFSIGNALED(status));
  BOOST_TEST(std::filesystem::exists(folder.file() + "-wal"));
  write_file(folder.file(), "no database any more");
  BOOST_TEST(take_all(*open_outbox(folder.file())) == "1 2 3 4");
}

BOOST_AUTO_TEST_CASE(what_was_taken_over_from_a_damaged_file_is_in_the_fresh_one) {
  const TemporaryFolder folder;
  {
    const auto box = open_outbox(folder.file());
    for (std::uint64_t seq = 1; seq <= 3; ++seq) box->enqueue(change(seq));
  }
  auto bytes = read_file(folder.file());
  bytes[0] = 'X';
  write_file(folder.file(), bytes);
  { BOOST_TEST(open_outbox(folder.file())->size() == 3U); }
  const auto box = open_outbox(folder.file());
  BOOST_TEST(!box->trouble().has_value());
  BOOST_TEST(take_all(*box) == "1 2 3");
}

BOOST_AUTO_TEST_CASE(garbage_full_of_marks_is_searched_in_a_moment) {
  const TemporaryFolder folder;
  std::string garbage;
  while (garbage.size() < 2'000'000) garbage += "VSO1c0000000000000001003fffff00000000";
  write_file(folder.file(), garbage);
  const auto begin = mono_now();
  BOOST_TEST(salvage_rows(folder.file()).empty());
  BOOST_TEST((mono_now() - begin < std::chrono::seconds{20}));
  BOOST_TEST(salvage_rows(folder.file("nothing")).empty());
}

BOOST_AUTO_TEST_CASE(rows_of_the_first_version_have_no_envelope_and_are_found_where_they_are_whole) {
  const TemporaryFolder folder;
  { open_outbox(folder.file()); }
  std::map<std::uint64_t, OutboxRow> rows;
  sqlite3* database = nullptr;
  BOOST_TEST_REQUIRE(sqlite3_open(folder.file().c_str(), &database) == SQLITE_OK);
  sqlite3_exec(database, "BEGIN", nullptr, nullptr, nullptr);
  const std::size_t sizes[]{0, 100, 3900, 3990, 4000, 4050, 5000, 9000, 20'000};
  for (std::uint64_t id = 1'795'256'130'123'456; const auto size : sizes) {
    const OutboxRow row{id % 2 == 0, R"({"seq":1,"inner":{"x":"y"},"text":")" + std::string(size, 'e') + "\"}"};
    const auto sql = "INSERT INTO item VALUES (" + std::to_string(id) + "," + (row.is_change ? "1" : "0") + ",'" + row.report + "')";
    BOOST_TEST_REQUIRE(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    rows.emplace(id++, row);
  }
  sqlite3_exec(database, "COMMIT", nullptr, nullptr, nullptr);
  sqlite3_close(database);
  auto bytes = read_file(folder.file());
  bytes.replace(0, 100, std::string(100, '\xff'));
  write_file(folder.file(), bytes);
  BOOST_TEST((salvage_rows(folder.file()) == rows));
  // What is cut off or is no JSON any more is none of them, and the others stay.
  const auto at = bytes.find(R"({"seq":1,"inner":{"x":"y"},"text":""})");
  BOOST_TEST_REQUIRE(at != std::string::npos);
  bytes[at + 8] = '}';
  write_file(folder.file(), bytes);
  rows.erase(rows.begin());
  BOOST_TEST((salvage_rows(folder.file()) == rows));
}

BOOST_AUTO_TEST_CASE(a_damaged_file_of_the_first_version_gives_back_its_reports) {
  const TemporaryFolder folder;
  { open_outbox(folder.file()); }
  sqlite3* database = nullptr;
  BOOST_TEST_REQUIRE(sqlite3_open(folder.file().c_str(), &database) == SQLITE_OK);
  for (std::uint64_t seq = 1; seq <= 3; ++seq) {
    const auto sql = "INSERT INTO item VALUES (" + std::to_string(seq) + ",1,'" + encode(change(seq).report).dump() + "')";
    BOOST_TEST_REQUIRE(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  }
  sqlite3_close(database);
  auto bytes = read_file(folder.file());
  bytes.replace(0, 100, std::string(100, '\xff'));
  write_file(folder.file(), bytes);
  BOOST_TEST(take_all(*open_outbox(folder.file())) == "1 2 3");
}

BOOST_AUTO_TEST_CASE(an_envelope_is_intact_or_none) {
  const OutboxRow row{true, R"({"seq":1})"};
  const auto text = seal(42, row);
  BOOST_TEST(text.size() == seal_size + row.report.size());
  const auto back = unseal(text + "whatever follows");
  BOOST_TEST_REQUIRE(back.has_value());
  BOOST_TEST(back->id == 42U);
  BOOST_TEST((back->row == row));
  for (std::size_t i = 0; i < text.size(); ++i) {
    BOOST_TEST(!unseal(text.substr(0, i)).has_value());
    for (const unsigned mask : {1U, 2U, 4U, 8U, 16U, 32U, 64U, 128U, 255U}) {
      auto changed = text;
      changed[i] = static_cast<char>(static_cast<unsigned char>(changed[i]) ^ mask);
      const auto read = unseal(changed);
      BOOST_TEST((!read || (read->id == 42 && read->row == row)), i << " " << mask);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
