/// Which packets a namespace lets pass beside its tunnel, as user space has put it into a list.
#pragma once

static __always_inline int in_network(const __u64* address, const __u64* network, const __u64* mask) {
  return !((address[0] ^ network[0]) & mask[0]) && !((address[1] ^ network[1]) & mask[1]);
}

static __always_inline int in_ports(__u16 port, const __u16* ports) { return ports[0] <= port && port <= ports[1]; }

static __always_inline int may_pass(struct __sk_buff* skb, const struct packet* packet, const struct vs_allowed_list* list) {
  __u64 source[2];
  __u64 destination[2];
  __builtin_memcpy(source, packet->source, sizeof(source));
  __builtin_memcpy(destination, packet->destination, sizeof(destination));
  int by_ports = packet->protocol == IPPROTO_UDP || packet->protocol == IPPROTO_TCP;
  __u16 from = bpf_ntohs(packet->ports[0]);
  __u16 to = bpf_ntohs(packet->ports[1]);
  __u32 uid = bpf_get_socket_uid(skb);
  __u32 mark = skb->mark;
  /* Unrolled, each field is at a fixed place: without CAP_PERFMON the verifier refuses a pointer that a loop moves. */
#pragma unroll
  for (__u32 i = 0; i < VS_MOST_ALLOWED; ++i) {
    if (i >= list->count) break;
    const struct vs_allowed* item = &list->items[i];
    if (item->family && item->family != packet->family) continue;
    if (item->protocol && item->protocol != packet->protocol) continue;
    if ((mark ^ item->mark) & item->mark_mask) continue;
    if (uid < item->uids[0] || uid > item->uids[1]) continue;
    if (item->by_ports && !(by_ports && in_ports(from, item->source_ports) && in_ports(to, item->destination_ports))) continue;
    if (in_network(source, item->source, item->source_mask) && in_network(destination, item->destination, item->destination_mask)) return 1;
  }
  return 0;
}
