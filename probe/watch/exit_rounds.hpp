/// The exit check of one target, family by family: who is asked, what the answers say together, and where the exit is. Geolocation comes
/// after the answers and holds up nothing.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "probe/checks/exit_check.hpp"
#include "probe/verdict/exit_view.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

/// Takes over one family of `newer`, and what is said of both.
void take_family(ExitView& exit, const ExitView& newer, Family family);

class ExitRounds {
 public:
  /// `done`: this family's services are settled; else it is a first word.
  using OnAnswer = std::function<void(bool done)>;
  /// `on_facts`: where an exit is has become known after its round. `http`, `dns` and `policy` outlive it.
  ExitRounds(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, const TargetPolicy& policy, std::function<void()> on_facts);

  [[nodiscard]] bool is_wanted() const { return !policy_.trace_urls.empty() || !policy_.exit.witnesses_v4.empty(); }
  /// How many families a round asks.
  [[nodiscard]] int families(bool has_v6) const { return is_wanted() ? (has_v6 ? 2 : 1) : 0; }
  /// Begins a round; the handler is called with done = true once for each family, possibly from inside. What was found before is forgotten,
  /// except of which exit was there last.
  void run(const SocketOpener& opener, bool has_v6, const OnAnswer& on_answer);
  /// Ends everything that is under way; the handlers are not called any more.
  void stop();

  /// The tunnel is another one: services that want to be left alone count by an address that may be another one, too.
  void shorten_rests() { exit_check_.limits()->shorten(mono_now()); }

  /// What the round has found so far.
  [[nodiscard]] const ExitView& view() const noexcept { return view_; }
  /// Takes over into `older` what has become known of its addresses since.
  void update_facts(ExitView& older) const;
  /// Somebody is being asked where an exit is.
  [[nodiscard]] bool is_locating() const noexcept { return locating_ > 0; }

 private:
  struct Located {
    AddressFacts facts;
    MonoTime until{};
  };
  struct Change {
    std::optional<IpAddress> exit;  ///< the last one that was settled
    std::optional<IpAddress> from;
    MonoTime told_until{};
  };

  void ask(const SocketOpener& opener, Family family, const OnAnswer& on_answer);
  void take(Family family, const ExitOfFamily& seen);
  void note_change(Family family, const IpAddress& address, ExitOfFamily& exit);
  [[nodiscard]] AddressFacts facts_of(const IpAddress& address, const ExitOfFamily& exit) const;
  void locate(const SocketOpener& opener, Family family);
  void on_located(Family family, const IpAddress& address, const ExitOfFamily& seen);
  void remember(const IpAddress& address, Located found);
  void remember_facts(const IpAddress& address, const AddressFacts& facts);
  [[nodiscard]] ExitRequest request(const SocketOpener& opener, Family family) const;

  const TargetPolicy& policy_;
  std::function<void()> on_facts_;
  ExitCheck exit_check_;
  ExitCheck geo_check_;
  ExitView view_;
  int locating_ = 0;
  std::map<IpAddress, Located> located_;  ///< what was said of the last exits
  std::map<Family, Change> changes_;
};

}  // namespace vpn_sentinel
