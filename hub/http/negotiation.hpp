/// In which form a GET is answered: not at all when the asker has the same already (ETag, RFC 9110 8.8.3 and 13.1.2), packed when he can
/// unpack it. Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "hub/http/server.hpp"

namespace vpn_sentinel {

/// What is answered, with its tag. Packed at most once, when the first asks for it, if it was not packed before.
class Content {
 public:
  struct Lasting {
    std::string_view text;
    std::string_view packed;  ///< by gzip
  };

  /// `tag`: the ETag with its quotes, of the content as it is unpacked; empty: made of the text.
  Content(std::string type, std::string text, std::string tag = {});
  /// Of a text that outlives this, as does its packed form; no form: it is made.
  Content(std::string type, Lasting lasting);

  [[nodiscard]] const std::string& type() const noexcept { return type_; }
  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  [[nodiscard]] std::string_view packed() const;
  /// Another form is another representation, and a strong tag must tell them apart.
  [[nodiscard]] std::string tag(bool is_packed) const;

 private:
  std::string type_;
  std::string own_text_;
  std::string_view text_;  ///< `own_text_`, or a lasting one
  std::string tag_;
  mutable std::once_flag once_;
  mutable std::string own_packed_;
  mutable std::string_view packed_;
};

/// A strong tag of some bytes.
[[nodiscard]] std::string tag_of(std::string_view text);

/// What a request says about the form of its answer; outlives the request.
class Wish {
 public:
  explicit Wish(const Request& request);
  [[nodiscard]] Response answer(const Content& content) const;

 private:
  std::string known_;  ///< If-None-Match
  bool gzip_ = false;
};

/// Sends replies with status 200 in the wished form; a header ETag that they have is used. Others go as they are. The work is done by the
/// thread that answers.
[[nodiscard]] Respond negotiated(const Request& request, Respond respond);

}  // namespace vpn_sentinel
