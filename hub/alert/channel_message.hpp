/// Notices as the requests of each service that is reached by one HTTP POST. Pure.
#pragma once

#include <string>
#include <string_view>

#include "hub/alert/channel.hpp"
#include "hub/alert/notice.hpp"
#include "hub/store/store.hpp"
#include "netns/clients/http_client.hpp"

namespace vpn_sentinel {

/// What is to be said of a stored message, without what is private if `privacy`. A row of an older hub becomes plain text.
[[nodiscard]] Notice notice_to_send(const StoredAlert& alert, bool privacy);

/// The request that carries `notice` to a channel of kind webhook, ntfy, discord, slack or apprise. `id`: see message_id(). `now` is signed
/// with a webhook's body, so that nobody can send it again later.
[[nodiscard]] HttpRequest channel_request(const ChannelConfig& channel, const Notice& notice, const std::string& id, WallTime now);

/// "sha256=" and HMAC-SHA256 (hexadecimal) of "TIMESTAMP.BODY": what X-VPN-Sentinel-Signature holds.
[[nodiscard]] std::string webhook_signature(std::string_view secret, std::string_view timestamp, std::string_view body);

/// `text` with "***" in the place of `secret`.
[[nodiscard]] std::string without_secret(std::string text, std::string_view secret);

}  // namespace vpn_sentinel
