#include "hub/http/status_text.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "hub/http/reply.hpp"

namespace vpn_sentinel {
namespace {

/// "id":{…}
std::string record_of(const ClientState& client) {
  if (client.state == State::offline) return {};
  auto text = to_text(nlohmann::json{{client.client_id, to_status_json(client)}});
  return text.substr(1, text.size() - 3);  // without the braces and the end of the line
}

}  // namespace

std::shared_ptr<const Content> StatusText::of(std::vector<Snapshot> clients) {
  const std::lock_guard lock(mutex_);
  if (!content_ || clients != clients_) write(std::move(clients));
  return content_;
}

/// Both lists are sorted: one walk finds the record of everyone who is the same as before.
void StatusText::write(std::vector<Snapshot> clients) {
  std::string text = "{";
  text.reserve(content_ ? content_->text().size() + 1024 : 1024);
  std::vector<Place> places(clients.size());
  std::size_t old = 0;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    while (old < clients_.size() && clients_[old]->client_id < clients[i]->client_id) ++old;
    const bool same = old < clients_.size() && clients_[old] == clients[i];
    const auto record = same ? std::string() : record_of(*clients[i]);
    const auto words = same ? content_->text().substr(places_[old].start, places_[old].length) : std::string_view(record);
    if (words.empty()) continue;
    if (text.size() > 1) text += ',';
    places[i] = {text.size(), words.size()};
    text += words;
  }
  text += "}\n";
  clients_ = std::move(clients);
  places_ = std::move(places);
  content_ = std::make_shared<const Content>("application/json", std::move(text));
}

}  // namespace vpn_sentinel
