#include "ebpf/helper_probe.hpp"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <array>
#include <cstdint>
#include <span>

#include "netns/base/fd.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::int32_t name_length = 16;

bpf_insn instruction(unsigned code, unsigned to, unsigned from, std::int32_t immediate) {
  bpf_insn made{};
  made.code = static_cast<__u8>(code);
  made.dst_reg = static_cast<__u8>(to & 0xfU);
  made.src_reg = static_cast<__u8>(from & 0xfU);
  made.imm = immediate;
  return made;
}

/// BPF_K, a constant as the other operand, is 0 and left out.
bpf_insn set(unsigned reg, std::int32_t value) { return instruction(BPF_ALU64 | BPF_MOV, reg, 0, value); }
bpf_insn call(std::int32_t helper) { return instruction(BPF_JMP | BPF_CALL, 0, 0, helper); }
bpf_insn leave() { return instruction(BPF_JMP | BPF_EXIT, 0, 0, 0); }

bool loads(bpf_prog_type type, bpf_attach_type attach, std::span<const bpf_insn> program) {
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = attach;
  const Fd fd{::bpf_prog_load(type, "vs_probe", "GPL", program.data(), program.size(), &options)};
  return static_cast<bool>(fd);
}

std::array<bpf_insn, 8> reading_task_memory() {
  return std::array{call(BPF_FUNC_get_current_task),
                    instruction(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_0, 0),
                    instruction(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_10, 0),
                    instruction(BPF_ALU64 | BPF_ADD, BPF_REG_1, 0, -name_length),
                    set(BPF_REG_2, name_length),
                    call(BPF_FUNC_probe_read_kernel),
                    set(BPF_REG_0, 1),
                    leave()};
}

}  // namespace

bool kernel_gives_names() {
  const std::array program{instruction(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_10, 0),
                           instruction(BPF_ALU64 | BPF_ADD, BPF_REG_1, 0, -name_length),
                           set(BPF_REG_2, name_length),
                           call(BPF_FUNC_get_current_comm),
                           set(BPF_REG_0, 1),
                           leave()};
  return loads(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT, program);
}

bool kernel_gives_task_memory() {
  const auto program = reading_task_memory();
  return loads(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT, program) &&
         loads(BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE, program);
}

bool kernel_gives_task_memory_of_packets() { return loads(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, reading_task_memory()); }

bool kernel_gives_netns_of_packets() {
  const std::array program{call(BPF_FUNC_get_netns_cookie), set(BPF_REG_0, 1), leave()};
  return loads(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, program);
}

bool kernel_gives_senders_of_packets() {
  const std::array program{call(BPF_FUNC_get_current_pid_tgid), set(BPF_REG_0, 1), leave()};
  return loads(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, program);
}

}  // namespace vpn_sentinel
