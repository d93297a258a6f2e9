#include "netns/firewall/ruleset_dump.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "netns/base/capabilities.hpp"
#include "netns/firewall/leak_rules.hpp"
#include "netns/firewall/nft_generation.hpp"
#include "netns/firewall/nft_question.hpp"
#include "netns/firewall/ruleset_decode.hpp"

namespace vpn_sentinel::audit {
namespace {

constexpr std::string_view purpose = "look at the firewall's rules";
constexpr int most_dump_tries = 4;

nft::Question everything(std::uint16_t type, std::string_view what) { return {type, NLM_F_DUMP, NFPROTO_UNSPEC, {}, what, purpose}; }

nft::Question of_table(const nft::TableName& table, std::uint16_t type, std::string_view what) {
  static_assert(NFTA_RULE_TABLE == 1 && NFTA_SET_TABLE == 1 && NFTA_SET_ELEM_LIST_TABLE == 1);
  return {type, NLM_F_DUMP, table.family, {{{1, &table.name}, {}}}, what, purpose};
}

/// A table that went away meanwhile has nothing; the generation tells that.
Result<void> ask_all(nft::Socket& socket, const nft::Question& question, const std::function<void()>& begin, const nft::Take& take) {
  auto done = nft::ask(socket, question, begin, take);
  if (!done && done.error().kind == Error::Kind::not_found) {
    begin();
    return {};
  }
  return done;
}

Table* find_table(Ruleset& ruleset, const nft::TableName& name) {
  const auto place = std::find_if(ruleset.tables.begin(), ruleset.tables.end(), [&](const Table& table) { return table.name == name; });
  return place == ruleset.tables.end() ? nullptr : &*place;
}

bool is_on_the_way_out(const Table& table) {
  return std::any_of(table.chains.begin(), table.chains.end(), [&](const Chain& chain) {
    if (!chain.hook) return false;
    if (table.name.family == nft::family_netdev) return chain.hook->number == nft::netdev_egress;
    return chain.hook->number == NF_INET_LOCAL_OUT || chain.hook->number == NF_INET_POST_ROUTING;
  });
}

class Reader {
 public:
  Reader(nft::Socket& socket, const Limits& limits) : socket_(socket), limits_(limits) {}

  Result<Ruleset> read() {
    if (auto done = read_tables(); !done) return fail(done.error());
    if (auto done = read_chains(); !done) return fail(done.error());
    for (auto& table : ruleset_.tables) {
      if (!ruleset_.incomplete.empty() || table.dormant || !is_on_the_way_out(table)) continue;
      if (auto done = read_rules(table); !done) return fail(done.error());
      if (auto done = read_sets(table); !done) return fail(done.error());
    }
    return std::move(ruleset_);
  }

 private:
  /// False, and told, when there are more than there may be.
  bool has_room(std::size_t count, std::size_t most, std::string_view what) {
    if (count < most) return true;
    if (ruleset_.incomplete.empty()) ruleset_.incomplete = fmt::format("there are more than {} {}", most, what);
    return false;
  }

  Result<void> read_tables() {
    return ask_all(
        socket_, everything(NFT_MSG_GETTABLE, "listing tables"), [this] { ruleset_ = {}; },
        [this](std::span<const std::byte> payload) -> Result<void> {
          auto table = decode_table(payload);
          // A leak meter only counts, and would stand behind all others as the one that lets out.
          if (table && is_firewall_table(OutsideAction::count, table->name.name)) return {};
          if (table && has_room(ruleset_.tables.size(), limits_.tables, "tables")) ruleset_.tables.push_back(std::move(*table));
          return {};
        });
  }

  Result<void> read_chains() {
    std::size_t count = 0;
    const auto begin = [&] {
      count = 0;
      for (auto& table : ruleset_.tables) table.chains.clear();
    };
    return ask_all(socket_, everything(NFT_MSG_GETCHAIN, "listing chains"), begin, [&](std::span<const std::byte> payload) -> Result<void> {
      auto chain = decode_chain(payload);
      auto* const table = chain ? find_table(ruleset_, chain->table) : nullptr;
      if (table == nullptr || !has_room(count, limits_.chains, "chains")) return {};
      ++count;
      table->chains.push_back(std::move(chain->value));
      return {};
    });
  }

  Result<void> read_rules(Table& table) {
    const auto before = rules_;
    const auto begin = [&] {
      rules_ = before;
      for (auto& chain : table.chains) chain.rules.clear();
    };
    return ask_all(socket_, of_table(table.name, NFT_MSG_GETRULE, "listing rules"), begin,
                   [&](std::span<const std::byte> payload) -> Result<void> {
                     if (!has_room(rules_, limits_.rules, "rules")) return {};
                     auto rule = decode_rule(payload);
                     if (!rule || !(rule->table == table.name)) return {};
                     ++rules_;
                     const auto chain =
                         std::find_if(table.chains.begin(), table.chains.end(), [&](const Chain& one) { return one.name == rule->owner; });
                     if (chain != table.chains.end()) chain->rules.push_back(std::move(rule->value));
                     return {};
                   });
  }

  Result<void> read_sets(Table& table) {
    auto done = ask_all(
        socket_, of_table(table.name, NFT_MSG_GETSET, "listing sets"), [&] { table.sets.clear(); },
        [&](std::span<const std::byte> payload) -> Result<void> {
          auto set = decode_set(payload);
          if (!set || !(set->table == table.name) || !has_room(table.sets.size(), limits_.chains, "sets")) return {};
          auto name = set->value.name;
          table.sets.insert_or_assign(std::move(name), std::move(set->value));
          return {};
        });
    if (!done) return done;
    for (auto& [name, set] : table.sets) {
      if (!ruleset_.incomplete.empty()) return {};
      // What packets or time put in and take out says nothing about the next moment.
      if (set.unsteady) continue;
      if (auto read = read_elements(table, set); !read) return read;
    }
    return {};
  }

  Result<void> read_elements(const Table& table, Set& set) {
    auto question = of_table(table.name, NFT_MSG_GETSETELEM, "listing elements");
    question.texts[1] = {NFTA_SET_ELEM_LIST_SET, &set.name};
    const auto before = elements_;
    const auto begin = [&] {
      elements_ = before;
      set.elements.clear();
    };
    auto done = ask_all(socket_, question, begin, [&](std::span<const std::byte> payload) -> Result<void> {
      if (!has_room(elements_, limits_.elements, "elements of sets")) return {};
      auto part = decode_elements(payload);
      if (!part || !(part->table == table.name) || part->owner != set.name) return {};
      elements_ += part->value.elements.size();
      set.unsteady = set.unsteady || part->value.unsteady;
      std::move(part->value.elements.begin(), part->value.elements.end(), std::back_inserter(set.elements));
      return {};
    });
    // The end of one interval stands before the beginning of the next one.
    const auto rank = [](const Element& element) { return std::pair<const Bytes&, bool>{element.key, !element.ends}; };
    std::sort(set.elements.begin(), set.elements.end(), [&](const Element& a, const Element& b) { return rank(a) < rank(b); });
    return done;
  }

  nft::Socket& socket_;
  const Limits& limits_;
  Ruleset ruleset_;
  std::size_t rules_ = 0;
  std::size_t elements_ = 0;
};

/// Of the thread that asks: it may be in another namespace than the process. Only root reads these files.
Result<void> read_names(const char* path, std::string_view family, std::vector<std::string>& names) {
  const RaisedCapabilities raised(rights_to_look);
  const Fd file{::open(path, O_RDONLY | O_CLOEXEC)};
  if (!file && errno == ENOENT) return {};  // the kernel has none
  if (!file) return fail(system_error(errno, path));
  std::array<char, 1024> text{};
  const auto size = ::read(file.get(), text.data(), text.size());
  if (size < 0) return fail(system_error(errno, path));
  std::string_view rest{text.data(), static_cast<std::size_t>(size)};
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    if (const auto name = rest.substr(0, end); !name.empty()) names.push_back(fmt::format("{} {}", family, name));
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  }
  return {};
}

}  // namespace

Result<Ruleset> read_whole_ruleset(nft::Socket& socket, const Limits& limits) {
  for (int tries = 0; tries < most_dump_tries; ++tries) {
    const auto before = nft::settled_generation(socket, purpose);
    if (!before) return fail(before.error());
    auto ruleset = Reader{socket, limits}.read();
    if (!ruleset) return fail(ruleset.error());
    const auto after = nft::read_generation(socket, purpose);
    if (!after) return fail(after.error());
    ruleset->generation = *after;
    if (*before == *after) return ruleset;
  }
  return fail(Error::Kind::timed_out, "reading the firewall's rules: others kept changing them meanwhile");
}

Result<std::vector<std::string>> read_legacy_tables(const NetNamespace& space) {
  std::vector<std::string> names;
  Result<void> read;
  const auto inside = space.run_inside([&] {
    read = read_names("/proc/thread-self/net/ip_tables_names", "ip", names);
    if (read) read = read_names("/proc/thread-self/net/ip6_tables_names", "ip6", names);
  });
  if (!inside) return fail(inside.error());
  if (!read) return fail(read.error());
  return names;
}

}  // namespace vpn_sentinel::audit
