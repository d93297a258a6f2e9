/// What the BPF programs and the tracer say to each other, byte for byte: C for both compilers. Numbers are in host order unless a line
/// says otherwise; an address is 16 bytes, an IPv4 one as ::ffff:a.b.c.d (RFC 4291 2.5.5.2).
#pragma once

#include <linux/types.h>

#ifdef __cplusplus
#define VS_SAME(condition) static_assert(condition, "both sides must agree")
#else
#define VS_SAME(condition) _Static_assert(condition, "both sides must agree")
#endif

/// How the owner of a socket is known; a later one replaces an earlier one, whatever its number.
enum vs_how {
  VS_HOW_UNKNOWN = 0,   /* older than the tracer, accepted from a listener, or of the kernel */
  VS_HOW_MADE = 1,      /* called socket(2) */
  VS_HOW_CONNECTED = 2, /* called connect(2) */
  VS_HOW_SENT = 3,      /* called sendto(2) with an address */
  VS_HOW_HELD = 4,      /* has a descriptor of it, found later */
};

/// Where packets went: the index into vs_flow.count.
enum vs_where {
  VS_TUNNEL = 0,  /* by an interface that is given as inside */
  VS_EXEMPT = 1,  /* by another one, but to an allowed network or endpoint, or link upkeep */
  VS_OUTSIDE = 2, /* by another one */
  VS_STOPPED = 3, /* the same, and dropped */
  VS_WHERES = 4,
};

/// Why a record is told.
enum vs_reason {
  VS_PACKET_OUTSIDE = 1, /* packet 1, 2, 4, 8 … outside of this socket */
  VS_FIRST_SINCE = 2,    /* the first packet since the tracer's tick */
  VS_CLOSED = 3,         /* the last descriptor was closed; a TCP socket may still send what waits */
  VS_AFTER_CLOSE = 4,    /* each packet after that */
  VS_ESTABLISHED = 5,    /* TCP */
  VS_ENDED = 6,          /* TCP: nothing will be sent any more */
};

enum vs_flags {
  VS_SEVERAL = 1, /* more than one process connected, sent by, or holds this socket */
  VS_SHUT = 2,    /* the last descriptor was closed */
  VS_UNSEEN = 4,  /* of VS_HOW_SENT: it had a far end at a call, or sent before one, so that send(2) may have sent by it, unseen */
  VS_THREAD = 8,  /* comm is that of a thread, and not of the first one of its process */
};

/// The value of an interface: what leads by it.
enum vs_device {
  VS_DEVICE_INSIDE = 1, /* a tunnel */
  VS_DEVICE_INNER = 2,  /* to no other machine */
};

enum { VS_COMM = 16 };

struct vs_count {
  __u64 packets; /* as handed to the device: one for a train of segments (GSO) and for a datagram that is cut afterwards */
  __u64 bytes;   /* of these, from the IP header on */
};
VS_SAME(sizeof(struct vs_count) == 16);

/// The state of one socket, in its own storage.
struct vs_flow {
  __u64 netns;  /* cookie of the namespace */
  __u64 socket; /* cookie of the socket */
  __u64 cgroup; /* of the owner: on 64-bit systems the inode of its folder */
  __u64 inside; /* generation of the maps and, in the low half, the interface that was inside then */
  struct vs_count count[VS_WHERES];
  __u32 tick; /* the tracer's when it was told last */
  __u32 pid;  /* thread group, in the first pid namespace */
  __u32 uid;  /* in the first user namespace */
  __u8 how;
  __u8 flags;
  __u16 padding;
  char comm[VS_COMM];
};
VS_SAME(sizeof(struct vs_flow) == 128);
VS_SAME(__builtin_offsetof(struct vs_flow, comm) == 112);

struct vs_record {
  struct vs_flow flow;
  __u8 source[16];
  __u8 destination[16];
  __u16 source_port;      /* network order; 0 where the protocol has none */
  __u16 destination_port; /* likewise */
  __u32 ifindex;
  __u32 length;  /* of this packet, from the IP header on */
  __u8 protocol; /* IPPROTO_*, behind extension headers */
  __u8 family;   /* 4 or 6: of this packet; 0: no packet belongs to this record and the fields above are 0 */
  __u8 where;    /* of this packet */
  __u8 reason;
  __u32 mark; /* of this packet */
  __u32 uid;  /* of its socket, in the user namespace of its network namespace */
};
VS_SAME(sizeof(struct vs_record) == 184);
VS_SAME(__builtin_offsetof(struct vs_record, reason) == 175);

/// One descriptor of a socket.
struct vs_holder {
  __u64 netns;
  __u64 socket; /* 0: the kernel has not given it a cookie yet */
  __u64 cgroup; /* of the process; 0: not known */
  __u32 pid;
  __u32 uid;
  __u16 family;   /* AF_INET or AF_INET6 */
  __u16 protocol; /* IPPROTO_* */
  __u32 padding;
  char comm[VS_COMM];
};
VS_SAME(sizeof(struct vs_holder) == 56);

/// A watched namespace.
struct vs_space {
  __u32 drop; /* 1: packets outside are dropped */
  __u32 padding;
};
VS_SAME(sizeof(struct vs_space) == 8);

struct vs_interface_key {
  __u64 netns;
  __u32 ifindex;
  __u32 padding;
};
VS_SAME(sizeof(struct vs_interface_key) == 16);

struct vs_endpoint_key {
  __u64 netns;
  __u8 address[16];
  __u16 port;    /* network order; 0: any */
  __u8 protocol; /* 0: any */
  __u8 padding[5];
};
VS_SAME(sizeof(struct vs_endpoint_key) == 32);

/// For a longest prefix match: the namespace whole, then the address. The words are low and high half of the cookie.
struct vs_network_key {
  __u32 bits; /* 64 + those of the address, with 96 before an IPv4 one */
  __u32 netns[2];
  __u8 address[16];
};
VS_SAME(sizeof(struct vs_network_key) == 28);

/// Packets that may pass beside the tunnel: those that have all of it.
struct vs_allowed {
  __u64 source[2]; /* as the bytes of an address lie; compared under the mask */
  __u64 source_mask[2];
  __u64 destination[2];
  __u64 destination_mask[2];
  __u32 mark; /* compared under mark_mask */
  __u32 mark_mask;
  __u32 uids[2];         /* first and last, of the socket */
  __u16 source_ports[2]; /* first and last, in host order */
  __u16 destination_ports[2];
  __u8 by_ports; /* 1: only UDP and TCP */
  __u8 protocol; /* 0: any */
  __u8 family;   /* 4 or 6; 0: any */
  __u8 padding[5];
};
VS_SAME(sizeof(struct vs_allowed) == 96);

enum { VS_MOST_ALLOWED = 32 };

/// All of a namespace.
struct vs_allowed_list {
  __u32 count;
  __u32 padding;
  struct vs_allowed items[VS_MOST_ALLOWED];
};
VS_SAME(sizeof(struct vs_allowed_list) == 8 + VS_MOST_ALLOWED * 96);

#undef VS_SAME
