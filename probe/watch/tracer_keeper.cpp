#include "probe/watch/tracer_keeper.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <boost/asio/post.hpp>
#include <utility>

#include "netns/base/clock.hpp"
#include "netns/base/helper_thread.hpp"

namespace vpn_sentinel {
namespace {

using boost::asio::posix::stream_descriptor;

constexpr std::chrono::seconds period{1};
/// On a machine with one processor even another thread would hold up the first verdict.
constexpr std::chrono::milliseconds head_start{200};
constexpr std::uint64_t told_again_at = 10;

std::string lacks(const TracerAbilities& abilities) {
  std::string text;
  const auto add = [&text](bool there, const char* what) {
    if (!there) text += (text.empty() ? "" : "; ") + std::string(what);
  };
  add(abilities.names, "programs have no names (CAP_PERFMON is missing)");
  add(abilities.makers, "ICMP and raw sockets have no programs (Linux 5.11 is needed)");
  add(abilities.whole_machine, "programs outside its part of the cgroup2 tree are not seen (mount the host's /sys/fs/cgroup)");
  return text;
}

}  // namespace

TracerKeeper::TracerKeeper(boost::asio::execution_context& context)
    : service(context), io_(static_cast<boost::asio::io_context&>(context)), timer_(io_), descriptor_(io_) {}

void TracerKeeper::shutdown() {
  boost::system::error_code ignored;
  timer_.cancel();
  descriptor_.close(ignored);
  subscribers_.clear();
  tracer_.reset();
}

TracerKeeper::Subscription TracerKeeper::subscribe(Handler handler) {
  auto made = std::make_shared<const Handler>(std::move(handler));
  std::erase_if(subscribers_, [](const auto& one) { return one.expired(); });
  subscribers_.push_back(made);
  return made;
}

void TracerKeeper::begin() {
  if (std::exchange(begun_, true)) return;
  timer_.expires_after(head_start);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    boost::asio::use_service<HelperThread<Begins>>(io_).run(
        [this, &io = io_] { boost::asio::post(io, [this, started = ProgramTracer::shared()]() mutable { take(std::move(started)); }); });
  });
}

void TracerKeeper::take(Result<std::shared_ptr<ProgramTracer>> started) {
  if (!started) {
    refused_ = started.error().message;
    tell(News::What::refused, refused_);
    return tell_all();
  }
  tracer_ = std::move(*started);
  const int copy = ::dup(tracer_->descriptor());
  boost::system::error_code error;
  if (copy >= 0) descriptor_.assign(copy, error);
  tell(News::What::started, lacks(tracer_->abilities()));
  tell_all();
  // Without a descriptor it is asked each second.
  if (descriptor_.is_open()) wait();
  poll_in_a_second();
}

void TracerKeeper::wait() {
  descriptor_.async_wait(stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    poll();
    wait();
  });
}

void TracerKeeper::poll_in_a_second() {
  timer_.expires_after(period);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    poll();
    check_losses();
    poll_in_a_second();
  });
}

void TracerKeeper::poll() {
  tracer_->poll(mono_now());
  tell_all();
}

void TracerKeeper::find_holders() {
  if (!tracer_ || look_waits_->exchange(true)) return;
  boost::asio::use_service<HelperThread<Begins>>(io_).run([this, &io = io_, tracer = tracer_, waits = look_waits_] {
    waits->store(false);
    const auto found = tracer->find_holders();
    if (found) return;
    boost::asio::post(io, [this, why = found.error().message] {
      if (!std::exchange(no_holders_told_, true)) tell(News::What::no_holders, why);
    });
  });
}

void TracerKeeper::check_losses() {
  const auto losses = tracer_->losses();
  const auto all = losses.records + losses.flows + losses.malformed;
  if (all == 0 || all < told_losses_ * told_again_at) return;
  told_losses_ = all;
  tell(News::What::lossy,
       fmt::format("{} records had no room, {} sockets no memory, {} records were malformed since the start: some of what "
                   "leaks may have no name",
                   losses.records, losses.flows, losses.malformed));
}

void TracerKeeper::tell(News::What what, std::string detail) {
  if (teller_) teller_({what, std::move(detail)});
}

void TracerKeeper::tell_all() {
  // A handler may make subscribers come and go.
  const auto now = subscribers_;
  for (const auto& one : now) {
    if (const auto handler = one.lock()) (*handler)();
  }
}

std::string_view to_string(TracerKeeper::News::What what) {
  static constexpr std::array<std::string_view, 4> words{"program_tracer_started", "program_tracer_refused",
                                                         "program_tracer_without_holders", "program_tracer_lossy"};
  return words.at(static_cast<std::size_t>(what));
}

}  // namespace vpn_sentinel
