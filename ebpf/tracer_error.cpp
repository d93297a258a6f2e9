#include "ebpf/tracer_error.hpp"

#include <linux/capability.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>

namespace vpn_sentinel {
namespace {

/// The kernel's own ENOTSUPP, which escapes to programs though it is not in errno.h.
constexpr int kernel_enotsupp = 524;

std::optional<std::string_view> value_of(std::string_view status, std::string_view name) {
  while (!status.empty()) {
    const auto end = status.find('\n');
    auto line = status.substr(0, end);
    if (line.substr(0, name.size()) == name) {
      line.remove_prefix(name.size());
      const auto begin = line.find_first_not_of(" \t");
      return begin == std::string_view::npos ? std::string_view{} : line.substr(begin);
    }
    if (end == std::string_view::npos) break;
    status.remove_prefix(end + 1);
  }
  return std::nullopt;
}

std::uint64_t number_of(std::optional<std::string_view> text, int base) {
  std::uint64_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value, base);
  return value;
}

std::string_view what(TracerStage stage) {
  switch (stage) {
    case TracerStage::load:
      return "the BPF programs cannot be loaded";
    case TracerStage::attach:
      return "the BPF programs cannot be attached to the cgroup2 tree";
    case TracerStage::read:
      return "what the BPF programs tell cannot be read";
    case TracerStage::space:
      return "the BPF programs cannot be told what to watch";
    case TracerStage::survey:
      return "programs that hold older sockets cannot be found";
  }
  return "BPF failed";
}

Error sentence(Error::Kind kind, TracerStage stage, std::string_view why) {
  return Error{kind, std::string(what(stage)) + ": " + std::string(why)};
}

Error refused(TracerStage stage, int code, const TracerRights& rights) {
  constexpr auto kind = Error::Kind::not_permitted;
  if (!rights.bpf || !rights.net_admin) {
    return sentence(kind, stage, "give the probe CAP_BPF and CAP_NET_ADMIN (and CAP_PERFMON for the names of programs)");
  }
  if (stage == TracerStage::survey && !rights.perfmon) return sentence(kind, stage, "give the probe CAP_PERFMON beside CAP_BPF");
  if (stage == TracerStage::attach) {
    return sentence(kind, stage, "another program is attached there that allows none beside it ('bpftool cgroup tree' names it)");
  }
  if (rights.filtered) {
    return sentence(kind, stage, "a seccomp filter forbids bpf(2): allow it in the container's profile or in SystemCallFilter=");
  }
  return sentence(kind, stage,
                  code == EACCES
                      ? "the kernel's verifier refuses them; please report the kernel's version"
                      : "this kernel forbids it (lockdown or a security module), or before Linux 5.11 LimitMEMLOCK= is too small");
}

}  // namespace

TracerRights rights_of(std::string_view status) {
  const auto effective = number_of(value_of(status, "CapEff:"), 16);
  const auto has = [&](unsigned capability) { return (effective >> capability & 1U) != 0 || (effective >> CAP_SYS_ADMIN & 1U) != 0; };
  return {has(CAP_BPF), has(CAP_NET_ADMIN), has(CAP_PERFMON), number_of(value_of(status, "Seccomp:"), 10) != 0};
}

TracerRights own_rights() {
  std::ifstream file("/proc/self/status");
  std::array<char, 4096> text{};
  file.read(text.data(), text.size());
  return rights_of({text.data(), static_cast<std::size_t>(file.gcount())});
}

Error tracer_error(TracerStage stage, int code, const TracerRights& rights) {
  switch (code) {
    case EPERM:
    case EACCES:
      return refused(stage, code, rights);
    case ENOSYS:
      return sentence(Error::Kind::unavailable, stage,
                      rights.filtered ? "a seccomp filter hides bpf(2): allow it in the container's profile or in SystemCallFilter="
                                      : "this kernel has no bpf(2): it needs CONFIG_BPF_SYSCALL");
    case EINVAL:
    case EOPNOTSUPP:
    case kernel_enotsupp:
      return sentence(Error::Kind::unavailable, stage,
                      stage == TracerStage::survey ? "the kernel is too old for it (5.11 is needed)"
                                                   : "the kernel is too old (5.10 is needed) or has no CONFIG_CGROUP_BPF");
    case ENOENT:
    case ESRCH:
      if (stage == TracerStage::survey) {
        return sentence(Error::Kind::unavailable, stage,
                        "the kernel does not describe itself (CONFIG_DEBUG_INFO_BTF) or is older than 5.11");
      }
      break;
    case E2BIG:
    case ENOSPC:
      if (stage == TracerStage::space) {
        return sentence(Error::Kind::no_space, stage, "there are more targets, interfaces or exceptions than the settings have room for");
      }
      if (stage == TracerStage::attach) return sentence(Error::Kind::no_space, stage, "64 programs are attached there already");
      break;
    case ENOMEM:
      return sentence(Error::Kind::failed, stage, "memory is short: make the rings smaller");
    default:
      break;
  }
  return sentence(Error::Kind::failed, stage, std::generic_category().message(code));
}

}  // namespace vpn_sentinel
