#include "netns/namespace/namespace_ref.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <cstdint>

namespace vpn_sentinel {
namespace {

constexpr std::string_view forms = "use self, name:NAME (ip netns), pid:PID or path:/absolute/file";

/// What a user typed, fit for an error message: short and without control characters.
std::string shown(std::string_view text) {
  std::string copy(text.substr(0, 64));
  std::ranges::replace_if(
      copy, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return copy;
}

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

Result<NamespaceRef> parse_name(std::string_view name) {
  // The same limits as ip-netns(8), where a name is one file below /run/netns.
  if (name.empty()) return fail(Error::Kind::invalid, "the namespace name after 'name:' is empty");
  if (name == "." || name == ".." || name.find('/') != std::string_view::npos) {
    return fail(Error::Kind::invalid,
                fmt::format("'{}' is not a namespace name: it must be one file name below /run/netns; for a file use path:", shown(name)));
  }
  if (name.size() > NAME_MAX) return fail(Error::Kind::invalid, fmt::format("a namespace name has at most {} bytes", NAME_MAX));
  if (has_control_character(name)) {
    return fail(Error::Kind::invalid, fmt::format("the namespace name '{}' contains a control character", shown(name)));
  }
  return NamespaceRef{NamespaceRef::Kind::name, std::string(name)};
}

Result<NamespaceRef> parse_pid(std::string_view text) {
  std::int32_t pid = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, pid);
  if (error != std::errc{} || stop != end || pid <= 0) {
    return fail(Error::Kind::invalid, fmt::format("'{}' is not a process id: it must be a positive number", shown(text)));
  }
  return NamespaceRef{NamespaceRef::Kind::pid, std::to_string(pid)};
}

Result<NamespaceRef> parse_path(std::string_view path) {
  if (!path.starts_with('/')) {
    return fail(Error::Kind::invalid, fmt::format("'{}' is not an absolute path: it must start with '/'", shown(path)));
  }
  if (path.size() >= PATH_MAX) return fail(Error::Kind::invalid, fmt::format("a path has fewer than {} bytes", PATH_MAX));
  if (has_control_character(path)) {
    return fail(Error::Kind::invalid, fmt::format("the path '{}' contains a control character", shown(path)));
  }
  return NamespaceRef{NamespaceRef::Kind::path, std::string(path)};
}

}  // namespace

Result<NamespaceRef> NamespaceRef::parse(std::string_view text) {
  if (text == "self") return NamespaceRef{};
  if (text.starts_with("name:")) return parse_name(text.substr(5));
  if (text.starts_with("pid:")) return parse_pid(text.substr(4));
  if (text.starts_with("path:")) return parse_path(text.substr(5));
  return fail(Error::Kind::invalid, fmt::format("'{}' does not name a network namespace: {}", shown(text), forms));
}

std::string NamespaceRef::to_string() const {
  switch (kind) {
    case Kind::name:
      return "name:" + value;
    case Kind::pid:
      return "pid:" + value;
    case Kind::path:
      return "path:" + value;
    case Kind::self:
      break;
  }
  return "self";
}

std::string NamespaceRef::file() const {
  switch (kind) {
    case Kind::name:
      return "/run/netns/" + value;
    case Kind::pid:
      return fmt::format("/proc/{}/ns/net", value);
    case Kind::path:
      return value;
    case Kind::self:
      break;
  }
  return "/proc/self/ns/net";
}

}  // namespace vpn_sentinel
