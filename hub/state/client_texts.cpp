#include "hub/state/client_texts.hpp"

#include <utility>

namespace vpn_sentinel {
namespace {

/// Few texts are not worth a look.
constexpr std::size_t always_kept = 100;

}  // namespace

ClientTexts::Text ClientTexts::of(const Snapshot& client) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(client->client_id);
    if (found != kept_.end() && found->second.client == client) return found->second.text;
  }
  // Without the lock: two that ask for the same new record may both write it.
  auto text = std::make_shared<const std::string>(to_json(*client).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  const std::lock_guard lock(mutex_);
  kept_[client->client_id] = {client, text};
  return text;
}

void ClientTexts::trim(std::size_t clients) {
  const std::lock_guard lock(mutex_);
  if (kept_.size() > 2 * clients + always_kept) kept_.clear();
}

}  // namespace vpn_sentinel
