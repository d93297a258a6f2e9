#include "netns/clients/idle_memory.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

using namespace vpn_sentinel;

namespace {

/// KiB of the code of all files whose path has `name` in it that are resident in this process.
long resident_code(const std::string& name) {
  std::ifstream maps("/proc/self/smaps");
  long sum = 0;
  bool counts = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find('-') < line.find(' ')) {  // the first line of a mapping begins with its addresses
      counts = line.find(" r-xp ") != std::string::npos && line.find(name) != std::string::npos;
    } else if (counts && line.starts_with("Rss:")) {
      sum += std::stol(line.substr(4));
    }
  }
  return sum;
}

/// Some code of libcrypto.
std::size_t use_openssl() {
  std::array<unsigned char, 64> digest{};
  unsigned int size = 0;
  const std::string text = "text";
  BOOST_REQUIRE(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha512(), nullptr) == 1);
  return size;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(idle_memory)

BOOST_AUTO_TEST_CASE(only_the_libraries_of_rare_requests_are_put_away_and_only_once) {
  const auto own_name = std::filesystem::read_symlink("/proc/self/exe").filename().string();
  use_openssl();
  const auto own = resident_code(own_name);
  const auto libc = resident_code("/libc.so");
  const auto libstdcxx = resident_code("/libstdc++.so");
  const auto crypto = resident_code("/libcrypto.so");
  BOOST_REQUIRE((own > 0 && libc > 0 && libstdcxx > 0 && crypto > 0));

  release_idle_memory();
  BOOST_TEST(resident_code("/libcrypto.so") < crypto);
  BOOST_TEST(resident_code(own_name) >= own);
  BOOST_TEST(resident_code("/libc.so") >= libc);
  BOOST_TEST(resident_code("/libstdc++.so") >= libstdcxx);

  BOOST_TEST(use_openssl() == 64U);  // what comes back works, and stays
  const auto back = resident_code("/libcrypto.so");
  BOOST_TEST(back > 0);
  release_idle_memory();
  BOOST_TEST(resident_code("/libcrypto.so") >= back);
}

BOOST_AUTO_TEST_SUITE_END()
