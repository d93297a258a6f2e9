#include "probe/app/target_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <set>

#include "probe/app/probe_settings.hpp"
#include "probe/report/report.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t longest_client_id = 100;

/// FNV-1a: the same in every run and on every machine, which std::hash does not promise.
std::string short_hash(std::string_view text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return fmt::format("{:08x}", hash);
}

std::string with_hash(const std::string& id, const std::string& name) {
  const auto hash = short_hash(name);
  return fmt::format("{}-{}", id.substr(0, longest_client_id - hash.size() - 1), hash);
}

std::string id_of(const TargetPolicy& pattern, const std::string& name) {
  if (!pattern.client_id_given) return default_client_id(NamespaceRef{NamespaceRef::Kind::name, name});
  const auto part = pattern.netns.variable_part(name);
  const auto id = part.empty() ? pattern.client_id : fmt::format("{}-{}", pattern.client_id, part);
  return is_valid_client_id(id) ? id : with_hash(sanitize_client_id(id), name);
}

}  // namespace

TargetPolicy target_of_pattern(const TargetPolicy& pattern, const std::string& name,
                               const std::function<bool(const std::string&)>& is_taken) {
  auto target = pattern;
  target.netns = NamespaceRef{NamespaceRef::Kind::name, name};
  target.client_id = id_of(pattern, name);
  if (is_taken(target.client_id)) target.client_id = with_hash(target.client_id, name);
  return target;
}

std::vector<std::string> namespace_names() {
  std::vector<std::string> names;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(named_namespaces, error); !error && entry != std::filesystem::directory_iterator();
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

std::vector<TargetPolicy> expand_patterns(const std::vector<TargetPolicy>& policies) {
  std::vector<TargetPolicy> targets;
  std::set<std::string> taken_names;
  std::set<std::string> taken_ids;
  const auto take = [&](TargetPolicy target) {
    if (target.netns.kind == NamespaceRef::Kind::name) taken_names.insert(target.netns.value);
    taken_ids.insert(target.client_id);
    targets.push_back(std::move(target));
  };
  for (const auto& policy : policies) {
    if (!policy.netns.is_pattern()) take(policy);
  }
  const auto names = namespace_names();
  for (const auto& policy : policies) {
    if (!policy.netns.is_pattern()) continue;
    for (const auto& name : names) {
      if (taken_names.contains(name) || !policy.netns.matches(name) || !NamespaceRef::parse("name:" + name)) continue;
      take(target_of_pattern(policy, name, [&](const std::string& id) { return taken_ids.contains(id); }));
    }
  }
  return targets;
}

}  // namespace vpn_sentinel
