#include <fmt/format.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "ebpf/cgroup_mount.hpp"
#include "ebpf/tracer.hpp"
#include "probe/app/doctor.hpp"

namespace vpn_sentinel {
namespace {

using Status = DoctorLine::Status;

/// Loads "return 1" as a cgroup_skb program, the kind that counts leaks, and lets go of it at once.
Result<void> load_program() {
  constexpr std::array<bpf_insn, 2> program{{{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}}};
  static constexpr char license[] = "GPL";
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_SKB;
  attributes.expected_attach_type = BPF_CGROUP_INET_EGRESS;
  attributes.insns = reinterpret_cast<std::uintptr_t>(program.data());
  attributes.insn_cnt = program.size();
  attributes.license = reinterpret_cast<std::uintptr_t>(license);
  const Fd loaded{static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes))};
  if (!loaded) return fail(system_error(errno, "loading a BPF program"));
  return {};
}

constexpr std::string_view lost_without =
    "sock_diag names programs: not those of UDP that is sent without connect(2), of ICMP, and of what is short-lived";

DoctorLine program_line() {
  const DoctorTopic topic{"BPF", "naming the program that leaks, with destination and bytes", lost_without,
                          "CAP_BPF and CAP_NET_ADMIN, and a seccomp profile that allows bpf (SystemCallFilter=bpf in a unit)"};
  if (const auto built = Tracer::built(); !built) return doctor_line(kernel_group, topic, Status::missing, built.error().message);
  const auto loaded = load_program();
  if (loaded) return doctor_line(kernel_group, topic, Status::ok, "a cgroup program was accepted");
  // Refused is an answer here: whoever may not load programs has none.
  return doctor_line(kernel_group, topic, Status::missing, loaded.error().message);
}

DoctorLine btf_line() {
  const DoctorTopic topic{"BTF", "the programs of sockets that are older than the probe, by eBPF",
                          "they are asked of sock_diag, which is sure of fewer", "a kernel with CONFIG_DEBUG_INFO_BTF"};
  const bool there = ::access("/sys/kernel/btf/vmlinux", R_OK) == 0;
  return doctor_line(kernel_group, topic, there ? Status::ok : Status::missing,
                     there ? "/sys/kernel/btf/vmlinux" : "no /sys/kernel/btf/vmlinux");
}

DoctorLine cgroup_line() {
  const DoctorTopic topic{"cgroup2", "where the BPF programs are attached", lost_without,
                          "mount -t cgroup2 none /sys/fs/cgroup, or the volume and the namespace of the host for a container"};
  const auto tree = open_cgroup_tree("");
  if (!tree) return doctor_line(kernel_group, topic, status_of(tree.error()), tree.error().message);
  if (tree->whole) return doctor_line(kernel_group, topic, Status::ok, tree->path);
  return doctor_line(kernel_group, topic, Status::missing, tree->path + " is this container's part: programs elsewhere are not seen");
}

}  // namespace

std::vector<DoctorLine> bpf_lines(const DoctorWishes& wishes) {
  constexpr std::string_view setting = "VPN_SENTINEL_CONNECTIONS wants no eBPF";
  return {only_when(wishes.traced, setting, program_line()), only_when(wishes.traced, setting, cgroup_line()),
          only_when(wishes.traced, setting, btf_line())};
}

}  // namespace vpn_sentinel
