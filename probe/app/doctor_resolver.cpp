#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "probe/app/doctor.hpp"
#include "probe/checks/resolver_path.hpp"

namespace vpn_sentinel {
namespace {

using Status = DoctorLine::Status;

/// A file system that somebody mounted into the program's tree may hang for ever.
constexpr std::chrono::seconds resolver_patience{2};

constexpr DoctorTopic topic{"resolv.conf", "which name servers the target's programs ask, and by which way packets go there",
                            "DNS is unverifiable: a resolver outside the tunnel goes unnoticed",
                            "pid: or container: in place of path:, and for other users' programs AmbientCapabilities=CAP_SYS_PTRACE in the "
                            "unit; for name:NAME the file /etc/netns/NAME/resolv.conf"};

std::string described(const ResolverFiles& files) {
  const auto path = make_resolver_path(files);
  std::vector<std::string> servers;
  for (const auto& server : path.servers) servers.push_back(server.address.to_string());
  return fmt::format("{}: {}", files.file, fmt::join(servers, ", "));
}

}  // namespace

DoctorLine resolver_line(const std::string& group, const ResolverSource& source, const SocketOpener& inside) {
  const auto told = std::make_shared<std::promise<Result<ReadResolverFiles>>>();
  auto answer = told->get_future();
  // Left behind when it hangs: the command ends without it.
  std::thread([told, source, inside] { told->set_value(read_resolver_files(source, inside)); }).detach();
  if (answer.wait_for(resolver_patience) != std::future_status::ready) {
    return doctor_line(group, topic, Status::could_not_look,
                       fmt::format("no answer within {} s: what is mounted there hangs", resolver_patience.count()));
  }
  const auto read = answer.get();
  if (!read) return doctor_line(group, topic, status_of(read.error()), read.error().message);
  if (!read->files.resolv_conf) return doctor_line(group, topic, Status::missing, fmt::format("there is no {}", read->files.file));
  return doctor_line(group, topic, Status::ok, described(read->files));
}

}  // namespace vpn_sentinel
