/// Which services want to be left alone, and until when. Pure: fed with times. Quotas count by address, and a VPN's exit is shared: the
/// first question may already be one too many.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "netns/base/clock.hpp"

namespace vpn_sentinel {

class SourceLimits {
 public:
  /// The service said that it is too much. Without a time of its own it rests five minutes, twice as long each time in a row, at
  /// most a day. Its own time counts up to a day and from half a minute on.
  void limited(const std::string& url, std::optional<std::chrono::seconds> rest, MonoTime now);
  /// It answered; `rest`: and wants no further question for so long.
  void answered(const std::string& url, std::optional<std::chrono::seconds> rest, MonoTime now);
  /// The address that it counts by is another one now, or may be: nobody rests for longer than half a minute from now on.
  void shorten(MonoTime now);
  /// How long it is still left alone; nullopt: it may be asked.
  [[nodiscard]] std::optional<std::chrono::seconds> rests_for(const std::string& url, MonoTime now) const;

 private:
  struct Entry {
    MonoTime until{};
    unsigned in_a_row = 0;
  };
  std::map<std::string, Entry> entries_;  ///< by address of the service: as many as the settings name
};

}  // namespace vpn_sentinel
