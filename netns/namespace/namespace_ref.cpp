#include "netns/namespace/namespace_ref.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <cstdint>

namespace vpn_sentinel {
namespace {

constexpr std::size_t longest_container_name = 255;
constexpr std::string_view forms = "use self, name:NAME (ip netns), pid:PID, path:/absolute/file or container:NAME_OR_ID";

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

/// The rule of Docker and Podman for names; an id is one too. Nothing in it means anything in a URL or a path.
Result<NamespaceRef> parse_container(std::string_view name) {
  const auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  const bool good = !name.empty() && name.size() <= longest_container_name && alphanumeric(name.front()) &&
                    std::ranges::all_of(name, [&](char c) { return alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
  if (!good) {
    return fail(Error::Kind::invalid, fmt::format("'{}' is no name or id of a container: letters, digits, '_', '.' and '-', at most {}",
                                                  shown(name), longest_container_name));
  }
  return NamespaceRef{NamespaceRef::Kind::container, std::string(name)};
}

constexpr std::string_view wildcards = "*?[";

}  // namespace

Result<NamespaceRef> NamespaceRef::parse(std::string_view text) {
  if (text == "self") return NamespaceRef{};
  if (text.starts_with("name:")) return parse_name(text.substr(5));
  if (text.starts_with("pid:")) return parse_pid(text.substr(4));
  if (text.starts_with("path:")) return parse_path(text.substr(5));
  if (text.starts_with("container:")) return parse_container(text.substr(10));
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
    case Kind::container:
      return "container:" + value;
    case Kind::self:
      break;
  }
  return "self";
}

std::string NamespaceRef::file() const {
  switch (kind) {
    case Kind::name:
      return fmt::format("{}/{}", named_namespaces, value);
    case Kind::pid:
      return fmt::format("/proc/{}/ns/net", value);
    case Kind::path:
      return value;
    case Kind::container:
      return {};
    case Kind::self:
      break;
  }
  return "/proc/self/ns/net";
}

NamespaceRef NamespaceRef::of_pid(pid_t pid) { return NamespaceRef{Kind::pid, std::to_string(pid)}; }

std::optional<pid_t> NamespaceRef::process() const {
  std::string_view text = value;
  if (kind == Kind::path) {
    constexpr std::string_view before = "/proc/";
    constexpr std::string_view after = "/ns/net";
    if (!text.starts_with(before) || !text.ends_with(after) || text.size() <= before.size() + after.size()) return std::nullopt;
    text = text.substr(before.size(), text.size() - before.size() - after.size());
  } else if (kind != Kind::pid) {
    return std::nullopt;
  }
  const auto ref = parse_pid(text);
  pid_t pid = 0;
  if (ref) std::from_chars(ref->value.data(), ref->value.data() + ref->value.size(), pid);
  return pid > 0 ? std::optional(pid) : std::nullopt;
}

bool NamespaceRef::is_pattern() const noexcept { return kind == Kind::name && value.find_first_of(wildcards) != std::string::npos; }

bool NamespaceRef::matches(const std::string& name) const {
  return kind == Kind::name && ::fnmatch(value.c_str(), name.c_str(), FNM_PERIOD) == 0;
}

std::string NamespaceRef::variable_part(std::string_view name) const {
  const std::string_view pattern = value;
  const auto before = std::min(pattern.find_first_of(wildcards), pattern.size());
  const auto last = pattern.find_last_of("*?]");
  const auto after = last == std::string_view::npos ? 0 : pattern.size() - last - 1;
  if (name.size() < before + after) return std::string(name);
  return std::string(name.substr(before, name.size() - before - after));
}

}  // namespace vpn_sentinel
