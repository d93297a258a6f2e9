#include "netns/firewall/ruleset_sets.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>

namespace vpn_sentinel::audit {
namespace {

Bytes values_of(std::span<const Cell> cells) {
  Bytes bytes;
  for (const auto& cell : cells) bytes.push_back(cell.value);
  return bytes;
}

/// The largest value below: the last of an interval that ends before `key`.
Bytes before(Bytes key) {
  for (auto byte = key.rbegin(); byte != key.rend(); ++byte) {
    if ((*byte)-- != 0) break;
  }
  return key;
}

/// Ranges of several fields: each within its own bounds.
Answer within_fields(const Set& set, const Element& element, std::span<const Cell> cells, const Exclusions& never) {
  const auto& last = element.last.empty() ? element.key : element.last;
  if (element.key.size() != cells.size() || last.size() != cells.size() || set.fields.empty()) return Answer::depends;
  auto answer = Answer::yes;
  std::size_t offset = 0;
  for (const auto length : set.fields) {
    if (length == 0 || length > cells.size() - offset) return Answer::depends;
    const auto first_part = std::span{element.key}.subspan(offset, length);
    const auto last_part = std::span{last}.subspan(offset, length);
    const auto field = is_between(cells.subspan(offset, length), first_part, last_part, never);
    if (field == Answer::no) return Answer::no;
    if (field == Answer::depends) answer = Answer::depends;
    offset += std::min<std::size_t>((length + 3) / 4 * 4, cells.size() - offset);
  }
  return offset == cells.size() ? answer : Answer::depends;
}

/// Elements begin or end an interval at their key; they are sorted, an end before a beginning of the same key.
Found look_up_interval(const Set& set, std::span<const Cell> cells, const Exclusions& never) {
  Found found;
  found.misses = true;
  const auto& elements = set.elements;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const auto& element = elements[i];
    if (element.ends || element.catch_all || element.key.size() != cells.size()) continue;
    const bool has_end = i + 1 < elements.size() && !elements[i + 1].catch_all;
    const auto last = has_end ? before(elements[i + 1].key) : Bytes(cells.size(), 0xff);
    const auto answer = is_between(cells, element.key, last, never);
    if (answer == Answer::no) continue;
    found.elements.push_back(&element);
    if (answer == Answer::yes) found.misses = false;
  }
  return found;
}

Found look_up_each(const Set& set, std::span<const Cell> cells, const Exclusions& never) {
  Found found;
  found.misses = true;
  const bool ranges = (set.flags & NFT_SET_INTERVAL) != 0;
  const auto value = all_known(cells) ? values_of(cells) : Bytes{};
  for (const auto& element : set.elements) {
    if (element.catch_all || element.key.size() != cells.size()) continue;
    auto answer = Answer::no;
    if (ranges) {
      answer = within_fields(set, element, cells, never);
    } else if (!value.empty()) {
      answer = value == element.key ? Answer::yes : Answer::no;
    } else {
      answer = equals(cells, element.key, never);
    }
    if (answer == Answer::no) continue;
    found.elements.push_back(&element);
    if (answer == Answer::yes) found.misses = false;
  }
  return found;
}

}  // namespace

Found look_up(const Set& set, std::span<const Cell> cells, const Exclusions& never) {
  const bool interval = (set.flags & NFT_SET_INTERVAL) != 0 && (set.flags & NFT_SET_CONCAT) == 0;
  auto found = interval ? look_up_interval(set, cells, never) : look_up_each(set, cells, never);
  const auto strange_key = [&](const Element& element) {
    return !element.catch_all && (element.key.size() != cells.size() || (interval && !element.last.empty()));
  };
  const bool strange = std::any_of(set.elements.begin(), set.elements.end(), strange_key);
  const auto catch_all = std::find_if(set.elements.begin(), set.elements.end(), [](const Element& element) { return element.catch_all; });
  if (catch_all != set.elements.end() && found.misses) {
    found.elements.push_back(&*catch_all);
    found.misses = false;
  }
  if (!set.unsteady && !strange) return found;
  // Anything may be in it by now, or nothing.
  found.elements.clear();
  for (const auto& element : set.elements) {
    if (!element.ends) found.elements.push_back(&element);
  }
  static const Element some;
  if (found.elements.empty()) found.elements.push_back(&some);
  found.misses = true;
  return found;
}

}  // namespace vpn_sentinel::audit
