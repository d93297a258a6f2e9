#include "tests/bench/bare_opening.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <exception>
#include <thread>

#include "netns/base/clock.hpp"
#include "netns/base/fatal_error.hpp"
#include "netns/base/fd.hpp"
#include "netns/netlink/request.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::uint32_t groups = 1U << (RTNLGRP_LINK - 1) | 1U << (RTNLGRP_IPV4_IFADDR - 1) | 1U << (RTNLGRP_IPV6_IFADDR - 1) |
                                 1U << (RTNLGRP_IPV4_ROUTE - 1) | 1U << (RTNLGRP_IPV6_ROUTE - 1) | 1U << (RTNLGRP_IPV4_RULE - 1) |
                                 1U << (RTNLGRP_IPV6_RULE - 1);

void require(bool done, const char* what) {
  if (!done) throw FatalError(70, fmt::format("{}: {}", what, std::strerror(errno)));
}

Fd bound_socket(std::uint32_t subscribed) {
  Fd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = subscribed;
  require(fd && ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "netlink socket");
  return fd;
}

/// Until NLMSG_DONE or an error (a kernel without a family); the content is not looked at.
void dump(int fd, DumpKind kind) {
  const auto request = dump_request(kind, 1);
  require(::send(fd, request.data(), request.size(), 0) >= 0, "dump request");
  alignas(nlmsghdr) std::array<std::byte, 32768> buffer;
  for (;;) {
    const auto size = ::recv(fd, buffer.data(), buffer.size(), 0);
    require(size > 0, "dump");
    auto left = static_cast<std::uint32_t>(size);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
      const bool of_dump = (message->nlmsg_flags & NLM_F_MULTI) != 0 || message->nlmsg_type == NLMSG_ERROR;
      if (of_dump && (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)) return;
    }
  }
}

std::chrono::nanoseconds thread_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

BareOpening measure(const std::vector<std::string>& names) {
  std::vector<Fd> held;
  held.reserve(names.size() * 2);
  const auto begin = mono_now();
  const auto spent = thread_time();
  for (const auto& name : names) {
    const Fd space{::open(("/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC)};
    require(space && ::setns(space.get(), CLONE_NEWNET) == 0, "setns");
    held.push_back(bound_socket(groups));
    held.push_back(bound_socket(0));
    for (std::size_t kind = 0; kind < dump_kinds; ++kind) dump(held[held.size() - 2].get(), static_cast<DumpKind>(kind));
  }
  return {mono_now() - begin, thread_time() - spent};
}

}  // namespace

BareOpening open_barely(const std::vector<std::string>& names) {
  BareOpening result;
  std::exception_ptr failure;
  // A thread that is in another namespace is of no further use.
  std::thread([&] {
    try {
      result = measure(names);
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
  return result;
}

}  // namespace vpn_sentinel
