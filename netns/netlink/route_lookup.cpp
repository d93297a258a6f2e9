#include "netns/netlink/route_lookup.hpp"

#include <algorithm>
#include <array>

#include "netns/netlink/decode.hpp"
#include "netns/netlink/link_reader.hpp"
#include "netns/netlink/netlink_socket.hpp"
#include "netns/netlink/patience.hpp"
#include "netns/netlink/request.hpp"

namespace vpn_sentinel {
namespace {

/// Each reply takes 832 bytes of the default receive buffer of 212992: more than 256 at once would be an overrun.
constexpr std::size_t batch_size = 128;
/// Received at once; a reply has at most about 300 bytes.
constexpr std::size_t replies_at_once = 16;
constexpr std::size_t reply_room = 2048;

using Answers = std::vector<Result<RouteAnswer>>;

/// A kernel without IPv6 (ipv6.disable=1) has nobody who takes the request: EOPNOTSUPP. No packet leaves by what is not there.
Result<RouteAnswer> without_ipv6(const IpAddress& destination, Result<RouteAnswer> answer) {
  if (answer || answer.error().kind != Error::Kind::unavailable || destination.is_v4()) return answer;
  return RouteAnswer{};
}

/// The answers of one batch, filled in the order in which replies come.
class Batch {
 public:
  Batch(std::span<const RouteQuestion> questions, std::span<Result<RouteAnswer>> answers, std::uint32_t first_sequence)
      : questions_(questions),
        answers_(answers),
        answered_(answers.size(), false),
        first_sequence_(first_sequence),
        missing_(answers.size()) {}

  [[nodiscard]] bool complete() const noexcept { return missing_ == 0; }

  void take(std::span<const std::byte> datagram) {
    MessageCursor messages{datagram};
    while (const auto message = messages.next()) {
      // A reply to an earlier look-up that had timed out has a number outside the batch.
      const std::uint32_t place = message->sequence - first_sequence_;
      if (place >= answers_.size() || answered_[place]) continue;
      answers_[place] = without_ipv6(questions_[place].destination, decode_route_answer(*message));
      answered_[place] = true;
      --missing_;
    }
  }

  void fail_the_rest(const Error& error) {
    for (std::size_t i = 0; i < answers_.size(); ++i) {
      if (!answered_[i]) answers_[i] = fail(error);
    }
  }

 private:
  std::span<const RouteQuestion> questions_;
  std::span<Result<RouteAnswer>> answers_;
  std::vector<bool> answered_;
  std::uint32_t first_sequence_;
  std::size_t missing_;
};

Result<void> receive_all(int fd, Batch& batch) {
  std::array<std::byte, replies_at_once * reply_room> buffer;
  std::array<Datagram, replies_at_once> datagrams;
  const auto deadline = mono_now() + kernel_patience;
  while (!batch.complete()) {
    // Also while answers to earlier questions, or somebody else's datagrams, go on to come.
    if (mono_now() >= deadline) return fail(Error::Kind::timed_out, "route look-up: the kernel's answers do not come");
    const auto count = receive_netlink(fd, buffer, datagrams);
    for (const auto& datagram : std::span(datagrams).first(count)) {
      switch (datagram.outcome) {
        case Datagram::Outcome::data:
          batch.take(datagram.bytes);
          break;
        case Datagram::Outcome::foreign:
          break;
        case Datagram::Outcome::empty:
          if (auto readable = wait_readable(fd, deadline); !readable) return readable;
          break;
        case Datagram::Outcome::overrun:
        case Datagram::Outcome::failed:
          return fail(system_error(datagram.code, "route look-up"));
      }
    }
  }
  return {};
}

}  // namespace

Result<RouteLookup> RouteLookup::open(const SocketOpener& opener) {
  auto socket = open_netlink(opener, 0);
  if (!socket) return fail(socket.error());
  return RouteLookup{std::move(socket->fd)};
}

Result<Link> RouteLookup::read_link(std::uint32_t index) { return vpn_sentinel::read_link(fd_.get(), index, ++sequence_); }

Answers RouteLookup::look_up(std::span<const RouteQuestion> questions) {
  Answers answers(questions.size());
  for (std::size_t start = 0; start < questions.size(); start += batch_size) {
    const auto size = std::min(batch_size, questions.size() - start);
    Batch batch{questions.subspan(start, size), std::span(answers).subspan(start, size), sequence_ + 1};
    const auto request = route_requests(questions.subspan(start, size), sequence_ + 1);
    sequence_ += static_cast<std::uint32_t>(size);
    auto done = send_netlink(fd_.get(), request);
    if (done) done = receive_all(fd_.get(), batch);
    if (!done) batch.fail_the_rest(done.error());
  }
  return answers;
}

}  // namespace vpn_sentinel
