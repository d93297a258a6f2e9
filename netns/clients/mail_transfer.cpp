#include "netns/clients/mail_transfer.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <string_view>

#include "netns/clients/curl_multi.hpp"
#include "netns/clients/curl_values.hpp"

namespace vpn_sentinel {
namespace {

struct FreeEasy {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
struct FreeMime {
  void operator()(curl_mime* mime) const noexcept { curl_mime_free(mime); }
};
using List = std::unique_ptr<curl_slist, FreeList>;

constexpr std::size_t most_line = 300;
constexpr std::size_t most_refused = 20;

bool is_plain(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20U || c == 0x7f; });
}

Result<void> check(const MailRequest& request) {
  const auto control = [](std::string_view what) { return fail(Error::Kind::invalid, fmt::format("{} holds a control character", what)); };
  if (!is_plain(request.url)) return control("the address of the mail server");
  if (!is_plain(request.from)) return control("the sender's address");
  for (const auto& recipient : request.recipients) {
    if (!is_plain(recipient)) return control("a recipient's address");
  }
  for (const auto& [name, value] : request.headers) {
    if (!is_plain(name) || !is_plain(value)) return control(fmt::format("the header {}", name));
  }
  return {};
}

class MailTransfer {
 public:
  MailTransfer(const MailRequest& request, const std::atomic<bool>& stop) : request_(request), stop_(stop), easy_(curl_easy_init()) {
    if (!easy_) throw std::bad_alloc();
    set_connection();
    set_envelope();
    set_content();
  }
  MailTransfer(const MailTransfer&) = delete;
  MailTransfer& operator=(const MailTransfer&) = delete;

  MailReply run() {
    const auto code = curl_easy_perform(easy_.get());
    MailReply reply;
    reply.accepted = code == CURLE_OK;
    reply.login_denied = code == CURLE_LOGIN_DENIED;
    reply.untrusted = code == CURLE_PEER_FAILED_VERIFICATION;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &reply.code);
    if (reply.accepted) {
      reply.refused = std::move(bad_lines_);
      return reply;
    }
    // A server that speaks says why by a code; else it is the way to it.
    const bool answered = !bad_lines_.empty() && code != CURLE_OPERATION_TIMEDOUT;
    reply.unreachable = !answered && !reply.login_denied && code != CURLE_USE_SSL_FAILED;
    reply.line = answered ? bad_lines_.back() : error_text_[0] != '\0' ? error_text_.data() : curl_easy_strerror(code);
    if (code == CURLE_USE_SSL_FAILED) reply.line = "the server offers no TLS (STARTTLS)";
    return reply;
  }

 private:
  void set_connection() {
    auto* easy = easy_.get();
    set_option(easy, CURLOPT_URL, request_.url.c_str());
    set_option(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    set_option(easy, CURLOPT_PROXY, "");
    set_option(easy, CURLOPT_NOSIGNAL, 1L);
    set_option(easy, CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(request_.timeout.count())));
    set_option(easy, CURLOPT_QUICK_EXIT, 1L);
    set_option(easy, CURLOPT_USE_SSL, static_cast<long>(request_.require_starttls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
    set_option(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!request_.ca_file.empty()) {
      set_option(easy, CURLOPT_CAINFO, request_.ca_file.c_str());
      set_option(easy, CURLOPT_CAPATH, nullptr);  // libcurl would go on trusting the system's directory
    }
    if (!request_.user.empty()) {
      set_option(easy, CURLOPT_USERNAME, request_.user.c_str());
      set_option(easy, CURLOPT_PASSWORD, request_.password.c_str());
    }
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text_.data());
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &MailTransfer::take_line);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, &MailTransfer::goes_on);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, this);
    set_option(easy, CURLOPT_NOPROGRESS, 0L);
  }

  void set_envelope() {
    auto* easy = easy_.get();
    set_option(easy, CURLOPT_MAIL_FROM, fmt::format("<{}>", request_.from).c_str());
    for (const auto& recipient : request_.recipients) append_line(recipients_, fmt::format("<{}>", recipient));
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, recipients_.get());
    // One who has left must not keep the alert from the others.
    set_option(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
  }

  static curl_mimepart* add_part(curl_mime* mime, const std::string& text, const char* type) {
    auto* part = curl_mime_addpart(mime);
    curl_mime_data(part, text.data(), text.size());
    curl_mime_type(part, type);
    curl_mime_encoder(part, "base64");
    return part;
  }

  void set_content() {
    auto* easy = easy_.get();
    mime_.reset(curl_mime_init(easy));
    if (!mime_) throw std::bad_alloc();
    if (request_.html.empty()) {
      add_part(mime_.get(), request_.text, "text/plain; charset=utf-8");
    } else {
      auto* both = curl_mime_init(easy);
      if (both == nullptr) throw std::bad_alloc();
      add_part(both, request_.text, "text/plain; charset=utf-8");
      add_part(both, request_.html, "text/html; charset=utf-8");  // the last one is the best
      auto* part = curl_mime_addpart(mime_.get());
      curl_mime_subparts(part, both);
      curl_mime_type(part, "multipart/alternative");
      // libcurl calls parts of a form attachments of it.
      curl_slist* inline_part = curl_slist_append(nullptr, "Content-Disposition: inline");
      curl_mime_headers(part, inline_part, 1);
    }
    for (const auto& attachment : request_.attachments) {
      curl_mime_filename(add_part(mime_.get(), attachment.data, attachment.type.c_str()), attachment.name.c_str());
    }
    curl_easy_setopt(easy, CURLOPT_MIMEPOST, mime_.get());
    for (const auto& [name, value] : request_.headers) append_line(headers_, fmt::format("{}: {}", name, value));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());
  }

  static std::size_t take_line(char* data, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<MailTransfer*>(self);
    std::string_view line(data, size * count);
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    const bool bad = line.starts_with('4') || line.starts_with('5');
    if (bad && transfer.bad_lines_.size() < most_refused) {
      auto& text = transfer.bad_lines_.emplace_back(line.substr(0, most_line));
      std::erase_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20U || static_cast<unsigned char>(c) >= 0x7fU; });
    }
    return size * count;
  }

  static int goes_on(void* self, curl_off_t /*total*/, curl_off_t /*now*/, curl_off_t /*up*/, curl_off_t /*sent*/) {
    return static_cast<const MailTransfer*>(self)->stop_ ? 1 : 0;
  }

  const MailRequest& request_;
  const std::atomic<bool>& stop_;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  std::vector<std::string> bad_lines_;
  List recipients_;
  List headers_;
  std::unique_ptr<CURL, FreeEasy> easy_;
  std::unique_ptr<curl_mime, FreeMime> mime_;  ///< goes before the handle
};

}  // namespace

Result<MailReply> send_mail(const MailRequest& request, const std::atomic<bool>& stop) {
  if (auto checked = check(request); !checked) return fail(checked.error());
  init_curl();
  return MailTransfer(request, stop).run();
}

}  // namespace vpn_sentinel
