/// One call of the Bot API after the other, for a thread that waits for each answer and can be told to end from another one.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "netns/base/result.hpp"
#include "netns/clients/http_client.hpp"

namespace vpn_sentinel {

class BotLine {
 public:
  struct Answer {
    long status = 0;
    std::string body;
    std::optional<std::chrono::seconds> retry_after;
  };
  struct Failure {
    bool reached = false;  ///< there was a connection: whether the server has heard the call is not known
    std::string reason;    ///< never holds the token
  };
  using Outcome = tl::expected<Answer, Failure>;

  BotLine(std::string api_url, std::string bot_token, std::string ca_file);
  BotLine(const BotLine&) = delete;
  BotLine& operator=(const BotLine&) = delete;

  /// Waits for the answer. After end() nothing is asked: a failure that was not reached.
  [[nodiscard]] Outcome call(std::string_view method, const nlohmann::json& body, std::chrono::milliseconds timeout, bool may_end_at_once);
  /// False: it is to end.
  bool pause(std::chrono::milliseconds time);
  [[nodiscard]] bool ended() const noexcept { return ended_; }

  /// From another thread: what may end at once does, everything else within `patience`.
  void end(std::chrono::milliseconds patience);

  /// The text without the token.
  [[nodiscard]] std::string clean(std::string text) const;

 private:
  std::string api_url_;
  std::string token_;
  std::string ca_file_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer patience_;
  HttpClient client_;
  std::atomic<bool> ended_{false};
  bool at_once_ = false;  ///< of the call under way
  bool no_more_ = false;  ///< the patience is at its end
};

}  // namespace vpn_sentinel
