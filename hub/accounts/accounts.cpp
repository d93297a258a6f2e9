#include "hub/accounts/accounts.hpp"

#include <sodium.h>

#include <algorithm>
#include <utility>

#include "hub/accounts/jwt.hpp"
#include "hub/accounts/secrets.hpp"
#include "hub/accounts/token_prefix.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::chrono::seconds look_period{1};
/// Sessions that were seen are written this often, and those that are over are told.
constexpr std::chrono::seconds housekeeping_period{20};
constexpr Scopes all_but_report{true, false, true};

}  // namespace

std::string csrf_token(std::string_view signing_key, Identity::By by, std::string_view credential) {
  std::string text = "csrf:";
  text += to_string(by);
  text += ':';
  text += credential;
  return to_base64url(hmac_sha256(signing_key, text));
}

Result<std::unique_ptr<Accounts>> Accounts::start(const std::string& path, Options options) {
  auto file = AccountFile::open(path);
  if (!file) return fail(file.error());
  auto directory = file->load();
  if (!directory) return fail(directory.error());
  return std::unique_ptr<Accounts>(new Accounts(std::move(*file), std::move(*directory), std::move(options)));
}

Accounts::Accounts(AccountFile file, Directory directory, Options options)
    : options_(std::move(options)),
      file_(std::move(file)),
      version_(file_.version().value_or("")),
      directory_(std::make_shared<const Directory>(std::move(directory))),
      change_thread_([this] { run_changes(); }),
      password_thread_([this] { run_passwords(); }) {}

Accounts::~Accounts() {
  passwords_.close();  // what is found right there is a change
  password_thread_.join();
  keep_house();
  changes_.close();
  change_thread_.join();
}

std::shared_ptr<const Directory> Accounts::directory() const {
  const std::lock_guard lock(mutex_);
  return directory_;
}

WallTime Accounts::seen(const std::string& hash) const {
  const std::lock_guard lock(mutex_);
  const auto found = seen_.find(hash);
  return found == seen_.end() ? WallTime{} : found->second;
}

void Accounts::note_seen(const std::string& hash, WallTime now) {
  const std::lock_guard lock(mutex_);
  auto& last = seen_[hash];
  last = std::max(last, now);
}

Identity Accounts::identity_of(const User& user, Identity::By by) const {
  Identity identity;
  identity.by = by;
  identity.user_id = user.id;
  identity.user = user.name;
  identity.role = user.role;
  identity.scopes = all_but_report;
  identity.has_totp = !user.totp_secret.empty();
  return identity;
}

std::optional<Identity> Accounts::by_session(std::string_view secret) {
  const auto all = directory();
  const auto hash = hash_secret(secret);
  const auto session = all->sessions.find(hash);
  if (session == all->sessions.end()) return std::nullopt;
  const auto* const user = all->find(session->second.user);
  const auto now = options_.now();
  if (user == nullptr || !is_alive(session->second, seen(hash), now, options_.limits)) return std::nullopt;
  note_seen(hash, now);
  auto identity = identity_of(*user, Identity::By::session);
  identity.credential = hash;
  identity.csrf = csrf_token(all->signing_key, identity.by, hash);
  return identity;
}

std::optional<Identity> Accounts::by_token(std::string_view secret) const {
  const auto all = directory();
  const auto hash = hash_secret(secret);
  const auto token = all->tokens.find(hash);
  if (token == all->tokens.end() || (token->second.expires && options_.now() >= *token->second.expires)) return std::nullopt;
  const auto* const user = all->find(token->second.user);
  if (user == nullptr) return std::nullopt;
  auto identity = identity_of(*user, Identity::By::token);
  identity.scopes = token->second.scopes;
  identity.credential = hash;
  return identity;
}

std::optional<Identity> Accounts::by_jwt(std::string_view token) const {
  const auto all = directory();
  const auto now = options_.now();
  const auto claims = read_jwt(all->signing_key, token, now);
  if (!claims) return std::nullopt;
  const auto family = all->families.find(claims->family);
  if (family == all->families.end() || family->second.user != claims->user_id || now >= family->second.expires) return std::nullopt;
  const auto* const user = all->find(claims->user_id);
  if (user == nullptr) return std::nullopt;
  auto identity = identity_of(*user, Identity::By::jwt);
  identity.credential = claims->family;
  identity.until = claims->expires;
  return identity;
}

bool Accounts::knows_family_of(std::string_view refresh_token) const {
  const auto family = family_of(refresh_token);
  return family && directory()->families.contains(std::string(*family));
}

std::optional<Identity> Accounts::by_name(std::string_view name) const {
  const auto all = directory();
  const auto* const user = all->find(name);
  if (user == nullptr) return std::nullopt;
  auto identity = identity_of(*user, Identity::By::forward_auth);
  identity.credential = user->name;
  // Up to a minute less by chance, so that the pages of many users do not all come again in the same moment.
  const std::chrono::milliseconds most_less = std::min<std::chrono::seconds>(options_.limits.access_token / 10, std::chrono::minutes{1});
  const std::chrono::milliseconds less{randombytes_uniform(static_cast<std::uint32_t>(most_less.count()) + 1)};
  identity.until = options_.now() + options_.limits.access_token - less;
  identity.csrf = csrf_token(all->signing_key, identity.by, user->name);
  return identity;
}

bool Accounts::holds(const Identity& identity) {
  const auto all = directory();
  const auto now = options_.now();
  const auto* const user = all->find(identity.user_id);
  if (user == nullptr || (identity.until && now >= *identity.until)) return false;
  if (identity.by == Identity::By::forward_auth) return true;
  if (identity.by == Identity::By::token) {
    const auto token = all->tokens.find(identity.credential);
    return token != all->tokens.end() && (!token->second.expires || now < *token->second.expires);
  }
  if (identity.by == Identity::By::jwt) {
    const auto family = all->families.find(identity.credential);
    return family != all->families.end() && now < family->second.expires;
  }
  const auto session = all->sessions.find(identity.credential);
  if (session == all->sessions.end() || !is_alive(session->second, seen(identity.credential), now, options_.limits)) return false;
  note_seen(identity.credential, now);
  return true;
}

void Accounts::end_session(AccountFile& file, const std::string& hash, const Actor& actor) {
  auto without = *directory();
  without.sessions.erase(hash);
  {
    const std::lock_guard lock(mutex_);
    directory_ = std::make_shared<const Directory>(std::move(without));
  }
  const auto written = file.end_session(hash, actor);
  if (written) return;
  ended_.emplace(hash, actor);
  options_.on_trouble(written.error());
}

Result<void> Accounts::write_ended(AccountFile& file) {
  while (!ended_.empty()) {
    const auto first = ended_.begin();
    if (auto written = file.end_session(first->first, first->second); !written) return written;
    ended_.erase(first);
  }
  return {};
}

const std::string& Accounts::nobodys_hash() {
  if (nobodys_hash_.empty()) nobodys_hash_ = hash_password(random_secret(), options_.cost);
  return nobodys_hash_;
}

void Accounts::run_changes() {
  for (auto jobs = changes_.take_all(); !jobs.empty(); jobs = changes_.take_all()) {
    for (const auto& job : jobs) {
      try {
        if (!job) {
          look();
          continue;
        }
        const auto reply = job(file_);
        reload();
        if (reply) reply();
      } catch (const std::exception& error) {
        // No memory for one answer must not end the hub: whoever asked has no answer in time, which is 503.
        options_.on_trouble({Error::Kind::failed, error.what()});
      }
    }
  }
}

void Accounts::run_passwords() {
  for (auto jobs = passwords_.take_all(); !jobs.empty(); jobs = passwords_.take_all()) {
    for (const auto& job : jobs) {
      try {
        job();
      } catch (const std::exception& error) {
        options_.on_trouble({Error::Kind::failed, error.what()});
      }
    }
  }
}

/// A file that cannot be read changes nothing: rights stay as they were, and that is told.
void Accounts::reload() {
  auto fresh = file_.load();
  if (!fresh) {
    options_.on_trouble(fresh.error());
    return options_.on_changed();  // what has ended by itself ends nevertheless
  }
  version_ = file_.version().value_or("");
  // What the file has lost otherwise needs no end any more.
  std::erase_if(ended_, [&](const auto& each) { return fresh->sessions.erase(each.first) == 0; });
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(seen_, [&](const auto& each) { return !fresh->sessions.contains(each.first); });
    directory_ = std::make_shared<const Directory>(std::move(*fresh));
  }
  options_.on_changed();
}

/// On the thread of changes.
void Accounts::look() {
  const auto version = file_.version();
  if (!version) return options_.on_trouble(version.error());
  if (*version != version_) reload();
}

void Accounts::keep_house() {
  static_cast<void>(change([this](AccountFile& file) -> Reply {
    std::vector<std::pair<std::string, WallTime>> seen;
    {
      const std::lock_guard lock(mutex_);
      seen.assign(seen_.begin(), seen_.end());
    }
    auto done = write_ended(file);
    if (done && !seen.empty()) done = file.note_seen(seen);
    if (done) done = file.clean(options_.limits, options_.now());
    if (!done) options_.on_trouble(done.error());
    return {};
  }));
}

void Accounts::turn() {
  const auto now = mono_now();
  if (now >= next_housekeeping_) {
    next_housekeeping_ = now + housekeeping_period;
    keep_house();
  }
  if (now < next_look_) return;
  next_look_ = now + look_period;
  static_cast<void>(change({}));  // full of changes: they look, too
}

}  // namespace vpn_sentinel
