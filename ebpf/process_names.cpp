#include "ebpf/process_names.hpp"

#include <bpf/btf.h>

#include <memory>
#include <string_view>

#include "ebpf/helper_probe.hpp"

namespace vpn_sentinel {
namespace {

struct FreeTypes {
  void operator()(btf* types) const { ::btf__free(types); }
};

constexpr unsigned most_nested = 4;

/// In bits. Kernels with a randomized layout have their members in a structure without a name.
std::optional<std::uint32_t> offset_of(const btf& types, const btf_type& type, std::string_view wanted, unsigned nested = 0) {
  const auto* members = ::btf_members(&type);
  for (unsigned i = 0; i < ::btf_vlen(&type); ++i) {
    const std::string_view name = ::btf__name_by_offset(&types, members[i].name_off);
    const auto at = ::btf_member_bit_offset(&type, i);
    if (name == wanted) return at;
    if (!name.empty() || nested == most_nested) continue;
    const auto* inner = ::btf__type_by_id(&types, members[i].type);
    if (inner == nullptr || !::btf_is_composite(inner)) continue;
    if (const auto found = offset_of(types, *inner, wanted, nested + 1)) return at + *found;
  }
  return std::nullopt;
}

}  // namespace

std::optional<TaskOffsets> find_task_offsets() {
  if (!kernel_gives_task_memory()) return std::nullopt;
  const std::unique_ptr<btf, FreeTypes> types{::btf__load_vmlinux_btf()};
  if (!types) return std::nullopt;
  const auto id = ::btf__find_by_name_kind(types.get(), "task_struct", BTF_KIND_STRUCT);
  const auto* task = id > 0 ? ::btf__type_by_id(types.get(), static_cast<__u32>(id)) : nullptr;
  if (task == nullptr) return std::nullopt;
  const auto leader = offset_of(*types, *task, "group_leader");
  const auto comm = offset_of(*types, *task, "comm");
  if (!leader || !comm) return std::nullopt;
  return TaskOffsets{*leader / 8, *comm / 8};
}

}  // namespace vpn_sentinel
