#include "probe/watch/exit_rounds.hpp"

#include <algorithm>
#include <utility>

#include "netns/geo/facts_text.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

/// Where an address is changes rarely, and the services count questions.
constexpr auto facts_last = 6h;
constexpr auto no_facts_last = 15min;
/// A round that is begun anew again and again must not ask each time.
constexpr auto no_answer_lasts = 1min;
constexpr std::size_t most_located = 16;
/// Long enough to be seen by people who are told a little later.
constexpr auto change_is_told = 10min;

bool is_complete(const AddressFacts& facts) { return !facts.country.empty() && facts.asn.has_value(); }

ExitOfFamily& part(ExitView& view, Family family) { return family == Family::v4 ? view.in_v4 : view.in_v6; }
std::optional<IpAddress>& address(ExitView& view, Family family) { return family == Family::v4 ? view.v4 : view.v6; }

/// ipwho.is and ipwhois.app are one operator's.
bool is_same_operator(SourceKind a, SourceKind b) {
  const auto name = [](SourceKind kind) { return kind == SourceKind::ipwhois_app ? SourceKind::ipwhois : kind; };
  return name(a) == name(b);
}

std::vector<ExitOperator> operators_of(const std::vector<ExitSource>& sources) {
  std::vector<ExitOperator> operators;
  for (const auto& source : sources) {
    const auto known =
        std::ranges::find_if(operators, [&](const ExitOperator& item) { return is_same_operator(item.sources.front().kind, source.kind); });
    auto& place = known == operators.end() ? operators.emplace_back() : *known;
    place.sources.push_back(source);
  }
  return operators;
}

/// The hosts whose word counts, for people; a report takes 100 characters.
std::string sources_of(const ExitOfFamily& exit, const IpAddress& named) {
  std::string text;
  for (const auto& voice : exit.voices) {
    if (!is_same_exit(voice.address, named) || text.size() + voice.source.size() > 98) continue;
    text += (text.empty() ? "" : ", ") + voice.source;
  }
  return text;
}

/// What is said of both families together.
void compose(ExitView& view) {
  const auto family = view.v4 || !view.v6 ? Family::v4 : Family::v6;
  const auto& exit = view.of(family);
  const auto& named = view.address(family);
  view.country = exit.facts.country;
  view.colo.clear();
  for (const auto& voice : exit.voices) {
    if (view.colo.empty()) view.colo = voice.colo;
  }
  view.source = named ? sources_of(exit, *named) : std::string{};
  view.error = named ? std::string{} : silence_text(view.in_v4);
}

}  // namespace

void take_family(ExitView& exit, const ExitView& newer, Family family) {
  part(exit, family) = newer.of(family);
  address(exit, family) = newer.address(family);
  compose(exit);
}

ExitRounds::ExitRounds(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, const TargetPolicy& policy,
                       std::function<void()> on_facts)
    : policy_(policy), on_facts_(std::move(on_facts)), exit_check_(io, http, dns), geo_check_(io, http, dns, exit_check_.limits()) {}

void ExitRounds::run(const SocketOpener& opener, bool has_v6, const OnAnswer& on_answer) {
  stop();
  view_ = {};
  if (!is_wanted()) return;
  view_.in_v4.settled = false;
  view_.in_v6.asked = has_v6;
  view_.in_v6.settled = !has_v6;
  ask(opener, Family::v4, on_answer);
  if (has_v6) ask(opener, Family::v6, on_answer);
}

void ExitRounds::stop() {
  exit_check_.stop();
  geo_check_.stop();
  locating_ = 0;
}

ExitRequest ExitRounds::request(const SocketOpener& opener, Family family) const {
  ExitRequest request;
  request.open_socket = opener;
  request.family = family;
  request.resolvers = policy_.resolvers;
  request.ca_file = policy_.ca_file;
  request.timeout = policy_.check_timeout;
  return request;
}

void ExitRounds::ask(const SocketOpener& opener, Family family, const OnAnswer& on_answer) {
  auto question = request(opener, family);
  question.quorum = policy_.exit.quorum;
  question.operators = operators_of(family == Family::v4 ? policy_.exit.witnesses_v4 : policy_.exit.witnesses_v6);
  ExitOperator traces;
  for (const auto& url : policy_.trace_urls) traces.sources.push_back({SourceKind::trace, url});
  if (!traces.sources.empty()) question.operators.insert(question.operators.begin(), std::move(traces));
  // Whoever configured fewer wants no more.
  const auto quorum = std::min(question.quorum, question.operators.size());
  exit_check_.run(std::move(question), [this, opener, family, on_answer, quorum](const ExitOfFamily& seen) {
    take(family, seen);
    part(view_, family).quorum = quorum;
    if (seen.settled) locate(opener, family);
    on_answer(seen.settled);
  });
}

void ExitRounds::take(Family family, const ExitOfFamily& seen) {
  auto& exit = part(view_, family);
  exit = seen;
  const auto accord = accord_of(exit.voices);
  address(view_, family) = accord ? std::optional(accord->address) : std::nullopt;
  if (accord) {
    exit.facts = facts_of(accord->address, exit);
    remember_facts(accord->address, exit.facts);
    if (exit.settled) note_change(family, accord->address, exit);
  }
  compose(view_);
}

void ExitRounds::note_change(Family family, const IpAddress& named, ExitOfFamily& exit) {
  auto& change = changes_[family];
  const auto now = mono_now();
  if (change.exit && !is_same_exit(*change.exit, named)) {
    exit_check_.limits()->shorten(now);
    change.from = change.exit;
    change.told_until = now + change_is_told;
  }
  change.exit = named;
  if (change.from && now < change.told_until) exit.changed_from = change.from;
}

/// Databases first, then what services said of this address now and before, those that know most first; a trace knows the country only.
AddressFacts ExitRounds::facts_of(const IpAddress& named, const ExitOfFamily& exit) const {
  AddressFacts facts;
  if (policy_.exit.database) facts = policy_.exit.database->find(named);
  const auto fill_by = [&](bool with_network) {
    for (const auto& voice : exit.voices) {
      if (voice.address == named && voice.facts.asn.has_value() == with_network) fill_gaps(facts, voice.facts);
    }
  };
  fill_by(true);
  if (const auto located = located_.find(named); located != located_.end()) fill_gaps(facts, located->second.facts);
  fill_by(false);
  return facts;
}

/// At most once for each new exit, and only for what no database and no voice has told.
void ExitRounds::locate(const SocketOpener& opener, Family family) {
  const auto named = view_.address(family);
  const auto& services = family == Family::v4 ? policy_.exit.geolocation_v4 : policy_.exit.geolocation_v6;
  if (!named || services.empty() || is_complete(view_.of(family).facts)) return;
  const auto located = located_.find(*named);
  if (located != located_.end() && mono_now() < located->second.until) return;
  remember(*named, {located == located_.end() ? AddressFacts{} : located->second.facts, mono_now() + no_answer_lasts});
  auto question = request(opener, family);
  question.quorum = 1;
  for (const auto& service : services) question.operators.push_back({{service}});
  ++locating_;
  geo_check_.run(std::move(question), [this, family, named = *named](const ExitOfFamily& seen) {
    if (seen.settled) on_located(family, named, seen);
  });
}

void ExitRounds::on_located(Family family, const IpAddress& named, const ExitOfFamily& seen) {
  --locating_;
  const auto before = located_.find(named);
  const auto known = before == located_.end() ? AddressFacts{} : before->second.facts;
  Located found{known, mono_now() + no_facts_last};
  // What a service says of another address is not about this exit.
  for (const auto& voice : seen.voices) {
    if (voice.address != named) continue;
    found = {voice.facts, mono_now() + facts_last};
    fill_gaps(found.facts, known);
  }
  remember(named, std::move(found));
  if (view_.address(family) == named) {
    auto& exit = part(view_, family);
    exit.facts = facts_of(named, exit);
    compose(view_);
  }
  on_facts_();
}

void ExitRounds::remember(const IpAddress& named, Located found) {
  if (located_.size() >= most_located && !located_.contains(named)) {
    located_.erase(std::ranges::min_element(located_, {}, [](const auto& item) { return item.second.until; }));
  }
  located_.insert_or_assign(named, std::move(found));
}

/// The service that told them may be silent in the next round, and an address does not move.
void ExitRounds::remember_facts(const IpAddress& named, const AddressFacts& facts) {
  const auto known = located_.find(named);
  remember(named, {facts, known == located_.end() ? MonoTime{} : known->second.until});
}

void ExitRounds::update_facts(ExitView& older) const {
  for (const auto family : {Family::v4, Family::v6}) {
    if (older.address(family) && older.address(family) == view_.address(family)) part(older, family).facts = view_.of(family).facts;
  }
  if (older.v4 == view_.v4 && older.v6 == view_.v6) older.country = view_.country;
}

}  // namespace vpn_sentinel
