#include "hub/alert/monthly_report.hpp"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

namespace vpn_sentinel {
namespace {

using json = nlohmann::json;

/// Each portion has the reader's whole time limit.
constexpr std::size_t clients_at_once = 50;
constexpr auto page_key = "page";
constexpr auto page_name_key = "page_name";

}  // namespace

Result<ReliabilityReport> read_month(StoreReader& reader, const Stretch& month, const TimeZone& zone, WallTime now) {
  ReliabilityReport report;
  report.zone = zone;
  report.made = now;
  report.title = month_title(month.from, zone);
  report.period = {month.from, std::max(month.from, std::min(month.to, now))};
  // Who is known, in the order of the store; how many decides about the strips.
  const auto all = reader.reliability({{}, {}});
  if (!all) return fail(all.error());
  ReliabilityQuery query;
  query.periods = report_periods(report.period, zone, all->size());
  for (std::size_t first = 0; first < all->size(); first += clients_at_once) {
    query.client_ids.clear();
    for (std::size_t i = first; i < std::min(all->size(), first + clients_at_once); ++i) query.client_ids.push_back((*all)[i].client_id);
    auto portion = reader.reliability(query);
    if (!portion) return fail(portion.error());
    std::ranges::move(*portion, std::back_inserter(report.subjects));
  }
  return report;
}

std::string to_text(Notice notice, const ReportPage& page) {
  const bool fits = page.html.size() <= ReportPage::most_bytes;
  if (!fits) notice.text += " The page is too large for a message; the dashboard shows it.";
  auto text = to_text(notice);
  if (!fits) return text;
  auto object = json::parse(text);
  object[page_key] = page.html;
  object[page_name_key] = page.name;
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<ReportPage> page_of(std::string_view text) {
  // Most messages have none, and need not be read for that.
  if (text.find("\"page_name\":") == std::string_view::npos) return std::nullopt;
  const auto object = json::parse(text, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  const auto page = object.find(page_key);
  const auto name = object.find(page_name_key);
  if (page == object.end() || name == object.end() || !page->is_string() || !name->is_string()) return std::nullopt;
  return ReportPage{name->get<std::string>(), page->get<std::string>()};
}

}  // namespace vpn_sentinel
