#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "probe/app/doctor.hpp"

namespace vpn_sentinel {
namespace {

struct StatusLook {
  std::string_view symbol;
  std::string_view word;  ///< of the JSON form, and of the text where it is not ok
  std::string_view ansi;
};
/// In the order of DoctorLine::Status.
constexpr std::array<StatusLook, 4> looks{
    {{"✔", "ok", "32"}, {"✖", "missing", "33"}, {"–", "not_needed", "90"}, {"?", "could_not_look", "33"}}};

const StatusLook& look_of(const DoctorLine& line) { return looks.at(static_cast<std::size_t>(line.status)); }

bool is_bad(const DoctorLine& line) {
  return line.status == DoctorLine::Status::missing || line.status == DoctorLine::Status::could_not_look;
}

std::string words_of(const DoctorLine& line) {
  switch (line.status) {
    case DoctorLine::Status::missing:
      return line.required ? "MISSING, and needed" : "missing";
    case DoctorLine::Status::could_not_look:
      return line.required ? "COULD NOT LOOK, and needed" : "could not look";
    case DoctorLine::Status::not_needed:
      return "not needed";
    case DoctorLine::Status::ok:
      break;
  }
  return {};
}

std::string line_text(const DoctorLine& line, std::size_t width, const Style& style) {
  const auto& look = look_of(line);
  auto what = words_of(line);
  if (!line.detail.empty()) what += (what.empty() ? "" : ": ") + line.detail;
  const auto ansi = is_bad(line) && line.required ? std::string_view("1;31") : look.ansi;
  auto text = fmt::format("  {} {:<{}}  {}\n", paint(look.symbol, ansi, style), line.name, width, what);
  const auto more = [&](std::string_view title, const std::string& value) {
    if (!value.empty()) text += fmt::format("      {:<11} {}\n", title, value);
  };
  more("used for:", line.used_for);
  if (!is_bad(line)) return text;
  more("without it:", line.lost);
  more("get it:", line.remedy);
  return text;
}

std::string_view summary(int code) {
  switch (code) {
    case 0:
      return "All that the configured targets need is there.";
    case 1:
      return "The configured targets can be watched; something optional is missing.";
    default:
      return "The configured targets CANNOT be watched: see the lines marked 'needed'.";
  }
}

}  // namespace

DoctorLine doctor_line(std::string_view group, const DoctorTopic& topic, DoctorLine::Status status, std::string detail) {
  return DoctorLine{std::string(group),      std::string(topic.name),   status,        std::move(detail), std::string(topic.used_for),
                    std::string(topic.lost), std::string(topic.remedy), topic.required};
}

DoctorLine only_when(bool wanted, std::string_view setting, DoctorLine line) {
  if (wanted) return line;
  line.detail = fmt::format("{} (seen: {})", setting, line.detail);
  line.status = DoctorLine::Status::not_needed;
  return line;
}

DoctorLine not_used_yet(DoctorLine line) {
  line.detail = fmt::format("not used by this version (seen: {})", line.detail);
  line.status = DoctorLine::Status::not_needed;
  line.required = false;
  line.used_for = "nothing in this version";
  line.lost.clear();
  line.remedy.clear();
  return line;
}

DoctorLine::Status status_of(const Error& error) {
  const bool blind = error.kind == Error::Kind::not_permitted || error.kind == Error::Kind::timed_out || error.kind == Error::Kind::overrun;
  return blind ? DoctorLine::Status::could_not_look : DoctorLine::Status::missing;
}

int doctor_exit_code(const std::vector<DoctorLine>& lines) {
  if (std::ranges::any_of(lines, [](const auto& line) { return is_bad(line) && line.required; })) return 4;
  return std::ranges::any_of(lines, is_bad) ? 1 : 0;
}

std::string print_doctor(const std::vector<DoctorLine>& lines, const Style& style, std::string_view note) {
  std::size_t width = 0;
  for (const auto& line : lines) width = std::max(width, line.name.size());
  std::string text = note.empty() ? std::string() : fmt::format("{}\n", note);
  std::string group;
  for (const auto& line : lines) {
    if (line.group != group) text += fmt::format("{}{}\n", text.empty() ? "" : "\n", paint(line.group, "1", style));
    group = line.group;
    text += line_text(line, width, style);
  }
  return text + fmt::format("\n{}\n", summary(doctor_exit_code(lines)));
}

nlohmann::json doctor_json(const std::vector<DoctorLine>& lines, std::string_view note) {
  auto list = nlohmann::json::array();
  for (const auto& line : lines) {
    list.push_back({{"group", line.group},
                    {"name", line.name},
                    {"status", look_of(line).word},
                    {"required", line.required},
                    {"detail", line.detail},
                    {"used_for", line.used_for},
                    {"lost", line.lost},
                    {"remedy", line.remedy}});
  }
  return {{"version", VPN_SENTINEL_VERSION}, {"exit_code", doctor_exit_code(lines)}, {"note", note}, {"lines", std::move(list)}};
}

}  // namespace vpn_sentinel
