#include "netns/namespace/container_process.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

using namespace vpn_sentinel;

namespace {

const std::string id(64, 'a');
const std::string other = std::string(16, 'a') + std::string(48, 'b');

/// /proc and /run/crun as files.
class Machine {
 public:
  Machine() { std::filesystem::create_directories(root_); }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine() { std::filesystem::remove_all(root_); }

  /// With the folder of its cgroup, made by root or by who runs the test.
  void process(pid_t pid, pid_t parent, int start, const std::string& cgroup, char state = 'S') const {
    write(fmt::format("proc/{}/cgroup", pid), cgroup);
    const auto path = cgroup.substr(cgroup.find('/'), cgroup.find('\n') - cgroup.find('/'));
    if (path.find("/..") == std::string::npos) std::filesystem::create_directories(folder(path));
    // The name of a command may hold everything.
    write(fmt::format("proc/{}/stat", pid),
          fmt::format("{} (a) S 1 (b) {} {} 1 1 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 {} 4 5\n", pid, state, parent, start));
  }
  /// The pid namespace of whoever looks.
  void pid_namespace(const std::string& identity) const {
    std::filesystem::create_directories(root_ + "/proc/self/ns");
    std::filesystem::create_symlink(identity, root_ + "/proc/self/ns/pid");
  }
  void crun(const std::string& container, const std::string& text) const { write("crun/" + container + "/status", text); }
  [[nodiscard]] std::string folder(const std::string& cgroup) const { return root_ + "/cgroup" + cgroup; }
  [[nodiscard]] ContainerFolders folders() const { return {root_ + "/proc", root_ + "/cgroup", root_ + "/crun"}; }

 private:
  void write(const std::string& name, const std::string& text) const {
    const std::filesystem::path file(root_ + "/" + name);
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  std::string root_ = fmt::format("{}/vs{}-machine", std::filesystem::temp_directory_path().string(), ::getpid());
};

struct OnMachine {
  Machine machine;
  [[nodiscard]] pid_t found(std::string_view wanted) const { return find_container_process(wanted, machine.folders()).value_or(0); }
  [[nodiscard]] Error::Kind error(std::string_view wanted) const { return find_container_process(wanted, machine.folders()).error().kind; }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(container_process, OnMachine)

BOOST_AUTO_TEST_CASE(an_id_has_12_to_64_hexadecimal_digits) {
  BOOST_TEST(is_container_id(id));
  BOOST_TEST(is_container_id(id.substr(0, 12)));
  BOOST_TEST(!is_container_id(id.substr(0, 11)));
  BOOST_TEST(!is_container_id(id + "a"));
  BOOST_TEST(!is_container_id("gluetun-gluetun"));
  BOOST_TEST(!is_container_id(std::string(12, 'A')));
}

BOOST_AUTO_TEST_CASE(the_cgroups_of_all_engines_name_their_container) {
  for (const auto* const form : {"0::/system.slice/docker-{}.scope\n", "0::/docker/{}\n", "0::/machine.slice/libpod-{}.scope/container\n",
                                 "0::/libpod_parent/libpod-{}\n", "0::/system.slice/vpn.service/libpod-payload-{}\n",
                                 "0::/kubepods.slice/pod1.slice/cri-containerd-{}.scope\n", "0::/kubepods/pod1/crio-{}.scope",
                                 "12:pids:/docker/{}\n0::/\n", "0::/../docker-{}.scope\n", "0::/docker/x/docker/{}/init\n"}) {
    BOOST_TEST(container_of_cgroup(fmt::format(fmt::runtime(form), id), "aaaa") == id, form);
  }
}

BOOST_AUTO_TEST_CASE(what_only_stands_beside_a_container_is_not_taken_for_it) {
  for (const auto* const form : {"0::/machine.slice/libpod-conmon-{}.scope\n", "0::/docker/{}a\n", "0::/x-{}\n", "0::/\n", ""}) {
    BOOST_TEST(container_of_cgroup(fmt::format(fmt::runtime(form), id), "").empty(), form);
  }
  BOOST_TEST(container_of_cgroup("0::/docker/" + other, std::string(64, 'a')).empty());
}

BOOST_AUTO_TEST_CASE(the_first_process_is_the_oldest_one_whose_parent_is_outside) {
  const auto cgroup = "0::/system.slice/docker-" + id + ".scope\n";
  machine.process(1, 0, 1, "0::/init.scope\n");
  machine.process(50, 1, 300, cgroup);   // docker exec
  machine.process(90, 1, 200, cgroup);   // the first one; numbers may have wrapped
  machine.process(20, 90, 250, cgroup);  // its child
  machine.process(95, 1, 100, cgroup, 'Z');
  BOOST_TEST(found(id) == 90);
  BOOST_TEST(found(id.substr(0, 12)) == 90);
  BOOST_TEST(is_container_process(90, id, machine.folders()));
  BOOST_TEST(!is_container_process(1, id, machine.folders()));
}

BOOST_AUTO_TEST_CASE(an_id_that_begins_several_containers_names_none) {
  machine.process(50, 1, 300, "0::/docker/" + id);
  machine.process(51, 1, 300, "0::/docker/" + other);
  BOOST_TEST((error(id.substr(0, 16)) == Error::Kind::invalid));
  BOOST_TEST(found(id.substr(0, 17)) == 50);
}

BOOST_AUTO_TEST_CASE(what_does_not_run_is_not_found) {
  machine.process(1, 0, 1, "0::/init.scope\n");
  machine.process(50, 1, 300, "0::/docker/" + other);
  BOOST_TEST((error(id) == Error::Kind::not_found));
  BOOST_TEST((error("gluetun") == Error::Kind::invalid));
  BOOST_TEST(
      (find_container_process(id, {"/no/such/folder", "/no/such/folder", "/no/such/folder"}).error().kind == Error::Kind::unavailable));
}

BOOST_AUTO_TEST_CASE(without_a_cgroup_the_state_of_crun_names_the_process_that_began_then) {
  machine.process(1, 0, 1, "0::/init.scope\n");
  machine.process(50, 1, 300, "0::/\n");
  machine.crun(id, R"({"pid": 50, "process-start-time": 300, "cgroup-path": ""})");
  BOOST_TEST(found(id) == 50);
  BOOST_TEST(is_container_process(50, id, machine.folders()));
  machine.process(50, 1, 301, "0::/\n");  // another one with the same number
  BOOST_TEST((error(id) == Error::Kind::not_found));
  BOOST_TEST(!is_container_process(50, id, machine.folders()));
}

BOOST_AUTO_TEST_CASE(a_broken_state_is_no_state) {
  machine.process(1, 0, 1, "0::/init.scope\n");
  machine.process(50, 1, 300, "0::/\n");
  for (const auto* const text : {"", "{", "[]", R"({"pid": 50})", R"({"pid": "50", "process-start-time": 300})",
                                 R"({"pid": 4294967346, "process-start-time": 300})", R"({"pid": -50, "process-start-time": 300})"}) {
    machine.crun(id, text);
    BOOST_TEST((error(id) == Error::Kind::not_found), text);
  }
}

BOOST_AUTO_TEST_CASE(a_cgroup_that_another_user_made_is_not_taken_for_a_container) {
  if (::geteuid() != 0) {
    BOOST_TEST_MESSAGE("SKIPPED: giving a folder to another user needs root");
    return;
  }
  const auto theirs = "/user.slice/user-1000.slice/user@1000.service/libpod-" + id + ".scope";
  machine.process(60, 1, 100, "0::" + theirs);
  BOOST_REQUIRE(::chown(machine.folder(theirs).c_str(), 1000, 1000) == 0);
  const auto alone = find_container_process(id, machine.folders());
  BOOST_REQUIRE(!alone.has_value());
  BOOST_TEST((alone.error().kind == Error::Kind::not_permitted));
  BOOST_TEST(alone.error().message.find("user 1000 made it") != std::string::npos);
  BOOST_TEST(alone.error().message.find("VPN_SENTINEL_CONTAINER_SOCKETS") != std::string::npos);
  // It began earlier than the real one, which counts all the same.
  machine.process(90, 1, 200, "0::/system.slice/docker-" + id + ".scope\n");
  BOOST_TEST(found(id) == 90);
}

BOOST_AUTO_TEST_CASE(a_cgroup_that_cannot_be_seen_is_no_proof_unless_the_state_of_crun_names_the_process) {
  machine.process(50, 1, 300, "0::/../docker-" + id + ".scope\n");
  const auto unseen = find_container_process(id, machine.folders());
  BOOST_REQUIRE(!unseen.has_value());
  BOOST_TEST((unseen.error().kind == Error::Kind::not_permitted));
  BOOST_TEST(unseen.error().message.find("--cgroupns=host") != std::string::npos);
  // An engine that was asked has named the process; the cgroup only confirms it.
  BOOST_TEST(is_container_process(50, id, machine.folders()));
  machine.crun(id, R"({"pid": 50, "process-start-time": 300})");
  BOOST_TEST(found(id) == 50);
}

BOOST_AUTO_TEST_CASE(the_hierarchies_of_cgroup_version_1_have_a_folder_each) {
  const auto path = "/docker/" + id;
  std::filesystem::create_directories(machine.folder("/cpu,cpuacct" + path));
  machine.process(50, 1, 300, "4:cpu,cpuacct:" + path + "\n0::/\n");
  std::filesystem::remove(machine.folder(path));
  BOOST_TEST(found(id) == 50);
}

BOOST_AUTO_TEST_CASE(only_who_sees_all_processes_can_say_that_a_container_does_not_run) {
  machine.process(50, 1, 300, "0::/docker/" + other);
  BOOST_TEST((error(id) == Error::Kind::unavailable));  // hidepid=2: not even the first process is listed
  BOOST_TEST(found(other) == 50);
  machine.process(1, 0, 1, "0::/init.scope\n");
  machine.pid_namespace("pid:[4026531836]");
  BOOST_TEST((error(id) == Error::Kind::not_found));
}

BOOST_AUTO_TEST_CASE(in_a_pid_namespace_of_its_own_the_probe_does_not_see_all_processes) {
  machine.process(1, 0, 1, "0::/\n");
  machine.pid_namespace("pid:[4026532200]");
  BOOST_TEST((error(id) == Error::Kind::unavailable));
  BOOST_TEST(find_container_process(id, machine.folders()).error().message.find("--pid=host") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
