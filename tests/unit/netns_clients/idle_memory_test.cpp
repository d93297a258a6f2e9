#include "netns/clients/idle_memory.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <string>

using namespace vpn_sentinel;

namespace {

long resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
  }
  return 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(idle_memory)

BOOST_AUTO_TEST_CASE(memory_is_given_back_and_the_program_goes_on) {
  const auto before = resident_kib();
  release_idle_memory();
  const auto after = resident_kib();
  BOOST_TEST_MESSAGE("resident: " << before << " KiB before, " << after << " KiB after");
  BOOST_TEST(after < before);
  BOOST_TEST(std::stod("1.5") == 1.5);
}

BOOST_AUTO_TEST_SUITE_END()
