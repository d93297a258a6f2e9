#include "netns/daemon/notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "netns/base/fd.hpp"
#include "netns/base/random.hpp"

using namespace vpn_sentinel;

namespace {

/// Stands where systemd does: NOTIFY_SOCKET, in the abstract namespace (unix(7)).
class Listener {
 public:
  Listener() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const auto name = "vpn-sentinel-test-" + random_hex(8);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path + 1, sizeof address.sun_path - 2);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    BOOST_REQUIRE_EQUAL(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
    ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { ::unsetenv("NOTIFY_SOCKET"); }

  [[nodiscard]] std::string heard() const {
    std::array<char, 1024> buffer{};
    const auto got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return got < 0 ? "nothing" : std::string(buffer.data(), static_cast<std::size_t>(got));
  }

 private:
  Fd socket_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(notify)

BOOST_AUTO_TEST_CASE(systemd_hears_ready_status_watchdog_and_stopping) {
  const Listener listener;
  notify_ready("2 targets");
  BOOST_TEST(listener.heard() == "READY=1\nSTATUS=2 targets");
  notify_status("1 danger");
  BOOST_TEST(listener.heard() == "STATUS=1 danger");
  notify_watchdog();
  BOOST_TEST(listener.heard() == "WATCHDOG=1");
  notify_stopping();
  BOOST_TEST(listener.heard() == "STOPPING=1");
}

BOOST_AUTO_TEST_CASE(a_reload_is_told_with_its_monotonic_time) {
  const Listener listener;
  notify_reloading();
  const auto heard = listener.heard();
  BOOST_TEST(heard.starts_with("RELOADING=1\nMONOTONIC_USEC="));
  BOOST_TEST(std::stoll(heard.substr(heard.rfind('=') + 1)) > 0);
}

BOOST_AUTO_TEST_CASE(without_systemd_nothing_happens) {
  ::unsetenv("NOTIFY_SOCKET");
  notify_ready("fine");
  notify_reloading();
  BOOST_TEST(!watchdog_period());
}

BOOST_AUTO_TEST_CASE(a_sign_of_life_is_due_twice_as_often_as_systemd_asks) {
  ::setenv("WATCHDOG_USEC", "3000000", 1);
  BOOST_TEST((watchdog_period() == std::chrono::microseconds{1'500'000}));
  ::unsetenv("WATCHDOG_USEC");
}

BOOST_AUTO_TEST_SUITE_END()
