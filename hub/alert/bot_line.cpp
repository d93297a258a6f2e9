#include "hub/alert/bot_line.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

namespace vpn_sentinel {
namespace {

/// Twenty updates of the longest texts, with the messages that they answer.
constexpr std::size_t most_bytes = std::size_t{4} * 1024 * 1024;

}  // namespace

BotLine::BotLine(std::string api_url, std::string bot_token, std::string ca_file)
    : api_url_(std::move(api_url)),
      token_(std::move(bot_token)),
      ca_file_(std::move(ca_file)),
      work_(boost::asio::make_work_guard(io_)),
      patience_(io_),
      client_(io_) {}

BotLine::Outcome BotLine::call(std::string_view method, const nlohmann::json& body, std::chrono::milliseconds timeout,
                               bool may_end_at_once) {
  if (ended_) return tl::unexpected(Failure{false, "the hub ends"});
  HttpRequest request;
  request.method = "POST";
  request.url = fmt::format("{}/bot{}/{}", api_url_, token_, method);
  request.headers = {{"Content-Type", "application/json"}};
  request.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  request.timeout = timeout;
  request.ca_file = ca_file_;
  request.fresh_connection = false;
  request.most_bytes = most_bytes;
  request.progress = std::make_shared<HttpProgress>();
  const auto progress = request.progress;
  std::optional<Result<HttpResponse>> response;
  const auto id = client_.send(std::move(request), [&response](Result<HttpResponse> result) { response = std::move(result); });
  at_once_ = may_end_at_once;
  while (!response && !(ended_ && (at_once_ || no_more_))) io_.run_one();
  if (!response) {
    client_.cancel(id);
    return tl::unexpected(Failure{true, "the hub ends"});
  }
  if (!*response) return tl::unexpected(Failure{progress->connected, clean(response->error().message)});
  return Answer{(*response)->status, std::move((*response)->body), (*response)->retry_after};
}

bool BotLine::pause(std::chrono::milliseconds time) {
  boost::asio::steady_timer timer(io_, time);
  const auto over = std::make_shared<bool>(false);  // the handler may come when this has returned
  timer.async_wait([over](boost::system::error_code) { *over = true; });
  while (!*over && !ended_) io_.run_one();
  return !ended_;
}

void BotLine::end(std::chrono::milliseconds patience) {
  ended_ = true;
  boost::asio::post(io_, [this, patience] {
    patience_.expires_after(patience);
    patience_.async_wait([this](boost::system::error_code error) { no_more_ = no_more_ || !error; });
  });
}

std::string BotLine::clean(std::string text) const {
  if (token_.empty()) return text;
  for (auto at = text.find(token_); at != std::string::npos; at = text.find(token_, at + 3)) text.replace(at, token_.size(), "***");
  return text;
}

}  // namespace vpn_sentinel
