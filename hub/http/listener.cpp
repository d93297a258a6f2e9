#include "hub/http/listener.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

#include "hub/http/connection.hpp"

namespace vpn_sentinel {
namespace {

using boost::asio::ip::tcp;

/// Connections per wake-up. One per wake-up made 512 peers that connect together wait 645 ms at the 99th percentile, 256 made it 22 ms.
constexpr int most_accepts = 256;

/// Idle connections closed at once when the process has no descriptors left.
constexpr int most_closed_for_room = 32;

constexpr std::string_view full_reply =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

Error bind_error(int code, const Endpoint& endpoint) {
  auto error = system_error(code, fmt::format("cannot listen on {}", endpoint.to_string()));
  if (code == EADDRINUSE) error.message += "; another program listens there (ss -tlnp shows which)";
  if (code == EADDRNOTAVAIL) error.message += "; this machine does not have that address";
  if (code == EACCES) error.message += "; ports below 1024 need CAP_NET_BIND_SERVICE";
  return error;
}

bool enable(int fd, int level, int option) {
  const int on = 1;
  return setsockopt(fd, level, option, &on, sizeof on) == 0;
}

Result<Fd> bind_socket(const Endpoint& endpoint, bool share) {
  Fd fd(socket(address_family(endpoint.address.family()), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail(bind_error(errno, endpoint));
  // V6ONLY: "::" must not take the IPv4 port too, it has a socket of its own.
  const bool ready = enable(fd.get(), SOL_SOCKET, SO_REUSEADDR) && (!share || enable(fd.get(), SOL_SOCKET, SO_REUSEPORT)) &&
                     (endpoint.address.is_v4() || enable(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY));
  sockaddr_storage address{};
  const auto length = endpoint.to_sockaddr(address);
  if (!ready || bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) return fail(bind_error(errno, endpoint));
  return fd;
}

Result<Endpoint> local_endpoint(const Fd& fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return fail(system_error(errno, "getsockname"));
  return Endpoint::from_sockaddr(address);
}

struct Newcomer {
  Fd fd;
  IpAddress peer;
  std::size_t tried_loops;
};

/// Whoever connects and does not get on with his first words goes before those who were served: the one of `unfinished` if he had his
/// time, else the one of `idle`. Both may be null. False: neither can go.
bool close_one(Session* unfinished, Session* idle, std::chrono::milliseconds patience) {
  auto* const chosen = unfinished != nullptr && mono_now() - unfinished->resting_since() >= patience ? unfinished : idle;
  if (chosen == nullptr) return false;
  chosen->shared_from_this()->abort();
  return true;
}

template <typename List>
Session* first_of(List& list) {
  return list.empty() ? nullptr : &list.front();
}

/// False: nobody of this listener can go on this loop.
bool make_room(Listener& listener, const Loop& loop) {
  Session* oldest = nullptr;
  for (const auto rest : {Rest::silent, Rest::handshake, Rest::head}) {
    auto* const first = first_of(listener.resting(rest, loop.number()));
    if (oldest == nullptr || (first != nullptr && first->resting_since() < oldest->resting_since())) oldest = first;
  }
  return close_one(oldest, first_of(listener.resting(Rest::idle, loop.number())), listener.options.unfinished_patience);
}

/// Among those of one address.
bool make_room_of(const IpAddress& peer, Listener& listener, const Loop& loop) {
  const auto place = listener.addresses.find(AddressCounts::key_of(peer));
  if (!place) return true;  // they have gone
  auto& waiting = place->waiting(loop.number());
  return close_one(first_of(waiting.unfinished), first_of(waiting.idle), listener.options.unfinished_patience);
}

void admit(Loop& loop, const std::shared_ptr<Listener>& listener, Newcomer newcomer) {
  if (loop.stopping()) return;
  auto refusal = Slot::Refusal::none;
  auto slot = Slot::take(listener, newcomer.peer, refusal);
  const bool has_room =
      refusal == Slot::Refusal::address_full ? make_room_of(newcomer.peer, *listener, loop) : !slot && make_room(*listener, loop);
  if (has_room) slot = Slot::take(listener, newcomer.peer, refusal);
  if (!slot && newcomer.tried_loops < listener->loops.size()) {
    auto& next = *listener->loops[(loop.number() + 1) % listener->loops.size()];
    ++newcomer.tried_loops;
    return boost::asio::post(next.io(),
                             [&next, listener, passed = std::move(newcomer)]() mutable { admit(next, listener, std::move(passed)); });
  }
  if (!slot) {
    // Best effort, and without reading: a flood must not cost more than the accept. Over TLS it would cost a handshake.
    if (!listener->options.tls) [[maybe_unused]]
      const auto sent = send(newcomer.fd.get(), full_reply.data(), full_reply.size(), MSG_NOSIGNAL);
    return;
  }
  Socket socket(loop.executor(), newcomer.peer.is_v4() ? tcp::v4() : tcp::v6(), newcomer.fd.release());
  start_connection(loop, std::move(socket), std::move(slot), newcomer.peer.to_string());
}

class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(Loop& loop, Fd socket, std::shared_ptr<Listener> listener)
      : loop_(loop), listener_(std::move(listener)), acceptor_(loop.executor()) {
    const auto bound = local_endpoint(socket);
    acceptor_.assign(bound && bound->address.is_v4() ? tcp::v4() : tcp::v6(), socket.release());
  }

  void wait() {
    acceptor_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->accept_waiting();
    });
  }

  void on_sweep() {
    if (std::exchange(paused_, false)) accept_waiting();
  }

  void close() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
  }

 private:
  void accept_waiting() {
    for (int i = 0; i < most_accepts; ++i) {
      sockaddr_storage peer{};
      socklen_t length = sizeof peer;
      Fd fd(accept4(acceptor_.native_handle(), reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd) {
        const auto endpoint = Endpoint::from_sockaddr(peer);
        if (endpoint) admit(loop_, listener_, {std::move(fd), endpoint->address, 1});
      } else if (errno == EAGAIN) {
        break;
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        // The socket stays readable: waiting for it again would spin.
        paused_ = true;
        for (int closed = 0; closed < most_closed_for_room && make_room(*listener_, loop_); ++closed) {
        }
        return;
      }
    }
    wait();
  }

  Loop& loop_;
  std::shared_ptr<Listener> listener_;
  boost::asio::basic_socket_acceptor<tcp, Executor> acceptor_;
  bool paused_ = false;
};

}  // namespace

Listener::Listener(ListenOptions listen_options, Routes all_routes, const std::vector<std::shared_ptr<Loop>>& all_loops)
    : options(std::move(listen_options)), routes(std::move(all_routes)), addresses(all_loops.size()) {
  for (const auto& loop : all_loops) {
    loops.push_back(loop.get());
    for (auto*& list : resting_.emplace_back()) list = &loop->add_rest_list();
  }
}

std::unique_ptr<Slot> Slot::take(const std::shared_ptr<Listener>& listener, const IpAddress& peer, Refusal& refusal) {
  refusal = Refusal::none;
  auto place = listener->addresses.add(AddressCounts::key_of(peer), listener->options.max_per_address);
  if (!place) {
    refusal = Refusal::address_full;
    return nullptr;
  }
  if (listener->open.fetch_add(1) >= listener->options.max_connections) {
    --listener->open;
    listener->addresses.remove(*place);
    refusal = Refusal::full;
    return nullptr;
  }
  return std::unique_ptr<Slot>(new Slot(listener, std::move(place)));
}

Slot::~Slot() {
  listener_->waiting_body_bytes -= body_bytes_;
  listener_->addresses.remove(*address_);
  --listener_->open;
}

bool Slot::hold_body_bytes(std::size_t bytes) {
  if (bytes == body_bytes_) return true;
  const auto all = listener_->waiting_body_bytes += bytes - body_bytes_;  // modulo 2^64: also right when it becomes less
  body_bytes_ = bytes;
  return all <= listener_->options.max_waiting_body_bytes;
}

Result<BoundSockets> bind_sockets(const Endpoint& endpoint, unsigned count) {
  if (endpoint.port != 0) {
    // Without SO_REUSEPORT this fails when anybody listens there; the socket is closed again at once.
    const auto alone = bind_socket(endpoint, false);
    if (!alone) return fail(alone.error());
  }
  BoundSockets bound{endpoint, {}};
  for (unsigned i = 0; i < count; ++i) {
    auto fd = bind_socket(bound.endpoint, true);
    if (!fd) return fail(fd.error());
    if (listen(fd->get(), SOMAXCONN) != 0) return fail(bind_error(errno, bound.endpoint));
    const auto local = local_endpoint(*fd);
    if (!local) return fail(local.error());
    bound.endpoint = *local;
    bound.sockets.push_back(std::move(*fd));
  }
  return bound;
}

void add_acceptor(Loop& loop, Fd socket, std::shared_ptr<Listener> listener) {
  const auto acceptor = std::make_shared<Acceptor>(loop, std::move(socket), std::move(listener));
  loop.add_part({[acceptor] { acceptor->on_sweep(); }, [acceptor] { acceptor->close(); }});
  acceptor->wait();
}

}  // namespace vpn_sentinel
