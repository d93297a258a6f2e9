#include "probe/app/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "probe/app/doctor_places.hpp"
#include "probe/app/doctor_running.hpp"

using namespace vpn_sentinel;

namespace {

using Status = DoctorLine::Status;

DoctorLine sample(Status status, bool required = false) {
  return doctor_line("kernel", {"nftables", "counting leaks", "no counters", "modprobe nf_tables", required}, status, "what was seen");
}

std::string printed(const DoctorLine& line, bool colour = false) { return print_doctor({line}, Style{colour}); }

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

const DoctorLine& named(const std::vector<DoctorLine>& lines, std::string_view name) {
  const auto found = std::ranges::find(lines, name, &DoctorLine::name);
  BOOST_REQUIRE_MESSAGE(found != lines.end(), name);
  return *found;
}

/// As in /proc/self/status.
std::string status_text(std::string_view effective, std::string_view bounding) {
  return fmt::format("Name:\tprobe\nCapInh:\t0000000000000000\nCapPrm:\t{0}\nCapEff:\t{0}\nCapBnd:\t{1}\nCapAmb:\t0000000000000000\n",
                     effective, bounding);
}
constexpr auto all = "000001ffffffffff";
constexpr auto none = "0000000000000000";

}  // namespace

BOOST_AUTO_TEST_SUITE(doctor)

BOOST_AUTO_TEST_CASE(the_exit_code_tells_whether_something_is_missing_and_whether_it_is_needed) {
  const struct {
    Status status;
    bool required;
    int code;
  } table[]{{Status::ok, true, 0},       {Status::ok, false, 0},     {Status::not_needed, true, 0},      {Status::not_needed, false, 0},
            {Status::missing, false, 1}, {Status::missing, true, 4}, {Status::could_not_look, false, 1}, {Status::could_not_look, true, 4}};
  for (const auto& row : table) BOOST_TEST(doctor_exit_code({sample(row.status, row.required)}) == row.code);
  BOOST_TEST(doctor_exit_code({}) == 0);
  BOOST_TEST(doctor_exit_code({sample(Status::missing), sample(Status::missing, true), sample(Status::ok)}) == 4);
}

BOOST_AUTO_TEST_CASE(a_good_line_is_short_and_a_bad_one_says_what_is_lost_and_how_to_get_it) {
  const auto good = printed(sample(Status::ok));
  BOOST_TEST(has(good, "✔ nftables  what was seen\n"));
  BOOST_TEST(has(good, "used for:   counting leaks"));
  BOOST_TEST(!has(good, "no counters"));
  BOOST_TEST(has(good, "All that the configured targets need is there."));
  const auto bad = printed(sample(Status::missing));
  BOOST_TEST(has(bad, "✖ nftables  missing: what was seen\n"));
  BOOST_TEST(has(bad, "without it: no counters"));
  BOOST_TEST(has(bad, "get it:     modprobe nf_tables"));
  BOOST_TEST(has(bad, "something optional is missing"));
  BOOST_TEST(has(printed(sample(Status::not_needed)), "– nftables  not needed: what was seen\n"));
}

BOOST_AUTO_TEST_CASE(could_not_look_is_never_shown_as_fine) {
  const auto text = printed(sample(Status::could_not_look, true));
  BOOST_TEST(has(text, "? nftables  COULD NOT LOOK, and needed: what was seen\n"));
  BOOST_TEST(has(text, "CANNOT be watched"));
  BOOST_TEST(!has(text, "✔"));
}

BOOST_AUTO_TEST_CASE(colours_are_only_for_terminals) {
  BOOST_TEST(!has(printed(sample(Status::missing, true)), "\033["));
  BOOST_TEST(has(printed(sample(Status::missing, true), true), "\033[1;31m✖\033[0m"));
  BOOST_TEST(has(printed(sample(Status::ok), true), "\033[32m✔\033[0m"));
}

BOOST_AUTO_TEST_CASE(lines_stand_below_their_group_in_one_column) {
  auto other = sample(Status::ok);
  other.group = "files";
  other.name = "a longer name";
  BOOST_TEST(
      print_doctor({sample(Status::ok), other}, {})
          .starts_with("kernel\n  ✔ nftables       what was seen\n      used for:   counting leaks\n\nfiles\n  ✔ a longer name  what"));
}

BOOST_AUTO_TEST_CASE(the_json_form_holds_every_word) {
  const auto json = doctor_json({sample(Status::could_not_look, true)});
  BOOST_TEST(json["exit_code"] == 4);
  const nlohmann::json expected{
      {"group", "kernel"},         {"name", "nftables"},           {"status", "could_not_look"}, {"required", true},
      {"detail", "what was seen"}, {"used_for", "counting leaks"}, {"lost", "no counters"},      {"remedy", "modprobe nf_tables"}};
  BOOST_TEST((json["lines"].at(0) == expected));
}

BOOST_AUTO_TEST_CASE(an_error_of_rights_or_time_is_no_proof_that_something_is_missing) {
  BOOST_TEST((status_of({Error::Kind::not_permitted, ""}) == Status::could_not_look));
  BOOST_TEST((status_of({Error::Kind::timed_out, ""}) == Status::could_not_look));
  BOOST_TEST((status_of({Error::Kind::unavailable, ""}) == Status::missing));
  BOOST_TEST((status_of({Error::Kind::not_found, ""}) == Status::missing));
}

/// Those of which no part of this version makes use.
bool is_unused(const DoctorLine& line) { return line.name == "CAP_NET_RAW" || line.name == "CAP_NET_BROADCAST"; }

BOOST_AUTO_TEST_CASE(with_all_capabilities_nothing_is_missing) {
  for (const auto& line : capability_lines(status_text(all, all), true)) {
    BOOST_TEST((line.status == (is_unused(line) ? Status::not_needed : Status::ok)), line.name);
  }
}

BOOST_AUTO_TEST_CASE(what_this_version_does_not_use_is_neither_promised_nor_a_fault) {
  for (const auto* mask : {all, none}) {
    for (const auto& line : capability_lines(status_text(mask, mask), true)) {
      if (!is_unused(line)) continue;
      BOOST_TEST(doctor_exit_code({line}) == 0, line.name);
      BOOST_TEST(line.detail.starts_with("not used by this version"), line.detail);
      BOOST_TEST(line.used_for == "nothing in this version");
    }
  }
  auto line = not_used_yet(sample(Status::missing, true));
  BOOST_TEST(doctor_exit_code({line}) == 0);
  BOOST_TEST(printed(line).find("counting leaks") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(rights_for_ebpf_are_needed_where_it_is_wanted_and_only_there) {
  for (const auto* name : {"CAP_BPF", "CAP_PERFMON"}) {
    BOOST_TEST((named(capability_lines(status_text(none, all), true, true), name).status == Status::missing), name);
    BOOST_TEST((named(capability_lines(status_text(none, all), true, false), name).status == Status::not_needed), name);
  }
  std::vector<TargetPolicy> targets(2);
  targets[0].connections.mode = ConnectionsMode::sock_diag;
  targets[1].connections.mode = ConnectionsMode::nflog;
  BOOST_TEST(!wishes_of(targets).traced);
  BOOST_TEST(!wishes_of(targets).conntrack);
  BOOST_TEST(wishes_of(targets).nflog);
  targets[0].connections.mode = ConnectionsMode::automatic;
  BOOST_TEST(wishes_of(targets).traced);
  BOOST_TEST(wishes_of(targets).conntrack);
  const auto line = only_when(false, "the setting is off", sample(Status::missing));
  BOOST_TEST((line.status == Status::not_needed));
  BOOST_TEST(line.detail == "the setting is off (seen: what was seen)");
}

BOOST_AUTO_TEST_CASE(without_any_only_entering_a_foreign_namespace_is_impossible) {
  const auto lines = capability_lines(status_text(none, all), true);
  BOOST_TEST(doctor_exit_code(lines) == 4);
  BOOST_TEST((named(lines, "CAP_SYS_ADMIN").status == Status::missing));
  BOOST_TEST(named(lines, "CAP_SYS_ADMIN").required);
  for (const auto* name : {"CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_DAC_OVERRIDE", "CAP_NET_ADMIN"}) {
    BOOST_TEST((named(lines, name).status == Status::missing), name);
    BOOST_TEST(!named(lines, name).required, name);
  }
  BOOST_TEST((named(lines, "CAP_NET_BROADCAST").status == Status::not_needed));
}

BOOST_AUTO_TEST_CASE(a_probe_in_the_watched_namespace_needs_no_right_to_enter) {
  const auto lines = capability_lines(status_text(none, none), false);
  BOOST_TEST((named(lines, "CAP_SYS_ADMIN").status == Status::not_needed));
  BOOST_TEST(doctor_exit_code(lines) == 1);
}

BOOST_AUTO_TEST_CASE(each_capability_is_its_own_bit) {
  // linux/capability.h: 12 is CAP_NET_ADMIN.
  const auto lines = capability_lines(status_text("0000000000001000", all), true);
  for (const auto& line : lines) {
    if (is_unused(line)) continue;
    const bool has_it = line.name == "CAP_NET_ADMIN";
    BOOST_TEST((line.status == (has_it ? Status::ok : Status::missing)), line.name);
  }
}

BOOST_AUTO_TEST_CASE(the_remedy_depends_on_the_bounding_set) {
  BOOST_TEST(!has(named(capability_lines(status_text(none, all), true), "CAP_NET_ADMIN").remedy, "CapabilityBoundingSet"));
  const auto outside = named(capability_lines(status_text(none, none), true), "CAP_NET_ADMIN");
  BOOST_TEST(has(outside.remedy, "CapabilityBoundingSet=CAP_NET_ADMIN"));
}

BOOST_AUTO_TEST_CASE(what_the_running_probe_lacks_is_missing_although_root_has_it) {
  constexpr auto without_net_admin = "000001ffffffefff";
  const RunningProbe running{42, status_text(without_net_admin, without_net_admin), false};
  const auto lines = capability_lines(status_text(all, all), true, true, &running);
  const auto& right = named(lines, "CAP_NET_ADMIN");
  BOOST_TEST((right.status == Status::missing));
  BOOST_TEST(right.detail == "the running probe (pid 42) lacks it: not in the bounding set");
  const auto own = named(capability_lines(status_text(without_net_admin, without_net_admin), true), "CAP_NET_ADMIN");
  BOOST_TEST(right.lost == own.lost);
  BOOST_TEST(right.remedy == own.remedy);
  BOOST_TEST(doctor_exit_code(lines) == 1);
  for (const auto& line : lines) {
    if (line.name != "CAP_NET_ADMIN" && !is_unused(line)) BOOST_TEST((line.status == Status::ok), line.name);
  }
}

BOOST_AUTO_TEST_CASE(what_the_running_probe_gave_up_for_want_of_use_is_no_lack_when_asked_about_other_targets) {
  // 21 is CAP_SYS_ADMIN: a probe of its own namespace has no use for it.
  constexpr auto without_sys_admin = "000001ffffdfffff";
  RunningProbe running{42, status_text(without_sys_admin, all), false};
  const auto right = [&] { return named(capability_lines(status_text(all, all), true, true, &running), "CAP_SYS_ADMIN"); };
  BOOST_TEST((right().status == Status::missing));
  BOOST_TEST(has(right().detail, "given up because its settings had no use for it"));
  BOOST_TEST((named(capability_lines(status_text(all, all), false, true, &running), "CAP_SYS_ADMIN").status == Status::not_needed));
  running.other_targets = true;
  BOOST_TEST((right().status == Status::ok));
  running.status = status_text(without_sys_admin, without_sys_admin);
  BOOST_TEST((right().status == Status::missing));
}

BOOST_AUTO_TEST_CASE(a_probe_whose_permitted_set_is_not_told_has_what_its_bounding_set_has) {
  BOOST_TEST(rights_of({42, "Name:\tprobe\nCapBnd:\t0000000000001000\n", false}) == capability_bit(CAP_NET_ADMIN));
  BOOST_TEST(rights_of({42, "Name:\tprobe\nCapPrm:\t0000000000000000\nCapBnd:\t0000000000001000\n", false}) == 0U);
}

BOOST_AUTO_TEST_CASE(whose_rights_they_are_stands_above_all) {
  BOOST_TEST(note_for_root(std::nullopt, {}, true).starts_with("These are root's rights, and the unit gives the probe fewer"));
  BOOST_TEST(note_for_root(std::nullopt, {}, false) == "");
  BOOST_TEST(note_for_root(RunningProbe{42, "", false}, {}, true) == "These are the rights of the running probe (pid 42).");
  BOOST_TEST(has(note_for_root(RunningProbe{42, "", false}, fail(Error::Kind::failed, "setgroups"), true), "(pid 42) could not be tried"));
  BOOST_TEST(print_doctor({sample(Status::ok)}, {}, "These are root's rights.").starts_with("These are root's rights.\n\nkernel\n"));
  BOOST_TEST(doctor_json({}, "These are root's rights.")["note"] == "These are root's rights.");
  BOOST_TEST(doctor_json({})["note"] == "");
}

BOOST_AUTO_TEST_CASE(the_place_is_told_by_what_engines_leave_in_a_container) {
  const auto nothing = [](const std::string&) { return false; };
  const auto only = [](std::string there) { return [there](const std::string& path) { return path == there; }; };
  BOOST_TEST((place_of({}, nothing) == DoctorPlace::host));
  BOOST_TEST((place_of({{"container", "systemd-nspawn"}}, nothing) == DoctorPlace::host));
  BOOST_TEST((place_of({{"container", "podman"}}, nothing) == DoctorPlace::container));
  BOOST_TEST((place_of({}, only("/.dockerenv")) == DoctorPlace::container));
  BOOST_TEST((place_of({}, only("/run/.containerenv")) == DoctorPlace::container));
  BOOST_TEST((place_of({{"KUBERNETES_SERVICE_HOST", "192.0.2.1"}}, only("/.dockerenv")) == DoctorPlace::kubernetes));
}

BOOST_AUTO_TEST_CASE(each_place_gets_the_remedy_that_helps_there) {
  const auto at = [](DoctorPlace place) {
    auto lines = capability_lines(status_text(none, none), true);
    lines.push_back(sample(Status::missing));
    fit_remedies(lines, place);
    return named(lines, "CAP_NET_ADMIN").remedy + "\n" + named(lines, "nftables").remedy;
  };
  BOOST_TEST(at(DoctorPlace::host) ==
             "AmbientCapabilities=CAP_NET_ADMIN and CapabilityBoundingSet=CAP_NET_ADMIN in the unit\nmodprobe nf_tables");
  BOOST_TEST(at(DoctorPlace::container) ==
             "--cap-add NET_ADMIN, in Compose cap_add: [NET_ADMIN]; with user 0\non the host: modprobe nf_tables");
  BOOST_TEST(at(DoctorPlace::kubernetes) ==
             "securityContext: {runAsUser: 0, capabilities: {add: [NET_ADMIN]}}\non the node: modprobe nf_tables");
}

BOOST_AUTO_TEST_CASE(what_a_container_cannot_do_is_not_asked_of_it) {
  ProbeConfig config;
  config.data_dir = "/var/lib/vpn-sentinel";
  for (const auto place : {DoctorPlace::container, DoctorPlace::kubernetes}) {
    auto lines = file_lines(config);
    fit_remedies(lines, place);
    for (const auto& line : lines) {
      for (const auto* word : {"AmbientCapabilities", "LimitNOFILE=16384", "StateDirectory", "systemctl", "apt install"})
        BOOST_TEST(!has(line.remedy, word), line.remedy);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_needs_no_remedy_gets_none) {
  std::vector<DoctorLine> lines{doctor_line("kernel", {"data folder", "", "", ""}, Status::ok, "")};
  fit_remedies(lines, DoctorPlace::container);
  BOOST_TEST(lines.front().remedy.empty());
}

BOOST_AUTO_TEST_CASE(a_status_file_that_tells_nothing_is_no_look) {
  for (const auto* text : {"", "CapEff:\t000001ffffffffff\n", "Name:\tx\nCapEff:\tzz\nCapBnd:\tzz\n"}) {
    for (const auto& line : capability_lines(text, true)) {
      if (!is_unused(line)) BOOST_TEST((line.status == Status::could_not_look), line.name);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
