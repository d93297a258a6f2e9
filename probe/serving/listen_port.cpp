#include "probe/serving/listen_port.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <charconv>

namespace vpn_sentinel {

std::string ListenPort::to_string() const { return fmt::format("{}/{}", protocol == IPPROTO_TCP ? "tcp" : "udp", port); }

Result<ListenPort> parse_listen_port(std::string_view text) {
  const auto bad = [] { return fail(Error::Kind::invalid, "a protocol and a port such as udp/51820 or tcp/1194"); };
  const auto word = text.substr(0, text.find('/'));
  if (word == text || (word != "udp" && word != "tcp")) return bad();
  const auto digits = text.substr(word.size() + 1);
  ListenPort read{static_cast<std::uint8_t>(word == "tcp" ? IPPROTO_TCP : IPPROTO_UDP), 0};
  const auto* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, read.port);
  // One spelling for one port: what is refused here is told, what would be two names of one port could be listed twice.
  if (error != std::errc{} || stop != end || read.port == 0 || digits.front() == '0') return bad();
  return read;
}

}  // namespace vpn_sentinel
