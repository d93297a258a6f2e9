#include "hub/app/key_commands.hpp"

#include <fcntl.h>
#include <fmt/ranges.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>

#include "hub/app/key_file.hpp"
#include "hub/state/group.hpp"
#include "netns/base/fd.hpp"

namespace vpn_sentinel {
namespace {

/// Two commands at once would each write what the other does not know. The folder itself is locked: nothing is left behind, and whoever
/// runs the command needs no file of another user.
Result<Fd> lock_folder(const std::string& data_dir) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(data_dir, error);
  if (made) std::filesystem::permissions(data_dir, std::filesystem::perms::owner_all, error);
  if (error) return fail(system_error(error.value(), fmt::format("the data folder {} cannot be made", data_dir)));
  Fd fd(open(data_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || flock(fd.get(), LOCK_EX) != 0) return fail(system_error(errno, fmt::format("the data folder {} cannot be used", data_dir)));
  return fd;
}

Result<void> check(const NewKey& key) {
  if (!is_valid_key_name(key.name)) {
    return fail(Error::Kind::invalid, fmt::format("NAME = '{}': expected 1-64 characters out of A-Z a-z 0-9 . _ -", key.name));
  }
  for (const auto& pattern : key.clients) {
    if (is_valid_client_pattern(pattern)) continue;
    return fail(Error::Kind::invalid,
                fmt::format("--clients = '{}': expected a client id, or the beginning of ids followed by '*'", pattern));
  }
  if (key.clients.empty() && !key.may_read) {
    return fail(Error::Kind::invalid, "a key without --clients and without --read could do nothing; give one of them");
  }
  return {};
}

Result<void> change_keys(const std::string& data_dir, const std::function<Result<void>(std::vector<ClientKey>&)>& change) {
  const auto lock = lock_folder(data_dir);
  if (!lock) return fail(lock.error());
  const auto path = key_file_path(data_dir);
  auto keys = read_keys(path);
  if (!keys) return fail(keys.error());
  if (auto changed = change(*keys); !changed) return changed;
  // What would be written is read first: a limit that it exceeds is told now, not by the hub.
  if (auto again = parse_keys(format_keys(*keys)); !again) return fail(again.error());
  return write_keys(path, *keys);
}

/// "office,group:berlin"; "-" for none.
std::string shown_clients(const KeyGrant& grant) {
  auto all = grant.clients;
  for (const auto& group : grant.groups.value_or(std::vector<std::string>{})) all.push_back(group_client_id(group));
  return all.empty() ? "-" : fmt::format("{}", fmt::join(all, ","));
}

}  // namespace

Result<std::string> add_key(const std::string& data_dir, const NewKey& key, WallTime now) {
  if (auto checked = check(key); !checked) return fail(checked.error());
  auto text = generate_key();
  auto added = change_keys(data_dir, [&](std::vector<ClientKey>& keys) -> Result<void> {
    if (std::ranges::any_of(keys, [&](const ClientKey& other) { return other.grant.name == key.name; })) {
      return fail(Error::Kind::invalid, fmt::format("NAME = '{}': there is a key of that name; revoke it first", key.name));
    }
    keys.push_back({{key.name, key.clients, key.may_read, key.groups}, hash_key(text), now});
    return {};
  });
  if (!added) return fail(added.error());
  return text;
}

Result<std::string> rotate_key(const std::string& data_dir, const std::string& name, WallTime now) {
  auto text = generate_key();
  auto rotated = change_keys(data_dir, [&](std::vector<ClientKey>& keys) -> Result<void> {
    const auto key = std::ranges::find_if(keys, [&](const ClientKey& each) { return each.grant.name == name; });
    if (key == keys.end()) return fail(Error::Kind::not_found, fmt::format("NAME = '{}': there is no key of that name", name));
    key->hash = hash_key(text);
    key->created = now;
    return {};
  });
  if (!rotated) return fail(rotated.error());
  return text;
}

Result<std::string> put_key(const std::string& data_dir, const NewKey& key, WallTime now) {
  if (auto checked = check(key); !checked) return fail(checked.error());
  auto text = generate_key();
  auto put = change_keys(data_dir, [&](std::vector<ClientKey>& keys) -> Result<void> {
    std::erase_if(keys, [&](const ClientKey& other) { return other.grant.name == key.name; });
    keys.push_back({{key.name, key.clients, key.may_read, key.groups}, hash_key(text), now});
    return {};
  });
  if (!put) return fail(put.error());
  return text;
}

Result<void> revoke_key(const std::string& data_dir, const std::string& name) {
  return change_keys(data_dir, [&](std::vector<ClientKey>& keys) -> Result<void> {
    if (std::erase_if(keys, [&](const ClientKey& key) { return key.grant.name == name; }) > 0) return {};
    return fail(Error::Kind::not_found, fmt::format("NAME = '{}': there is no key of that name", name));
  });
}

Result<std::string> list_keys(const std::string& data_dir) {
  const auto keys = read_keys(key_file_path(data_dir));
  if (!keys) return fail(keys.error());
  if (keys->empty()) return std::string("There are no client keys.\n");
  auto text = fmt::format("{:<24} {:<20} {:<5} {}\n", "NAME", "CREATED", "READ", "CLIENTS");
  for (const auto& key : *keys) {
    const auto created = to_rfc3339(std::chrono::floor<std::chrono::seconds>(key.created));
    text += fmt::format("{:<24} {:<20} {:<5} {}\n", key.grant.name, created.substr(0, 19) + "Z", key.grant.may_read ? "yes" : "no",
                        shown_clients(key.grant));
  }
  return text;
}

}  // namespace vpn_sentinel
