/// Who called: noted in the state of the socket. Only where the caller is the current task for certain.
#pragma once

/* Each packet of a socket that was not told since the last tick tells it. */
__u32 tick = 1;

/* bpf_get_current_comm: needs CAP_PERFMON. */
const volatile __u8 with_names = 1;
/* bpf_probe_read_kernel, and where struct task_struct has the first thread of its process and a thread's name; 0: not known. */
const volatile __u32 leader_offset = 0;
const volatile __u32 comm_offset = 0;

/* The name of the process of the current thread, from its first one. 0: it is not known. */
static __always_inline int read_process_name(struct vs_flow* flow) {
  void* task = (void*)bpf_get_current_task();
  void* leader = 0;
  return !bpf_probe_read_kernel(&leader, sizeof(leader), task + leader_offset) &&
         !bpf_probe_read_kernel(flow->comm, sizeof(flow->comm), leader + comm_offset);
}

/* The name of the process, which is that of its first thread; else of the thread that calls. Usually the first one calls, and reading
 * memory through the kernel's checks takes longer than everything else here. */
static __always_inline void note_name(struct vs_flow* flow, __u64 caller) {
  int of_thread = caller >> 32 != (__u32)caller;
  if (of_thread && leader_offset && read_process_name(flow)) {
    flow->flags &= ~VS_THREAD;
    return;
  }
  bpf_get_current_comm(flow->comm, sizeof(flow->comm));
  flow->flags = of_thread ? flow->flags | VS_THREAD : flow->flags & ~VS_THREAD;
}

/* Its own process wrote the owner: what the same process writes again is the same, but for the name after exec, which is asked for each
 * time, and user and cgroup, which are once a tick. */
static __always_inline void note_owner(struct vs_flow* flow, __u8 how) {
  __u64 caller = bpf_get_current_pid_tgid();
  __u32 pid = caller >> 32;
  if (flow->pid != pid || flow->how != VS_HOW_SENT || how != VS_HOW_SENT || flow->tick != tick) {
    if (flow->pid != pid && (flow->how == VS_HOW_CONNECTED || flow->how == VS_HOW_SENT)) flow->flags |= VS_SEVERAL;
    flow->pid = pid;
    flow->uid = (__u32)bpf_get_current_uid_gid();
    flow->cgroup = bpf_get_current_cgroup_id();
    flow->how = how;
  }
  if (with_names) note_name(flow, caller);
}
