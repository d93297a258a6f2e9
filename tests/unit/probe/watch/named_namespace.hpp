/// Namespaces with names, as ip-netns(8) makes them, and a loop that runs until something is true.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "netns/base/clock.hpp"
#include "netns/namespace/namespace_ref.hpp"

namespace vpn_sentinel::test {

/// A shell command; it must succeed.
inline void run_command_line(const std::string& command) { BOOST_REQUIRE_MESSAGE(std::system(command.c_str()) == 0, command); }

/// A name that no other test has; the namespace is made and deleted by the test, at the latest deleted here.
class NamedNamespace {
 public:
  explicit NamedNamespace(const std::string& part) : name_(fmt::format("vs{}-{}", ::getpid(), part)) {}
  NamedNamespace(const NamedNamespace&) = delete;
  NamedNamespace& operator=(const NamedNamespace&) = delete;
  ~NamedNamespace() {
    if (std::filesystem::exists(file())) remove();
  }

  void make() const { run_command_line("ip netns add " + name_); }
  void remove() const { run_command_line("ip netns delete " + name_); }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string file() const { return fmt::format("{}/{}", named_namespaces, name_); }
  [[nodiscard]] NamespaceRef ref() const { return {NamespaceRef::Kind::name, name_}; }

 private:
  std::string name_;
};

/// Runs the loop until `done`, ten seconds at most; false when they were not enough.
template <typename Done>
bool run_until(boost::asio::io_context& io, Done done) {
  const auto end = mono_now() + std::chrono::seconds{10};
  const auto work = boost::asio::make_work_guard(io);
  while (!done()) {
    if (mono_now() >= end) return false;
    io.restart();
    io.run_one_for(std::chrono::milliseconds{5});
  }
  return true;
}

}  // namespace vpn_sentinel::test
