/* What needs the kernel's BTF, loaded apart from leak.bpf.c and with its maps: who holds sockets that are older than the tracer, what each
 * socket has sent so far, and the life of TCP connections. bpf_sock_from_file and socket storage in tracing programs came with
 * Linux 5.11.*/
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "flow_wire.h"

#include "flow_maps.bpf.h"
#include "kernel_types.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* bpf_get_socket_cookie for tracing programs: since 5.12. */
const volatile __u8 make_cookies = 1;

enum { af_inet = 2, af_inet6 = 10, tcp_established = 1, tcp_close = 7 };

static __always_inline __u64 cookie_of(struct sock* sk) {
  if (make_cookies) return bpf_get_socket_cookie(sk);
  return BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
}

/* Nothing that was noted at a call is overwritten: who called is known better than who holds. */
static __always_inline void note_holder(struct sock* sk, const struct vs_holder* holder) {
  struct vs_flow* flow = bpf_sk_storage_get(&flows, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!flow) {
    lose_flow();
    return;
  }
  flow->netns = holder->netns;
  flow->socket = holder->socket;
  if (flow->how == VS_HOW_HELD && flow->pid != holder->pid) flow->flags |= VS_SEVERAL;
  if (flow->how != VS_HOW_UNKNOWN) return;
  flow->pid = holder->pid;
  flow->uid = holder->uid;
  flow->cgroup = holder->cgroup;
  __builtin_memcpy(flow->comm, holder->comm, VS_COMM);
  flow->how = VS_HOW_HELD;
}

/* Each descriptor of each process. The file system's user of a process is not asked: its real user is what people know it by. */
SEC("iter/task_file")
int list_holders(struct bpf_iter__task_file* context) {
  struct file* file = context->file;
  struct task_struct* task = context->task;
  if (!file || !task) return 0;
  struct socket* socket = bpf_sock_from_file(file);
  if (!socket) return 0;
  struct sock* sk = socket->sk;
  if (!sk) return 0;
  __u16 family = sk->__sk_common.skc_family;
  if (family != af_inet && family != af_inet6) return 0;
  struct vs_holder holder = {};
  holder.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, net_cookie);
  if (!bpf_map_lookup_elem(&spaces, &holder.netns)) return 0;
  holder.socket = cookie_of(sk);
  holder.cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
  holder.pid = task->tgid;
  holder.uid = BPF_CORE_READ(task, real_cred, uid.val);
  holder.family = family;
  holder.protocol = BPF_CORE_READ(sk, sk_protocol);
  BPF_CORE_READ_INTO(&holder.comm, task, group_leader, comm);
  note_holder(sk, &holder);
  bpf_seq_write(context->meta->seq, &holder, sizeof(holder));
  return 0;
}

/* Every socket of which something is noted. */
SEC("iter/bpf_sk_storage_map")
int list_flows(struct bpf_iter__bpf_sk_storage_map* context) {
  struct vs_flow* flow = context->value;
  if (!context->sk || !flow) return 0;
  struct vs_flow copy = {};
  bpf_probe_read_kernel(&copy, sizeof(copy), flow);
  bpf_seq_write(context->meta->seq, &copy, sizeof(copy));
  return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock* sk, int before, int now) {
  (void)before;
  if (now != tcp_established && now != tcp_close) return 0;
  struct vs_flow* flow = bpf_sk_storage_get(&flows, sk, 0, 0);
  if (!flow || !has_sent(flow)) return 0;
  tell_flow(flow, now == tcp_close ? VS_ENDED : VS_ESTABLISHED);
  return 0;
}
