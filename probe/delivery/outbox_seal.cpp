#include "probe/delivery/outbox_seal.hpp"

#include <fmt/format.h>

#include <boost/crc.hpp>
#include <charconv>

namespace vpn_sentinel {
namespace {

// Mark, kind, id, length, checksum: "VSO1c" and hexadecimal digits.
constexpr std::size_t id_at = 5;
constexpr std::size_t size_at = 21;
constexpr std::size_t sum_at = 29;

std::uint32_t checksum(std::string_view envelope, std::string_view report) {
  boost::crc_32_type sum;
  sum.process_bytes(envelope.data(), sum_at);
  sum.process_bytes(report.data(), report.size());
  return sum.checksum();
}

template <typename Number>
std::optional<Number> hexadecimal(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string seal(std::uint64_t id, const OutboxRow& row) {
  auto text = fmt::format("{}{}{:016x}{:08x}", seal_mark, row.is_change ? 'c' : 'k', id, row.report.size());
  text += fmt::format("{:08x}", checksum(text, row.report));
  return text + row.report;
}

std::size_t sealed_size(std::string_view text) {
  if (text.size() < seal_size || !text.starts_with(seal_mark)) return 0;
  const auto size = hexadecimal<std::size_t>(text.substr(size_at, sum_at - size_at));
  return size && *size <= longest_sealed_report ? seal_size + *size : 0;
}

std::optional<Unsealed> unseal(std::string_view text) {
  const auto size = sealed_size(text);
  if (size == 0 || text.size() < size) return std::nullopt;
  const auto report = text.substr(seal_size, size - seal_size);
  const auto id = hexadecimal<std::uint64_t>(text.substr(id_at, size_at - id_at));
  const auto sum = hexadecimal<std::uint32_t>(text.substr(sum_at, seal_size - sum_at));
  const char kind = text[seal_mark.size()];
  if (!id || !sum || (kind != 'c' && kind != 'k') || *sum != checksum(text, report)) return std::nullopt;
  return Unsealed{*id, OutboxRow{kind == 'c', std::string(report)}};
}

}  // namespace vpn_sentinel
