/// Rules of alerts: about whom, what has to be so for how long, who is told, when again and who else. Pure values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/alert/daily_time.hpp"
#include "netns/base/result.hpp"
#include "probe/verdict/finding.hpp"

namespace vpn_sentinel {

struct AlertRule {
  enum class On : std::uint8_t {
    state,            ///< of a client, or of a group whose members are told by it
    finding,          ///< one of `findings` is there
    group,            ///< state of a group
    latency,          ///< far from what the client's own is
    dns_mismatch,     ///< in `count` of the last `of` reports
    address_changes,  ///< `count` of them within `window`
    silence,          ///< nobody hears the client
    exposure,         ///< so much time in danger within one incident
    hub,              ///< the hub's own trouble
  };
  enum class Source : std::uint8_t { built_in, file, api };

  static constexpr std::size_t most_names = 100;  ///< of each list
  static constexpr std::size_t longest_name = 32;

  std::string name;  ///< 1-32 of a-z 0-9 -
  On on = On::state;
  Source source = Source::file;
  std::vector<State> states = {};          ///< empty: whatever is not secure, and with On::state also news that are no trouble
  std::vector<std::string> findings = {};  ///< codes, * and ? are wildcards
  std::vector<std::string> clients = {};   ///< patterns of client ids; empty: all, but for members of groups
  std::vector<std::string> groups = {};    ///< patterns of names; empty: all, and clients without a group
  std::chrono::seconds delay{0};           ///< what ends within it is not told
  std::chrono::seconds clear_delay{0};     ///< what comes back within it was not over
  std::chrono::minutes remind{0};          ///< 0: never
  std::vector<std::string> channels = {};  ///< empty: all
  std::chrono::minutes escalate_after{0};  ///< when nobody has acknowledged
  std::vector<std::string> escalate_to = {};
  std::optional<DailyTime> quiet = {};  ///< what is no danger waits
  std::chrono::seconds group_wait{0};   ///< what happens to several within it is one message
  int count = 3;                        ///< see On
  int of = 10;                          ///< see On
  std::chrono::minutes window{60};      ///< see On
  double deviations = 6;                ///< latency: so many times the usual deviation from the median
  std::chrono::seconds exposed{60};     ///< see On
  friend bool operator==(const AlertRule&, const AlertRule&) = default;
};

[[nodiscard]] std::string_view to_string(AlertRule::On on);
[[nodiscard]] std::string_view to_string(AlertRule::Source source);

/// As in the file, without what has its usual value, and "source".
[[nodiscard]] nlohmann::json to_json(const AlertRule& rule);
/// An object as in the file. The Error names the field, its value and what was expected.
[[nodiscard]] Result<AlertRule> parse_rule(const nlohmann::json& object, AlertRule::Source source);

/// What is told without any rule of the user: everything that notice_of() has words for, at once, on all channels.
[[nodiscard]] const AlertRule& built_in_rule();

/// Of channels and rules: 1-32 of a-z 0-9 -
[[nodiscard]] bool is_rule_name(std::string_view text) noexcept;

/// Reads fields of one object and remembers what is wrong first; for everything of the alerts' file.
class RuleFields {
 public:
  explicit RuleFields(const nlohmann::json& object);

  [[nodiscard]] std::string text(const char* name, std::size_t most, bool must = false);
  [[nodiscard]] std::vector<std::string> texts(const char* name);
  [[nodiscard]] std::int64_t number(const char* name, std::int64_t least, std::int64_t most, std::int64_t usual);
  [[nodiscard]] double real(const char* name, double least, double most, double usual);
  void refuse(std::string_view name, std::string_view expected);
  /// What nobody has asked for is a mistake.
  [[nodiscard]] Result<void> finish();

 private:
  [[nodiscard]] const nlohmann::json* find(const char* name);

  const nlohmann::json& object_;
  std::vector<std::string_view> known_;
  std::string problem_;
};

}  // namespace vpn_sentinel
