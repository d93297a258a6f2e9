#include "probe/app/doctor_hub.hpp"

#include <fmt/format.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "netns/clients/dns_client.hpp"
#include "netns/clients/http_url.hpp"
#include "netns/clients/name_look_up.hpp"
#include "netns/firewall/own_packets.hpp"

namespace vpn_sentinel {
namespace {

using Status = DoctorLine::Status;

/// A person waits.
constexpr std::chrono::milliseconds longest_answer{5'000};
/// Ways of one hub that are tried: the uplink and some namespaces.
constexpr std::size_t most_ways = 4;

struct HubWay {
  std::string words;
  SocketOpener opener;
  std::vector<Endpoint> resolvers;  ///< asked inside the namespace; empty: the process's own resolver
};

std::vector<HubWay> ways_of(const ProbeConfig& config, const std::vector<Result<NetNamespace>>& spaces) {
  std::vector<HubWay> ways;
  const auto own = NetNamespace::open(NamespaceRef{});
  if (config.hub_path != "tunnel" && own) ways.push_back({"by the uplink", with_own_priority(own->opener()), {}});
  if (config.hub_path == "uplink") return ways;
  for (std::size_t i = 0; i < spaces.size() && ways.size() < most_ways; ++i) {
    const auto& space = spaces[i];
    if (!space || (space->is_own() && !ways.empty())) continue;
    const auto& target = config.targets[i];
    ways.push_back({fmt::format("from inside {}", target.netns.to_string()), with_own_priority(space->opener()), target.resolvers});
  }
  return ways;
}

/// What one question by one way came to.
struct Asked {
  HubVerdict verdict;
  std::optional<ClockSample> clock;
  std::chrono::microseconds elapsed{0};
};

class Asker {
 public:
  Asked ask(HttpRequest request, const HubWay& way, int schema) {
    const auto progress = std::make_shared<HttpProgress>();
    request.progress = progress;
    request.open_socket = way.opener;
    const auto deadline = mono_now() + longest_answer;
    if (auto found = find_addresses(request, way, deadline); !found) {
      return {{HubTrouble::name, found.error().message}, std::nullopt, {}};
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - mono_now());
    request.timeout = std::max(left, std::chrono::milliseconds{1});
    const auto asked = wall_now();
    const auto answer = answer_to(std::move(request));
    Asked result{judge_hub(answer, *progress, schema), std::nullopt, {}};
    if (!answer) return result;
    result.elapsed = answer->elapsed;
    // Of something that is no hub the time says nothing.
    const bool is_hub = result.verdict.trouble != HubTrouble::no_hub;
    if (is_hub && !answer->headers.empty()) result.clock = ClockSample{answer->headers.front().second, asked, wall_now()};
    return result;
  }

 private:
  /// A name is asked inside the namespace, as reports do it: the process's resolver would ask outside of it.
  Result<void> find_addresses(HttpRequest& request, const HubWay& way, MonoTime deadline) {
    const auto url = HttpUrl::parse(request.url);
    if (!url || url->literal || way.resolvers.empty()) return {};
    Result<std::vector<IpAddress>> found = fail(Error::Kind::timed_out, "no resolver answered in time");
    io_.restart();
    const auto give_up = look_up_name(io_, dns_, NameQuestion{url->host, way.resolvers, way.opener, deadline}, [&](auto addresses) {
      found = std::move(addresses);
      io_.stop();
    });
    io_.run_until(deadline);
    give_up();
    if (!found) return fail(found.error());
    request.resolved = std::move(*found);
    return {};
  }

  Result<HttpResponse> answer_to(HttpRequest request) {
    Result<HttpResponse> answer = fail(Error::Kind::timed_out, "no answer in time");
    io_.restart();
    const auto work = boost::asio::make_work_guard(io_);
    const auto wait = request.timeout + std::chrono::seconds{1};
    const auto id = http_.send(std::move(request), [&](Result<HttpResponse> response) {
      answer = std::move(response);
      io_.stop();
    });
    io_.run_for(wait);
    http_.cancel(id);
    return answer;
  }

  boost::asio::io_context io_{1};
  HttpClient http_{io_};
  DnsClient dns_{io_};
};

/// Another way may help against all but the hub's own word.
bool is_final(HubTrouble trouble) {
  return trouble == HubTrouble::none || trouble == HubTrouble::no_key || trouble == HubTrouble::wrong_key ||
         trouble == HubTrouble::bad_setting;
}

struct Found {
  Asked asked;
  std::string_view way;
};

/// The first way by which the hub answers, else what the first one came to: it is the better one where both are there.
std::optional<Found> ask_by_ways(Asker& asker, const HttpRequest& question, const std::vector<HubWay>& ways, int schema) {
  std::optional<Found> first;
  for (const auto& way : ways) {
    auto asked = asker.ask(question, way, schema);
    if (is_final(asked.verdict.trouble)) return Found{std::move(asked), way.words};
    if (!first) first = Found{std::move(asked), way.words};
  }
  return first;
}

DoctorLine hub_line(const std::string& name, const std::string& origin, const std::optional<Found>& found, DoctorPlace place) {
  DoctorTopic topic{name, "reports, history and alerts", "reports wait here and are given up at last, and nobody is alerted", ""};
  if (!found) return doctor_line("hub", topic, Status::could_not_look, "there is no way to ask by");
  const auto& verdict = found->asked.verdict;
  topic.remedy = hub_remedy(verdict.trouble, place);
  if (verdict.trouble != HubTrouble::none) {
    std::string_view what = verdict.detail;
    if (const auto named = origin + ": "; what.starts_with(named)) what.remove_prefix(named.size());
    return doctor_line("hub", topic, Status::missing, fmt::format("{}, {}: {}", origin, found->way, what));
  }
  return doctor_line("hub", topic, Status::ok,
                     fmt::format("{} {}, {}, {:.1f} ms", origin, verdict.detail, found->way,
                                 std::chrono::duration<double, std::milli>(found->asked.elapsed).count()));
}

}  // namespace

std::vector<DoctorLine> hub_lines(const ProbeConfig& config, const std::vector<Result<NetNamespace>>& spaces, DoctorPlace place) {
  if (config.hub.urls.empty()) return {};
  Asker asker;
  const auto ways = ways_of(config, spaces);
  std::vector<DoctorLine> lines;
  std::optional<ClockSample> clock;
  for (std::size_t i = 0; i < config.hub.urls.size(); ++i) {
    const auto question = hub_question(config.hub, config.hub.urls[i]);
    const auto url = HttpUrl::parse(question.url);
    const auto found = ask_by_ways(asker, question, ways, config.hub.schema);
    if (found && !clock) clock = found->asked.clock;
    lines.push_back(hub_line(i == 0 ? "hub" : fmt::format("hub {}", i + 1), url ? url->origin : "VPN_SENTINEL_URL", found, place));
  }
  lines.push_back(clock_line(clock, place));
  return lines;
}

}  // namespace vpn_sentinel
