#include "probe/checks/answer_compare.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace vpn_sentinel {
namespace {

constexpr std::uint8_t no_error = 0;
constexpr std::uint8_t no_such_name = 3;
constexpr std::size_t most_names = 16;
constexpr std::size_t most_shown = 4;

/// IANA's registries of special addresses, without those for documentation and benchmarks.
constexpr std::array<std::string_view, 14> not_public{"0.0.0.0/8",     "10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8",  "169.254.0.0/16",
                                                      "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3",   "::/127",       "fc00::/7",
                                                      "fe80::/10",     "ff00::/8",       "100::/64",      "::ffff:0:0/96"};

bool is_usable(const DnsAnswer& answer) { return answer.rcode == no_error || answer.rcode == no_such_name; }

std::string shown(const DnsAnswer& answer) {
  if (answer.rcode != no_error) return rcode_name(answer.rcode);
  std::string text;
  const auto count = std::min(answer.addresses.size(), most_shown);
  for (std::size_t i = 0; i < count; ++i) text += (text.empty() ? "" : ", ") + answer.addresses[i].to_string();
  return text.empty() ? "no address" : text;
}

bool is_bogus(const DnsAnswer& answer) {
  return std::ranges::none_of(answer.addresses, [](const IpAddress& address) { return may_be_public(address); });
}

}  // namespace

bool may_be_public(const IpAddress& address) {
  static const auto networks = [] {
    std::vector<IpPrefix> made;
    made.reserve(not_public.size());
    for (const auto text : not_public) made.push_back(*IpPrefix::parse(text));
    return made;
  }();
  return std::ranges::none_of(networks, [&](const IpPrefix& network) { return network.contains(address); });
}

AnswerComparison compare_answers(const DnsAnswer& own, const DnsAnswer& other) {
  if (!is_usable(own) || !is_usable(other)) return AnswerComparison::not_compared;
  const bool own_is_none = own.rcode == no_such_name;
  const bool other_is_none = other.rcode == no_such_name;
  if (own_is_none && other_is_none) return AnswerComparison::same;
  // A name without addresses of this family is neither there nor missing.
  if ((!own_is_none && own.addresses.empty()) || (!other_is_none && other.addresses.empty())) return AnswerComparison::not_compared;
  if (own_is_none != other_is_none) return AnswerComparison::differ;
  const bool overlap = std::ranges::any_of(
      own.addresses, [&](const IpAddress& item) { return std::ranges::find(other.addresses, item) != other.addresses.end(); });
  if (overlap) return AnswerComparison::same;
  return is_bogus(own) == is_bogus(other) ? AnswerComparison::same : AnswerComparison::differ;
}

struct AnswerCompare::Round {
  struct Pair {
    std::optional<DnsAnswer> own;
    std::optional<DnsAnswer> other;
  };
  CompareRequest request;
  Handler handler;
  std::vector<Pair> answers;
  std::vector<DnsClient::QuestionId> questions;
  std::size_t waiting = 0;
};

void AnswerCompare::run(CompareRequest request, Handler handler) {
  stop();
  if (request.names.size() > most_names) request.names.resize(most_names);
  if (request.names.empty()) return handler({});
  round_ = std::make_shared<Round>();
  round_->request = std::move(request);
  round_->handler = std::move(handler);
  round_->answers.resize(round_->request.names.size());
  for (std::size_t place = 0; place < round_->request.names.size(); ++place) {
    ask(Endpoint{round_->request.own.address, 53}, round_->request.own.zone, place, true);
    ask(round_->request.other, {}, place, false);
  }
}

void AnswerCompare::ask(const Endpoint& server, const std::string& device, std::size_t place, bool is_own) {
  DnsOptions options;
  options.open_socket = round_->request.open_socket;
  options.bind_device = device;
  options.timeout = round_->request.timeout;
  ++round_->waiting;
  round_->questions.push_back(dns_.ask(DnsQuestion{round_->request.names[place], DnsType::a, DnsClass::in}, server, std::move(options),
                                       [this, place, is_own](const Result<DnsAnswer>& answer) { take(place, is_own, answer); }));
}

void AnswerCompare::take(std::size_t place, bool is_own, const Result<DnsAnswer>& answer) {
  auto& pair = round_->answers[place];
  if (answer) (is_own ? pair.own : pair.other) = *answer;
  if (--round_->waiting > 0) return;
  const auto round = std::exchange(round_, nullptr);
  std::vector<AnswerDifference> differences;
  for (std::size_t i = 0; i < round->answers.size(); ++i) {
    const auto& [own, other] = round->answers[i];
    if (own && other && compare_answers(*own, *other) == AnswerComparison::differ)
      differences.push_back({round->request.names[i], shown(*own), shown(*other)});
  }
  round->handler(std::move(differences));
}

void AnswerCompare::stop() {
  const auto round = std::exchange(round_, nullptr);
  if (!round) return;
  for (const auto id : round->questions) dns_.cancel(id);
}

}  // namespace vpn_sentinel
