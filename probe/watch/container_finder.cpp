#include "probe/watch/container_finder.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <optional>
#include <utility>

#include "netns/base/capabilities.hpp"
#include "netns/clients/container_engine.hpp"
#include "netns/namespace/container_process.hpp"
#include "netns/namespace/process_times.hpp"

namespace vpn_sentinel {
namespace {

/// An engine on a busy machine answers within 100 ms.
constexpr std::chrono::seconds engine_patience{2};
constexpr std::chrono::seconds left_alone{5};

/// Which of two failures tells more: a refusal or a silent engine may hide the container that another engine does not know.
int weight(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::not_permitted:
      return 4;
    case Error::Kind::timed_out:
    case Error::Kind::failed:
      return 3;
    case Error::Kind::invalid:
      return 2;
    case Error::Kind::not_found:
      return 1;
    default:
      return 0;
  }
}

void keep_the_more_telling(std::optional<Error>& kept, const Error& error) {
  if (!kept || weight(error.kind) > weight(kept->kind)) kept = error;
}

std::string joined(const std::vector<std::string>& sockets) {
  std::string text;
  for (const auto& socket : sockets) text += (text.empty() ? "" : ", ") + socket;
  return text.empty() ? "none is configured" : text;
}

/// Why the process that an engine names is not the container's here.
std::string_view why_not_here(pid_t pid) {
  if (!read_process_times(pid)) return "there is no such process: the probe and the engine must share a pid namespace (--pid=host)";
  return "it is not: the probe and the engine live in different pid namespaces (--pid=host), or the container has no cgroup and is not "
         "root's "
         "(rootless podman --cgroups=disabled), and then only its namespace's file can be watched (path:)";
}

Error no_engine(const std::string& container, const std::vector<std::string>& sockets) {
  return {
      Error::Kind::unavailable,
      fmt::format("cannot look for the container {}: no engine listens ({}); start one (systemctl enable --now podman.socket), name its "
                  "socket in VPN_SENTINEL_CONTAINER_SOCKETS, or use the container's id",
                  container, joined(sockets))};
}

}  // namespace

ContainerFinder::ContainerFinder(boost::asio::execution_context& context)
    : service(context), io_(static_cast<boost::asio::io_context&>(context)) {}

void ContainerFinder::shutdown() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

ContainerFinder::Request ContainerFinder::find(std::string container, std::vector<std::string> sockets, Handler handler) {
  auto request = std::make_shared<const Handler>(std::move(handler));
  {
    const std::scoped_lock lock(mutex_);
    tasks_.push_back(Task{std::move(container), std::move(sockets), request});
  }
  if (!thread_.joinable()) thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  wake_.notify_one();
  return request;
}

void ContainerFinder::run(const std::stop_token& stop) {
  for (;;) {
    std::vector<Task> tasks;
    {
      std::unique_lock lock(mutex_);
      if (!wake_.wait(lock, stop, [this] { return !tasks_.empty(); })) return;
      tasks = std::exchange(tasks_, {});
    }
    for (const auto& task : tasks) {
      if (stop.stop_requested()) return;
      if (task.handler.expired()) continue;
      boost::asio::post(io_, [weak = task.handler, result = look_for(task, stop)] {
        if (const auto handler = weak.lock()) (*handler)(result);
      });
    }
  }
}

Result<ContainerProcess> ContainerFinder::look_for(const Task& task, const std::stop_token& stop) {
  const RaisedCapabilities raised(rights_to_look);
  std::optional<Error> trouble;
  for (const auto& socket : task.sockets) {
    auto found = ask(socket, task.container, stop);
    if (found) return found;
    if (found.error().kind != Error::Kind::unavailable) keep_the_more_telling(trouble, found.error());
  }
  if (is_container_id(task.container)) {
    const auto found = find_container_process(task.container);
    if (found) return ContainerProcess{*found, task.container};
    keep_the_more_telling(trouble, found.error());
  }
  return fail(trouble.value_or(no_engine(task.container, task.sockets)));
}

Result<ContainerProcess> ContainerFinder::ask(const std::string& socket, const std::string& container, const std::stop_token& stop) {
  const auto hanging = hanging_.find(socket);
  if (hanging != hanging_.end() && mono_now() < hanging->second) {
    return fail(Error::Kind::timed_out, fmt::format("the container engine at {} did not answer in time", socket));
  }
  const auto answer = ask_container_engine(socket, container, engine_patience, [&stop] { return stop.stop_requested(); });
  hanging_.erase(socket);
  if (!answer) {
    if (answer.error().kind == Error::Kind::timed_out) hanging_[socket] = mono_now() + left_alone;
    return fail(answer.error());
  }
  // A wrong process would be a wrong namespace, perhaps one that is protected.
  if (is_container_process(answer->pid, answer->id)) return ContainerProcess{answer->pid, answer->id};
  return fail(Error::Kind::failed, fmt::format("{} says that process {} is the container {}, but here {}", socket, answer->pid, container,
                                               why_not_here(answer->pid)));
}

}  // namespace vpn_sentinel
