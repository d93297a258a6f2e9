/// Which file holds what waits for which hub. A file belongs to the hub, not to its place in the settings: reports that wait for one must
/// neither go to another nor be forgotten because the list was sorted anew.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace vpn_sentinel {

/// An outbox of a hub that is not in the settings any more.
struct LeftOutbox {
  std::string file;
  std::optional<std::size_t> reports;  ///< absent: the file cannot be read
  bool removed = false;                ///< nothing was written to it for longer than a report may wait
};

struct OutboxFiles {
  std::vector<std::string> files;  ///< of `urls`, in their order; one alone when the first hub that answers gets everything
  std::vector<LeftOutbox> left;    ///< those without reports are removed without a word
};

/// Looks into `folder`, which nobody else uses meanwhile, and gives files of earlier settings their present names: the one without a hub in
/// its name is that of a single delivery and, from earlier versions, of the first of several hubs. `age`: how long a report may wait.
[[nodiscard]] OutboxFiles arrange_outbox_files(const std::string& folder, const std::vector<std::string>& urls, bool to_all_hubs,
                                               std::chrono::seconds age);

}  // namespace vpn_sentinel
