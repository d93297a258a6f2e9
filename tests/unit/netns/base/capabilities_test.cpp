#include "netns/base/capabilities.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <thread>

#include "netns/base/fd.hpp"

using namespace vpn_sentinel;

namespace {

/// Rights belong to a thread: that of the test keeps its own.
template <typename Work>
void on_a_thread(Work work) {
  std::thread(std::move(work)).join();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(capabilities)

BOOST_AUTO_TEST_CASE(what_is_not_kept_is_gone_for_the_thread_and_those_that_it_starts) {
  const auto before = effective_capabilities().value();
  on_a_thread([before] {
    BOOST_TEST(keep_capabilities(capability_bit(CAP_NET_ADMIN) | capability_bit(CAP_NET_RAW)).has_value());
    const auto wanted = before & (capability_bit(CAP_NET_ADMIN) | capability_bit(CAP_NET_RAW));
    BOOST_TEST(effective_capabilities().value() == wanted);
    BOOST_TEST(permitted_capabilities().value() == wanted);
    std::thread([wanted] { BOOST_TEST(effective_capabilities().value() == wanted); }).join();
    // Again, and with what is not there any more: it does not come back.
    BOOST_TEST(keep_capabilities(capability_bit(CAP_SYS_ADMIN) | capability_bit(CAP_NET_ADMIN)).has_value());
    BOOST_TEST(effective_capabilities().value() == (wanted & capability_bit(CAP_NET_ADMIN)));
    const RaisedCapabilities raised(rights_to_enter);
    BOOST_TEST(effective_capabilities().value() == (wanted & capability_bit(CAP_NET_ADMIN)));
    if ((before & capability_bit(CAP_SETPCAP)) != 0) BOOST_TEST(::prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0);
  });
  BOOST_TEST(effective_capabilities().value() == before);
}

BOOST_AUTO_TEST_CASE(what_rests_is_there_only_while_it_is_raised) {
  on_a_thread([] {
    const auto before = effective_capabilities().value();
    const auto all = capability_bit(CAP_NET_ADMIN) | rights_to_enter | rights_to_look;
    BOOST_TEST(keep_capabilities(all, rights_to_enter | rights_to_look).has_value());
    const auto at_rest = before & capability_bit(CAP_NET_ADMIN);
    BOOST_TEST(effective_capabilities().value() == at_rest);
    BOOST_TEST(permitted_capabilities().value() == (before & all));
    {
      const RaisedCapabilities looking(rights_to_look);
      BOOST_TEST(effective_capabilities().value() == (before & (at_rest | rights_to_look)));
      {
        const RaisedCapabilities both(rights_to_look | rights_to_enter);
        BOOST_TEST(effective_capabilities().value() == (before & all));
      }
      // What the outer one has raised stays until its end.
      BOOST_TEST(effective_capabilities().value() == (before & (at_rest | rights_to_look)));
      std::thread([at_rest] {
        rest_capabilities(rights_to_look);
        BOOST_TEST(effective_capabilities().value() == at_rest);
      }).join();
    }
    BOOST_TEST(effective_capabilities().value() == at_rest);
  });
}

BOOST_AUTO_TEST_CASE(the_kernel_refuses_what_rests_and_the_error_outlives_the_scope) {
  if (::geteuid() != 0) return;
  std::string folder = "/tmp/vs-capabilities-XXXXXX";
  BOOST_REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const auto file = folder + "/secret";
  { const Fd made{::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0)}; }
  BOOST_REQUIRE(::chown(file.c_str(), 65534, 65534) == 0);
  on_a_thread([&] {
    const auto opens = [&] { return Fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC)}.get() >= 0; };
    if ((effective_capabilities().value() & rights_to_look) != rights_to_look) return;
    BOOST_TEST(keep_capabilities(rights_to_look, rights_to_look).has_value());
    BOOST_TEST(!opens());
    {
      const RaisedCapabilities raised(rights_to_look);
      BOOST_TEST(opens());
      errno = ENOENT;
    }
    BOOST_TEST(errno == ENOENT);
    BOOST_TEST(!opens());
  });
  ::unlink(file.c_str());
  ::rmdir(folder.c_str());
}

BOOST_AUTO_TEST_SUITE_END()
