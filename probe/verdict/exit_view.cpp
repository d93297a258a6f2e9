#include "probe/verdict/exit_view.hpp"

#include <algorithm>

namespace vpn_sentinel {

bool is_same_exit(const IpAddress& a, const IpAddress& b) { return IpPrefix(a, a.is_v4() ? 24 : 64).contains(b); }
bool is_same_line(const IpAddress& a, const IpAddress& b) { return a.is_v4() ? a == b : IpPrefix(a, 64).contains(b); }

std::optional<ExitAccord> accord_of(const std::vector<ExitVoice>& voices) {
  std::optional<ExitAccord> best;
  for (const auto& voice : voices) {
    const auto agree = [&](const ExitVoice& other) { return is_same_exit(voice.address, other.address); };
    const auto sources = static_cast<std::size_t>(std::ranges::count_if(voices, agree));
    if (!best || sources > best->sources) best = ExitAccord{voice.address, sources};
  }
  return best;
}

}  // namespace vpn_sentinel
