/// Which helpers the kernel lets our programs call: a tiny program is loaded and thrown away.
#pragma once

namespace vpn_sentinel {

/// bpf_get_current_comm in cgroup/connect4.
[[nodiscard]] bool kernel_gives_names();
/// bpf_get_current_task and bpf_probe_read_kernel in cgroup/connect4 and cgroup/sock_create.
[[nodiscard]] bool kernel_gives_task_memory();
/// The same in programs of packets.
[[nodiscard]] bool kernel_gives_task_memory_of_packets();
/// bpf_get_netns_cookie in cgroup_skb/egress.
[[nodiscard]] bool kernel_gives_netns_of_packets();
/// bpf_get_current_pid_tgid in programs of packets.
[[nodiscard]] bool kernel_gives_senders_of_packets();

}  // namespace vpn_sentinel
