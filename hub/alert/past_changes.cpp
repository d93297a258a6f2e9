#include "hub/alert/past_changes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vpn_sentinel {

Result<std::vector<PastChange>> read_past_changes(StoreReader& reader, const std::vector<PastSubject>& subjects, const TimeRange& range) {
  std::vector<PastChange> all;
  for (const auto& subject : subjects) {
    HistoryQuery query;
    query.client_id = subject.client_id;
    query.range = range;
    query.most = largest_page;
    const bool by_group = !subject.group.empty() && subject.client_id.find(':') == std::string::npos;
    do {
      auto page = reader.history(query);
      if (!page) return fail(page.error());
      for (auto& change : page->items) all.push_back({subject.client_id, subject.group, by_group, std::move(change)});
      if (all.size() > most_past_changes) {
        return fail(Error::Kind::invalid, fmt::format("There are more than {} changes; ask about a shorter time", most_past_changes));
      }
      query.cursor = page->next.value_or(0);
    } while (query.cursor != 0);
  }
  // Newest first, page by page: the other way round is the order in which they were noticed. Times as text sort as times.
  std::reverse(all.begin(), all.end());
  std::ranges::stable_sort(all, {}, [](const PastChange& each) { return each.change.value("noticed", ""); });
  return all;
}

}  // namespace vpn_sentinel
