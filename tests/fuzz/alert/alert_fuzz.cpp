// Stored notices, users' templates, alerts.toml and the answers of services: whatever comes, nothing breaks, what is private stays so and
// what is read once reads the same again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "hub/alert/channel_config.hpp"
#include "hub/alert/channel_reply.hpp"
#include "hub/alert/mail_message.hpp"
#include "hub/alert/message.hpp"
#include "hub/alert/notice_template.hpp"
#include "hub/alert/notice_words.hpp"

using namespace vpn_sentinel;

namespace {

void must(bool condition) {
  if (!condition) std::abort();
}

void render(const Notice& notice) {
  must(telegram_html(notice).size() <= 4'000);
  must(plain_body(notice, 1'000).size() <= 1'000);
  static_cast<void>(mail_html(notice));
  for (const auto& line : without_private(notice).facts) must(!line.is_private);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto notice = parse_notice(text)) {
    render(*notice);
    const auto again = parse_notice(to_text(*notice));
    must(again.has_value() && to_text(*again) == to_text(*notice));
  }
  Notice notice;
  notice.title = text;
  notice.text = text;
  if (const auto made = NoticeTemplate::parse(text)) static_cast<void>(made->render(notice, "1", "phone", escape_json));
  static_cast<void>(without_addresses(text.substr(0, 4'000)));
  static_cast<void>(encoded_words(text));
  if (auto document = toml::parse(text, std::string("alerts.toml"))) {
    static_cast<void>(parse_channels(document.table(), "alerts.toml", {{"TOKEN", "secret"}}));
  }
  if (size > 1) {
    static_cast<void>(read_channel_reply(static_cast<ChannelConfig::Kind>(data[0] % 7), 200 + data[1] * 2, text.substr(2), {}));
  }
  return 0;
}
