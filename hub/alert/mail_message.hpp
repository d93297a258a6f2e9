/// Notices as mail: headers, plain text, and HTML that needs nothing from elsewhere. Pure.
#pragma once

#include <string>
#include <string_view>

#include "hub/alert/channel.hpp"
#include "hub/alert/notice.hpp"
#include "netns/clients/mail_transfer.hpp"

namespace vpn_sentinel {

/// `id` becomes the Message-ID: the same one at every attempt. `now` is the date.
[[nodiscard]] MailRequest mail_request(const ChannelConfig& channel, const Notice& notice, const std::string& id, WallTime now);

[[nodiscard]] std::string mail_html(const Notice& notice);

/// A header's value with other than ASCII letters (RFC 2047): words of at most 75 bytes that split no character.
[[nodiscard]] std::string encoded_words(std::string_view text);
/// RFC 5322 3.3, in UTC.
[[nodiscard]] std::string mail_date(WallTime time);

}  // namespace vpn_sentinel
