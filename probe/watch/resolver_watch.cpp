#include "probe/watch/resolver_watch.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "netns/base/capabilities.hpp"
#include "netns/base/helper_thread.hpp"
#include "netns/sockets/patient_look.hpp"

namespace vpn_sentinel {
namespace {

using boost::asio::posix::stream_descriptor;

constexpr std::chrono::seconds usual_resolver_pause{60};
/// A file that is written is first emptied and then filled: a look in between would tell of a change that is none.
constexpr std::chrono::milliseconds after_event{30};
constexpr std::chrono::milliseconds patience{500};

/// What it asks for has threads of its own, which may stay behind.
struct ReadsResolverFiles;

std::string whose(const ResolverSource& source) {
  return source.process ? fmt::format("the resolv.conf of process {}", *source.process)
                        : fmt::format("the resolv.conf of {}", source.ref.to_string());
}

}  // namespace

struct ResolverWatch::Job {
  ResolverSource source;
  SocketOpener inside;
};

struct ResolverWatch::Outcome {
  Result<ReadResolverFiles> read = fail(Error::Kind::timed_out, "not read yet");
  std::vector<FileEvents::Watch> watches;
};

ResolverWatch::ResolverWatch(boost::asio::io_context& io, std::function<void()> on_news)
    : io_(io), on_news_(std::move(on_news)), timer_(io) {}

ResolverWatch::~ResolverWatch() { stop(); }

void ResolverWatch::start(ResolverSource source, SocketOpener inside) {
  stop();
  job_ = std::make_shared<const Job>(Job{std::move(source), std::move(inside)});
  read();
}

void ResolverWatch::stop() {
  job_.reset();
  mounts_.reset();
  subscription_.reset();
  timer_.cancel();
  path_.reset();
  reading_ = again_ = false;
}

void ResolverWatch::refresh(MonoTime now) {
  if (job_ && !reading_ && now - read_at_ >= usual_resolver_pause) read();
}

void ResolverWatch::read_soon() {
  if (reading_) {
    again_ = true;
    return;
  }
  timer_.expires_after(after_event);
  timer_.async_wait([this, weak = std::weak_ptr(job_)](const boost::system::error_code& error) {
    if (error || !is_current(this, weak)) return;
    if (reading_) {
      again_ = true;
    } else {
      read();
    }
  });
}

/// Only `job_` ever holds a job: when none is left the watch was stopped, begun anew or is gone itself, and nothing of it may be touched.
bool ResolverWatch::is_current(const ResolverWatch* self, const std::weak_ptr<const Job>& weak) {
  const auto job = weak.lock();
  return job && job == self->job_;
}

void ResolverWatch::read() {
  reading_ = true;
  again_ = false;
  follow_mounts();
  auto watcher = boost::asio::use_service<FileEvents>(io_).watcher();
  boost::asio::use_service<HelperThread<ReadsResolverFiles>>(io_).run(
      [this, &io = io_, weak = std::weak_ptr(job_), job = *job_, watcher = std::move(watcher)] {
        if (weak.expired()) return;
        const RaisedCapabilities raised(rights_to_look);
        auto outcome = std::make_shared<Outcome>();
        // `look` may go on alone when a file system hangs: it owns all that it uses, and nobody looks at its outcome then.
        auto look = [late = std::make_shared<Outcome>(), job, watcher, outcome]() -> Result<Fd> {
          const auto before = read_resolver_files(job.source, job.inside);
          if (before) late->watches = watcher.add(before->points, before->opened);
          // Read once more: what changed before the watches were there tells no event.
          late->read = before ? read_resolver_files(job.source, job.inside) : fail(before.error());
          if (late->read) name_stub(late->read->files, job.inside);
          *outcome = std::move(*late);
          return Fd{};
        };
        const auto looked = patient_look(whose(job.source), patience, std::move(look));
        if (!looked) {
          outcome = std::make_shared<Outcome>();
          outcome->read = fail(looked.error());
        }
        boost::asio::post(io, [this, weak, outcome] {
          if (is_current(this, weak)) take(outcome);
        });
      });
}

void ResolverWatch::take(const std::shared_ptr<Outcome>& outcome) {
  reading_ = false;
  read_at_ = mono_now();
  if (!outcome->watches.empty()) {
    subscription_ = boost::asio::use_service<FileEvents>(io_).subscribe(outcome->watches, [this] { read_soon(); });
  }
  auto path = outcome->read.map([](const ReadResolverFiles& read) { return make_resolver_path(read.files); });
  if (again_) read_soon();
  if (path_ && *path_ == path) return;
  path_ = std::move(path);
  on_news_();
}

/// A bind mount over the file changes neither the file nor its folder: proc_pid_mountinfo(5) tells it by POLLPRI. Opened anew before each
/// read: it belongs to the mount namespace that the process had then, and tells what changes from then on.
void ResolverWatch::follow_mounts() {
  const RaisedCapabilities raised(rights_to_look);
  mounts_.reset();
  const auto path = job_->source.process ? fmt::format("/proc/{}/mountinfo", *job_->source.process) : std::string("/proc/self/mountinfo");
  Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) return;
  boost::system::error_code error;
  auto mounts = std::make_unique<stream_descriptor>(io_);
  mounts->assign(fd.get(), error);
  if (error) return;
  std::ignore = fd.release();  // closed by `mounts` from here on
  mounts_ = std::move(mounts);
  wait_for_mounts();
}

void ResolverWatch::wait_for_mounts() {
  mounts_->async_wait(stream_descriptor::wait_error, [this, weak = std::weak_ptr(job_)](const boost::system::error_code& error) {
    if (error || !is_current(this, weak)) return;
    read_soon();
    wait_for_mounts();
  });
}

}  // namespace vpn_sentinel
