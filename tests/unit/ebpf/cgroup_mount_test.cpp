#include "ebpf/cgroup_mount.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

BOOST_AUTO_TEST_CASE(the_tree_of_a_systemd_host_is_found) {
  BOOST_TEST(*cgroup2_mount("22 28 0:21 / /proc rw - proc proc rw\n"
                            "25 22 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n") == "/sys/fs/cgroup");
}

BOOST_AUTO_TEST_CASE(the_hybrid_layout_has_it_in_a_folder_of_its_own) {
  BOOST_TEST(*cgroup2_mount("30 22 0:25 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n"
                            "31 30 0:26 / /sys/fs/cgroup/unified rw shared:5 master:1 - cgroup2 cgroup2 rw\n"
                            "32 30 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd") == "/sys/fs/cgroup/unified");
}

BOOST_AUTO_TEST_CASE(the_tree_from_its_root_is_preferred_to_a_part_of_it) {
  BOOST_TEST(*cgroup2_mount("31 30 0:26 /system.slice/x /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
                            "40 30 0:26 / /host/cgroup rw - cgroup2 cgroup2 rw\n") == "/host/cgroup");
}

BOOST_AUTO_TEST_CASE(a_mount_point_with_a_space_is_read) {
  BOOST_TEST(*cgroup2_mount("31 30 0:26 / /a\\040b\\134 rw - cgroup2 none rw\n") == "/a b\\");
}

BOOST_AUTO_TEST_CASE(no_tree_is_an_error_with_the_remedy) {
  for (const auto* text : {"", "\n\n", "31 30 0:26 / /sys rw -", "31 30 0:26 / /x rw - cgroup cgroup2 rw\n", "cgroup2 - cgroup2"}) {
    const auto mount = cgroup2_mount(text);
    BOOST_REQUIRE(!mount.has_value());
    BOOST_TEST((mount.error().kind == Error::Kind::not_found));
    BOOST_TEST(mount.error().message.find("mount -t cgroup2") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_no_cgroup_is_refused) {
  const auto tree = open_cgroup_tree("/proc");
  BOOST_REQUIRE(!tree.has_value());
  BOOST_TEST((tree.error().kind == Error::Kind::invalid));
  BOOST_TEST((open_cgroup_tree("/nowhere/at/all").error().kind == Error::Kind::not_found));
}
