/// The one tracer of this process, whoever uses it: BPF programs are attached once, and each user hears of his own namespace. May be used
/// from several threads; a call waits for another one that goes on, microseconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "ebpf/socket_survey.hpp"
#include "ebpf/tracer.hpp"
#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

class ProgramTracer {
 public:
  /// One user of one namespace. What is told is kept until it is taken: 16,384 records (3 MB) at most.
  class Space {
   public:
    Space(std::shared_ptr<ProgramTracer> tracer, std::uint64_t netns) : tracer_(std::move(tracer)), netns_(netns) {}
    Space(const Space&) = delete;
    Space& operator=(const Space&) = delete;
    /// The namespace is forgotten with its last user.
    ~Space();

    /// For all users of the namespace; does nothing when it is as before.
    [[nodiscard]] Result<void> watch(const WatchedSpace& space);
    /// What has come since the last call.
    [[nodiscard]] std::vector<FlowRecord> take();
    /// Records that there was no room for, since the beginning.
    [[nodiscard]] std::size_t lost() const;
    [[nodiscard]] ProgramTracer& tracer() const noexcept { return *tracer_; }

   private:
    friend class ProgramTracer;
    std::shared_ptr<ProgramTracer> tracer_;
    std::uint64_t netns_;
    std::vector<FlowRecord> waiting_;
    std::size_t lost_ = 0;
  };

  /// Starts it when nobody has it: milliseconds. Errors as of Tracer::start(). The probe's own packets are known by own_priority().
  [[nodiscard]] static Result<std::shared_ptr<ProgramTracer>> shared();

  explicit ProgramTracer(Tracer tracer) : tracer_(std::move(tracer)) {}
  ProgramTracer(const ProgramTracer&) = delete;
  ProgramTracer& operator=(const ProgramTracer&) = delete;

  /// Begins to watch the namespace of `opener`, as `space` says unless another user has said what is inside.
  [[nodiscard]] static Result<std::unique_ptr<Space>> join(const std::shared_ptr<ProgramTracer>& tracer, const SocketOpener& opener,
                                                           const WatchedSpace& space = {});

  [[nodiscard]] TracerAbilities abilities() const { return tracer_.abilities(); }
  /// Readable when a leak was told; poll() takes it.
  [[nodiscard]] int descriptor() const { return tracer_.descriptor(); }
  /// Hands out what the BPF programs have told, and once a second has them tell everything. To be called as often.
  void poll(MonoTime now);
  [[nodiscard]] TracerLosses losses() const;

  /// Gives sockets that are older than join() their programs (OwnerBy::held). Blocks: 1 µs for each descriptor of the machine, the first
  /// time some ten milliseconds more. Errors as of SocketSurvey::start().
  [[nodiscard]] Result<void> find_holders();

 private:
  struct Known {
    WatchedSpace space;
    std::vector<Space*> users;
  };

  void leave(Space& user);

  mutable std::mutex mutex_;
  Tracer tracer_;
  std::map<std::uint64_t, Known> spaces_;  ///< by cookie
  MonoTime ticked_{};
  mutable std::mutex survey_mutex_;
  std::optional<SocketSurvey> survey_;
};

}  // namespace vpn_sentinel
