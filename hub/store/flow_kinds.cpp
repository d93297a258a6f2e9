#include "hub/store/flow_kinds.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "hub/store/roll_up.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::int64_t most = std::int64_t{1} << 61U;

std::int64_t signed_of(std::uint64_t number) { return static_cast<std::int64_t>(std::min(number, most_flow_number)); }

void add_to(std::int64_t& number, std::int64_t more) { number = std::min(number + more, most); }

void append(std::string& key, std::string_view text) {
  key += text;
  key += '\0';  // no text has one: they are clean
}

void append(std::string& key, std::int64_t number) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  append(key, std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

template <typename T>
void append(std::string& key, const std::optional<T>& number) {
  append(key, number ? std::int64_t{*number} : std::int64_t{-1});
}

}  // namespace

FlowNumbers numbers_of(const FlowRow& row) {
  FlowNumbers numbers;
  numbers.rows = 1;
  numbers.counted = row.bytes_out || row.bytes_in ? 1 : 0;
  numbers.bytes_out = signed_of(row.bytes_out.value_or(0));
  numbers.bytes_in = signed_of(row.bytes_in.value_or(0));
  numbers.packets_counted = row.packets_out || row.packets_in ? 1 : 0;
  numbers.packets_out = signed_of(row.packets_out.value_or(0));
  numbers.packets_in = signed_of(row.packets_in.value_or(0));
  numbers.opened = signed_of(row.opened);
  numbers.closed = signed_of(row.closed);
  numbers.folded = signed_of(row.folded);
  numbers.first = row.first;
  numbers.last = row.last;
  return numbers;
}

void merge(FlowNumbers& numbers, const FlowNumbers& more) {
  using Part = std::int64_t FlowNumbers::*;
  constexpr std::array<Part, 9> sums{&FlowNumbers::rows,       &FlowNumbers::counted,     &FlowNumbers::bytes_out,
                                     &FlowNumbers::bytes_in,   &FlowNumbers::opened,      &FlowNumbers::packets_counted,
                                     &FlowNumbers::packets_in, &FlowNumbers::packets_out, &FlowNumbers::closed};
  for (const auto part : sums) add_to(numbers.*part, more.*part);
  numbers.folded = std::max(numbers.folded, more.folded);
  numbers.first = std::min(numbers.first, more.first);
  numbers.last = std::max(numbers.last, more.last);
}

void write_flow_key(const FlowRow& row, std::int64_t client, std::string& key) {
  key.clear();
  append(key, client);
  append(key, std::string_view(row.incoming ? "in" : "out"));
  for (const auto* text : {&row.listener, &row.program, &row.container, &row.protocol, &row.destination, &row.country, &row.organisation,
                           &row.interface, &row.way}) {
    append(key, std::string_view(*text));
  }
  append(key, row.uid);
  append(key, row.port);
  append(key, row.asn);
  append(key, std::string_view(row.folded > 0 ? "folded" : ""));
}

std::int64_t flow_key_hash(const std::string& key) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return static_cast<std::int64_t>(hash);
}

void FlowKinds::add(const FlowRow& row, std::int64_t client) {
  write_flow_key(row, client, key_);
  const auto [at, is_new] = kinds_.try_emplace(key_);
  auto& kind = at->second;
  if (is_new) {
    kind.client = client;
    kind.texts = row;
  }
  if (kind.minutes.empty()) waiting_.emplace_back(&at->first, &kind);
  const auto minute = start_of(row.last, Resolution::minute);
  const auto known = std::ranges::find(kind.minutes, minute, [](const auto& each) { return each.first; });
  const auto numbers = numbers_of(row);
  if (known == kind.minutes.end()) {
    kind.minutes.emplace_back(minute, numbers);
  } else {
    merge(known->second, numbers);
  }
}

void FlowKinds::written() {
  for (const auto& [key, kind] : waiting_) kind->minutes.clear();
  waiting_.clear();
  if (kinds_.size() > most_idle) kinds_.clear();
}

void FlowKinds::forget_ids() {
  for (auto& [key, kind] : kinds_) kind.id = 0;
}

void FlowKinds::forget_ids(const std::unordered_set<std::int64_t>& ids) {
  for (auto& [key, kind] : kinds_) {
    if (ids.contains(kind.id)) kind.id = 0;
  }
}

}  // namespace vpn_sentinel
