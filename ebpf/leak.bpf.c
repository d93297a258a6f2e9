/* Who sends what by which interface, for every socket of the watched namespaces. Plain UAPI headers, no CO-RE, no BTF of the kernel: this
 * object loads from Linux 5.10 on. What an older or stricter kernel may refuse is behind a constant that the tracer sets before loading;
 * the verifier does not look at code behind a constant that is false.
 *
 * The owner is noted where the caller is the current task for certain (socket, connect, sendmsg). Egress, which runs after routing and
 * perhaps in a softirq, never takes who is current for the owner; that it is somebody else only casts doubt. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/types.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flow_wire.h"

#include "flow_maps.bpf.h"
#include "packet.bpf.h"

#include "allowed.bpf.h"
#include "owner.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* bpf_get_netns_cookie in cgroup_skb: newer than Linux 6.1. Else only sockets that were noted are judged. */
const volatile __u8 netns_of_packets = 1;
/* bpf_get_current_pid_tgid in cgroup_skb: newer than Linux 6.1. */
const volatile __u8 senders_of_packets = 1;
/* With it bpf_probe_read_kernel in cgroup_skb, and the places of owner.bpf.h: the name is that of the sender when it sends. */
const volatile __u8 names_of_packets = 0;
/* SO_PRIORITY of the probe's own packets; 0: none. */
const volatile __u32 own_priority = 0;

/* Changes after each change of the maps below: so long a socket need not look up again that its interface is inside. */
__u32 generation = 1;
/* For kernels without SO_NETNS_COOKIE (before 5.14): the task that asks, and the cookie of where it connected last. */
__u64 asking = 0;
__u64 answered = 0;

/* What is inside, and what leads to no other machine (vs_device). The loopback is skipped altogether. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, struct vs_interface_key);
  __type(value, __u8);
} interfaces SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, struct vs_endpoint_key);
  __type(value, __u8);
} endpoints SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 4096);
  __type(key, struct vs_network_key);
  __type(value, __u8);
} networks SEC(".maps");

/* Empty for a namespace without any. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1024);
  __type(key, __u64);
  __type(value, struct vs_allowed_list);
} allowed SEC(".maps");

enum { pass = 1, drop = 0, loopback_ifindex = 1, type_raw = 3, tcp_established = 1 };

/* Of a watched namespace; 0 for those of others. `context` is what the helpers of the program's type want. */
#define FLOW_OF(context, sk)                                                    \
  ({                                                                            \
    struct vs_flow* found = bpf_sk_storage_get(&flows, sk, 0, 0);               \
    if (!found) {                                                               \
      __u64 space = bpf_get_netns_cookie(context);                              \
      if (bpf_map_lookup_elem(&spaces, &space)) {                               \
        found = bpf_sk_storage_get(&flows, sk, 0, BPF_SK_STORAGE_GET_F_CREATE); \
        if (found) {                                                            \
          found->netns = space;                                                 \
          found->socket = bpf_get_socket_cookie(context);                       \
        } else {                                                                \
          lose_flow();                                                          \
        }                                                                       \
      }                                                                         \
    }                                                                           \
    found;                                                                      \
  })

static __always_inline int note_address(struct bpf_sock_addr* context, __u8 how) {
  struct bpf_sock* sk = context->sk;
  if (!sk) return pass;
  struct vs_flow* flow = FLOW_OF(context, sk);
  if (!flow) return pass;
  if (how == VS_HOW_SENT) {
    /* Where there is, or was, a far end, send(2) needs no address, and no hook sees who calls it. */
    int sent_before = flow->how != VS_HOW_SENT && has_sent(flow);
    if (sk->state == tcp_established || sent_before) flow->flags |= VS_UNSEEN;
  }
  note_owner(flow, how);
  return pass;
}

SEC("cgroup/connect4")
int on_connect4(struct bpf_sock_addr* context) {
  if (asking && asking == bpf_get_current_pid_tgid()) answered = bpf_get_netns_cookie(context);
  return note_address(context, VS_HOW_CONNECTED);
}

SEC("cgroup/connect6")
int on_connect6(struct bpf_sock_addr* context) { return note_address(context, VS_HOW_CONNECTED); }

SEC("cgroup/sendmsg4")
int on_sendmsg4(struct bpf_sock_addr* context) { return note_address(context, VS_HOW_SENT); }

SEC("cgroup/sendmsg6")
int on_sendmsg6(struct bpf_sock_addr* context) { return note_address(context, VS_HOW_SENT); }

/* ICMP and raw sockets never come by the hooks above, raw ones of UDP and TCP neither; other TCP and UDP send nothing without them. Socket
 * storage is there for this type from 5.11 on. */
SEC("cgroup/sock_create")
int on_create(struct bpf_sock* sk) {
  if (sk->type != type_raw && (sk->protocol == IPPROTO_TCP || sk->protocol == IPPROTO_UDP)) return pass;
  struct vs_flow* flow = FLOW_OF(sk, sk);
  if (flow) note_owner(flow, VS_HOW_MADE);
  return pass;
}

SEC("cgroup/sock_release")
int on_release(struct bpf_sock* sk) {
  struct vs_flow* flow = bpf_sk_storage_get(&flows, sk, 0, 0);
  if (!flow) return pass;
  flow->flags |= VS_SHUT;
  if (has_sent(flow)) tell_flow(flow, VS_CLOSED);
  return pass;
}

/* Names are never asked of local networks beside the tunnel: a resolver there asks others outside. */
static __always_inline int asks_for_names(const struct packet* packet) {
  if (packet->protocol != IPPROTO_UDP && packet->protocol != IPPROTO_TCP) return 0;
  return packet->ports[1] == bpf_htons(53) || packet->ports[1] == bpf_htons(853);
}

static __always_inline int is_exempt(struct __sk_buff* skb, __u64 netns, const struct packet* packet) {
  if (own_priority && skb->priority == own_priority) return 1;
  if (is_link_upkeep(packet)) return 1;
  struct vs_network_key network = {.bits = 64 + 128, .netns = {(__u32)netns, netns >> 32}};
  __builtin_memcpy(network.address, packet->destination, 16);
  if (bpf_map_lookup_elem(&networks, &network) && !asks_for_names(packet)) return 1;
  struct vs_endpoint_key endpoint = {.netns = netns, .port = packet->ports[1], .protocol = packet->protocol};
  __builtin_memcpy(endpoint.address, packet->destination, 16);
  if (bpf_map_lookup_elem(&endpoints, &endpoint)) return 1;
  endpoint.port = 0;
  endpoint.protocol = 0;
  if (bpf_map_lookup_elem(&endpoints, &endpoint)) return 1;
  const struct vs_allowed_list* list = bpf_map_lookup_elem(&allowed, &netns);
  return list ? may_pass(skb, packet, list) : 0;
}

static __always_inline void fill(struct vs_record* record, struct __sk_buff* skb, const struct vs_flow* flow, const struct packet* packet,
                                 __u8 where, __u8 reason) {
  record->flow = *flow;
  __builtin_memcpy(record->source, packet->source, 16);
  __builtin_memcpy(record->destination, packet->destination, 16);
  record->source_port = packet->ports[0];
  record->destination_port = packet->ports[1];
  record->ifindex = skb->ifindex;
  record->length = skb->len;
  record->protocol = packet->protocol;
  record->family = packet->family;
  record->where = where;
  record->reason = reason;
  record->mark = skb->mark;
  record->uid = bpf_get_socket_uid(skb);
}

static __always_inline void tell_urgent(struct __sk_buff* skb, struct vs_flow* flow, const struct packet* packet, __u8 where, __u8 reason) {
  struct vs_record* record = bpf_ringbuf_reserve(&urgent, sizeof(*record), 0);
  if (!record) {
    lose_record();
    return;
  }
  fill(record, skb, flow, packet, where, reason);
  bpf_ringbuf_submit(record, 0);
}

static __always_inline void tell_routine(struct __sk_buff* skb, struct vs_flow* flow, const struct packet* packet, __u8 where,
                                         __u8 reason) {
  struct vs_record* record = bpf_ringbuf_reserve(&routine, sizeof(*record), 0);
  if (!record) {
    lose_record();
    return;
  }
  fill(record, skb, flow, packet, where, reason);
  bpf_ringbuf_submit(record, routine_flags());
}

/* 0: nothing to tell of this packet, which is counted already. */
static __always_inline __u8 reason_to_tell(struct vs_flow* flow, __u8 where, __u64 number) {
  if ((where == VS_OUTSIDE || where == VS_STOPPED) && !(number & (number - 1))) return VS_PACKET_OUTSIDE;
  if (flow->flags & VS_SHUT) return VS_AFTER_CLOSE;
  return flow->tick != tick ? VS_FIRST_SINCE : 0;
}

/* Ends a branch in a way of its own. Else the compiler makes one addition of all branches, to a pointer that it computes, and without
 * CAP_PERFMON the verifier refuses a pointer that depends on the way. */
#define BRANCH_END(name) asm volatile("# " #name)

static __always_inline __u64 add(struct vs_count* count, __u32 bytes) {
  __u64 number = count->packets + 1;
  __sync_fetch_and_add(&count->packets, 1);
  __sync_fetch_and_add(&count->bytes, bytes);
  return number;
}

/* vs_device; 0: any other. */
static __always_inline __u8 device_of(struct __sk_buff* skb, __u64 netns) {
  struct vs_interface_key key = {.netns = netns, .ifindex = skb->ifindex};
  __u8* kind = bpf_map_lookup_elem(&interfaces, &key);
  return kind ? *kind : 0;
}

static __always_inline void count_inside(struct __sk_buff* skb, struct vs_flow* flow) {
  add(&flow->count[VS_TUNNEL], skb->len);
  __u8 reason = reason_to_tell(flow, VS_TUNNEL, 0);
  if (!reason) return;
  struct packet packet;
  read_packet(skb, &packet);
  flow->tick = tick;
  tell_routine(skb, flow, &packet, VS_TUNNEL, reason);
}

/* Who connected or made a socket may have handed it to another process, whose send(2) comes by no hook. All but TCP leaves while its
 * sender calls; so where another one is current it is another one that sends. */
static __always_inline void doubt_owner(struct vs_flow* flow, __u8 protocol) {
  if (!senders_of_packets || protocol == IPPROTO_TCP || flow->how == VS_HOW_UNKNOWN) return;
  if (flow->pid != bpf_get_current_pid_tgid() >> 32) flow->flags |= VS_SEVERAL;
}

/* Who connected may have become another program since (exec), which is told with the packet. */
static __always_inline void renew_name(struct vs_flow* flow, __u8 protocol) {
  if (!names_of_packets || protocol == IPPROTO_TCP || flow->how == VS_HOW_UNKNOWN) return;
  if (flow->pid != bpf_get_current_pid_tgid() >> 32) return;
  if (read_process_name(flow)) flow->flags &= ~VS_THREAD;
}

static __always_inline int count_beside(struct __sk_buff* skb, struct vs_flow* flow, const struct vs_space* space, __u8 device) {
  struct packet packet;
  read_packet(skb, &packet);
  doubt_owner(flow, packet.protocol);
  __u8 where = VS_OUTSIDE;
  __u64 number = 0;
  if (device == VS_DEVICE_INNER || is_exempt(skb, flow->netns, &packet)) {
    where = VS_EXEMPT;
    add(&flow->count[VS_EXEMPT], skb->len);
    BRANCH_END(exempt);
  } else if (space->drop) {
    where = VS_STOPPED;
    number = add(&flow->count[VS_STOPPED], skb->len);
    BRANCH_END(stopped);
  } else {
    number = add(&flow->count[VS_OUTSIDE], skb->len);
    BRANCH_END(outside);
  }
  __u8 reason = reason_to_tell(flow, where, number);
  if (reason) {
    flow->tick = tick;
    if (where == VS_EXEMPT) {
      tell_routine(skb, flow, &packet, where, reason);
    } else {
      renew_name(flow, packet.protocol);
      tell_urgent(skb, flow, &packet, where, reason);
    }
  }
  return where == VS_STOPPED ? drop : pass;
}

SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff* skb) {
  if (skb->ifindex == loopback_ifindex) return pass;
  struct bpf_sock* sk = skb->sk;
  if (!sk) return pass;
  sk = bpf_sk_fullsock(sk);
  if (!sk) return pass;
  struct vs_flow* flow = netns_of_packets ? FLOW_OF(skb, sk) : bpf_sk_storage_get(&flows, sk, 0, 0);
  if (!flow) return pass;
  /* Read before the maps, and written by the tracer after them: what is remembered is never newer than it says. */
  __u64 inside = (__u64)generation << 32 | skb->ifindex;
  if (flow->inside == inside) {
    count_inside(skb, flow);
    return pass;
  }
  __u64 netns = flow->netns;
  struct vs_space* space = bpf_map_lookup_elem(&spaces, &netns);
  if (!space) return pass;
  __u8 device = device_of(skb, netns);
  if (device == VS_DEVICE_INSIDE) {
    flow->inside = inside;
    count_inside(skb, flow);
    return pass;
  }
  return count_beside(skb, flow, space, device);
}
