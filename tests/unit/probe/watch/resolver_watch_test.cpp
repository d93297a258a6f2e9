#include "probe/watch/resolver_watch.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "netns/namespace/net_namespace.hpp"
#include "probe/watch/file_events.hpp"
#include "tests/unit/netns/support/test_namespace.hpp"
#include "tests/unit/probe/watch/named_namespace.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

BOOST_TEST_GLOBAL_FIXTURE(NeedsNamespaces);

namespace {

/// A process with a mount namespace of its own that carries out shell commands there.
class Elsewhere {
 public:
  explicit Elsewhere(const std::string& script) {
    int ends[2];
    BOOST_REQUIRE(::pipe(ends) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[0], STDIN_FILENO);
      ::close(ends[1]);
      if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(1);
      ::execl("/bin/sh", "sh", nullptr);
      ::_exit(1);
    }
    ::close(ends[0]);
    commands_ = Fd{ends[1]};
    done_ = std::filesystem::temp_directory_path() / ("vs" + std::to_string(::getpid()) + "-resolver-done");
    run(script);
  }
  Elsewhere(const Elsewhere&) = delete;
  Elsewhere& operator=(const Elsewhere&) = delete;
  ~Elsewhere() {
    commands_.reset();
    ::waitpid(pid_, nullptr, 0);
    std::filesystem::remove(done_);
  }
  /// Waits until the shell has carried it out.
  void run(const std::string& command) {
    std::filesystem::remove(done_);
    const auto line = command + "\necho >" + done_.string() + "\n";
    BOOST_REQUIRE(::write(commands_.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()));
    const auto end = mono_now() + std::chrono::seconds{10};
    while (!std::filesystem::exists(done_) && mono_now() < end) ::usleep(1000);
    BOOST_REQUIRE_MESSAGE(std::filesystem::exists(done_), command);
  }
  /// The process goes on as a shell of another mount namespace.
  void go_elsewhere() {
    const auto space = [this] { return std::filesystem::read_symlink("/proc/" + std::to_string(pid_) + "/ns/mnt"); };
    const auto before = space();
    const std::string line = "exec unshare --mount --propagation private sh\n";
    BOOST_REQUIRE(::write(commands_.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()));
    const auto end = mono_now() + std::chrono::seconds{10};
    while (space() == before && mono_now() < end) ::usleep(1000);
    BOOST_REQUIRE(space() != before);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
  Fd commands_;
  std::filesystem::path done_;
};

struct Fixture {
  Fixture() : watch(io, [this] { ++news; }) {}

  void start(pid_t pid) { watch.start({NamespaceRef::of_pid(pid), pid, std::nullopt}, NetNamespace::open({}).value().opener()); }
  bool tells(const std::string& server) {
    return run_until(io, [&] {
      const auto& path = watch.path();
      return path && *path && (*path)->servers.front().address.to_string() == server;
    });
  }

  boost::asio::io_context io{1};
  int news = 0;
  ResolverWatch watch;
};

/// Once per minute everything is read again: what is told sooner came by an event.
bool soon(MonoTime since) { return mono_now() - since < std::chrono::seconds{5}; }

}  // namespace

BOOST_FIXTURE_TEST_SUITE(resolver_watch, Fixture)

BOOST_AUTO_TEST_CASE(a_change_in_another_mount_namespace_is_told_however_it_is_made) {
  Elsewhere there("mount -t tmpfs none /etc && echo nameserver 192.0.2.1 >/etc/resolv.conf");
  start(there.pid());
  BOOST_TEST_REQUIRE(tells("192.0.2.1"));
  const struct {
    const char* how;
    const char* command;
    const char* server;
  } rows[]{
      {"in place", "echo nameserver 192.0.2.2 >/etc/resolv.conf", "192.0.2.2"},
      {"renamed over", "echo nameserver 192.0.2.3 >/etc/new && mv /etc/new /etc/resolv.conf", "192.0.2.3"},
      {"in place after that", "echo nameserver 192.0.2.4 >/etc/resolv.conf", "192.0.2.4"},
      {"mounted over", "echo nameserver 192.0.2.5 >/etc/other && mount --bind /etc/other /etc/resolv.conf", "192.0.2.5"},
      {"in place under a mount", "echo nameserver 192.0.2.6 >/etc/other", "192.0.2.6"},
      {"unmounted", "umount /etc/resolv.conf", "192.0.2.4"},
      {"made an absolute link", "mkdir /etc/run && echo nameserver 192.0.2.7 >/etc/run/stub && ln -sf /etc/run/stub /etc/resolv.conf",
       "192.0.2.7"},
      {"the link's end renamed over", "echo nameserver 192.0.2.8 >/etc/run/new && mv /etc/run/new /etc/run/stub", "192.0.2.8"},
      {"a link in the middle of its path",
       "mkdir /etc/one /etc/two && echo nameserver 192.0.2.10 >/etc/one/conf && echo nameserver 192.0.2.11 >/etc/two/conf && "
       "ln -s one /etc/here && ln -sf here/../here/conf /etc/resolv.conf",
       "192.0.2.10"},
      {"a link in the middle turned elsewhere", "ln -s two /etc/new && mv -T /etc/new /etc/here", "192.0.2.11"},
      {"a folder in the middle gone", "mv /etc/two /etc/three", "127.0.0.1"},
      {"a folder in the middle back", "mv /etc/three /etc/two", "192.0.2.11"},
      {"deleted", "rm /etc/resolv.conf", "127.0.0.1"},
      {"made anew", "echo nameserver 192.0.2.9 >/etc/resolv.conf", "192.0.2.9"},
  };
  for (const auto& row : rows) {
    there.run(row.command);
    const auto changed = mono_now();
    BOOST_TEST(tells(row.server), row.how);
    BOOST_TEST(soon(changed), row.how);
  }
}

BOOST_AUTO_TEST_CASE(mounts_are_followed_into_a_mount_namespace_that_the_process_enters_later) {
  Elsewhere there("mount -t tmpfs none /etc && echo nameserver 192.0.2.1 >/etc/resolv.conf && echo nameserver 192.0.2.2 >/etc/other");
  start(there.pid());
  BOOST_TEST_REQUIRE(tells("192.0.2.1"));
  there.go_elsewhere();
  there.run("echo nameserver 192.0.2.3 >/etc/resolv.conf");
  BOOST_TEST_REQUIRE(tells("192.0.2.3"));
  there.run("mount --bind /etc/other /etc/resolv.conf");
  const auto changed = mono_now();
  BOOST_TEST(tells("192.0.2.2"));
  BOOST_TEST(soon(changed));
}

BOOST_AUTO_TEST_CASE(what_is_written_without_a_change_is_no_news) {
  Elsewhere there("mount -t tmpfs none /etc && echo nameserver 192.0.2.1 >/etc/resolv.conf");
  start(there.pid());
  BOOST_TEST_REQUIRE(tells("192.0.2.1"));
  const int before = news;
  there.run("echo nameserver 192.0.2.1 >/etc/resolv.conf; echo nameserver 192.0.2.1 >/etc/new; mv /etc/new /etc/resolv.conf");
  // The next real change comes after the others.
  there.run("echo nameserver 192.0.2.2 >/etc/resolv.conf");
  BOOST_TEST(tells("192.0.2.2"));
  BOOST_TEST(news == before + 1);
}

BOOST_AUTO_TEST_CASE(a_named_pipe_is_no_file_and_keeps_nobody) {
  Elsewhere there("mount -t tmpfs none /etc && mkfifo /etc/resolv.conf");
  start(there.pid());
  BOOST_TEST(run_until(io, [&] { return watch.path().has_value(); }));
  BOOST_REQUIRE(!watch.path()->has_value());
  BOOST_TEST((watch.path()->error().kind == Error::Kind::invalid));
}

BOOST_AUTO_TEST_CASE(a_device_or_a_file_of_the_kernel_s_own_is_not_opened) {
  // No driver has that number: to open the node fails otherwise than by what it is.
  for (const auto* const command : {"mknod /etc/resolv.conf c 240 250", "ln -s /proc/sys/kernel/hostname /etc/resolv.conf",
                                    "ln -s /sys/kernel/uevent_seqnum /etc/resolv.conf"}) {
    Elsewhere there(std::string("mount -t tmpfs none /etc && ") + command);
    start(there.pid());
    BOOST_TEST(run_until(io, [&] { return watch.path().has_value(); }));
    BOOST_TEST_REQUIRE(watch.path()->has_value() == false, command);
    BOOST_TEST((watch.path()->error().kind == Error::Kind::invalid), command << ": " << watch.path()->error().message);
  }
}

BOOST_AUTO_TEST_CASE(what_was_read_for_an_earlier_start_is_never_told_for_a_later_one) {
  Elsewhere first("mount -t tmpfs none /etc && echo nameserver 192.0.2.1 >/etc/resolv.conf");
  Elsewhere second("mount -t tmpfs none /etc && echo nameserver 192.0.2.2 >/etc/resolv.conf");
  for (int round = 0; round < 100; ++round) {
    start(first.pid());
    // Changes at which moment of the helper thread the next start comes.
    ::usleep(static_cast<useconds_t>(round * 20));
    start(second.pid());
    BOOST_REQUIRE(run_until(io, [&] { return watch.path().has_value(); }));
    BOOST_REQUIRE(watch.path()->has_value());
    BOOST_REQUIRE((*watch.path())->servers.front().address.to_string() == "192.0.2.2");
  }
}

BOOST_AUTO_TEST_CASE(a_watch_that_ends_while_its_files_are_read_is_not_called_any_more) {
  Elsewhere there("mount -t tmpfs none /etc && echo nameserver 192.0.2.1 >/etc/resolv.conf");
  for (int round = 0; round < 100; ++round) {
    auto ended = std::make_unique<ResolverWatch>(io, [] { BOOST_ERROR("called after its end"); });
    ended->start({NamespaceRef::of_pid(there.pid()), there.pid(), std::nullopt}, NetNamespace::open({}).value().opener());
    ::usleep(static_cast<useconds_t>(round * 20));
    ended.reset();
    io.restart();
    io.poll();
  }
  io.restart();
  io.run_for(std::chrono::milliseconds{50});
}

BOOST_AUTO_TEST_CASE(after_stop_nothing_is_told) {
  Elsewhere there("mount -t tmpfs none /etc && echo nameserver 192.0.2.1 >/etc/resolv.conf");
  start(there.pid());
  watch.stop();
  io.restart();
  io.run_for(std::chrono::milliseconds{50});
  BOOST_TEST(news == 0);
  BOOST_TEST(!watch.path().has_value());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(file_events)

BOOST_AUTO_TEST_CASE(an_event_before_the_subscription_is_told_however_many_nobody_came_for) {
  boost::asio::io_context io{1};
  auto& events = boost::asio::use_service<FileEvents>(io);
  const auto folder = std::filesystem::temp_directory_path() / ("vs" + std::to_string(::getpid()) + "-file-events");
  const auto watch_and_change = [&](int number) {
    const auto here = folder / std::to_string(number);
    std::filesystem::create_directories(here);
    std::vector<WatchPoint> points;
    points.push_back({Fd{::open(here.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)}, "file"});
    auto watches = events.watcher().add(points, {});
    std::ofstream(here / "file") << "text";
    io.restart();
    io.poll();
    return watches;
  };
  for (int number = 0; number < 300; ++number) watch_and_change(number);
  const auto watches = watch_and_change(300);
  bool told = false;
  const auto subscription = events.subscribe(watches, [&] { told = true; });
  io.restart();
  io.poll();
  BOOST_TEST(told);
  std::filesystem::remove_all(folder);
}

BOOST_AUTO_TEST_SUITE_END()
