/// How a user names a network namespace.
#pragma once

#include <string>
#include <string_view>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// "self", "name:vpn" (ip-netns(8), below /run/netns), "pid:4242", "path:/proc/4242/ns/net".
struct NamespaceRef {
  enum class Kind { self, name, pid, path };
  Kind kind = Kind::self;
  std::string value;  ///< name, decimal pid or absolute path; empty for self

  [[nodiscard]] static Result<NamespaceRef> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  /// The file to open(2): "/run/netns/vpn", "/proc/4242/ns/net", "/proc/self/ns/net".
  [[nodiscard]] std::string file() const;

  friend bool operator==(const NamespaceRef&, const NamespaceRef&) = default;
};

}  // namespace vpn_sentinel
