/// A channel as it was set up: where messages go, and by which protocol.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/alert/notice_template.hpp"

namespace vpn_sentinel {

struct ChannelConfig {
  enum class Kind : std::uint8_t { telegram, webhook, ntfy, smtp, discord, slack, apprise };
  enum class Tls : std::uint8_t {
    starttls,  ///< required: no TLS, no mail
    tls,       ///< from the first byte (port 465)
    none,      ///< for a server on this machine
  };

  std::string name;  ///< 1-32 of [a-z0-9-]
  Kind kind = Kind::webhook;
  bool privacy = false;                              ///< addresses, places and providers are left out
  bool quiet = false;                                ///< arrives without a sound
  std::optional<NoticeTemplate> text_template = {};  ///< in the place of the channel's own words
  std::string url = {};                              ///< where to; of telegram the Bot API, of ntfy the server, of smtp "smtp://host:port"
  std::string secret = {};                           ///< bot token, signing key of a webhook, access token of ntfy, password of smtp
  std::string user = {};                             ///< of smtp and ntfy
  std::string chat = {};                             ///< of telegram
  std::optional<std::int64_t> thread = {};           ///< topic in a Telegram group
  bool buttons = false;                              ///< of telegram: a bot answers those under alerts
  std::string topic = {};                            ///< of ntfy
  std::string tags = {};                             ///< of apprise: which of its services
  std::string content_type = "application/json";     ///< of a webhook
  std::string from = {};                             ///< of smtp: an address
  std::vector<std::string> recipients = {};          ///< of smtp
  Tls tls = Tls::starttls;                           ///< of smtp
  std::string ca_file = {};                          ///< PEM bundle; empty: the system's
  std::chrono::milliseconds timeout{10'000};         ///< of one attempt
  std::chrono::milliseconds first_retry{1'000};
  std::chrono::milliseconds most_retry{60'000};
  friend bool operator==(const ChannelConfig&, const ChannelConfig&) = default;
};

[[nodiscard]] std::string_view to_string(ChannelConfig::Kind kind);

/// 1-32 of [a-z0-9-].
[[nodiscard]] bool is_valid_channel_name(std::string_view name);

}  // namespace vpn_sentinel
