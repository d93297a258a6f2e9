#define BOOST_TEST_MODULE vpn_sentinel
#include <boost/test/unit_test.hpp>
