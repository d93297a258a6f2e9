/// How a user names a network namespace.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// "self", "name:vpn" (ip-netns(8), below /run/netns), "pid:4242", "path:/proc/4242/ns/net", "container:gluetun". A name may be a
/// pattern as of fnmatch(3), such as "name:vpn-*": it stands for every namespace that matches.
struct NamespaceRef {
  enum class Kind { self, name, pid, path, container };
  Kind kind = Kind::self;
  std::string value;  ///< name or pattern, decimal pid, absolute path, name or id of a container; empty for self

  [[nodiscard]] static Result<NamespaceRef> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  /// The file to open(2): "/run/netns/vpn", "/proc/4242/ns/net", "/proc/self/ns/net". Empty for a container, whose first process must be
  /// found before (find_container_process, ask_container_engine).
  [[nodiscard]] std::string file() const;

  [[nodiscard]] static NamespaceRef of_pid(pid_t pid);
  /// The process whose namespace is meant: of "pid:4242" and "path:/proc/4242/ns/net".
  [[nodiscard]] std::optional<pid_t> process() const;

  [[nodiscard]] bool is_pattern() const noexcept;
  /// True for "vpn-de" when this is the pattern "name:vpn-*".
  [[nodiscard]] bool matches(const std::string& name) const;
  /// What the pattern leaves open in a name that matches: "de" of "vpn-de" for "vpn-*".
  [[nodiscard]] std::string variable_part(std::string_view name) const;

  friend bool operator==(const NamespaceRef&, const NamespaceRef&) = default;
};

/// Where ip-netns(8) keeps the names.
inline constexpr const char* named_namespaces = "/run/netns";

}  // namespace vpn_sentinel
