/// What both objects use. The second one takes the maps of the first.
#pragma once

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct vs_flow);
} flows SEC(".maps");

/* Namespaces, by cookie. Nothing is noted of the sockets of others. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, __u64);
  __type(value, struct vs_space);
} spaces SEC(".maps");

/* Two rings, so that a flood of connections in the tunnel cannot crowd out a leak. */
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 18);
} urgent SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} routine SEC(".maps");

/* What could not be told or noted. */
__u64 lost_records;
__u64 lost_flows;

/* Unused results: a plain XADD, which kernels before 5.12 have. */
static __always_inline void lose_record(void) { __sync_fetch_and_add(&lost_records, 1); }
static __always_inline void lose_flow(void) { __sync_fetch_and_add(&lost_flows, 1); }

/* Nobody is woken for a routine record: the tracer looks when it ticks. When the ring is half full it is; the records that follow need not
 * do so again, each of which would cost microseconds. */
static __always_inline __u64 routine_flags(void) {
  __u64 half = bpf_ringbuf_query(&routine, BPF_RB_RING_SIZE) / 2;
  __u64 waiting = bpf_ringbuf_query(&routine, BPF_RB_AVAIL_DATA);
  return waiting > half && waiting - half < half / 32 + 2 * sizeof(struct vs_record) ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* A record without a packet. */
static __always_inline void tell_flow(struct vs_flow* flow, __u8 reason) {
  int bad = flow->count[VS_OUTSIDE].packets || flow->count[VS_STOPPED].packets;
  struct vs_record* record = bad ? bpf_ringbuf_reserve(&urgent, sizeof(*record), 0) : bpf_ringbuf_reserve(&routine, sizeof(*record), 0);
  if (!record) {
    lose_record();
    return;
  }
  __builtin_memset(record, 0, sizeof(*record));
  record->flow = *flow;
  record->reason = reason;
  bpf_ringbuf_submit(record, bad ? 0 : routine_flags());
}

static __always_inline int has_sent(const struct vs_flow* flow) {
  return flow->count[VS_TUNNEL].packets || flow->count[VS_EXEMPT].packets || flow->count[VS_OUTSIDE].packets ||
         flow->count[VS_STOPPED].packets;
}
