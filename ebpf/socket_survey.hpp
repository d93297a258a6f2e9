/// Beside the Tracer, what needs the kernel's BTF (sockets.bpf.c; Linux 5.11, CAP_PERFMON): who holds sockets that are older than the
/// tracer, what each socket has sent until now, and when TCP connections begin and end. The tracer works without it.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "ebpf/records.hpp"
#include "ebpf/tracer.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

template <typename Row>
struct SurveyRows {
  std::vector<Row> rows;
  bool cut = false;  ///< there were more than asked for
};

/// Records of FlowEvent::established and ended come by the tracer's rings while it lives. Its functions may be called on another thread
/// than the tracer's, one at a time.
class SocketSurvey {
 public:
  static constexpr std::size_t most_rows = 1'000'000;

  /// `tracer` is needed for this call only.
  [[nodiscard]] static Result<SocketSurvey> start(const Tracer& tracer);

  SocketSurvey(SocketSurvey&&) noexcept;
  SocketSurvey& operator=(SocketSurvey&&) noexcept;
  ~SocketSurvey();

  /// Every descriptor of a socket of the watched namespaces, in all processes. Sockets without an owner get one by that (OwnerBy::held),
  /// and are counted from now on whatever the kernel. About 1 µs for each descriptor of the machine: not for an event loop.
  [[nodiscard]] Result<SurveyRows<DescriptorHolder>> holders(std::size_t most = most_rows) const;
  /// The counts as they stand, of every socket of which something is known.
  [[nodiscard]] Result<SurveyRows<SocketFlow>> flows(std::size_t most = most_rows) const;
  /// Of the programs of the survey alone.
  [[nodiscard]] TracerLosses losses() const;

 private:
  struct State;
  explicit SocketSurvey(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace vpn_sentinel
