#include "tests/bench/simulate/answer_reader.hpp"

#include <algorithm>
#include <charconv>

namespace vpn_sentinel {
namespace {

constexpr std::size_t longest_head = 16 * 1024;

/// The value of a header, by its name as the hub and the reference server write it; empty when absent.
std::string_view header(std::string_view head, std::string_view name) {
  const auto place = head.find(name);
  if (place == std::string_view::npos) return {};
  const auto rest = head.substr(place + name.size());
  return rest.substr(0, rest.find('\r'));
}

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  return std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc{};
}

}  // namespace

AnswerReader::Progress AnswerReader::take(std::string_view bytes) {
  if (!in_body_) {
    const auto before = head_.size();
    head_ += bytes;
    const auto end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
    if (end == std::string::npos) return head_.size() > longest_head ? Progress::malformed : Progress::incomplete;
    bytes.remove_prefix(end + 4 - before);
    head_.resize(end + 2);
    if (!read_head()) return Progress::malformed;
    in_body_ = true;
  }
  if (bytes.size() > missing_) return Progress::malformed;
  missing_ -= bytes.size();
  return missing_ == 0 ? Progress::complete : Progress::incomplete;
}

bool AnswerReader::read_head() {
  const std::string_view head = head_;
  if (!head.starts_with("HTTP/1.1 ") || !read_number(head.substr(9, 3), status_)) return false;
  closes_ = header(head, "\r\nConnection: ") == "close";
  return read_number(header(head, "\r\nContent-Length: "), missing_);
}

}  // namespace vpn_sentinel
