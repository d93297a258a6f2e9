/// Asks a container engine for a container's first process: GET /containers/NAME/json of the Docker API at a unix socket, which Podman
/// serves too. Blocking, so for a helper thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

struct EngineAnswer {
  pid_t pid = 0;
  std::string id;  ///< the full one, 64 digits
  friend bool operator==(const EngineAnswer&, const EngineAnswer&) = default;
};

/// The meaning of one answer. not_found: no such container, or it does not run; failed: anything that is no answer of an engine.
[[nodiscard]] Result<EngineAnswer> read_engine_answer(std::string_view container, long status, std::string_view body);

/// `container` as of NamespaceRef. `give_up` is asked now and then from inside and ends the request early. Errors: unavailable (there is
/// no such socket, or nobody listens), not_permitted, timed_out, and those of read_engine_answer. At most 1 MiB is read.
[[nodiscard]] Result<EngineAnswer> ask_container_engine(const std::string& socket, const std::string& container,
                                                        std::chrono::milliseconds timeout, const std::function<bool()>& give_up);

}  // namespace vpn_sentinel
