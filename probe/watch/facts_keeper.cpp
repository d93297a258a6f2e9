#include "probe/watch/facts_keeper.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "netns/base/capabilities.hpp"
#include "netns/base/helper_thread.hpp"

namespace vpn_sentinel {
namespace {

/// Servers and marks change with the tunnel; the rest is for programs that change them on the way.
constexpr std::chrono::seconds usual_pause{60};
/// The age of a handshake is asked for only when nothing answers, and then it must be fresh.
constexpr std::chrono::seconds pause_in_doubt{5};
/// Tunnels that are asked about again at about the same time share one look through /proc; about a new one it begins after the question.
constexpr std::chrono::seconds shared{4};

/// One thread for all targets, so that 1,000 of them never look through /proc at the same time.
struct ReadsTunnelFacts;

}  // namespace

FactsKeeper::FactsKeeper(boost::asio::io_context& io, std::function<void()> on_news) : io_(io), on_news_(std::move(on_news)) {}
FactsKeeper::~FactsKeeper() { stop(); }

void FactsKeeper::start(const NetNamespace& space, std::string name, std::string kind) {
  tunnel_ = std::make_shared<const Tunnel>(Tunnel{space, std::move(name), std::move(kind)});
  answered_ = ask_again_ = false;
  handshakes_.forget();
  reading_ = true;
  // After what the loop is about to do: of 1,000 tunnels that begin together the first question then comes when all have been noticed, and
  // one look through /proc, which must begin after each, serves them all.
  boost::asio::post(io_, [this, weak = std::weak_ptr(tunnel_), noticed = mono_now()] {
    if (weak.lock() != nullptr) read(noticed);
  });
}

void FactsKeeper::stop() {
  tunnel_.reset();
  reading_ = answered_ = ask_again_ = false;
  handshakes_.forget();
}

void FactsKeeper::refresh(bool in_doubt, BootTime now) {
  if (!tunnel_ || reading_) return;
  if (now - read_at_ >= (in_doubt ? pause_in_doubt : usual_pause)) read(mono_now() - shared);
}

void FactsKeeper::ask_again() {
  if (!tunnel_) return;
  answered_ = false;
  // A question under way may have been answered before what is asked about now.
  ask_again_ = reading_;
  if (!reading_) read(mono_now());
}

void FactsKeeper::read(MonoTime not_before) {
  reading_ = true;
  // Whoever stops or starts anew lets go of the tunnel, and the answer finds nobody.
  boost::asio::use_service<HelperThread<ReadsTunnelFacts, TunnelPrograms>>(io_).run(
      [this, &io = io_, weak = std::weak_ptr(tunnel_), not_before](TunnelPrograms& programs) {
        auto tunnel = weak.lock();
        if (!tunnel) return;
        const RaisedCapabilities raised(rights_to_look);
        auto facts = read_tunnel_facts(tunnel->space.opener(), tunnel->space.identity(), tunnel->name, tunnel->kind, programs, not_before);
        // Before the answer is told: on the loop it must be the keeper's own hold that shows whether anybody still wants it.
        tunnel.reset();
        boost::asio::post(io, [this, weak, facts = std::move(facts)]() mutable {
          if (weak.lock() != nullptr) take(std::move(facts));
        });
      });
}

void FactsKeeper::take(TunnelFacts facts) {
  reading_ = false;
  answered_ = !ask_again_;
  if (std::exchange(ask_again_, false)) read(mono_now());
  read_at_ = boot_now();
  facts_ = std::move(facts);
  handshakes_.take(*facts_, wall_now(), read_at_);
  on_news_();
}

}  // namespace vpn_sentinel
