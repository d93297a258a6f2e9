#include "hub/ingest/batch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hub/ingest/parse.hpp"
#include "hub/ingest/reject.hpp"

namespace vpn_sentinel {
namespace {

/// Object, list, and the deepest report.
constexpr int most_depth = most_json_depth + 2;

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  [[nodiscard]] std::size_t position() const { return position_; }

  void skip_space() { position_ = std::min(text_.find_first_not_of(" \t\r\n", position_), text_.size()); }
  [[nodiscard]] bool at_end() {
    skip_space();
    return position_ == text_.size();
  }
  /// Takes `c` if it comes next.
  bool take(char c) {
    if (at_end() || text_[position_] != c) return false;
    ++position_;
    return true;
  }
  /// A string as it stands, with its quotes; empty when none comes next.
  std::string_view take_string() {
    const auto begin = position_;
    if (!take('"')) return {};
    const auto start = position_ - 1;
    for (; position_ < text_.size(); ++position_) {
      if (text_[position_] == '\\') {
        ++position_;
      } else if (text_[position_] == '"') {
        return text_.substr(start, ++position_ - start);
      }
    }
    position_ = begin;
    return {};
  }
  /// Everything up to the ',' or the bracket that ends the value that begins here, without white space at its end; empty: there is none.
  std::string_view take_value() {
    skip_space();
    const auto begin = position_;
    auto end = begin;
    for (int depth = 0; position_ < text_.size();) {
      const char c = text_[position_];
      const bool closes = c == '}' || c == ']';
      if (depth == 0 && (c == ',' || closes)) return text_.substr(begin, end - begin);
      if (c == '"') {
        if (take_string().empty()) return {};
      } else {
        depth += c == '{' || c == '[' ? 1 : 0;
        depth -= closes ? 1 : 0;
        ++position_;
      }
      if (!is_space(c)) end = position_;
    }
    return {};
  }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

  std::string_view text_;
  std::size_t position_ = 0;
};

using Reports = std::vector<std::string_view>;

tl::unexpected<Rejection> malformed(const Scanner& scanner) {
  return reject(400, "Invalid JSON", fmt::format("malformed at byte {}; expected {{\"reports\": [REPORT, ...]}}", scanner.position() + 1));
}

tl::expected<Reports, Rejection> take_reports(Scanner& scanner) {
  const auto expected = fmt::format("reports: expected a list of 1 to {} reports", max_batch_reports);
  if (!scanner.take('[')) return reject(400, "Invalid batch", expected);
  Reports reports;
  if (scanner.take(']')) return reject(400, "Invalid batch", expected + ", got an empty one");
  do {
    const auto report = scanner.take_value();
    if (report.empty()) return malformed(scanner);
    if (reports.size() == max_batch_reports) return reject(400, "Invalid batch", expected + ", got more");
    reports.push_back(report);
  } while (scanner.take(','));
  if (!scanner.take(']')) return malformed(scanner);
  return reports;
}

/// By its own word; empty: it says none, or is no object.
std::string_view trigger_of(std::string_view report) {
  Scanner scanner(report);
  if (!scanner.take('{')) return {};
  do {
    const auto key = scanner.take_string();
    if (key.empty() || !scanner.take(':')) return {};
    const auto value = scanner.take_value();
    if (key == "\"trigger\"") return value;
  } while (scanner.take(','));
  return {};
}

}  // namespace

bool tells_changes(std::string_view body) {
  const auto reports = split_batch(body);
  return reports && std::ranges::any_of(*reports, [](std::string_view report) { return trigger_of(report) != "\"interval\""; });
}

tl::expected<Reports, Rejection> split_batch(std::string_view body) {
  if (body.size() > max_batch_bytes) {
    return reject(413, "Batch too large", fmt::format("the body has {} bytes, at most {} are accepted", body.size(), max_batch_bytes));
  }
  if (shape_of(body).depth > most_depth) return reject(400, "Invalid JSON", fmt::format("more than {} levels of nesting", most_depth));
  Scanner scanner(body);
  if (scanner.at_end()) return reject(400, "No JSON data provided", "the body is empty");
  if (!scanner.take('{')) return malformed(scanner);
  Reports reports;
  do {
    const auto key = scanner.take_string();
    if (key.empty() || !scanner.take(':')) {
      if (reports.empty() && scanner.take('}')) break;
      return malformed(scanner);
    }
    if (key != "\"reports\"") {
      if (scanner.take_value().empty()) return malformed(scanner);
      continue;
    }
    if (!reports.empty()) return reject(400, "Invalid batch", "reports: expected once, given twice");
    auto taken = take_reports(scanner);
    if (!taken) return taken;
    reports = std::move(*taken);
  } while (scanner.take(','));
  if (reports.empty())
    return reject(400, "Invalid batch", fmt::format("reports: expected a list of 1 to {} reports, is missing", max_batch_reports));
  if (!scanner.take('}') || !scanner.at_end()) return malformed(scanner);
  return reports;
}

}  // namespace vpn_sentinel
