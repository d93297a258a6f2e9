#include "hub/metrics/page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "hub/http/negotiation.hpp"
#include "hub/metrics/counted_routes.hpp"

namespace vpn_sentinel {
namespace {

using Type = MetricsText::Type;

constexpr std::array states{State::secure, State::warning, State::contained, State::danger, State::offline};

void add_one(MetricsText& text, std::string_view name, Type type, std::string_view help, std::uint64_t value) {
  text.family(name, type, help);
  text.sample({}, value);
}

void add_known(MetricsText& text, std::string_view name, std::string_view help, const std::optional<std::uint64_t>& value) {
  if (value) add_one(text, name, Type::gauge, help, *value);
}

constexpr std::array<std::string_view, 3> ruleset_verdicts{"holds", "lets_out", "undecided"};
constexpr std::array<std::string_view, 5> kill_switch_states{"off", "armed", "changed", "unproven", "failed"};

/// Words come from outside: only those that are known make a time series.
const KillSwitchReport* known_kill_switch(const ClientState& client) {
  const auto& kill_switch = client.last_report.kill_switch;
  // What a silent client's was nobody knows now; a group's is that of a member.
  if (!kill_switch || client.is_group() || client.state == State::offline) return nullptr;
  return std::ranges::find(kill_switch_states, kill_switch->state) == kill_switch_states.end() ? nullptr : &*kill_switch;
}

void add_kill_switches(MetricsText& text, const HubView& view) {
  std::array<std::uint64_t, kill_switch_states.size()> numbers{};
  for (const auto& client : view.clients) {
    const auto* kill_switch = known_kill_switch(*client);
    if (kill_switch == nullptr) continue;
    const auto place = std::ranges::find(kill_switch_states, kill_switch->state) - kill_switch_states.begin();
    ++numbers.at(static_cast<std::size_t>(place));
  }
  text.family("vpn_sentinel_kill_switches", Type::gauge, "Kill switches of clients that are heard, by state; armed is proved.");
  for (std::size_t i = 0; i < numbers.size(); ++i) text.sample({{"state", kill_switch_states.at(i)}}, numbers.at(i));
}

void add_rulesets(MetricsText& text, const HubView& view, std::size_t named) {
  text.family("vpn_sentinel_client_ruleset", Type::gauge,
              "What all firewall rules of each client do to packets outside the tunnel: 1 for the verdict.");
  for (std::size_t i = 0; i < named; ++i) {
    const auto& client = *view.clients[i];
    const auto& ruleset = client.last_report.ruleset;
    if (!ruleset || client.is_group() || client.state == State::offline) continue;
    if (std::ranges::find(ruleset_verdicts, ruleset->verdict) == ruleset_verdicts.end()) continue;
    text.sample({{"client", client.client_id}, {"verdict", ruleset->verdict}}, std::uint64_t{1});
  }
}

/// The probes' own counters: they begin anew with a meter, as counters may.
void add_leaks(MetricsText& text, const HubView& view, std::size_t named) {
  const auto add = [&](std::string_view name, std::string_view help, std::uint64_t LeakReport::*number) {
    text.family(name, Type::counter, help);
    for (std::size_t i = 0; i < named; ++i) {
      const auto& client = *view.clients[i];
      const auto& leak = client.last_report.leak;
      // A group tells of one member now and of another then, and their own series are there.
      if (leak && leak->counting && !client.is_group()) text.sample({{"client", client.client_id}}, (*leak).*number);
    }
  };
  add("vpn_sentinel_client_packets_outside", "Packets that left outside the tunnel; a client without this series is not counted.",
      &LeakReport::packets);
  add("vpn_sentinel_client_bytes_outside", "Bytes that left outside the tunnel.", &LeakReport::bytes);
  add("vpn_sentinel_client_dns_packets_outside", "Of these, packets to ports 53 and 853.", &LeakReport::dns_packets);
  text.family("vpn_sentinel_client_kill_switch", Type::gauge, "The kill switch of each client: 1 for the state it is in.");
  for (std::size_t i = 0; i < named; ++i) {
    const auto& client = *view.clients[i];
    const auto* kill_switch = known_kill_switch(client);
    if (kill_switch != nullptr) text.sample({{"client", client.client_id}, {"state", kill_switch->state}}, std::uint64_t{1});
  }
  text.family("vpn_sentinel_client_packets_stopped", Type::counter, "Packets that the kill switch of each client held back.");
  for (std::size_t i = 0; i < named; ++i) {
    const auto* kill_switch = known_kill_switch(*view.clients[i]);
    if (kill_switch != nullptr) text.sample({{"client", view.clients[i]->client_id}}, kill_switch->stopped_packets);
  }
  add_rulesets(text, view, named);
}

void add_clients(MetricsText& text, const HubView& view) {
  std::array<std::uint64_t, states.size()> numbers{};
  for (const auto& client : view.clients) ++numbers.at(static_cast<std::size_t>(client->state));
  text.family("vpn_sentinel_clients", Type::gauge, "Clients by state.");
  for (const auto state : states) text.sample({{"state", to_string(state)}}, numbers.at(static_cast<std::size_t>(state)));
  add_kill_switches(text, view);
  if (!view.name_clients) return;
  const auto named = std::min(view.clients.size(), most_named_clients);
  text.family("vpn_sentinel_client_state", Type::gauge, "The state of each client: 1 for the one it is in.");
  for (std::size_t i = 0; i < named; ++i) {
    const auto& client = *view.clients[i];
    text.sample({{"client", client.client_id}, {"state", to_string(client.state)}}, std::uint64_t{1});
  }
  add_one(text, "vpn_sentinel_clients_left_out", Type::gauge, "Clients without a series of their own because there are too many.",
          view.clients.size() - named);
  add_leaks(text, view, named);
}

void add_reports(MetricsText& text, const HubCounters& counters) {
  text.family("vpn_sentinel_reports", Type::counter, "Reports by what became of them.");
  text.sample({{"result", "stored"}}, counters.stored.get());
  text.sample({{"result", "duplicate"}}, counters.duplicate.get());
  text.sample({{"result", "rejected"}}, counters.rejected.get());
  text.sample({{"result", "not_stored"}}, counters.not_stored.get());
  text.sample({{"result", "without_room"}}, counters.without_room.get());
  text.sample({{"result", "turned_away"}}, counters.turned_away.get());
  add_one(text, "vpn_sentinel_reports_waiting", Type::gauge, "Reports that wait to become durable.", counters.waiting.get());
}

void add_flows(MetricsText& text, const HubView& view, const FlowCounters& flows) {
  text.family("vpn_sentinel_flow_batches", Type::counter, "Batches of flows by what became of them.");
  text.sample({{"result", "taken"}}, flows.taken.get());
  text.sample({{"result", "duplicate"}}, flows.duplicate.get());
  text.sample({{"result", "not_taken"}}, flows.not_taken.get());
  add_one(text, "vpn_sentinel_flow_rows", Type::counter, "Rows of the batches that were taken.", flows.rows.get());
  add_one(text, "vpn_sentinel_flow_store_works", Type::gauge, "1 while flows can be written.", view.flow_store_works ? 1 : 0);
  add_one(text, "vpn_sentinel_flow_store_bytes", Type::gauge, "Size of the database of flows with its log.", view.flow_store_bytes);
}

void add_acknowledgement(MetricsText& text, const DurationHistogram& histogram) {
  text.family("vpn_sentinel_acknowledgement_seconds", Type::histogram, "Time until an accepted report was durable.");
  std::uint64_t count = 0;
  for (std::size_t step = 0; step <= DurationHistogram::bounds.size(); ++step) {
    count += histogram.count(step);
    const bool last = step == DurationHistogram::bounds.size();
    const auto bound = last ? std::string("+Inf") : fmt::format("{}", static_cast<double>(DurationHistogram::bounds[step].count()) / 1e6);
    text.part("_bucket", {{"le", bound}}, count);
  }
  text.part("_sum", {}, static_cast<double>(histogram.sum().count()) / 1e6);
  text.part("_count", {}, count);
}

void add_requests(MetricsText& text, const RequestCounters& requests) {
  text.family("vpn_sentinel_http_requests", Type::counter, "Requests by what they asked for and the status of the answer.");
  for (std::size_t i = 0; i < route_classes; ++i) {
    const auto route = static_cast<RouteClass>(i);
    for (int status = RequestCounters::first_status; status <= RequestCounters::last_status; ++status) {
      const auto number = requests.get(route, status);
      if (number > 0) text.sample({{"route", to_string(route)}, {"status", fmt::format("{}", status)}}, number);
    }
  }
}

/// All channels together, as ever, and each by its name.
template <typename Number>
void add_of_channels(MetricsText& text, const HubView& view, std::string_view name, Type type, std::string_view help, Number number) {
  std::uint64_t sum = 0;
  for (const auto& channel : view.channels) sum += number(channel);
  add_one(text, fmt::format("vpn_sentinel_{}", name), type, help, sum);
  if (view.channels.empty()) return;
  text.family(fmt::format("vpn_sentinel_channel_{}", name), type, help);
  for (const auto& channel : view.channels) {
    text.sample({{"channel", channel.name}, {"kind", channel.kind}}, static_cast<std::uint64_t>(number(channel)));
  }
}

void add_alerts(MetricsText& text, const HubView& view) {
  add_of_channels(text, view, "alerts_waiting", Type::gauge, "Alerts that wait for their channel.",
                  [](const ChannelStanding& each) { return each.waiting; });
  add_of_channels(text, view, "alerts_delivered", Type::counter, "Alerts that the channel took.",
                  [](const ChannelStanding& each) { return each.delivered; });
  add_of_channels(text, view, "alert_failures", Type::counter, "Attempts to deliver an alert that failed.",
                  [](const ChannelStanding& each) { return each.failures; });
  add_of_channels(text, view, "alerts_given_up", Type::counter, "Alerts that the channel refused for good.",
                  [](const ChannelStanding& each) { return each.given_up; });
  if (view.channels.empty()) return;
  text.family("vpn_sentinel_channel_failing", Type::gauge, "1 while the channel does not take messages.");
  for (const auto& channel : view.channels) {
    text.sample({{"channel", channel.name}, {"kind", channel.kind}}, std::uint64_t{channel.failing ? 1U : 0U});
  }
}

void add_process(MetricsText& text, const ProcessNumbers& process) {
  add_known(text, "process_resident_memory_bytes", "Memory in RAM.", process.resident_bytes);
  add_known(text, "process_virtual_memory_bytes", "Address space.", process.virtual_bytes);
  add_known(text, "process_open_fds", "Open file descriptors.", process.open_fds);
  add_known(text, "process_max_fds", "Most file descriptors that may be open.", process.max_fds);
  text.family("process_cpu_seconds", Type::counter, "Time of the processor that was used.");
  text.sample({}, process.cpu_seconds);
}

}  // namespace

std::string metrics_text(MetricsText text, const HubView& view, const HubCounters& counters) {
  text.family("vpn_sentinel_build", Type::info, "The version that runs.");
  text.sample({{"version", view.version}}, std::uint64_t{1});
  text.family("vpn_sentinel_uptime_seconds", Type::gauge, "Time since the hub started.");
  text.sample({}, view.uptime_s);
  add_clients(text, view);
  add_reports(text, counters);
  add_acknowledgement(text, counters.acknowledged);
  add_one(text, "vpn_sentinel_store_works", Type::gauge, "1 while reports can be stored.", view.store_works ? 1 : 0);
  add_one(text, "vpn_sentinel_store_bytes", Type::gauge, "Size of the database with its log.", view.store_bytes);
  add_flows(text, view, counters.flows);
  add_alerts(text, view);
  add_one(text, "vpn_sentinel_live_listeners", Type::gauge, "Pages and programs that listen to changes.", view.live_listeners);
  add_requests(text, counters.requests);
  add_process(text, view.process);
  return text.finish();
}

void add_metrics_route(Router& router, std::function<HubView()> look, const HubCounters& counters) {
  router.add("GET", "/metrics", [look = std::move(look), &counters](const Request& request, std::string_view, Respond respond) {
    MetricsText text(wanted_format(request.header("Accept")));
    const std::string type(text.content_type());
    // Two values of Vary are two headers (RFC 9110 5.3): the form by Accept here, the packing by the other.
    negotiated(request, std::move(respond))(Response{200, type, metrics_text(std::move(text), look(), counters), {{"Vary", "Accept"}}});
  });
}

}  // namespace vpn_sentinel
