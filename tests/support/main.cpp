#define BOOST_TEST_MODULE vpn_sentinel
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>

namespace {

/// A server under test and all its clients share one process: more than the 1,024 descriptors that many systems give at first.
struct ManyOpenFiles {
  ManyOpenFiles() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
  }
};
BOOST_TEST_GLOBAL_FIXTURE(ManyOpenFiles);

}  // namespace
