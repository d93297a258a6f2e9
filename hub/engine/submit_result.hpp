/// What became of a report that was handed to the engine.
#pragma once

#include <string_view>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

enum class SubmitResult {
  stored,
  duplicate,         ///< it was stored before, which is all that its sender wants to know
  store_full,        ///< the disk or the quota of the hub is full: HTTP 507
  store_read_only,   ///< the database or its file system may not be written: HTTP 503
  store_failed,      ///< anything else: HTTP 503
  too_many_clients,  ///< the client is new and there are too many in all: HTTP 507
  too_many_of_key,   ///< the same, of its key
};

/// True: the report is durable, its sender may forget it.
[[nodiscard]] constexpr bool is_kept(SubmitResult result) noexcept {
  return result == SubmitResult::stored || result == SubmitResult::duplicate;
}

/// What a store's error means for the reports of the transaction that it ended.
[[nodiscard]] constexpr SubmitResult refusal_for(Error::Kind kind) noexcept {
  if (kind == Error::Kind::no_space) return SubmitResult::store_full;
  return kind == Error::Kind::not_permitted ? SubmitResult::store_read_only : SubmitResult::store_failed;
}

/// The report's client is new, and there is no room for it; nothing is wrong with the store.
[[nodiscard]] constexpr bool is_without_room(SubmitResult result) noexcept {
  return result == SubmitResult::too_many_clients || result == SubmitResult::too_many_of_key;
}

/// The HTTP status of a report that was not kept.
[[nodiscard]] constexpr int http_status(SubmitResult result) noexcept {
  return is_kept(result) ? 200 : result == SubmitResult::store_full || is_without_room(result) ? 507 : 503;
}

/// The same in words.
[[nodiscard]] constexpr std::string_view error_of(SubmitResult result) noexcept {
  if (is_without_room(result)) return "Too many clients";
  return http_status(result) == 507 ? "Insufficient storage" : "Service unavailable";
}

/// Retry-After: where people have to make room it takes longer.
[[nodiscard]] constexpr std::string_view retry_after(SubmitResult result) noexcept {
  return is_without_room(result) ? "60" : result == SubmitResult::store_full ? "15" : "5";
}

/// A sentence for the sender of a report that was not kept, with what to do; without paths, which are nobody's business outside.
[[nodiscard]] constexpr std::string_view reason_of(SubmitResult result) noexcept {
  switch (result) {
    case SubmitResult::stored:
    case SubmitResult::duplicate:
      break;
    case SubmitResult::store_full:
      return "The hub's disk is full; the report was not kept. Free some space there, the hub goes on by itself";
    case SubmitResult::store_read_only:
      return "The hub may not write to its data folder; the report was not kept. Make it writable, the hub goes on by itself";
    case SubmitResult::store_failed:
      return "The hub cannot write to its store; the report was not kept. The hub's log says why";
    case SubmitResult::too_many_clients:
      return "The hub knows as many clients as VPN_SENTINEL_SERVER_MAX_CLIENTS lets it and takes no new ones; remove some there, or raise "
             "it";
    case SubmitResult::too_many_of_key:
      return "The hub knows as many clients of this key as VPN_SENTINEL_SERVER_CLIENTS_PER_KEY lets it and takes no new ones; remove some "
             "there, or raise it";
  }
  return {};
}

}  // namespace vpn_sentinel
