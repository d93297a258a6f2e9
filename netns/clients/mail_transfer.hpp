/// One mail by SMTP with libcurl: TLS, log-in, plain text and HTML side by side.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

struct MailAttachment {
  std::string name;  ///< of the file, ASCII
  std::string type;  ///< "text/html; charset=utf-8"
  std::string data;
};

struct MailRequest {
  std::string url;                ///< "smtp://host:587", or "smtps://host:465" for TLS from the first byte
  bool require_starttls = false;  ///< of smtp: without TLS nothing is sent, not even the log-in
  std::string user;               ///< empty: no log-in
  std::string password;
  std::string from;                                          ///< the bare address
  std::vector<std::string> recipients;                       ///< bare addresses
  std::vector<std::pair<std::string, std::string>> headers;  ///< ASCII, without line breaks; From, To, Subject, Date and Message-ID too
  std::string text;                                          ///< UTF-8
  std::string html;                                          ///< UTF-8; empty: text alone
  std::vector<MailAttachment> attachments;                   ///< files that go with it
  std::string ca_file;                                       ///< PEM bundle that is trusted alone; empty: the system's
  std::chrono::milliseconds timeout{10'000};                 ///< for everything
};

struct MailReply {
  bool accepted = false;
  bool unreachable = false;  ///< no complete answer: name, connection, TLS, time
  bool untrusted = false;    ///< the server's certificate proves nothing: it is another host's, too old, or nobody trusted made it
  bool login_denied = false;
  long code = 0;                     ///< SMTP's last one; 0: none
  std::string line;                  ///< why not: the server's last line with a bad code, or what libcurl says
  std::vector<std::string> refused;  ///< lines about recipients that the server did not take while it took others
};

/// Blocks until the mail is taken or refused; ends within about a second when `stop` becomes true. Any thread. invalid: an address, a
/// header or the URL holds a line break or another control character.
[[nodiscard]] Result<MailReply> send_mail(const MailRequest& request, const std::atomic<bool>& stop);

}  // namespace vpn_sentinel
