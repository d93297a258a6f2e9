#include "hub/metrics/page.hpp"

#include <boost/test/unit_test.hpp>

#include "fake_engine.hpp"
#include "fake_request.hpp"
#include "hub/metrics/counted_engine.hpp"
#include "hub/metrics/counted_routes.hpp"

namespace vpn_sentinel {
namespace {

using Format = MetricsText::Format;

std::string text_of(const HubView& view, const HubCounters& counters, Format format = Format::openmetrics) {
  return metrics_text(MetricsText(format), view, counters);
}

bool has_line(const std::string& text, const std::string& line) { return ("\n" + text).find("\n" + line + "\n") != std::string::npos; }

std::shared_ptr<const ClientState> shared(ClientState client) { return std::make_shared<const ClientState>(std::move(client)); }

BOOST_AUTO_TEST_SUITE(metrics)

BOOST_AUTO_TEST_CASE(clients_are_counted_by_state_and_never_named_unless_asked_for) {
  HubView view;
  view.clients = {shared(client_of("office", State::danger)), shared(client_of("home", State::secure)),
                  shared(client_of("lab", State::secure))};
  const HubCounters counters;
  const auto text = text_of(view, counters);
  BOOST_TEST(has_line(text, R"(vpn_sentinel_clients{state="secure"} 2)"));
  BOOST_TEST(has_line(text, R"(vpn_sentinel_clients{state="danger"} 1)"));
  BOOST_TEST(has_line(text, R"(vpn_sentinel_clients{state="offline"} 0)"));
  BOOST_TEST(text.find("office") == std::string::npos);
  view.name_clients = true;
  BOOST_TEST(has_line(text_of(view, counters), R"(vpn_sentinel_client_state{client="office",state="danger"} 1)"));
  BOOST_TEST(has_line(text_of(view, counters), "vpn_sentinel_clients_left_out 0"));
}

BOOST_AUTO_TEST_CASE(what_left_outside_and_the_kill_switch_are_told_of_those_that_know) {
  auto counted = client_of("office", State::danger);
  counted.last_report.leak = LeakReport{};
  counted.last_report.leak->counting = true;
  counted.last_report.leak->packets = 7;
  counted.last_report.leak->bytes = 900;
  counted.last_report.leak->dns_packets = 2;
  counted.last_report.kill_switch = KillSwitchReport{"armed", "failed", "x", {}, 12};
  counted.last_report.ruleset = RulesetReport{"lets_out", "nft (pid 42)", {}};
  auto group = counted;
  group.client_id = "group:office";
  group.rule = "any";
  auto blind = client_of("blind", State::secure);
  blind.last_report.leak = LeakReport{};
  blind.last_report.kill_switch = KillSwitchReport{"armed", "excellent", {}, {}, 0};
  blind.last_report.ruleset = RulesetReport{"excellent", {}, {}};
  auto silent = client_of("silent", State::offline);
  silent.last_report.kill_switch = KillSwitchReport{"armed", "armed", {}, {}, 0};
  HubView view;
  view.name_clients = true;
  view.clients = {shared(counted), shared(blind), shared(silent), shared(group)};
  const auto text = text_of(view, HubCounters());
  BOOST_TEST(has_line(text, R"(vpn_sentinel_client_dns_packets_outside_total{client="office"} 2)"));
  BOOST_TEST(has_line(text, R"(vpn_sentinel_client_packets_stopped_total{client="office"} 12)"));
  BOOST_TEST(has_line(text, R"(vpn_sentinel_client_ruleset{client="office",verdict="lets_out"} 1)"));
  BOOST_TEST(text.find("outside_total{client=\"group") == std::string::npos);
  BOOST_TEST(has_line(text, R"(vpn_sentinel_client_packets_outside_total{client="office"} 7)"));
  BOOST_TEST(has_line(text, R"(vpn_sentinel_client_bytes_outside_total{client="office"} 900)"));
  BOOST_TEST(has_line(text, R"(vpn_sentinel_client_kill_switch{client="office",state="failed"} 1)"));
  BOOST_TEST(has_line(text, R"(vpn_sentinel_kill_switches{state="failed"} 1)"));
  BOOST_TEST(has_line(text, R"(vpn_sentinel_kill_switches{state="armed"} 0)"));
  BOOST_TEST(text.find("outside_total{client=\"blind") == std::string::npos);
  BOOST_TEST(text.find("excellent") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(named_clients_are_bounded_and_escaped) {
  HubView view;
  view.name_clients = true;
  view.clients.assign(most_named_clients + 5, shared(client_of("a\"b\\c\nd", State::secure)));
  const auto text = text_of(view, HubCounters());
  BOOST_TEST(has_line(text, "vpn_sentinel_clients_left_out 5"));
  BOOST_TEST(has_line(text, R"(vpn_sentinel_client_state{client="a\"b\\c\nd",state="secure"} 1)"));
}

BOOST_AUTO_TEST_CASE(openmetrics_ends_with_its_mark_and_each_sample_belongs_to_the_family_before_it) {
  HubCounters counters;
  counters.requests.add(RouteClass::status, 200);
  const auto text = text_of(HubView(), counters);
  BOOST_TEST(text.ends_with("\n# EOF\n"));
  std::string family;
  std::set<std::string> families;
  std::size_t start = 0;
  while (start < text.size()) {
    const auto line = text.substr(start, text.find('\n', start) - start);
    start += line.size() + 1;
    if (line.starts_with("# TYPE ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      BOOST_TEST(families.insert(family).second);
    }
    if (!line.starts_with('#')) BOOST_TEST(line.starts_with(family));
  }
  BOOST_TEST(has_line(text, "# TYPE vpn_sentinel_reports counter"));
  BOOST_TEST(has_line(text, R"(vpn_sentinel_reports_total{result="stored"} 0)"));
  BOOST_TEST(has_line(text, "# TYPE vpn_sentinel_build info"));
}

BOOST_AUTO_TEST_CASE(the_older_text_names_samples_and_has_no_mark) {
  const auto text = text_of(HubView(), HubCounters(), Format::prometheus);
  BOOST_TEST(text.find("# EOF") == std::string::npos);
  BOOST_TEST(has_line(text, "# TYPE vpn_sentinel_reports_total counter"));
  BOOST_TEST(has_line(text, "# TYPE vpn_sentinel_build_info gauge"));
  BOOST_TEST((wanted_format("text/plain;version=0.0.4") == Format::prometheus));
  for (const auto* accept : {"", "*/*", "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3"}) {
    BOOST_TEST((wanted_format(accept) == Format::openmetrics));
  }
}

BOOST_AUTO_TEST_CASE(the_histogram_is_cumulative) {
  HubCounters counters;
  for (const int microseconds : {100, 500, 501, 20'000'000}) counters.acknowledged.add(std::chrono::microseconds{microseconds});
  const auto text = text_of(HubView(), counters);
  BOOST_TEST(has_line(text, R"(vpn_sentinel_acknowledgement_seconds_bucket{le="0.0005"} 2)"));
  BOOST_TEST(has_line(text, R"(vpn_sentinel_acknowledgement_seconds_bucket{le="0.001"} 3)"));
  BOOST_TEST(has_line(text, R"(vpn_sentinel_acknowledgement_seconds_bucket{le="10"} 3)"));
  BOOST_TEST(has_line(text, R"(vpn_sentinel_acknowledgement_seconds_bucket{le="+Inf"} 4)"));
  BOOST_TEST(has_line(text, "vpn_sentinel_acknowledgement_seconds_count 4"));
  BOOST_TEST(has_line(text, "vpn_sentinel_acknowledgement_seconds_sum 20.001101"));
}

BOOST_AUTO_TEST_CASE(every_report_is_counted_once_by_what_became_of_it) {
  FakeEngine engine;
  HubCounters counters;
  const auto counted = count_reports(engine, counters);
  int answers = 0;
  for (int i = 0; i < 4; ++i) BOOST_TEST(counted->submit({}, [&](SubmitResult) { ++answers; }));
  BOOST_TEST(counters.waiting.get() == 4U);
  engine.submitted[0].second(SubmitResult::stored);
  engine.submitted[1].second(SubmitResult::duplicate);
  engine.submitted[2].second(SubmitResult::store_full);
  engine.submitted[3].second(SubmitResult::too_many_of_key);
  engine.full = true;
  BOOST_TEST(!counted->submit({}, [&](SubmitResult) { ++answers; }));
  BOOST_TEST(answers == 4);
  BOOST_TEST(counters.without_room.get() == 1U);
  BOOST_TEST(has_line(text_of(HubView(), counters), R"(vpn_sentinel_reports_total{result="without_room"} 1)"));
  BOOST_TEST((counters.stored.get() == 1 && counters.duplicate.get() == 1 && counters.not_stored.get() == 1));
  BOOST_TEST((counters.turned_away.get() == 1 && counters.waiting.get() == 0));
}

BOOST_AUTO_TEST_CASE(paths_fall_into_few_classes_whatever_strangers_ask_for) {
  struct Row {
    std::string_view path;
    RouteClass expected;
  };
  for (const auto& row : {Row{"/x/keepalive", RouteClass::keepalive},
                          Row{"/x/events", RouteClass::events},
                          Row{"/x/status", RouteClass::status},
                          Row{"/x/clients", RouteClass::clients},
                          Row{"/x/clients/a", RouteClass::clients},
                          Row{"/x/clients/a/history", RouteClass::history},
                          Row{"/api/v1/clients/a/samples", RouteClass::samples},
                          Row{"/x/clients/a/reports", RouteClass::reports},
                          Row{"/x/incidents", RouteClass::incidents},
                          Row{"/x/live", RouteClass::live},
                          Row{"/x/openapi.json", RouteClass::openapi},
                          Row{"/health", RouteClass::health},
                          Row{"/health/ready", RouteClass::health},
                          Row{"/metrics", RouteClass::metrics},
                          Row{"/", RouteClass::page},
                          Row{"/assets/app-1.js", RouteClass::page},
                          Row{"/favicon.svg", RouteClass::page},
                          Row{"/app.js", RouteClass::other},
                          Row{"/x/clients/a/b/c", RouteClass::other},
                          Row{"/healthy", RouteClass::other},
                          Row{"", RouteClass::other},
                          Row{"*", RouteClass::other}}) {
    BOOST_TEST_CONTEXT(row.path) { BOOST_TEST(to_string(route_class(row.path, "/x")) == to_string(row.expected)); }
  }
  BOOST_TEST((route_class("/status", "") == RouteClass::status));
}

BOOST_AUTO_TEST_CASE(requests_are_counted_by_class_and_status_and_refused_reports_by_number) {
  HubCounters counters;
  Routes routes;
  routes.handle = [](const Request&, const Respond& respond) {
    Response response{400, "", "", {}};
    response.refused_reports = 3;
    respond(std::move(response));
  };
  routes.admit_live = [](const Request&) { return LiveAdmission(); };
  const auto counted = count_requests(std::move(routes), "/x", counters);
  const FakeRequest request{.path = "/x/events"};
  counted.handle(request.view(), [](const Response&) {});
  BOOST_TEST(!counted.admit_live(FakeRequest{.path = "/x/live"}.view()).refused.has_value());
  BOOST_TEST(counters.rejected.get() == 3U);
  const auto text = text_of(HubView(), counters);
  BOOST_TEST(has_line(text, R"(vpn_sentinel_http_requests_total{route="events",status="400"} 1)"));
  BOOST_TEST(has_line(text, R"(vpn_sentinel_http_requests_total{route="live",status="101"} 1)"));
}

BOOST_AUTO_TEST_CASE(the_process_knows_its_memory_and_descriptors) {
  const auto numbers = read_process_numbers();
  BOOST_TEST((numbers.resident_bytes && *numbers.resident_bytes > 1'000'000 && numbers.open_fds && *numbers.open_fds >= 3));
  BOOST_TEST((numbers.max_fds && *numbers.max_fds >= *numbers.open_fds && *numbers.virtual_bytes >= *numbers.resident_bytes));
  BOOST_TEST(numbers.cpu_seconds > 0);
}

BOOST_AUTO_TEST_CASE(the_page_says_what_it_is) {
  Router router;
  const HubCounters counters;
  add_metrics_route(
      router, [] { return HubView(); }, counters);
  const auto ask = [&](const std::string& accept) {
    Response answer;
    router.handle(FakeRequest{.path = "/metrics", .headers = {{"Accept", accept}}}.view(),
                  [&](Response response) { answer = std::move(response); });
    return answer;
  };
  BOOST_TEST(ask("").content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8");
  BOOST_TEST(ask("text/plain").content_type == "text/plain; version=0.0.4; charset=utf-8");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
