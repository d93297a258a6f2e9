/// What a packet's headers say. Every length is checked by the helper that copies.
#pragma once

enum { most_extension_headers = 4 };
enum { hop_by_hop = 0, routing_header = 43, fragment_header = 44, destination_options = 60 };

/* What the headers say: everything that a record has beside the flow. */
struct packet {
  __u8 source[16] __attribute__((aligned(8)));
  __u8 destination[16];
  __u16 ports[2];
  __u8 protocol;
  __u8 family;
  __u8 icmp_type;
  __u8 later_fragment;
};

static __always_inline void map_v4(__u8* into, __u32 address) {
  into[10] = 0xff;
  into[11] = 0xff;
  __builtin_memcpy(into + 12, &address, 4);
}

static __always_inline int has_ports(__u8 protocol) {
  return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP ||
         protocol == IPPROTO_UDPLITE;
}

static __always_inline void read_transport(struct __sk_buff* skb, __u32 offset, struct packet* packet) {
  if (packet->later_fragment) return;
  if (has_ports(packet->protocol)) {
    bpf_skb_load_bytes(skb, offset, packet->ports, sizeof(packet->ports));
  } else if (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6) {
    bpf_skb_load_bytes(skb, offset, &packet->icmp_type, 1);
  }
}

static __always_inline void read_v4(struct __sk_buff* skb, struct packet* packet) {
  struct iphdr header = {};
  if (bpf_skb_load_bytes(skb, 0, &header, sizeof(header))) return;
  packet->family = 4;
  packet->protocol = header.protocol;
  packet->later_fragment = (header.frag_off & bpf_htons(0x1fff)) != 0;
  map_v4(packet->source, header.saddr);
  map_v4(packet->destination, header.daddr);
  read_transport(skb, header.ihl * 4, packet);
}

static __always_inline void read_v6(struct __sk_buff* skb, struct packet* packet) {
  struct ipv6hdr header = {};
  if (bpf_skb_load_bytes(skb, 0, &header, sizeof(header))) return;
  packet->family = 6;
  __builtin_memcpy(packet->source, &header.saddr, 16);
  __builtin_memcpy(packet->destination, &header.daddr, 16);
  __u8 next = header.nexthdr;
  __u32 offset = sizeof(header);
#pragma unroll
  for (int i = 0; i < most_extension_headers; ++i) {
    __u8 extension[4] = {};
    if (next != hop_by_hop && next != routing_header && next != destination_options && next != fragment_header) break;
    if (bpf_skb_load_bytes(skb, offset, extension, sizeof(extension))) break;
    if (next == fragment_header) {
      packet->later_fragment = (extension[2] | (extension[3] & 0xf8)) != 0;
      offset += 8;
    } else {
      offset += (extension[1] + 1U) * 8;
    }
    next = extension[0];
  }
  packet->protocol = next;
  read_transport(skb, offset, packet);
}

static __always_inline void read_packet(struct __sk_buff* skb, struct packet* packet) {
  __builtin_memset(packet, 0, sizeof(*packet));
  if (skb->protocol == bpf_htons(ETH_P_IP)) {
    read_v4(skb, packet);
  } else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
    read_v6(skb, packet);
  }
}

/* Neighbours, routers and multicast listeners (RFC 4861, 2710, 3810): no program's packets, and never forwarded. */
static __always_inline int is_link_upkeep(const struct packet* packet) {
  return packet->protocol == IPPROTO_ICMPV6 && ((packet->icmp_type >= 130 && packet->icmp_type <= 137) || packet->icmp_type == 143);
}
