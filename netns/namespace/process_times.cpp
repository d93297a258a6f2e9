#include "netns/namespace/process_times.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>

#include "netns/base/capabilities.hpp"
#include "netns/base/fd.hpp"

namespace vpn_sentinel {

std::optional<ProcessTimes> read_process_times(pid_t pid, const std::string& proc) {
  // /proc may be mounted so that it hides other users' processes (hidepid=).
  const RaisedCapabilities raised(rights_to_look);
  const Fd file{::open(fmt::format("{}/{}/stat", proc, pid).c_str(), O_RDONLY | O_CLOEXEC)};
  std::array<char, 4096> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  const auto got = file ? ::read(file.get(), buffer.data(), buffer.size()) : -1;
  const std::string_view text(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  // The command name is in parentheses and may hold anything: counted from the last one.
  const auto name_end = text.rfind(") ");
  if (name_end == std::string_view::npos) return std::nullopt;
  auto rest = text.substr(name_end + 2);
  ProcessTimes times;
  for (int field = 3; field <= 22; ++field) {
    const auto word = rest.substr(0, rest.find(' '));
    const auto* const end = word.data() + word.size();
    if (field == 3 && (word == "Z" || word == "X")) return std::nullopt;
    if (field == 4 && std::from_chars(word.data(), end, times.parent).ec != std::errc{}) return std::nullopt;
    if (field == 22 && std::from_chars(word.data(), end, times.start).ec != std::errc{}) return std::nullopt;
    if (rest.size() == word.size()) return field == 22 ? std::optional(times) : std::nullopt;
    rest.remove_prefix(word.size() + 1);
  }
  return times;
}

}  // namespace vpn_sentinel
