/// Counts the bytes of HTTP/1.1 answers with Content-Length, without keeping their bodies.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vpn_sentinel {

class AnswerReader {
 public:
  enum class Progress { incomplete, complete, malformed };

  /// Takes all of `bytes`: one request is under way at a time, so there is nothing behind the answer.
  Progress take(std::string_view bytes);
  /// Of the last complete answer.
  [[nodiscard]] unsigned status() const noexcept { return status_; }
  [[nodiscard]] bool closes() const noexcept { return closes_; }
  /// For the next answer.
  void reset() {
    head_.clear();
    in_body_ = false;
  }

 private:
  bool read_head();

  std::string head_;
  std::size_t missing_ = 0;  ///< bytes of the body
  unsigned status_ = 0;
  bool in_body_ = false;
  bool closes_ = false;
};

}  // namespace vpn_sentinel
