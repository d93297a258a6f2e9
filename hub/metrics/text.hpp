/// The text formats of metrics: OpenMetrics 1.0.0, and the older one of Prometheus (0.0.4). Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace vpn_sentinel {

class MetricsText {
 public:
  enum class Format { openmetrics, prometheus };
  enum class Type { gauge, counter, histogram, info };
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  explicit MetricsText(Format format) : format_(format) {}

  /// What the next samples belong to. `name` without "_total" and "_info"; name and help are ours and need no escape.
  void family(std::string_view name, Type type, std::string_view help);
  void sample(Labels labels, std::uint64_t value);
  void sample(Labels labels, double value);
  /// A part of a histogram: "_bucket", "_sum", "_count".
  void part(std::string_view suffix, Labels labels, std::uint64_t value);
  void part(std::string_view suffix, Labels labels, double value);

  /// All of it, with the mark of the end.
  [[nodiscard]] std::string finish();
  [[nodiscard]] std::string_view content_type() const;

 private:
  void begin(std::string_view suffix, Labels labels);

  Format format_;
  std::string name_;
  std::string_view suffix_;  ///< of a plain sample
  std::string text_;
};

/// What a scraper gets: OpenMetrics, unless it names text/plain only.
[[nodiscard]] MetricsText::Format wanted_format(std::string_view accept);

}  // namespace vpn_sentinel
