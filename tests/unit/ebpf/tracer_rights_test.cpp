#include <bpf/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/syscall.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "ebpf/tracer_error.hpp"
#include "tests/unit/ebpf/traced.hpp"

using namespace vpn_sentinel;

namespace {

BOOST_TEST_GLOBAL_FIXTURE(NeedsBpf);

using Ids = std::set<std::uint32_t>;

Ids kernel_objects(int (*next)(__u32, __u32*)) {
  Ids found;
  for (__u32 id = 0; next(id, &id) == 0;) found.insert(id);
  return found;
}

/// What the descriptors of a process say: "prog_id:\t12" and the like (proc_pid_fdinfo(5)). Others load programs meanwhile.
Ids objects_of(pid_t pid, const std::string& field) {
  Ids found;
  for (const auto& file : std::filesystem::directory_iterator(fmt::format("/proc/{}/fdinfo", pid))) {
    std::ifstream lines(file.path());
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with(field)) found.insert(static_cast<std::uint32_t>(std::stoul(line.substr(field.size()))));
    }
  }
  return found;
}

/// Of this process and its children to be; only what is in `kept` stays.
void keep_capabilities(std::initializer_list<unsigned> kept) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  for (const unsigned capability : kept) {
    data[capability / 32].effective |= 1U << capability % 32;
    data[capability / 32].permitted |= 1U << capability % 32;
  }
  need(::syscall(SYS_capset, &header, data) == 0);
}

/// What a child without these rights was told, or "started" and its abilities.
std::string told_without(const std::function<void()>& give_up) {
  int told[2];
  BOOST_REQUIRE_EQUAL(::pipe2(told, O_CLOEXEC), 0);
  Program program("unprivileged", [&] {
    give_up();
    const auto tracer = Tracer::start({});
    const auto text = tracer ? fmt::format("started, names {}", tracer->abilities().names) : tracer.error().message;
    need(::write(told[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  });
  program.wait();
  char text[1024];
  const auto size = ::read(told[0], text, sizeof text);
  BOOST_REQUIRE(size > 0);
  ::close(told[0]);
  ::close(told[1]);
  return {text, static_cast<std::size_t>(size)};
}

BOOST_AUTO_TEST_CASE(without_the_right_to_load_the_error_says_which_one_is_missing) {
  BOOST_TEST(told_without([] { keep_capabilities({CAP_NET_ADMIN}); }).find("give the probe CAP_BPF and CAP_NET_ADMIN") !=
             std::string::npos);
  BOOST_TEST(told_without([] { keep_capabilities({CAP_BPF}); }).find("give the probe CAP_BPF and CAP_NET_ADMIN") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_two_rights_are_enough_and_names_need_a_third) {
  BOOST_TEST(told_without([] { keep_capabilities({CAP_BPF, CAP_NET_ADMIN}); }) == "started, names false");
  BOOST_TEST(told_without([] { keep_capabilities({CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON}); }) == "started, names true");
}

/// As a container's seccomp profile does.
void forbid_bpf() {
  sock_filter rules[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1),
                         BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program{std::size(rules), rules};
  need(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

BOOST_AUTO_TEST_CASE(a_seccomp_filter_is_told_as_such) {
  BOOST_TEST(told_without(forbid_bpf).find("a seccomp filter forbids bpf(2)") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(after_kill_9_neither_program_nor_map_nor_link_is_left) {
  int started[2];
  BOOST_REQUIRE_EQUAL(::pipe2(started, O_CLOEXEC), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const auto tracer = Tracer::start({});
    need(tracer.has_value());
    const auto survey = SocketSurvey::start(*tracer);
    need(survey.has_value() && ::write(started[1], "x", 1) == 1);
    ::pause();
    ::_exit(0);
  }
  char ignored = 0;
  BOOST_REQUIRE_EQUAL(::read(started[0], &ignored, 1), 1);
  const auto programs = objects_of(pid, "prog_id:");
  const auto maps = objects_of(pid, "map_id:");
  const auto links = objects_of(pid, "link_id:");
  BOOST_TEST(programs.size() >= 10U);
  BOOST_TEST(maps.size() >= 7U);
  BOOST_TEST(links.size() >= 10U);
  BOOST_REQUIRE_EQUAL(::kill(pid, SIGKILL), 0);
  BOOST_REQUIRE_EQUAL(::waitpid(pid, nullptr, 0), pid);
  // The kernel frees them after a grace period of its own.
  const auto all_gone = [&] {
    const auto none_left = [](int (*next)(__u32, __u32*), const Ids& of) {
      const auto now = kernel_objects(next);
      return std::none_of(of.begin(), of.end(), [&](std::uint32_t id) { return now.count(id) != 0; });
    };
    return none_left(::bpf_prog_get_next_id, programs) && none_left(::bpf_map_get_next_id, maps) &&
           none_left(::bpf_link_get_next_id, links);
  };
  const auto deadline = mono_now() + std::chrono::seconds{10};
  while (!all_gone() && mono_now() < deadline) std::this_thread::yield();
  BOOST_TEST(all_gone());
}

BOOST_AUTO_TEST_CASE(a_namespace_has_a_number_of_its_own) {
  auto tracer = Traced::started({});
  const TestNamespace one;
  const TestNamespace two;
  const auto first = tracer.cookie_of(one.opener());
  const auto second = tracer.cookie_of(two.opener());
  BOOST_REQUIRE(first.has_value());
  BOOST_REQUIRE(second.has_value());
  BOOST_TEST(*first != *second);
  BOOST_TEST(*tracer.cookie_of(one.opener()) == *first);
}

TracerSettings old_kernel() {
  TracerSettings settings;
  settings.as_on_5_10 = true;
  return settings;
}

BOOST_AUTO_TEST_CASE(an_old_kernel_tells_whether_who_called_sendto_may_have_sent_it_all) {
  Traced traced(old_kernel());
  const auto alone = traced.leaks_of("alone", [] {
    const int fd = make_bound(AF_INET, SOCK_DGRAM, 0, "eth0");
    send_to(fd, {"203.0.113.7", 4444}, 10, 2);
  });
  BOOST_REQUIRE_EQUAL(alone.size(), 2U);
  BOOST_TEST((alone[1].flow.owner->by == OwnerBy::sent));
  BOOST_TEST(!alone[1].flow.owner->unseen);
  for (const int family : {AF_INET, AF_INET6}) {
    const char* to = family == AF_INET ? "203.0.113.7" : "2001:db8:ffff::7";
    const auto shared = traced.leaks_of("shared", [family, to] {
      const int fd = make_bound(family, SOCK_DGRAM, 0, "eth0");
      const Target target(to, 4444);
      need(::connect(fd, target.get(), target.length) == 0);
      send_to(fd, {to, 4444}, 10);
      if (::fork() == 0) ::_exit(::send(fd, "x", 1, 0) == 1 ? 0 : 1);
      int status = -1;
      need(::wait(&status) > 0 && status == 0);
    });
    BOOST_REQUIRE_EQUAL(shared.size(), 2U);
    BOOST_TEST(shared[1].flow.owner->name == "shared");
    BOOST_TEST(!shared[1].flow.owner->several);
    BOOST_TEST(shared[1].flow.owner->unseen);
  }
}

BOOST_AUTO_TEST_CASE(a_leak_has_the_name_of_the_process_whichever_of_its_threads_sends) {
  const auto by_thread = [] {
    std::thread thread([] {
      ::prctl(PR_SET_NAME, "a-thread");
      send_to(make_bound(AF_INET, SOCK_DGRAM, 0, "eth0"), {"203.0.113.7", 4444}, 10);
    });
    thread.join();
  };
  Traced traced;
  const auto named = traced.leaks_of("whole-program", by_thread);
  BOOST_REQUIRE_EQUAL(named.size(), 1U);
  const bool knows = traced.tracer.abilities().process_names;
  BOOST_TEST(named[0].flow.owner->name == (knows ? "whole-program" : "a-thread"));
  BOOST_TEST(named[0].flow.owner->of_thread == !knows);
  Traced old(old_kernel());
  const auto half_named = old.leaks_of("whole-program", by_thread);
  BOOST_REQUIRE_EQUAL(half_named.size(), 1U);
  BOOST_TEST(half_named[0].flow.owner->name == "a-thread");
  BOOST_TEST(half_named[0].flow.owner->of_thread);
}

BOOST_AUTO_TEST_CASE(who_connected_before_it_became_another_program_has_the_name_that_it_sends_by) {
  // As exec(2) does: the process and its socket stay, the name does not.
  const auto become_another = [] {
    const int fd = make_bound(AF_INET, SOCK_DGRAM, 0, "eth0");
    const Target target("203.0.113.7", 4444);
    need(::connect(fd, target.get(), target.length) == 0);
    ::prctl(PR_SET_NAME, "after-exec");
    need(::send(fd, "x", 1, 0) == 1);
  };
  Traced traced;
  const auto named = traced.leaks_of("before-exec", become_another);
  BOOST_REQUIRE_EQUAL(named.size(), 1U);
  const auto& abilities = traced.tracer.abilities();
  BOOST_TEST(named[0].flow.owner->name == (abilities.senders && abilities.process_names ? "after-exec" : "before-exec"));
  BOOST_TEST(!named[0].flow.owner->several);
}

BOOST_AUTO_TEST_CASE(what_an_old_kernel_has_is_enough_to_name_a_leak) {
  Traced traced(old_kernel());
  BOOST_TEST(!traced.tracer.abilities().older_sockets);
  BOOST_TEST(!traced.tracer.abilities().makers);
  BOOST_TEST(traced.netns == Traced::started({}).cookie_of(traced.client.opener()).value());
  const auto found = traced.leaks_of("leak-old", [] {
    send_to(make_bound(AF_INET, SOCK_DGRAM, 0, "eth0"), {"203.0.113.7", 4444}, 100, 2);
  });
  BOOST_REQUIRE_EQUAL(found.size(), 2U);
  BOOST_REQUIRE(found[1].flow.owner.has_value());
  BOOST_TEST(found[1].flow.owner->name == "leak-old");
  BOOST_TEST(found[1].flow.outside == traced.arrived_at("203.0.113.7", IPPROTO_UDP));
}

}  // namespace
