/// Has the tracer for all targets of a loop: starts it beside the loop, because the first verdict must not wait for it, takes what it tells
/// as it comes, and says once whether there is one. One per loop: boost::asio::use_service<TracerKeeper>(io). Used on the loop's thread.
#pragma once

#include <atomic>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "netns/base/result.hpp"
#include "probe/connections/program_tracer.hpp"

namespace vpn_sentinel {

class TracerKeeper : public boost::asio::execution_context::service {
 public:
  static inline boost::asio::execution_context::id id;

  struct News {
    enum class What : std::uint8_t {
      started,
      refused,     ///< there is no tracer; the next source is used instead
      no_holders,  ///< programs of sockets that are older than the tracer are asked of sock_diag
      lossy,       ///< told once, and again when ten times as much was lost
    };
    What what = What::started;
    std::string detail;  ///< why, with the remedy; of started what it lacks
  };
  using Teller = std::function<void(const News&)>;
  using Handler = std::function<void()>;
  /// Ends with its last copy.
  using Subscription = std::shared_ptr<const Handler>;

  explicit TracerKeeper(boost::asio::execution_context& context);

  /// For the log.
  void on_news(Teller teller) { teller_ = std::move(teller); }
  /// `handler` is called when it is known whether there is a tracer, and when it told of something. Never from inside.
  [[nodiscard]] Subscription subscribe(Handler handler);
  /// A moment later, when the first verdict has been told; only the first call does something.
  void begin();

  /// Null: it was not begun, is being started, or there is none.
  [[nodiscard]] const std::shared_ptr<ProgramTracer>& tracer() const noexcept { return tracer_; }
  /// Why there is none; empty: there is one, or it is not known yet.
  [[nodiscard]] const std::string& refused() const noexcept { return refused_; }
  /// Looks for the programs of older sockets, on the helper thread; one look serves all that asked before it began.
  void find_holders();

 private:
  struct Begins;

  void shutdown() override;
  void take(Result<std::shared_ptr<ProgramTracer>> started);
  void wait();
  void poll_in_a_second();
  void poll();
  void tell(News::What what, std::string detail);
  void tell_all();
  void check_losses();

  boost::asio::io_context& io_;
  boost::asio::steady_timer timer_;
  boost::asio::posix::stream_descriptor descriptor_;
  Teller teller_;
  std::vector<std::weak_ptr<const Handler>> subscribers_;
  std::shared_ptr<ProgramTracer> tracer_;
  std::string refused_;
  bool begun_ = false;
  bool no_holders_told_ = false;
  std::shared_ptr<std::atomic<bool>> look_waits_ = std::make_shared<std::atomic<bool>>(false);  ///< for older sockets, and has not begun
  std::uint64_t told_losses_ = 0;
};

/// "program_tracer_started", …: stable words for the log.
[[nodiscard]] std::string_view to_string(TracerKeeper::News::What what);

}  // namespace vpn_sentinel
