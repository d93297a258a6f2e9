/// In which form a GET is answered: not at all when the asker has the same already (ETag, RFC 9110 8.8.3 and 13.1.2), packed when he can
/// unpack it. Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "hub/http/server.hpp"

namespace vpn_sentinel {

/// What is answered, with its tag. Packed at most once, when the first asks for it, if it was not packed before.
class Content {
 public:
  /// `tag`: the ETag with its quotes, of the content as it is unpacked; empty: made of the text. `packed`: the text by gzip; empty: it will
  /// be.
  Content(std::string type, std::string text, std::string tag = {}, std::string packed = {});

  [[nodiscard]] const std::string& type() const noexcept { return type_; }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] const std::string& packed() const;
  /// Another form is another representation, and a strong tag must tell them apart.
  [[nodiscard]] std::string tag(bool is_packed) const;

 private:
  std::string type_;
  std::string text_;
  std::string tag_;
  mutable std::once_flag once_;
  mutable std::string packed_;
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
