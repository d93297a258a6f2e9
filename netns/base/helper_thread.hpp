/// A thread of a loop for questions that block, so that the loop never does. One for each purpose, whatever the number of targets: who
/// waits long for one thing holds up nothing else.
#pragma once

#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <type_traits>
#include <utility>

namespace vpn_sentinel {

/// State of a thread that has none.
struct NoState {};

/// boost::asio::use_service<HelperThread<Purpose>>(io), where `Purpose` is any type. `State` belongs to the thread, so that what one
/// question has found out serves the next. Ends with its loop: what was begun is finished first, what waits is given up.
template <typename Purpose, typename State = NoState>
class HelperThread : public boost::asio::execution_context::service {
 public:
  static inline boost::asio::execution_context::id id;
  explicit HelperThread(boost::asio::execution_context& context) : service(context) {}
  /// `work` is called on the thread, after what came before it, with the state if it takes that. From any thread.
  template <typename Work>
  void run(Work&& work) {
    if constexpr (std::is_invocable_v<std::decay_t<Work>&, State&>) {
      boost::asio::post(pool_, [this, work = std::forward<Work>(work)]() mutable { work(state_); });
    } else {
      boost::asio::post(pool_, std::forward<Work>(work));
    }
  }

 private:
  void shutdown() override {
    pool_.stop();
    pool_.join();
  }
  State state_;
  boost::asio::thread_pool pool_{1};
};

}  // namespace vpn_sentinel
