#include "netns/sockets/tunnel_programs.hpp"

namespace vpn_sentinel {

Result<TunHolders> TunnelPrograms::holders(const std::string& name, MonoTime not_before, MonoTime deadline) {
  if (!began_ || *began_ < not_before) {
    if (auto looked = look(deadline); !looked) return fail(looked.error());
  }
  return named(name);
}

Result<void> TunnelPrograms::look(MonoTime deadline) {
  began_.reset();
  found_.clear();
  namespaces_.clear();
  facts_.clear();
  const auto now = mono_now();
  auto found = find_tun_holders(deadline);
  if (!found) return fail(found.error());
  unreadable_ = found->unreadable;
  for (auto& holder : found->holders) found_[holder.name].push_back(std::move(holder));
  began_ = now;
  return {};
}

TunHolders TunnelPrograms::named(const std::string& name) const {
  const auto found = found_.find(name);
  return {found == found_.end() ? std::vector<TunHolder>{} : found->second, unreadable_};
}

const Result<NamespaceIdentity>& TunnelPrograms::namespace_of(const TunHolder& holder) {
  const std::pair key{holder.pid, holder.file};
  const auto known = namespaces_.find(key);
  return known != namespaces_.end() ? known->second : namespaces_.emplace(key, namespace_of_tun(holder)).first->second;
}

const Result<ProcessFacts>& TunnelPrograms::facts_of(pid_t pid, MonoTime deadline) {
  const auto known = facts_.find(pid);
  return known != facts_.end() ? known->second : facts_.emplace(pid, read_process(pid, deadline)).first->second;
}

}  // namespace vpn_sentinel
