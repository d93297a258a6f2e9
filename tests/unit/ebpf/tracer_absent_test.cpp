#include <boost/test/unit_test.hpp>

#include "ebpf/tracer.hpp"

using namespace vpn_sentinel;

BOOST_AUTO_TEST_CASE(a_build_without_bpf_says_what_it_was_built_without) {
  const auto tracer = Tracer::start({});
  BOOST_REQUIRE(!tracer.has_value());
  BOOST_TEST((tracer.error().kind == Error::Kind::unavailable));
  BOOST_TEST(tracer.error().message == "BPF is not available: built without clang, bpftool (install what is missing and build again)");
}
