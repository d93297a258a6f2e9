#include "probe/connections/flow_batcher.hpp"

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>
#include <deque>

using namespace vpn_sentinel;

namespace {

constexpr WallTime noon{std::chrono::hours{12}};

struct Flows {
  std::deque<KnownFlow> flows;
  FlowBatcher batcher;
  FlowLosses losses{};

  explicit Flows(DestinationDetail detail = DestinationDetail::full, std::size_t most = FlowBatcher::usual_rows) : batcher(detail, most) {}

  KnownFlow& add(const char* remote, FlowWay way = FlowWay::tunnel, const char* program = "curl") {
    auto& flow = flows.emplace_back();
    flow.id = flows.size();
    flow.key.protocol = IPPROTO_TCP;
    flow.key.local = Endpoint::parse("192.0.2.9:40000", 0).value();
    flow.key.remote = Endpoint::parse(remote, 0).value();
    flow.uid = 1000;
    flow.owner.program = Program{42, program, 1000, std::string(64, 'a')};
    flow.direction = {way, way == FlowWay::outside ? "eth0" : "wg0", {}};
    flow.first_seen = flow.last_seen = noon;
    flow.facts.country = "NL";
    flow.facts.asn = 64500;
    flow.facts.organisation = "Example";
    return flow;
  }
  [[nodiscard]] std::vector<const KnownFlow*> all() const {
    std::vector<const KnownFlow*> pointers;
    for (const auto& flow : flows) pointers.push_back(&flow);
    return pointers;
  }
  FlowBatch take() { return batcher.take(all(), losses); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(flow_batcher)

BOOST_AUTO_TEST_CASE(numbers_are_those_since_the_batch_before) {
  Flows f;
  auto& flow = f.add("203.0.113.7:443");
  flow.bytes = FlowBytes{100, 200, false};
  const auto first = f.take().flows.at(0);
  BOOST_TEST(first.bytes_out.value() == 100U);
  BOOST_TEST((first.opened == 1 && first.open == 1 && first.closed == 0));
  flow.bytes = FlowBytes{150, 200, false};
  const auto second = f.take().flows.at(0);
  BOOST_TEST(second.bytes_out.value() == 50U);
  BOOST_TEST(second.bytes_in.value() == 0U);
  BOOST_TEST((second.opened == 0 && second.open == 1));
  flow.ended = true;
  const auto last = f.take().flows.at(0);
  BOOST_TEST((last.closed == 1 && last.open == 0));
  BOOST_TEST(f.take().flows.empty());
}

BOOST_AUTO_TEST_CASE(what_there_was_before_the_probe_looked_is_no_news) {
  Flows f;
  auto& flow = f.add("203.0.113.7:443");
  flow.bytes = FlowBytes{1'000'000, 0, false};
  f.batcher.begin(f.all());
  flow.bytes->out += 5;
  const auto row = f.take().flows.at(0);
  BOOST_TEST(row.bytes_out.value() == 5U);
  BOOST_TEST((row.opened == 0 && row.open == 1));
}

BOOST_AUTO_TEST_CASE(a_counter_that_begins_anew_adds_nothing_until_it_grows) {
  Flows f;
  auto& flow = f.add("203.0.113.7:443");
  flow.bytes = FlowBytes{1000, 0, true};
  static_cast<void>(f.take());
  flow.bytes = FlowBytes{400, 0, false};  // told by another source now
  BOOST_TEST(f.take().flows.at(0).bytes_out.value() == 0U);
  flow.bytes = FlowBytes{450, 0, false};
  BOOST_TEST(f.take().flows.at(0).bytes_out.value() == 50U);
}

BOOST_AUTO_TEST_CASE(flows_with_the_same_texts_are_one_row_and_bytes_that_nobody_counted_stay_unknown) {
  Flows f;
  f.add("203.0.113.7:443").bytes = FlowBytes{1, 2, false};
  f.add("203.0.113.7:443").bytes = FlowBytes{3, 4, false};
  f.add("203.0.113.7:443", FlowWay::outside);
  f.add("203.0.113.8:443");
  const auto rows = f.take().flows;
  BOOST_TEST_REQUIRE(rows.size() == 3U);
  BOOST_TEST(rows[0].way == "outside");
  BOOST_TEST(!rows[0].bytes_out.has_value());
  BOOST_TEST(rows[0].interface == "eth0");
  BOOST_TEST(rows[1].bytes_out.value() == 4U);
  BOOST_TEST(rows[1].open == 2U);
  BOOST_TEST(rows[1].container == std::string(12, 'a'));
}

BOOST_AUTO_TEST_CASE(nobody_is_named_when_nobody_is_known) {
  Flows f;
  auto& flow = f.add("203.0.113.7:443");
  flow.owner.candidates = {*flow.owner.program, Program{43, "wget", 1000, {}}};
  flow.owner.program.reset();
  BOOST_TEST(f.take().flows.at(0).program.empty());
  BOOST_TEST(f.take().flows.at(0).uid.value() == 1000U);
}

BOOST_AUTO_TEST_CASE(no_more_of_far_ends_is_told_than_the_user_wants) {
  const auto row_with = [](DestinationDetail detail, const char* remote) {
    Flows f(detail);
    f.add(remote);
    return f.take().flows.at(0);
  };
  const auto full = row_with(DestinationDetail::full, "203.0.113.7:443");
  BOOST_TEST((full.destination == "203.0.113.7" && full.port == 443 && full.country == "NL" && full.asn == 64500U));
  const auto prefix = row_with(DestinationDetail::prefix, "[2001:db8:1:2::7]:443");
  BOOST_TEST((prefix.destination == "2001:db8:1::/48" && prefix.organisation == "Example"));
  BOOST_TEST(row_with(DestinationDetail::prefix, "203.0.113.7:443").destination == "203.0.113.0/24");
  const auto country = row_with(DestinationDetail::country, "203.0.113.7:443");
  BOOST_TEST((country.destination.empty() && country.country == "NL" && !country.asn && country.organisation.empty()));
  const auto none = row_with(DestinationDetail::none, "203.0.113.7:443");
  BOOST_TEST((none.destination.empty() && none.country.empty() && !none.port && none.program == "curl"));
}

BOOST_AUTO_TEST_CASE(what_stays_in_the_namespace_or_has_no_far_end_is_left_out) {
  Flows f;
  f.add("127.0.0.1:80", FlowWay::loopback);
  f.add("0.0.0.0:1");
  BOOST_TEST(f.take().flows.empty());
}

BOOST_AUTO_TEST_CASE(too_many_rows_are_folded_with_what_is_outside_last_and_every_number_is_kept) {
  constexpr std::size_t most = FlowBatcher::rows_for_folded + 10;
  Flows f(DestinationDetail::full, most);
  for (int i = 0; i < 200; ++i) {
    const auto remote = "198.18.0." + std::to_string(i) + ":443";
    auto& flow = f.add(remote.c_str(), i < 5 ? FlowWay::outside : FlowWay::tunnel);
    flow.bytes = FlowBytes{static_cast<std::uint64_t>(i + 1), 0, false};
  }
  const auto batch = f.take();
  BOOST_TEST(batch.flows.size() <= most);
  BOOST_TEST(batch.gaps.folded == 190U);
  std::uint64_t bytes = 0, open = 0, folded = 0;
  for (const auto& row : batch.flows) {
    bytes += row.bytes_out.value();
    open += row.open;
    folded += row.folded;
    BOOST_TEST((row.folded == 0 || (row.destination.empty() && row.program.empty() && row.way == "tunnel")));
  }
  BOOST_TEST(bytes == 200U * 201 / 2);
  BOOST_TEST(open == 200U);
  BOOST_TEST(folded == 190U);
}

BOOST_AUTO_TEST_CASE(losses_are_told_once) {
  Flows f;
  f.losses = {3, 4};
  BOOST_TEST(f.take().gaps.lost == 7U);
  BOOST_TEST(f.take().gaps.lost == 0U);
  f.losses.by_sources = 5;
  BOOST_TEST(f.take().gaps.lost == 1U);
}

BOOST_AUTO_TEST_CASE(the_words_are_those_of_the_ways_and_of_the_setting) {
  for (std::size_t i = 0; i < flow_ways.size(); ++i) BOOST_TEST(to_string(static_cast<FlowWay>(i)) == flow_ways[i]);
  for (std::size_t i = 0; i < destination_details.size(); ++i) {
    BOOST_TEST(to_string(static_cast<DestinationDetail>(i)) == destination_details[i]);
  }
}

BOOST_AUTO_TEST_SUITE_END()
