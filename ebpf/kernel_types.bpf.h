/// The few fields of kernel structures that sockets.bpf.c reads. libbpf puts in the offsets of the running kernel (CO-RE), so only names
/// and kinds count here, and no machine's vmlinux.h is needed to build.
#pragma once

struct seq_file;
struct bpf_map;
struct file;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct bpf_iter_meta {
  struct seq_file* seq;
};

struct cred;
struct css_set;

struct task_struct {
  int tgid;
  struct task_struct* group_leader;
  char comm[VS_COMM];
  const struct cred* real_cred;
  struct css_set* cgroups;
};

struct kernfs_node {
  __u64 id;
};

struct cgroup {
  struct kernfs_node* kn;
};

struct css_set {
  struct cgroup* dfl_cgrp;
};

typedef struct {
  __u32 val;
} kuid_t;

struct cred {
  kuid_t uid;
};

struct bpf_iter__task_file {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
  __u32 fd;
  struct file* file;
};

struct net {
  __u64 net_cookie; /* since 5.12; before an atomic64_t, which is as long */
};

typedef struct {
  struct net* net;
} possible_net_t;

typedef struct {
  long long counter;
} atomic64_t;

struct sock_common {
  unsigned short skc_family;
  possible_net_t skc_net;
  atomic64_t skc_cookie;
};

struct sock {
  struct sock_common __sk_common;
  __u16 sk_protocol; /* since 5.6; a bit field before */
};

struct socket {
  struct sock* sk;
};

struct bpf_iter__bpf_sk_storage_map {
  struct bpf_iter_meta* meta;
  struct bpf_map* map;
  struct sock* sk;
  void* value;
};

#pragma clang attribute pop
