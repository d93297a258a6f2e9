#include "probe/watch/leak_doubt.hpp"

#include <utility>

namespace vpn_sentinel {

void LeakDoubt::follow(const LeakTally& tally, bool all_noted, const VpnProgram& program, std::optional<MonoTime> servers_awaited,
                       MonoTime now, const std::function<bool()>& ask) {
  if (!tally.is_leaking()) return forget();
  if (!std::exchange(asked_, true)) {
    // The kernel's WireGuard is known as such without its servers.
    const bool may_be_any = servers_awaited && (program.user || !program.is_wireguard);
    whose_ = may_be_any ? Whose::any_programs : program.is_wireguard ? Whose::wireguards : Whose::nobodys;
    began_ = now;
    silent_until_ = servers_awaited.value_or(now) + longest_silence;
    if (!ask()) give_up();
  } else if (!program.awaited || now - began_ >= patience_) {
    give_up();
  }
  const bool fits = whose_ == Whose::any_programs ? tally.may_be_one_programs(all_noted) : tally.may_be_wireguards(all_noted, program.user);
  if (!fits) give_up();
}

LeakTally::Telling LeakDoubt::telling(MonoTime now) const {
  if (whose_ == Whose::nobodys) return LeakTally::Telling::as_leak;
  return now < silent_until_ ? LeakTally::Telling::held_back : LeakTally::Telling::as_unjudged;
}

}  // namespace vpn_sentinel
