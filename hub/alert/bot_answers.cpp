#include "hub/alert/bot_answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hub/alert/bot_words.hpp"
#include "hub/alert/notice.hpp"
#include "hub/state/incident.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;
using Snapshot = BotActions::Snapshot;

/// With the longest names and places they stay within 4096 characters.
constexpr std::size_t clients_of_page = 8;
constexpr std::size_t incidents_of_page = 10;
constexpr std::size_t most_named = 20;

std::size_t pages_of(std::size_t items, std::size_t each) { return std::max<std::size_t>(1, (items + each - 1) / each); }

bool is_worse(const Snapshot& left, const Snapshot& right) {
  if (left->state != right->state) return badness(left->state) > badness(right->state);
  if (left->since != right->since) return left->since > right->since;
  return left->client_id < right->client_id;
}

/// "1 danger, 2 offline, 9 secure": only what is there.
std::string counts(const std::vector<Snapshot>& clients) {
  std::string text;
  for (const auto state : {State::danger, State::offline, State::contained, State::warning, State::secure}) {
    const auto count =
        std::ranges::count_if(clients, [&](const Snapshot& client) { return !client->is_group() && client->state == state; });
    if (count == 0) continue;
    text += fmt::format("{}{} {} {}", text.empty() ? "" : ", ", bot_sign(state), count, to_string(state));
  }
  return text;
}

std::string status_block(const ClientState& client, const std::vector<BotMute>& mutes, bool privacy, WallTime now) {
  auto text = fmt::format("\n{} {} <b>{}</b> for {}", bot_sign(client.state), bot_code(client.client_id), bot_word(client.state),
                          bot_duration(now - client.since));
  if (bot_mute_of(client, mutes, now) != nullptr) text += " 🔕";
  if (client.state != State::secure && client.state != State::offline) {
    const auto why = bot_reasons(client.findings);
    if (!why.empty()) text += "\n   " + why.front();
  }
  if (client.state == State::offline) text += fmt::format("\n   last report {} ago", bot_duration(now - client.last_seen));
  if (client.is_group()) return text + fmt::format("\n   {} probes", client.members.size());
  const auto where = bot_where(client, privacy);
  return where.empty() ? text : text + "\n   " + where;
}

std::int64_t number_at(const json& object, const char* key) {
  if (!object.is_object()) return 0;
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

std::string incident_block(const json& incident, WallTime now) {
  const auto worst = parse_state(bot_text_at(incident, "worst")).value_or(State::warning);
  const auto start = parse_rfc3339(bot_text_at(incident, "start"));
  const auto end = parse_rfc3339(bot_text_at(incident, "end"));
  auto text = fmt::format("\n{} #{} {} <b>{}</b>", bot_sign(worst), number_at(incident, "id"), bot_code(bot_text_at(incident, "client_id")),
                          bot_word(worst));
  if (start)
    text +=
        fmt::format("\n   since {}, {}{}", utc_text(*start), end ? "lasted " : "goes on for ", bot_duration(end.value_or(now) - *start));
  const auto exposed = incident.find("exposed_s");
  if (exposed != incident.end() && exposed->is_number() && exposed->get<double>() > 0) {
    const auto seconds = std::min(exposed->get<double>(), 1e9);
    text += fmt::format(", exposed {}", human_duration(std::chrono::milliseconds{static_cast<std::int64_t>(seconds * 1e3)}));
  }
  return text + bot_acknowledged(incident);
}

constexpr std::string_view menu =
    "🏓 /ping - the hub itself\n"
    "📊 /status - all clients, the worst first\n"
    "🔎 /client NAME - one client: why, and what to do\n"
    "📕 /incidents - what goes on, or went on last\n"
    "🔕 /mute NAME [90, 2h, 3d, forever] - no messages about a client or group:NAME; without a time for an hour\n"
    "🔔 /unmute NAME - messages again\n"
    "❓ /help - this list";

}  // namespace

std::vector<Snapshot> named_clients(const std::vector<Snapshot>& clients, std::string_view name) {
  const auto wanted = bot_lowered(name);
  std::vector<Snapshot> found;
  for (const auto& client : clients) {
    const auto id = bot_lowered(client->client_id);
    if (client->client_id == name) return {client};
    if (id.find(wanted) != std::string::npos) found.push_back(client);
  }
  // Two names may differ only in capitals.
  const auto same = [&](const Snapshot& client) { return bot_lowered(client->client_id) == wanted; };
  if (std::ranges::count_if(found, same) > 0) std::erase_if(found, [&](const Snapshot& client) { return !same(client); });
  return found;
}

BotPage status_page(std::vector<Snapshot> clients, const std::vector<BotMute>& mutes, std::size_t page, bool privacy, WallTime now) {
  BotPage answer;
  if (clients.empty()) {
    answer.html = fmt::format("📊 <b>VPN Status</b>\n\nNo client is known.\n\nServer time: {}", utc_text(now));
    return answer;
  }
  std::ranges::sort(clients, is_worse);
  answer.pages = pages_of(clients.size(), clients_of_page);
  answer.page = std::min(page, answer.pages - 1);
  answer.html = fmt::format("📊 <b>VPN Status</b>\n{}\n", counts(clients));
  const auto first = answer.page * clients_of_page;
  for (auto i = first; i < std::min(clients.size(), first + clients_of_page); ++i) {
    answer.html += status_block(*clients[i], mutes, privacy, now) + "\n";
  }
  answer.html += fmt::format("\nServer time: {}", utc_text(now));
  if (answer.pages > 1) answer.html += fmt::format("\nPage {} of {}", answer.page + 1, answer.pages);
  return answer;
}

std::string client_answer(const ClientState& client, const std::vector<BotMute>& mutes, const json& incident, bool privacy, WallTime now) {
  BotText text;
  text.line(fmt::format("{} {} <b>{}</b>", bot_sign(client.state), bot_code(client.client_id), bot_sentence(client.state)));
  text.line(fmt::format("Since: {}, for {}", utc_text(client.since), bot_duration(now - client.since)));
  text.line(fmt::format("Last report: {} ago", bot_duration(now - client.last_seen)));
  if (const auto* mute = bot_mute_of(client, mutes, now); mute != nullptr) {
    text.line(
        fmt::format("🔕 Muted by {} {}", bot_shown(mute->by), mute->until ? "until " + utc_text(*mute->until) : "until it is taken back"));
  }
  if (incident.is_object()) text.line(incident_block(incident, now).substr(1));
  const auto reasons = bot_reasons(client.findings);
  if (!reasons.empty()) text.line("");
  for (const auto& reason : reasons) text.line("• " + reason);
  if (const auto advice = bot_advice(client.findings); !advice.empty()) text.line("👉 What to do: " + advice);
  text.line("");
  for (const auto& member : client.members) {
    text.line(fmt::format("{} {}", bot_sign(member.state), bot_code(member.client_id)));
  }
  for (auto& fact : bot_facts(client, privacy)) text.line(std::move(fact));
  return text.finish();
}

std::string which_client_answer(std::string_view name, const std::vector<Snapshot>& found) {
  if (found.empty()) return fmt::format("❓ No client or group is called {}. /status lists them.", bot_code(name));
  BotText text;
  text.line(fmt::format("❓ {} clients have {} in their names:", found.size(), bot_code(name)));
  for (std::size_t i = 0; i < std::min(found.size(), most_named); ++i) {
    text.line(fmt::format("{} {}", bot_sign(found[i]->state), bot_code(found[i]->client_id)));
  }
  if (found.size() > most_named) text.line(fmt::format("and {} more", found.size() - most_named));
  return text.finish();
}

BotPage incidents_page(const json& open, const json& latest, std::size_t page, WallTime now) {
  const bool goes_on = open.is_array() && !open.empty();
  const auto& shown = goes_on ? open : latest;
  BotPage answer;
  const auto count = shown.is_array() ? shown.size() : 0;
  answer.pages = pages_of(count, incidents_of_page);
  answer.page = std::min(page, answer.pages - 1);
  if (goes_on) {
    answer.html = fmt::format("📕 <b>{} {}</b>\n", count, count == 1 ? "incident goes on" : "incidents go on");
  } else {
    answer.html = count == 0 ? "📗 <b>No incident is known</b>\n" : "📗 <b>No incident goes on</b>\n\nThe latest ones:\n";
  }
  const auto first = answer.page * incidents_of_page;
  for (auto i = first; i < std::min(count, first + incidents_of_page); ++i) answer.html += incident_block(shown[i], now) + "\n";
  answer.html += fmt::format("\nServer time: {}", utc_text(now));
  if (answer.pages > 1) answer.html += fmt::format("\nPage {} of {}", answer.page + 1, answer.pages);
  return answer;
}

std::string ping_answer(const BotHub& hub, const std::vector<Snapshot>& clients, WallTime now) {
  const auto known = std::ranges::count_if(clients, [](const Snapshot& client) { return !client->is_group(); });
  const auto active =
      std::ranges::count_if(clients, [](const Snapshot& client) { return !client->is_group() && client->state != State::offline; });
  auto text = fmt::format("🏓 <b>Pong!</b>\n\nServer time: {}\nActive clients: {} of {}\nRunning for: {}\nVersion: {}", utc_text(now),
                          active, known, human_duration(hub.uptime), bot_code(hub.version));
  if (hub.alerts_waiting > 0) text += fmt::format("\nMessages waiting: {}", hub.alerts_waiting);
  if (!hub.trouble.empty()) text += "\n\n⚠️ Reports are not stored: " + bot_shown(hub.trouble);
  return text;
}

std::string help_answer() {
  return fmt::format(
      "❓ <b>VPN Sentinel Bot Help</b>\n\nI watch VPN connections, send alerts and answer:\n\n{}\n\n"
      "Under an alert, ✅ says that somebody takes care of it, and 🔕 keeps me quiet about that client for an hour. "
      "A mute stops messages, never the watching.",
      menu);
}

std::string start_answer() {
  return fmt::format("👋 <b>This is VPN Sentinel.</b>\n\nAlerts come here by themselves. You can ask:\n\n{}", menu);
}

std::string unknown_answer(std::string_view word) {
  if (word.empty()) return fmt::format("👋 I understand commands only:\n\n{}", menu);
  return fmt::format("❓ Unknown command: /{}\n\n{}", bot_shown(word), menu);
}

std::string muted_answer(const BotMute& mute, bool danger_now, WallTime now) {
  if (mute.until && *mute.until <= now) {
    return fmt::format("🔔 {} is not muted: the time that was asked for has passed meanwhile.", bot_code(mute.subject));
  }
  auto text = fmt::format("🔕 {} is muted {}.\nIt is watched as before; /unmute {} takes it back.", bot_code(mute.subject),
                          mute.until ? "until " + utc_text(*mute.until) : "until that is taken back", bot_shown(mute.subject));
  if (danger_now) text += "\n\n🔴 <b>It is in danger now.</b>";
  return text;
}

std::string unmuted_answer(std::string_view subject, bool was_muted) {
  return was_muted ? fmt::format("🔔 Messages about {} come again.", bot_code(subject))
                   : fmt::format("🔔 {} was not muted.", bot_code(subject));
}

std::string listening_answer(std::size_t skipped) {
  return fmt::format("👋 I listen from now on. {} that came before {} not answered. /help",
                     skipped == 1 ? "1 message" : fmt::format("{} messages", skipped), skipped == 1 ? "is" : "are");
}

}  // namespace vpn_sentinel
