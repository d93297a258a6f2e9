#include "ebpf/tracer_error.hpp"

#include <boost/test/unit_test.hpp>
#include <cerrno>

using namespace vpn_sentinel;

namespace {

constexpr TracerRights all{true, true, true, false};

BOOST_AUTO_TEST_CASE(rights_are_read_from_the_status_of_a_process) {
  BOOST_TEST((rights_of("Name:\tx\nCapEff:\t000001ffffffffff\nSeccomp:\t0\n") == all));
  BOOST_TEST((rights_of("CapEff:\t0000000000000000\nSeccomp:\t2\n") == TracerRights{false, false, false, true}));
  BOOST_TEST((rights_of("CapEff:\t000000c000001000") == all));                                       // BPF, PERFMON, NET_ADMIN
  BOOST_TEST((rights_of("CapEff:\t0000008000001000\n") == TracerRights{true, true, false, false}));  // BPF, NET_ADMIN
  BOOST_TEST((rights_of("CapEff:\t0000000000200000\n") == all));                                     // SYS_ADMIN
  BOOST_TEST((rights_of("") == TracerRights{}));
  BOOST_TEST((rights_of("CapEff:\nSeccomp:\n") == TracerRights{}));
}

struct Row {
  TracerStage stage;
  int code;
  TracerRights rights;
  Error::Kind kind;
  const char* part;
};

BOOST_AUTO_TEST_CASE(each_trouble_has_a_sentence_with_its_remedy) {
  using Kind = Error::Kind;
  constexpr TracerRights no_bpf{false, true, false, false};
  constexpr TracerRights no_names{true, true, false, false};
  constexpr TracerRights filtered{true, true, true, true};
  const Row rows[] = {
      {TracerStage::load, EPERM, no_bpf, Kind::not_permitted, "CAP_BPF and CAP_NET_ADMIN"},
      {TracerStage::attach, EPERM, no_bpf, Kind::not_permitted, "CAP_BPF and CAP_NET_ADMIN"},
      {TracerStage::load, EPERM, filtered, Kind::not_permitted, "seccomp"},
      {TracerStage::load, ENOSYS, filtered, Kind::unavailable, "seccomp"},
      {TracerStage::load, ENOSYS, all, Kind::unavailable, "CONFIG_BPF_SYSCALL"},
      {TracerStage::load, EPERM, all, Kind::not_permitted, "LimitMEMLOCK"},
      {TracerStage::load, EACCES, all, Kind::not_permitted, "verifier"},
      {TracerStage::load, EINVAL, all, Kind::unavailable, "CONFIG_CGROUP_BPF"},
      {TracerStage::attach, EINVAL, all, Kind::unavailable, "CONFIG_CGROUP_BPF"},
      {TracerStage::attach, 524, all, Kind::unavailable, "CONFIG_CGROUP_BPF"},
      {TracerStage::attach, EPERM, all, Kind::not_permitted, "bpftool cgroup tree"},
      {TracerStage::attach, E2BIG, all, Kind::no_space, "64 programs"},
      {TracerStage::space, E2BIG, all, Kind::no_space, "settings"},
      {TracerStage::space, ENOSPC, all, Kind::no_space, "settings"},
      {TracerStage::survey, EPERM, no_names, Kind::not_permitted, "CAP_PERFMON"},
      {TracerStage::survey, ESRCH, all, Kind::unavailable, "CONFIG_DEBUG_INFO_BTF"},
      {TracerStage::survey, EINVAL, all, Kind::unavailable, "5.11"},
      {TracerStage::load, ENOMEM, all, Kind::failed, "rings smaller"},
      {TracerStage::read, EIO, all, Kind::failed, "Input/output error"},
  };
  for (const auto& row : rows) {
    const auto error = tracer_error(row.stage, row.code, row.rights);
    BOOST_TEST_CONTEXT(error.message) {
      BOOST_TEST((error.kind == row.kind));
      BOOST_TEST(error.message.find(row.part) != std::string::npos);
      BOOST_TEST(error.message.find('\n') == std::string::npos);
    }
  }
}

}  // namespace
