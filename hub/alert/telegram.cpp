#include "hub/alert/telegram.hpp"

#include <fmt/format.h>

#include <utility>

#include "hub/alert/bot_buttons.hpp"
#include "hub/alert/channel_message.hpp"
#include "hub/alert/message.hpp"
#include "hub/alert/monthly_report.hpp"
#include "hub/alert/notice_words.hpp"
#include "hub/alert/telegram_document.hpp"
#include "hub/alert/telegram_reply.hpp"
#include "netns/clients/http_client.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::milliseconds;

class TelegramProtocol final : public Protocol {
 public:
  TelegramProtocol(boost::asio::io_context& io, ChannelConfig channel)
      : channel_(std::move(channel)), seal_(channel_.secret), client_(io) {}

  void send(const StoredAlert& alert, bool simple, Handler handler) override {
    const auto text = text_of(alert);
    const TelegramPlace place{channel_.chat, channel_.thread, channel_.quiet};
    // Where markup or file are refused the words go alone.
    const auto page = simple ? std::nullopt : page_of(alert.text);
    HttpRequest request;
    request.method = "POST";
    request.url = fmt::format("{}/bot{}/{}", channel_.url, channel_.secret, page ? "sendDocument" : "sendMessage");
    if (page) {
      auto form = telegram_document(place, text, *page);
      request.headers = {{"Content-Type", std::move(form.content_type)}};
      request.body = std::move(form.body);
    } else {
      request.headers = {{"Content-Type", "application/json"}};
      request.body = telegram_body(place, simple ? plain_text(text) : text, !simple, buttons_of(alert));
    }
    request.timeout = channel_.timeout;
    request.ca_file = channel_.ca_file;
    request.fresh_connection = false;
    client_.send(std::move(request), [this, handler = std::move(handler)](const Result<HttpResponse>& response) {
      auto delivery = response ? delivery_of(*response) : Delivery{Delivery::Kind::try_again, response.error().message};
      delivery.reason = without_secret(std::move(delivery.reason), channel_.secret);
      handler(std::move(delivery));
    });
  }

  [[nodiscard]] bool has_simple() const override { return true; }

 private:
  std::string text_of(const StoredAlert& alert) const {
    // A row of an older hub holds the HTML itself.
    if (!channel_.privacy && !parse_notice(alert.text)) return alert.text;
    const auto notice = notice_to_send(alert, channel_.privacy);
    if (!channel_.text_template) return telegram_html(notice);
    return channel_.text_template->render(notice, message_id(alert.id, alert.created), channel_.name, escape_html);
  }

  /// Under what is about an incident that goes on; of a recovery nothing is left to do.
  nlohmann::json buttons_of(const StoredAlert& alert) const {
    const auto notice = channel_.buttons ? parse_notice(alert.text) : std::nullopt;
    if (!notice || !notice->incident || notice->client_id.empty() || notice->to == State::secure) return {};
    return alert_buttons(seal_, *notice->incident, notice->client_id);
  }

  Delivery delivery_of(const HttpResponse& response) {
    const auto reply = read_telegram_reply(response.status, response.body, response.retry_after);
    using enum Delivery::Kind;
    switch (reply.kind) {
      case TelegramReply::Kind::delivered:
        return {delivered};
      case TelegramReply::Kind::bad_text:
        return {bad_text, reply.reason};
      case TelegramReply::Kind::refused:
        return {refused, reply.reason};
      case TelegramReply::Kind::chat_moved:
        return follow_chat(reply);
      case TelegramReply::Kind::wrong_setup:
        return {wrong_setup, reply.reason};
      case TelegramReply::Kind::try_again:
        break;
    }
    return {try_again, reply.reason, reply.pause};
  }

  Delivery follow_chat(const TelegramReply& reply) {
    if (reply.new_chat_id == channel_.chat) return {Delivery::Kind::wrong_setup, reply.reason};
    channel_.chat = reply.new_chat_id;
    return {Delivery::Kind::try_again, fmt::format("the chat has moved to {}; set it as the chat id", reply.new_chat_id), milliseconds{0}};
  }

  ChannelConfig channel_;
  BotSeal seal_;
  HttpClient client_;
};

}  // namespace

ChannelConfig channel_of(const TelegramOptions& options) {
  ChannelConfig channel;
  channel.name = "telegram";
  channel.kind = ChannelConfig::Kind::telegram;
  channel.url = options.api_url;
  channel.secret = options.bot_token;
  channel.chat = options.chat_id;
  channel.ca_file = options.ca_file;
  return channel;
}

MakeProtocol telegram_protocol(ChannelConfig channel) {
  return [channel = std::move(channel)](boost::asio::io_context& io) { return std::make_unique<TelegramProtocol>(io, channel); };
}

}  // namespace vpn_sentinel
