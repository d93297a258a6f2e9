#include "hub/alert/telegram.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <thread>
#include <utility>

#include "hub/alert/message.hpp"
#include "hub/alert/telegram_reply.hpp"
#include "netns/base/backoff.hpp"
#include "netns/base/random.hpp"
#include "netns/clients/http_client.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::milliseconds;

/// More stay in the store until the next start; the engine never has more than this under way.
constexpr std::size_t most_waiting = 1'000;
/// So many messages that are refused one after the other are not to blame themselves.
constexpr std::size_t most_doubtful = 20;

/// One message at a time: Telegram keeps the order only then, and asks for a second between messages to one chat anyway.
class Sender final : public TelegramSender {
 public:
  Sender(TelegramOptions options, Hooks hooks)
      : options_(std::move(options)),
        hooks_(std::move(hooks)),
        work_(boost::asio::make_work_guard(io_)),
        timer_(io_),
        client_(io_),
        backoff_(options_.first_retry, options_.most_retry),
        thread_([this] { io_.run(); }) {}

  ~Sender() override {
    io_.stop();
    thread_.join();
  }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  void enqueue(std::vector<StoredAlert> alerts) override {
    boost::asio::post(io_, [this, alerts = std::move(alerts)]() mutable {
      for (auto& alert : alerts) {
        if (waiting_.size() < most_waiting) waiting_.push_back(std::move(alert));
      }
      if (!busy_) send_next();
    });
  }

 private:
  void send_next() {
    if (waiting_.empty()) take_back_doubtful();
    busy_ = !waiting_.empty();
    if (!busy_) return;
    // A row of an older hub holds the HTML itself.
    const auto notice = parse_notice(waiting_.front().text);
    const auto text = notice ? telegram_html(*notice) : waiting_.front().text;
    HttpRequest request;
    request.method = "POST";
    request.url = fmt::format("{}/bot{}/sendMessage", options_.api_url, options_.bot_token);
    request.headers = {{"Content-Type", "application/json"}};
    request.body = telegram_body(options_.chat_id, html_ ? text : plain_text(text), html_);
    request.timeout = options_.timeout;
    request.ca_file = options_.ca_file;
    request.fresh_connection = false;
    client_.send(std::move(request), [this](Result<HttpResponse> response) { on_response(std::move(response)); });
  }

  void on_response(Result<HttpResponse> response) {
    if (!response) return retry(response.error().message, backoff_.next(random_unit()));
    const auto reply = read_telegram_reply(response->status, response->body, response->retry_after);
    switch (reply.kind) {
      case TelegramReply::Kind::delivered:
        give_up_doubtful();
        return finish([this](std::int64_t id) { hooks_.on_delivered(id); });
      case TelegramReply::Kind::bad_text:
        return refused(reply.reason);
      case TelegramReply::Kind::refused:
        return doubt(reply.reason);
      case TelegramReply::Kind::chat_moved:
        return follow_chat(reply);
      case TelegramReply::Kind::wrong_setup:
        return retry(reply.reason, options_.most_retry);
      case TelegramReply::Kind::try_again: {
        const milliseconds own = backoff_.next(random_unit());
        return retry(reply.reason, reply.pause ? milliseconds{*reply.pause} : own);
      }
    }
  }

  /// An alert with wrong tags is better than none: once more as plain text.
  void refused(const std::string& reason) {
    if (html_) {
      html_ = false;
      return send_next();
    }
    finish([&](std::int64_t id) { hooks_.on_failed(id, without_token(reason), true); });
  }

  /// The words of a later version may mean this text or every text. It steps aside, so that the next one shows which: when that one is
  /// delivered, the chat takes messages and this one is refused for good; when none is, it was not the text, and nothing is given up.
  void doubt(const std::string& reason) {
    if (std::exchange(html_, false)) return send_next();
    html_ = true;
    doubtful_.push_back({std::move(waiting_.front()), reason});
    waiting_.pop_front();
    if (!waiting_.empty() && doubtful_.size() < most_doubtful) return send_next();
    retry(reason, options_.most_retry);
  }

  void take_back_doubtful() {
    for (; !doubtful_.empty(); doubtful_.pop_back()) waiting_.push_front(std::move(doubtful_.back().alert));
  }

  void give_up_doubtful() {
    for (const auto& [alert, reason] : std::exchange(doubtful_, {})) hooks_.on_failed(alert.id, without_token(reason), true);
  }

  void follow_chat(const TelegramReply& reply) {
    if (reply.new_chat_id == options_.chat_id) return retry(reply.reason, options_.most_retry);
    options_.chat_id = reply.new_chat_id;
    retry(fmt::format("the chat has moved to {}; set it as the chat id", reply.new_chat_id), milliseconds{0});
  }

  template <typename Tell>
  void finish(Tell tell) {
    const auto id = waiting_.front().id;
    waiting_.pop_front();
    html_ = true;
    backoff_.reset();
    tell(id);
    send_next();
  }

  void retry(const std::string& reason, milliseconds pause) {
    take_back_doubtful();  // what comes after a while shows nothing about what was before
    hooks_.on_failed(waiting_.front().id, without_token(reason), false);
    timer_.expires_after(pause);
    timer_.async_wait([this](boost::system::error_code error) {
      if (!error) send_next();
    });
  }

  /// Errors of the transport may name the URL.
  std::string without_token(std::string text) const {
    if (options_.bot_token.empty()) return text;
    for (auto at = text.find(options_.bot_token); at != std::string::npos; at = text.find(options_.bot_token, at + 3)) {
      text.replace(at, options_.bot_token.size(), "***");
    }
    return text;
  }

  TelegramOptions options_;
  Hooks hooks_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer timer_;
  HttpClient client_;
  Backoff backoff_;
  struct Doubtful {
    StoredAlert alert;
    std::string reason;
  };

  std::deque<StoredAlert> waiting_;
  std::deque<Doubtful> doubtful_;  ///< refused in words that nobody knows, before the one at the front of `waiting_`
  bool busy_ = false;
  bool html_ = true;  ///< of the message at the front
  std::thread thread_;
};

}  // namespace

std::unique_ptr<TelegramSender> TelegramSender::start(TelegramOptions options, Hooks hooks) {
  return std::make_unique<Sender>(std::move(options), std::move(hooks));
}

}  // namespace vpn_sentinel
