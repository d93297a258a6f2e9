#include "netns/clients/http_url.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <charconv>
#include <memory>

namespace vpn_sentinel {
namespace {

struct FreeUrl {
  void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};

/// Empty when the part is absent.
std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

std::uint16_t number(const std::string& text) {
  std::uint16_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

Result<HttpUrl> HttpUrl::parse(const std::string& text) {
  const std::unique_ptr<CURLU, FreeUrl> url(curl_url());
  if (!url || text.find('\0') != std::string::npos || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    return fail(Error::Kind::invalid, "the URL is not valid: expected http://HOST/… or https://HOST/…");
  }
  HttpUrl result;
  result.scheme = part(url.get(), CURLUPART_SCHEME);
  result.host = part(url.get(), CURLUPART_HOST);
  if ((result.scheme != "http" && result.scheme != "https") || result.host.empty()) {
    return fail(Error::Kind::invalid, "the URL is not valid: it must start with http:// or https://");
  }
  if (!part(url.get(), CURLUPART_USER).empty()) {
    return fail(Error::Kind::invalid, "the URL has a user name in it: give credentials in a header instead");
  }
  const auto given_port = part(url.get(), CURLUPART_PORT);
  result.origin = fmt::format("{}://{}{}{}", result.scheme, result.host, given_port.empty() ? "" : ":", given_port);
  result.port = number(part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
  if (result.host.starts_with('[')) result.host = result.host.substr(1, result.host.size() - 2);
  if (const auto address = IpAddress::parse(result.host)) result.literal = *address;
  return result;
}

}  // namespace vpn_sentinel
