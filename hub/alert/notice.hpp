/// A message about what happened: in words and in fields, for any channel. A channel renders it when it sends; until then it lies in the
/// store as JSON. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/state/client_state.hpp"
#include "netns/base/clock.hpp"
#include "probe/verdict/finding.hpp"

namespace vpn_sentinel {

struct Notice {
  enum class Kind : std::uint8_t {
    connected,
    protected_again,  ///< recovery
    leak,             ///< danger, and something was seen outside
    danger,
    contained,
    warning,
    offline,
    back,  ///< online again
    address_changed,
    news,        ///< another finding while the state stays
    reminder,    ///< nobody acknowledged
    escalation,  ///< the same, to others
    together,    ///< many clients in one message
    latency,
    dns_mismatch,
    address_flapping,
    exposure,
    hub_started,
    hub_trouble,
    hub_works,
    test,
    report,
  };

  /// "Since: …". Without a label the value stands alone; "•" as label makes a list.
  struct Line {
    /// Parts of a message are set apart by a blank line.
    enum class Part : std::uint8_t { when, damage, where };
    enum class Look : std::uint8_t {
      plain,
      literal,  ///< an address, a name, a number of a version: to be copied
      strong,
    };
    std::string label;
    std::string value;
    bool is_private = false;  ///< left out by a channel with the privacy switch
    Part part = Part::when;
    Look look = Look::plain;  ///< of the value
    std::string after = {};   ///< plain words behind the value
    friend bool operator==(const Line&, const Line&) = default;
  };

  struct Reason {
    std::string code;      ///< of the finding
    std::string severity;  ///< "information", "warning", "contained", "danger"
    std::string text;      ///< one sentence
    std::string advice;    ///< what to do; may be empty
    std::vector<Line> evidence = {};
    friend bool operator==(const Reason&, const Reason&) = default;
  };

  static constexpr std::size_t most_reasons = 6;
  static constexpr std::size_t most_clients = 50;

  Kind kind = Kind::test;
  std::string title = {};      ///< one line for a lock screen: begins with the sign of its kind (🟢🔵🟡🔴⚪…), no markup
  std::string rule = {};       ///< name of the rule; empty: none
  std::string client_id = {};  ///< empty: about the hub, or about several clients
  std::string group = {};
  std::optional<std::int64_t> incident = {};
  std::optional<State> from = {};
  std::optional<State> to = {};
  WallTime at{};                       ///< true since
  WallTime noticed{};                  ///< hub's clock
  std::string text = {};               ///< sentences before the reasons; empty: none
  std::vector<Reason> reasons = {};    ///< why and what to do, what matters first; at most most_reasons
  std::size_t more_reasons = 0;        ///< that are not in `reasons`
  std::vector<Line> facts = {};        ///< since, lasted, exposed, left outside, address, location, provider, DNS, kill switch …
  std::vector<std::string> clients{};  ///< of `together`, at most most_clients named
  std::size_t more_clients = 0;        ///< that are not in `clients`
  friend bool operator==(const Notice&, const Notice&) = default;
};

[[nodiscard]] std::string_view to_string(Notice::Kind kind);
[[nodiscard]] std::optional<Notice::Kind> parse_notice_kind(std::string_view text);

/// Who, what, since when, what left and where to, address, location, provider, DNS, why and what to do; recovery with its duration and what
/// it cost. Nullopt: nothing to say.
[[nodiscard]] std::optional<Notice> notice_of(const Change& change);
[[nodiscard]] Notice start_notice(std::string_view version, WallTime now, std::size_t known_clients);
/// The hub's own trouble, told from memory: the store cannot keep it. `problem` is the store's error.
[[nodiscard]] Notice store_fails_notice(std::string_view problem, WallTime since);
[[nodiscard]] Notice store_works_notice(std::chrono::milliseconds lasted, WallTime now);
/// What somebody sends to see whether a channel works. `who`: whoever asked for it.
[[nodiscard]] Notice test_notice(std::string_view channel, std::string_view who, WallTime now);

/// JSON, what StoredAlert::text holds.
[[nodiscard]] std::string to_text(const Notice& notice);
/// Nullopt: a row of an older hub, whose text is Telegram's HTML already, or nothing that to_text() made. Unknown words of a newer hub
/// become their nearest known ones.
[[nodiscard]] std::optional<Notice> parse_notice(std::string_view text);

/// The first `most` characters (UTF-8), and "…" when there are more.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t most);
/// "2026-11-21 10:00:00 UTC".
[[nodiscard]] std::string utc_text(WallTime time);

}  // namespace vpn_sentinel
