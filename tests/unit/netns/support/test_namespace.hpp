/// A network namespace that lives as long as the test, and the fixture that skips tests where none can be made.
#pragma once

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>

#include "netns/namespace/net_namespace.hpp"

namespace vpn_sentinel {

class TestNamespace {
 public:
  TestNamespace() {
    std::jthread([this] {
      if (::unshare(CLONE_NEWNET) != 0) return;
      auto opened = NetNamespace::open({NamespaceRef::Kind::path, fmt::format("/proc/self/task/{}/ns/net", ::gettid())});
      if (opened) inside_ = std::move(*opened);
    }).join();
    BOOST_REQUIRE(inside_);
  }

  [[nodiscard]] const NetNamespace& get() const { return *inside_; }
  [[nodiscard]] SocketOpener opener() const { return inside_->opener(); }

  /// A shell command inside, such as "ip link set lo up"; it must succeed.
  void run(const std::string& command) const { BOOST_REQUIRE_MESSAGE(try_run(command), command); }
  [[nodiscard]] bool try_run(const std::string& command) const {
    int status = -1;
    const auto inside = inside_->run_inside([&] { status = std::system(command.c_str()); });
    return inside && status == 0;
  }

 private:
  std::optional<NetNamespace> inside_;
};

/// BOOST_TEST_GLOBAL_FIXTURE(NeedsNamespaces): exit code 77 with the reason where the tests cannot run.
struct NeedsNamespaces {
  NeedsNamespaces() {
    int made = -1;
    std::jthread([&] { made = ::unshare(CLONE_NEWNET); }).join();
    if (made == 0 && std::system("command -v ip >/dev/null") == 0) return;
    std::puts(made != 0 ? "SKIPPED: making network namespaces needs root" : "SKIPPED: 'ip' (iproute2) is not installed");
    std::fflush(stdout);
    std::_Exit(77);
  }
};

}  // namespace vpn_sentinel
