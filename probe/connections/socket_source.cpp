#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "netns/base/capabilities.hpp"
#include "netns/base/clock.hpp"
#include "netns/namespace/container_process.hpp"
#include "netns/sockets/process_files.hpp"
#include "netns/sockets/process_walk.hpp"
#include "netns/sockets/socket_owners.hpp"
#include "netns/sockets/socket_table.hpp"
#include "probe/connections/sources.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::chrono::seconds patience_for_owners{3};

Program program_of(const SocketProcess& process) { return {process.pid, process.comm, process.uid, process.container}; }

Sighting sighting_of(const SocketEntry& entry) {
  Sighting seen;
  seen.key = {entry.protocol, entry.local, entry.remote, entry.cookie};
  seen.uid = entry.uid;
  seen.bound_index = entry.link_index;
  seen.mark = entry.mark;
  if (entry.counters) seen.bytes = FlowBytes{std::max(entry.counters->sent, entry.counters->acknowledged), entry.counters->received, false};
  return seen;
}

class SocketSource : public ConnectionSource {
 public:
  SocketSource(const NetNamespace& space, SocketSourceWish wish) : opener_(space.opener()), wish_(wish) {}

  [[nodiscard]] FlowSource kind() const noexcept override { return FlowSource::sock_diag; }
  [[nodiscard]] Sight sight() const override {
    Sight sight;
    sight.owner = wish_.owners;
    sight.bytes_tcp = true;
    sight.cannot = "connections shorter than a look, UDP that is sent without connect(2), packet sockets, and bytes of UDP";
    sight.remedy = "use ebpf, or conntrack for short ones and bytes (without programs)";
    return sight;
  }

  [[nodiscard]] Result<Batch> look() override {
    SocketWish wish;
    wish.most = wish_.most;
    wish.remote = wish_.remote;
    const auto table = list_sockets(opener_, wish);
    if (!table) return fail(table.error());
    Batch batch;
    batch.source = kind();
    batch.whole = !wish_.remote;
    batch.lost = table->left_out;
    batch.sightings.reserve(table->sockets.size());
    for (const auto& entry : table->sockets) batch.sightings.push_back(sighting_of(entry));
    if (wish_.owners) add_owners(*table, batch);
    return batch;
  }

 private:
  struct Known {
    std::uint32_t inode = 0;
    Owner owner;
  };

  void add_owners(const SocketTable& table, Batch& batch) {
    const RaisedCapabilities raised(rights_to_look);
    if (!are_known(table)) find_owners(table);
    for (std::size_t i = 0; i < table.sockets.size(); ++i) {
      const auto& entry = table.sockets[i];
      batch.sightings[i].owner = entry.cookie == 0 ? Owner{{}, {}, "its socket has no name of its own"} : known_.at(entry.cookie).owner;
    }
    batch.note = note_;
  }

  /// All sockets are those of the last walk, which was not long ago, or the probe's own: its checks make new ones all the time.
  [[nodiscard]] bool are_known(const SocketTable& table) {
    if (!walked_ || mono_now() - *walked_ >= wish_.owners_last) return false;
    std::optional<Result<ProcessFacts>> own;
    for (const auto& entry : table.sockets) {
      const auto known = known_.find(entry.cookie);
      if (known != known_.end() && known->second.inode == entry.inode) continue;
      if (!own) own = read_process(::getpid(), mono_now() + patience_for_owners);
      if (!*own || entry.inode == 0 || !std::ranges::binary_search((*own)->sockets, entry.inode)) return false;
      const Owner owner{Program{::getpid(), (*own)->comm, (*own)->uid, own_container()}, {}, {}};
      known_.insert_or_assign(entry.cookie, Known{entry.inode, owner});
    }
    return true;
  }

  static const std::string& own_container() {
    static const auto text = container_of_cgroup(read_small(open_process(::getpid()).get(), "cgroup"), {});
    return text;
  }

  void find_owners(const SocketTable& table) {
    std::vector<std::uint32_t> inodes;
    for (const auto& entry : table.sockets) {
      if (entry.inode != 0) inodes.push_back(entry.inode);
    }
    std::ranges::sort(inodes);
    const auto owners = find_socket_owners(inodes, mono_now() + patience_for_owners);
    walked_ = owners && !owners->cut_short ? std::optional(mono_now()) : std::nullopt;
    known_.clear();
    note_.clear();
    for (const auto& entry : table.sockets) {
      auto owner =
          owners ? owner_of(entry.inode, *owners) : Owner{{}, {}, "processes could not be looked through: " + owners.error().message};
      known_.insert_or_assign(entry.cookie, Known{entry.inode, std::move(owner)});
    }
    if (owners && owners->unreadable > 0) {
      note_ = fmt::format("the open files of {} processes may not be seen ({})", owners->unreadable, rights_for_open_files);
    }
  }

  SocketOpener opener_;
  SocketSourceWish wish_;
  std::unordered_map<std::uint64_t, Known> known_;  ///< by cookie
  std::optional<MonoTime> walked_;                  ///< when all of these owners were found
  std::string note_;
};

}  // namespace

Owner owner_of(std::uint32_t inode, const SocketOwners& owners) {
  Owner owner;
  const auto found = inode == 0 ? owners.of.end() : owners.of.find(inode);
  if (found == owners.of.end()) {
    owner.why_not = inode == 0         ? "its program has closed it"
                    : owners.cut_short ? "there are too many open files to look through them in time"
                    : owners.unreadable > 0
                        ? fmt::format("its process is none of those whose files may be seen ({})", rights_for_open_files)
                        : "no process has it: it was closed a moment ago, or the kernel itself has it";
    return owner;
  }
  // A look that ended early may have missed a second process.
  if (found->second.size() == 1 && !owners.cut_short) {
    owner.program = program_of(owners.processes[found->second.front()]);
    return owner;
  }
  for (const auto index : found->second) owner.candidates.push_back(program_of(owners.processes[index]));
  owner.why_not = owners.cut_short ? "there are too many open files to look through all of them in time"
                                   : fmt::format("{} processes have its socket", found->second.size());
  return owner;
}

std::unique_ptr<ConnectionSource> make_socket_source(const NetNamespace& space, SocketSourceWish wish) {
  return std::make_unique<SocketSource>(space, wish);
}

}  // namespace vpn_sentinel
