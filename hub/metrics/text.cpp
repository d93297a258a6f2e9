#include "hub/metrics/text.hpp"

#include <fmt/format.h>

#include <iterator>

namespace vpn_sentinel {
namespace {

std::string_view to_word(MetricsText::Type type) {
  switch (type) {
    case MetricsText::Type::gauge:
      return "gauge";
    case MetricsText::Type::counter:
      return "counter";
    case MetricsText::Type::histogram:
      return "histogram";
    case MetricsText::Type::info:
      break;
  }
  return "info";
}

std::string_view sample_suffix(MetricsText::Type type) {
  if (type == MetricsText::Type::counter) return "_total";
  return type == MetricsText::Type::info ? "_info" : "";
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

}  // namespace

void MetricsText::family(std::string_view name, Type type, std::string_view help) {
  name_ = name;
  suffix_ = sample_suffix(type);
  // The older format knows no family: it names the samples, and an info is a gauge.
  const bool old = format_ == Format::prometheus;
  const auto title = old ? fmt::format("{}{}", name, suffix_) : std::string(name);
  const auto word = old && type == Type::info ? to_word(Type::gauge) : to_word(type);
  fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", title, help, title, word);
}

void MetricsText::begin(std::string_view suffix, Labels labels) {
  text_ += name_;
  text_ += suffix;
  if (labels.size() == 0) return;
  char mark = '{';
  for (const auto& [name, value] : labels) {
    text_ += mark;
    text_ += name;
    text_ += "=\"";
    append_escaped(text_, value);
    text_ += '"';
    mark = ',';
  }
  text_ += '}';
}

void MetricsText::part(std::string_view suffix, Labels labels, std::uint64_t value) {
  begin(suffix, labels);
  fmt::format_to(std::back_inserter(text_), " {}\n", value);
}

void MetricsText::part(std::string_view suffix, Labels labels, double value) {
  begin(suffix, labels);
  fmt::format_to(std::back_inserter(text_), " {}\n", value);
}

void MetricsText::sample(Labels labels, std::uint64_t value) { part(suffix_, labels, value); }
void MetricsText::sample(Labels labels, double value) { part(suffix_, labels, value); }

std::string MetricsText::finish() {
  if (format_ == Format::openmetrics) text_ += "# EOF\n";
  return std::move(text_);
}

std::string_view MetricsText::content_type() const {
  return format_ == Format::openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                        : "text/plain; version=0.0.4; charset=utf-8";
}

MetricsText::Format wanted_format(std::string_view accept) {
  const auto names = [accept](std::string_view type) { return accept.find(type) != std::string_view::npos; };
  return !names("application/openmetrics-text") && names("text/plain") ? MetricsText::Format::prometheus : MetricsText::Format::openmetrics;
}

}  // namespace vpn_sentinel
