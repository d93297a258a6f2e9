/// Who called: noted in the state of the socket. Only where the caller is the current task for certain.
#pragma once

/* bpf_get_current_comm: needs CAP_PERFMON. */
const volatile __u8 with_names = 1;
/* bpf_probe_read_kernel, and where struct task_struct has the first thread of its process and a thread's name; 0: not known. */
const volatile __u32 leader_offset = 0;
const volatile __u32 comm_offset = 0;

/* The name of the process, which is that of its first thread; else of the thread that calls. */
static __always_inline void note_name(struct vs_flow* flow, __u32 pid) {
  flow->flags &= ~VS_THREAD;
  if (leader_offset) {
    void* task = (void*)bpf_get_current_task();
    void* leader = 0;
    if (!bpf_probe_read_kernel(&leader, sizeof(leader), task + leader_offset) &&
        !bpf_probe_read_kernel(flow->comm, sizeof(flow->comm), leader + comm_offset))
      return;
  }
  bpf_get_current_comm(flow->comm, sizeof(flow->comm));
  if (pid != (__u32)bpf_get_current_pid_tgid()) flow->flags |= VS_THREAD;
}

/* Its own process wrote the owner: what the same process writes again is the same, but for the name after exec and the user. */
static __always_inline void note_owner(struct vs_flow* flow, __u8 how) {
  __u32 pid = bpf_get_current_pid_tgid() >> 32;
  if (flow->pid != pid && (flow->how == VS_HOW_CONNECTED || flow->how == VS_HOW_SENT)) flow->flags |= VS_SEVERAL;
  flow->pid = pid;
  flow->uid = (__u32)bpf_get_current_uid_gid();
  flow->cgroup = bpf_get_current_cgroup_id();
  if (with_names) note_name(flow, pid);
  flow->how = how;
}
