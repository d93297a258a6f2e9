#include "hub/http/keyring.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <sodium.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <utility>

#include "netns/base/random.hpp"
#include "probe/report/report.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

constexpr std::size_t key_bytes = 32;
constexpr std::size_t longest_line = 16 * 1024;
constexpr std::string_view fields = "name, hash, clients, read, created, and groups or none";

static_assert(sizeof(KeyHash) == crypto_hash_sha256_BYTES);

std::string to_hex(const KeyHash& hash) {
  std::string hex(2 * sizeof hash + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), reinterpret_cast<const unsigned char*>(hash.data()), sizeof hash);
  hex.pop_back();
  return hex;
}

std::optional<KeyHash> from_hex(std::string_view hex) {
  KeyHash hash{};
  std::size_t size = 0;
  if (hex.size() != 2 * sizeof hash) return std::nullopt;
  const auto bad =
      sodium_hex2bin(reinterpret_cast<unsigned char*>(hash.data()), sizeof hash, hex.data(), hex.size(), nullptr, &size, nullptr);
  if (bad != 0 || size != sizeof hash) return std::nullopt;
  return hash;
}

tl::unexpected<Error> wrong(std::size_t line, std::string_view field, std::string_view expected) {
  return fail(Error::Kind::invalid, fmt::format("line {}: {}: expected {}", line, field, expected));
}

const std::string* text_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

/// The patterns of `object`; nullopt when one is none.
std::optional<std::vector<std::string>> patterns_of(const json& object) {
  const auto found = object.find("clients");
  if (found == object.end() || !found->is_array() || found->size() > most_key_patterns) return std::nullopt;
  std::vector<std::string> patterns;
  for (const auto& item : *found) {
    if (!item.is_string() || !is_valid_client_pattern(item.get_ref<const std::string&>())) return std::nullopt;
    patterns.push_back(item.get<std::string>());
  }
  return patterns;
}

/// The groups of `object`, which may have none; nullopt when one is no name of a group.
std::optional<std::optional<std::vector<std::string>>> groups_of(const json& object) {
  const auto found = object.find("groups");
  if (found == object.end()) return std::optional<std::vector<std::string>>{};
  if (!found->is_array() || found->size() > most_key_patterns) return std::nullopt;
  std::vector<std::string> groups;
  for (const auto& item : *found) {
    if (!item.is_string() || !is_valid_client_id(item.get_ref<const std::string&>())) return std::nullopt;
    groups.push_back(item.get<std::string>());
  }
  return groups;
}

Result<ClientKey> parse_line(std::string_view text, std::size_t line) {
  if (text.size() > longest_line) return wrong(line, "length", fmt::format("at most {} bytes", longest_line));
  const auto object = json::parse(text, nullptr, false);
  if (!object.is_object()) return wrong(line, "line", fmt::format("a JSON object with {}", fields));
  ClientKey key;
  const auto* const name = text_at(object, "name");
  if (!name || !is_valid_key_name(*name)) return wrong(line, "name", "1-64 characters out of A-Z a-z 0-9 . _ -");
  key.grant.name = *name;
  const auto* const hex = text_at(object, "hash");
  const auto hash = hex ? from_hex(*hex) : std::nullopt;
  if (!hash) return wrong(line, "hash", "the SHA-256 of the key as 64 hexadecimal digits");
  key.hash = *hash;
  auto patterns = patterns_of(object);
  if (!patterns)
    return wrong(line, "clients", fmt::format("a list of at most {} client ids or beginnings of ids followed by '*'", most_key_patterns));
  key.grant.clients = std::move(*patterns);
  auto groups = groups_of(object);
  if (!groups) return wrong(line, "groups", fmt::format("a list of at most {} names of groups", most_key_patterns));
  key.grant.groups = std::move(*groups);
  const auto read = object.find("read");
  if (read == object.end() || !read->is_boolean()) return wrong(line, "read", "true or false");
  key.grant.may_read = read->get<bool>();
  const auto* const created = text_at(object, "created");
  const auto time = created ? parse_rfc3339(*created) : Result<WallTime>{fail(Error{})};
  if (!time) return wrong(line, "created", "an RFC 3339 time");
  key.created = *time;
  return key;
}

bool is_id_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/// All ones when the hashes are equal, otherwise zero; without a branch.
std::uint64_t equal_mask(const KeyHash& left, const KeyHash& right) {
  const auto different = (left[0] ^ right[0]) | (left[1] ^ right[1]) | (left[2] ^ right[2]) | (left[3] ^ right[3]);
  return ((different | (0 - different)) >> 63) - 1;
}

}  // namespace

/// OpenSSL's uses the processor's own instructions where there are any, libsodium's does not: each request brings a key.
KeyHash hash_key(std::string_view key) noexcept {
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  KeyHash hash{};
  auto* const place = reinterpret_cast<unsigned char*>(hash.data());
  const bool done = sha256 != nullptr && context && EVP_DigestInit_ex2(context.get(), sha256, nullptr) == 1 &&
                    EVP_DigestUpdate(context.get(), key.data(), key.size()) == 1 && EVP_DigestFinal_ex(context.get(), place, nullptr) == 1;
  if (!done) crypto_hash_sha256(place, reinterpret_cast<const unsigned char*>(key.data()), key.size());
  return hash;
}

bool KeyGrant::may_report(std::string_view client_id) const noexcept {
  return std::ranges::any_of(clients, [client_id](std::string_view pattern) {
    return pattern.ends_with('*') ? client_id.starts_with(pattern.substr(0, pattern.size() - 1)) : client_id == pattern;
  });
}

bool KeyGrant::may_report_in(std::string_view group) const noexcept {
  return groups ? std::ranges::find(*groups, group) != groups->end() : may_report(group);
}

std::string generate_key() {
  std::array<std::byte, key_bytes> random{};
  fill_random(random);
  std::string text(sodium_base64_ENCODED_LEN(key_bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(random.data()), random.size(),
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  text.pop_back();
  return "vs_" + text;
}

bool is_valid_key_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= longest_key_name && std::ranges::all_of(name, is_id_character);
}

bool is_valid_client_pattern(std::string_view pattern) noexcept {
  if (pattern == "*") return true;
  if (pattern.ends_with('*')) pattern.remove_suffix(1);
  return is_valid_client_id(pattern);
}

Result<std::vector<ClientKey>> parse_keys(std::string_view text) {
  std::vector<ClientKey> keys;
  std::set<std::string> names;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto content = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (content.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto key = parse_line(content, line);
    if (!key) return fail(key.error());
    if (keys.size() == most_client_keys) return wrong(line, "keys", fmt::format("at most {}", most_client_keys));
    if (!names.insert(key->grant.name).second)
      return wrong(line, "name", fmt::format("a name that no other key has, got '{}'", key->grant.name));
    keys.push_back(std::move(*key));
  }
  return keys;
}

std::string format_keys(const std::vector<ClientKey>& keys) {
  std::string text;
  for (const auto& key : keys) {
    json line{{"name", key.grant.name},
              {"hash", to_hex(key.hash)},
              {"clients", key.grant.clients},
              {"read", key.grant.may_read},
              {"created", to_rfc3339(key.created)}};
    if (key.grant.groups) line["groups"] = *key.grant.groups;
    text += line.dump() + '\n';
  }
  return text;
}

Keyring::Keyring(std::string_view shared_key, const std::vector<ClientKey>& client_keys) {
  const auto add = [this](const KeyHash& hash, KeyGrant grant) {
    hashes_.push_back(hash);
    grants_.push_back(std::make_shared<const KeyGrant>(std::move(grant)));
  };
  for (const auto& key : client_keys) add(key.hash, key.grant);
  if (!shared_key.empty()) add(hash_key(shared_key), {"", {"*"}, true});  // the last of two equal ones is found
}

std::optional<KeyHash> Keyring::shared_hash() const noexcept {
  if (grants_.empty() || !grants_.back()->is_shared()) return std::nullopt;
  return hashes_.back();
}

std::shared_ptr<const KeyGrant> Keyring::find(const KeyHash& hash) const noexcept {
  std::uint64_t place = 0;  // 1 for the first hash
  for (std::size_t i = 0; i < hashes_.size(); ++i) {
    const auto equal = equal_mask(hashes_[i], hash);
    place = (place & ~equal) | ((i + 1) & equal);
  }
  return place == 0 ? nullptr : grants_.at(place - 1);
}

}  // namespace vpn_sentinel
