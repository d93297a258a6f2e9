#include "hub/app/bot_host.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <iterator>
#include <utility>

#include "hub/app/bot_place_file.hpp"
#include "hub/state/care.hpp"
#include "hub/store/reader.hpp"
#include "netns/base/clock.hpp"
#include "netns/daemon/log.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds stop_patience{5};
constexpr std::size_t most_open = 500;
constexpr std::size_t most_latest = 10;

tl::unexpected<Error> busy() { return fail(Error::Kind::unavailable, "it is busy; try again"); }

/// The answer may come when nobody waits any more, so whoever answers holds it too.
template <typename Answer>
class Waiting {
 public:
  [[nodiscard]] std::function<void(Result<Answer>)> teller() const {
    return [promise = promise_](Result<Answer> answer) { promise->set_value(std::move(answer)); };
  }
  [[nodiscard]] Result<Answer> result(bool queued) const {
    auto answer = promise_->get_future();
    if (!queued || answer.wait_for(stop_patience) != std::future_status::ready) return busy();
    return answer.get();
  }

 private:
  std::shared_ptr<std::promise<Result<Answer>>> promise_ = std::make_shared<std::promise<Result<Answer>>>();
};

/// `question`: Result<json>(StoreReader&).
template <typename Question>
Result<json> ask(Engine& engine, Question question) {
  const Waiting<json> waiting;
  return waiting.result(engine.query([tell = waiting.teller(), question](StoreReader& reader) { tell(question(reader)); }));
}

Result<json> carry_out(Engine& engine, CareOrder order) {
  const Waiting<json> waiting;
  return waiting.result(engine.care(std::move(order), [tell = waiting.teller()](const Result<json>& done) { tell(done); }));
}

Result<void> acknowledge(Engine& engine, std::int64_t incident, const std::string& by, WallTime at) {
  return carry_out(engine, AcknowledgeOrder{incident, Acknowledgement{by, at}}).map([](const json&) {});
}

Result<void> mute(Engine& engine, const BotMute& wanted, WallTime at) {
  return carry_out(engine, MuteOrder{Mute{wanted.subject, wanted.until, wanted.by, at}}).map([](const json&) {});
}

Result<bool> unmute(Engine& engine, const std::string& subject) {
  const auto done = carry_out(engine, UnmuteOrder{subject});
  if (!done && done.error().kind != Error::Kind::not_found) return fail(done.error());
  return done.has_value();
}

/// None where the store does not answer: then nothing is called muted.
std::vector<BotMute> list_mutes(Engine& engine) {
  const Waiting<std::vector<Kept>> waiting;
  const auto rows = waiting.result(engine.query([tell = waiting.teller()](StoreReader& reader) { tell(reader.kept(KeptKind::mute)); }));
  std::vector<BotMute> mutes;
  if (!rows) return mutes;
  for (const auto& row : *rows) {
    const auto mute = parse_mute(row.json);
    if (mute && (!mute->until || *mute->until > wall_now())) mutes.push_back({mute->subject, mute->until, mute->by});
  }
  return mutes;
}

Result<json> list_incidents(Engine& engine, const std::string& client_id, bool open_only) {
  IncidentQuery query;
  if (!client_id.empty()) query.client_id = client_id;
  query.open_only = open_only;
  query.most = open_only ? most_open : most_latest;
  return ask(engine, [query](StoreReader& reader) -> Result<json> {
    auto page = reader.incidents(query);
    if (!page) return fail(page.error());
    return std::move(page->items);
  });
}

std::vector<BotActions::Snapshot> everybody(const Engine& engine) {
  auto list = engine.clients();
  const auto groups = engine.groups();
  list.insert(list.end(), groups.begin(), groups.end());
  return list;
}

BotHub hub_of(const Engine& engine, MonoTime started, const std::function<std::size_t()>& waiting) {
  const auto lasted = std::chrono::duration_cast<std::chrono::milliseconds>(mono_now() - started);
  return {VPN_SENTINEL_VERSION, lasted, hangs(engine) ? "the disk does not answer" : engine.store_trouble(), waiting()};
}

}  // namespace

BotActions bot_actions(const BotSurroundings& surroundings) {
  auto& engine = surroundings.engine;
  const auto& audit = surroundings.audit;
  BotActions actions;
  actions.hub = [&engine, started = mono_now(), waiting = surroundings.waiting] { return hub_of(engine, started, waiting); };
  actions.clients = [&engine] { return everybody(engine); };
  actions.incidents = [&engine](const std::string& client_id, bool open_only) { return list_incidents(engine, client_id, open_only); };
  actions.incident = [&engine](std::int64_t id) {
    return ask(engine, [id](StoreReader& reader) { return reader.incident(id, wall_now()); });
  };
  actions.mutes = [&engine] { return list_mutes(engine); };
  actions.acknowledge = [&engine, audit](std::int64_t incident, const std::string& by, WallTime at) {
    auto done = acknowledge(engine, incident, by, at);
    if (done) audit(by, "incident_acknowledged", std::to_string(incident));
    return done;
  };
  actions.mute = [&engine, audit](const BotMute& wanted, WallTime at) {
    auto done = mute(engine, wanted, at);
    if (done) audit(wanted.by, "muted", wanted.subject);
    return done;
  };
  actions.unmute = [&engine, audit](const std::string& subject, const std::string& by) {
    auto done = unmute(engine, subject);
    if (done && *done) audit(by, "unmuted", subject);
    return done;
  };
  return actions;
}

void BotHost::start(std::vector<TelegramBotOptions> bots, BotSurroundings surroundings) {
  actions_ = bot_actions(surroundings);
  data_dir_ = std::move(surroundings.data_dir);
  for (auto& options : bots) run(std::move(options));
}

void BotHost::run(TelegramBotOptions options) {
  const auto path = bot_place_path(data_dir_, options.bot_token);
  TelegramBot::Hooks hooks;
  hooks.actions = actions_;
  hooks.load = [path] { return read_bot_place(path); };
  hooks.save = [path](const BotPlace& place) { return write_bot_place(path, place); };
  hooks.note = [](std::string_view event, const std::string& message, bool bad) {
    log(bad ? LogLevel::warning : LogLevel::info, event, {{"channel", "telegram"}, {"message", message}});
  };
  auto bot = TelegramBot::start(options, std::move(hooks));
  const std::lock_guard lock(mutex_);
  bots_.push_back({std::move(options), std::move(bot)});
}

void BotHost::apply(std::vector<TelegramBotOptions> bots) {
  std::vector<Running> ended;
  {
    const std::lock_guard lock(mutex_);
    const auto gone = std::stable_partition(
        bots_.begin(), bots_.end(), [&bots](const Running& running) { return std::ranges::find(bots, running.options) != bots.end(); });
    ended.assign(std::make_move_iterator(gone), std::make_move_iterator(bots_.end()));
    bots_.erase(gone, bots_.end());
    std::erase_if(
        bots, [this](const TelegramBotOptions& options) { return std::ranges::find(bots_, options, &Running::options) != bots_.end(); });
  }
  // Before the others begin: two that ask with one token get in each other's way.
  ended.clear();
  for (auto& options : bots) run(std::move(options));
}

void BotHost::stop() {
  std::vector<Running> ended;
  {
    const std::lock_guard lock(mutex_);
    ended = std::move(bots_);
    bots_.clear();
  }
}

std::vector<HealthComponent> BotHost::health() const {
  const std::lock_guard lock(mutex_);
  if (bots_.empty()) return {};
  std::uint64_t answered = 0;
  HealthComponent component{"commands", HealthComponent::Status::ok, {}};
  for (const auto& running : bots_) {
    const auto standing = running.bot->standing();
    answered += standing.answered;
    if (standing.trouble.empty() && !standing.conflict) continue;
    component.status = HealthComponent::Status::degraded;
    component.details = standing.conflict ? "another program asks Telegram with the same token" : "Telegram cannot be asked for commands";
  }
  if (component.status == HealthComponent::Status::ok) component.details = fmt::format("telegram on, {} answered", answered);
  return {std::move(component)};
}

}  // namespace vpn_sentinel
