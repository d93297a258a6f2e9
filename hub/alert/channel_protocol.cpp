#include "hub/alert/channel_protocol.hpp"

#include <fmt/format.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <utility>

#include "hub/alert/channel_message.hpp"
#include "hub/alert/channel_reply.hpp"
#include "hub/alert/mail_message.hpp"
#include "hub/alert/monthly_report.hpp"
#include "hub/alert/notice_words.hpp"
#include "hub/alert/telegram.hpp"
#include "netns/clients/http_client.hpp"
#include "netns/clients/mail_transfer.hpp"

namespace vpn_sentinel {
namespace {

class HttpProtocol final : public Protocol {
 public:
  HttpProtocol(boost::asio::io_context& io, ChannelConfig channel) : channel_(std::move(channel)), client_(io) {}

  void send(const StoredAlert& alert, bool /*simple*/, Handler handler) override {
    const auto notice = notice_to_send(alert, channel_.privacy);
    auto request = channel_request(channel_, notice, message_id(alert.id, alert.created), wall_now());
    client_.send(std::move(request), [this, handler = std::move(handler)](const Result<HttpResponse>& response) {
      auto delivery = response ? read_channel_reply(channel_.kind, response->status, response->body, response->retry_after)
                               : Delivery{Delivery::Kind::try_again, response.error().message};
      delivery.reason = without_secret(std::move(delivery.reason), channel_.secret);
      handler(std::move(delivery));
    });
  }

 private:
  ChannelConfig channel_;
  HttpClient client_;
};

std::string not_to(const std::vector<std::string>& refused) {
  std::string list;
  for (const auto& line : refused) list += fmt::format("{}{}", list.empty() ? "not everybody got it: " : "; ", line);
  return list;
}

Delivery delivery_of(const MailReply& reply) {
  using enum Delivery::Kind;
  if (reply.accepted) return {delivered, not_to(reply.refused)};
  if (reply.untrusted) return {try_again, fmt::format("{}; check host and ca_file", reply.line)};
  if (reply.unreachable) return {try_again, reply.line};
  if (reply.login_denied) return {wrong_setup, fmt::format("the log-in was refused: {}; check user and password", reply.line)};
  if (reply.code >= 400 && reply.code < 500) return {try_again, reply.line};
  // 552: too large, 554: what the content is taken for. All else is about who sends and who is to get it.
  if (reply.code == 552 || reply.code == 554) return {refused, reply.line};
  return {wrong_setup, reply.line};
}

/// libcurl blocks the sender's own thread, and nobody else's.
class MailProtocol final : public Protocol {
 public:
  MailProtocol(boost::asio::io_context& io, ChannelConfig channel) : io_(io), channel_(std::move(channel)) {}

  void send(const StoredAlert& alert, bool /*simple*/, Handler handler) override {
    boost::asio::post(io_, [this, alert, handler = std::move(handler)] {
      const auto notice = notice_to_send(alert, channel_.privacy);
      auto request = mail_request(channel_, notice, message_id(alert.id, alert.created), wall_now());
      if (auto page = page_of(alert.text)) request.attachments = {{page->name, "text/html; charset=utf-8", std::move(page->html)}};
      const auto reply = send_mail(request, stop_);
      auto delivery = reply ? delivery_of(*reply) : Delivery{Delivery::Kind::wrong_setup, reply.error().message};
      delivery.reason = without_secret(std::move(delivery.reason), channel_.secret);
      if (!stop_) handler(std::move(delivery));
    });
  }
  void abort() noexcept override { stop_ = true; }

 private:
  boost::asio::io_context& io_;
  ChannelConfig channel_;
  std::atomic<bool> stop_{false};
};

}  // namespace

MakeProtocol make_protocol(const ChannelConfig& channel) {
  switch (channel.kind) {
    case ChannelConfig::Kind::telegram:
      return telegram_protocol(channel);
    case ChannelConfig::Kind::smtp:
      return [channel](boost::asio::io_context& io) { return std::make_unique<MailProtocol>(io, channel); };
    default:
      return [channel](boost::asio::io_context& io) { return std::make_unique<HttpProtocol>(io, channel); };
  }
}

Delivery try_channel(const ChannelConfig& channel, const Notice& notice, const std::stop_token& stop) {
  boost::asio::io_context io{1};
  const auto protocol = make_protocol(channel)(io);
  Delivery result{Delivery::Kind::try_again, fmt::format("no answer within {} s", try_limit.count())};
  protocol->send({0, channel.name, to_text(notice), notice.noticed, 0}, false, [&](Delivery delivery) {
    result = std::move(delivery);
    io.stop();
  });
  const std::stop_callback on_stop(stop, [&] {
    protocol->abort();
    io.stop();
  });
  io.run_for(try_limit);
  if (stop.stop_requested() && result.kind == Delivery::Kind::try_again) result.reason = "the hub ends";
  return result;
}

}  // namespace vpn_sentinel
