/// `doctor`: what this machine offers the probe, what each thing is for, what is lost without it and how to get it. Everything is tried,
/// not guessed from a version, and nothing is changed: rules for nftables go into a batch that is never committed, a question that could
/// make the kernel load a module is not asked, and a BPF program is loaded and dropped without being attached. Nothing is sent but one
/// question to each hub, which stores nothing of it (doctor_hub.hpp).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "netns/namespace/net_namespace.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "probe/app/print.hpp"
#include "probe/app/probe_settings.hpp"

namespace vpn_sentinel {

struct ResolverSource;
struct RunningProbe;

/// One thing that was looked at.
struct DoctorLine {
  enum class Status {
    ok,
    missing,
    not_needed,      ///< absent or unused, and nothing of what is configured, or of this version, needs it
    could_not_look,  ///< never the same as ok
  };
  std::string group;  ///< "capabilities", "kernel", "files", "limits", "hub", or a target's client id
  std::string name;
  Status status = Status::could_not_look;
  std::string detail;  ///< what was seen
  std::string used_for;
  std::string lost;       ///< what does not work without it
  std::string remedy;     ///< how to get it: a command or a line of the unit
  bool required = false;  ///< without it the configured targets cannot be watched
};

/// The group of kernel_lines(), nftables_lines() and bpf_lines().
inline constexpr std::string_view kernel_group = "kernel";

/// What the lines are about, without what was seen.
struct DoctorTopic {
  std::string_view name;
  std::string_view used_for;
  std::string_view lost;
  std::string_view remedy;
  bool required = false;
};
[[nodiscard]] DoctorLine doctor_line(std::string_view group, const DoctorTopic& topic, DoctorLine::Status status, std::string detail);
/// What was looked at, and no part of this version uses it: neither a promise when it is there nor a fault when it is not.
[[nodiscard]] DoctorLine not_used_yet(DoctorLine line);
/// missing, or could_not_look when the error says so (a right is missing, or no answer came).
[[nodiscard]] DoctorLine::Status status_of(const Error& error);

/// 0: nothing is missing; 1: something that is not required is missing or could not be looked at; 4: something required.
[[nodiscard]] int doctor_exit_code(const std::vector<DoctorLine>& lines);
/// For people; a good line is short, a bad one says everything. `note` stands above all. Pure.
[[nodiscard]] std::string print_doctor(const std::vector<DoctorLine>& lines, const Style& style, std::string_view note = {});
/// {"version", "exit_code", "note", "lines": [{"group", "name", "status", "required", "detail", "used_for", "lost", "remedy"}]}. Pure.
[[nodiscard]] nlohmann::json doctor_json(const std::vector<DoctorLine>& lines, std::string_view note = {});

/// From the text of /proc/self/status (proc(5): CapEff, CapBnd). `foreign`: some target is another namespace than the probe's. Pure.
/// `traced`: for some target eBPF is wanted. `running`: what it lacks is missing, whoever asks; nullptr: none is known.
[[nodiscard]] std::vector<DoctorLine> capability_lines(std::string_view status, bool foreign, bool traced = true,
                                                       const RunningProbe* running = nullptr);
/// `own` opens sockets in the probe's namespace.
[[nodiscard]] std::vector<DoctorLine> kernel_lines(const SocketOpener& own);
/// What the targets want of what can be done without.
struct DoctorWishes {
  bool protect = false;   ///< a kill switch that is kept from others
  bool traced = true;     ///< eBPF
  bool conntrack = true;  ///< or where there is no eBPF
  bool nflog = false;
};
[[nodiscard]] DoctorWishes wishes_of(const std::vector<TargetPolicy>& targets);
[[nodiscard]] std::vector<DoctorLine> nftables_lines(const SocketOpener& own, const DoctorWishes& wishes = {});
[[nodiscard]] std::vector<DoctorLine> bpf_lines(const DoctorWishes& wishes = {});
/// Not needed by what is configured, which `setting` decides; what was seen is told nonetheless.
[[nodiscard]] DoctorLine only_when(bool wanted, std::string_view setting, DoctorLine line);
[[nodiscard]] std::vector<DoctorLine> file_lines(const ProbeConfig& config);
/// What the target names now. A container is looked for as the daemon does it. Blocks, while an engine hangs for some seconds.
[[nodiscard]] Result<NetNamespace> open_target(const TargetPolicy& target);
/// `space` as of open_target. Blocks some milliseconds for each target.
[[nodiscard]] std::vector<DoctorLine> target_lines(const TargetPolicy& target, const Result<NetNamespace>& space);
/// Whether resolv.conf of the target's programs can be read. `inside` opens sockets of the target's namespace. Blocks 2 s at most.
[[nodiscard]] DoctorLine resolver_line(const std::string& group, const ResolverSource& source, const SocketOpener& inside);
/// Of a pattern that no namespace matches now.
[[nodiscard]] DoctorLine unmatched_line(const TargetPolicy& pattern);

}  // namespace vpn_sentinel
