/// One HTTP request as a libcurl easy handle with everything that must live as long as it.
#pragma once

#include <curl/curl.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "netns/base/result.hpp"
#include "netns/clients/http_client.hpp"
#include "netns/clients/http_url.hpp"

namespace vpn_sentinel {

class HttpTransfer {
 public:
  /// invalid: URL, method or header; unreachable: the host is an address of another family, or `resolved` has none of it.
  [[nodiscard]] static Result<std::unique_ptr<HttpTransfer>> make(HttpRequest request, bool fresh);
  HttpTransfer(const HttpTransfer&) = delete;
  HttpTransfer& operator=(const HttpTransfer&) = delete;
  ~HttpTransfer() = default;

  [[nodiscard]] CURL* handle() const noexcept { return easy_.get(); }
  /// What came of it, once: the body is moved out.
  [[nodiscard]] Result<HttpResponse> take_result(CURLcode code);

 private:
  struct FreeEasy {
    void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
  };
  struct FreeList {
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
  };
  using List = std::unique_ptr<curl_slist, FreeList>;

  HttpTransfer(HttpRequest request, HttpUrl url, bool fresh);
  void set_connection();
  void set_addresses();
  void set_tls();
  void set_request();
  void set_callbacks();
  void tell_progress() const;
  [[nodiscard]] Error error_of(CURLcode code) const;
  [[nodiscard]] std::string os_error() const;

  static curl_socket_t open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int close_socket(void* unused, curl_socket_t socket);
  static std::size_t take_body(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t take_header(char* data, std::size_t size, std::size_t count, void* self);

  // The lists come before the handle: libcurl reads them until the handle is gone.
  HttpRequest request_;
  HttpUrl url_;
  bool fresh_;
  List headers_;
  List resolve_;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  std::optional<Error> opener_error_;
  bool too_long_ = false;
  std::size_t header_bytes_ = 0;
  HttpResponse response_;
  std::unique_ptr<CURL, FreeEasy> easy_;
};

}  // namespace vpn_sentinel
