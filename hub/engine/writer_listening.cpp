// For how long the hub has listened, in all its runs together: what a restart forgets must not be new patience with who is gone.
#include <algorithm>

#include "hub/engine/writer.hpp"

namespace vpn_sentinel {
namespace {

/// Of the time that the hub listened, what is written at all, and what is not left unwritten while somebody has grace.
constexpr std::chrono::microseconds least_listening{1'000'000};
constexpr std::chrono::microseconds most_listening{30'000'000};
constexpr auto listening_row = "listened";

}  // namespace

bool Writer::has_unsaved_listening() const { return fleet_.listened() - listening_saved_ >= least_listening; }

Result<void> Writer::load_listening() {
  const auto rows = store_->load_kept(KeptKind::hub);
  if (!rows) return fail(rows.error());
  const auto row = std::ranges::find(*rows, listening_row, &Kept::name);
  const auto object = row == rows->end() ? nlohmann::json() : nlohmann::json::parse(row->json, nullptr, false);
  const auto known = object.is_object() ? object.find("microseconds") : object.end();
  if (object.is_object() && known != object.end() && known->is_number_unsigned()) {
    fleet_.listen(std::chrono::microseconds{known->get<std::int64_t>()});
  }
  run_began_ = listening_saving_ = listening_saved_ = fleet_.listened();
  return {};
}

void Writer::place_in_listening(const std::vector<ClientState>& clients) {
  for (const auto& client : clients) {
    if (!client.is_group() && (!client.heard_after || *client.heard_after > fleet_.listened())) flushing_.push_back(client.client_id);
  }
}

Result<void> Writer::save_listening() {
  listening_saving_ = listening_saved_;
  if (!has_unsaved_listening()) return {};
  listening_saving_ = fleet_.listened();
  return store_->keep(KeptKind::hub, {listening_row, nlohmann::json{{"microseconds", listening_saving_.count()}}.dump()});
}

/// The longer a run lasts the less it matters when the hub is killed.
bool Writer::listening_due() const {
  const auto pause = std::clamp((fleet_.listened() - run_began_) / 12, least_listening, most_listening);
  return fleet_.has_grace() && fleet_.listened() - listening_saved_ >= pause;
}

}  // namespace vpn_sentinel
