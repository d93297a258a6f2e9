/// Writes tiny databases in the MaxMind DB format 2.0 (https://maxmind.github.io/MaxMind-DB/): tests make what they read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "netns/base/ip.hpp"

namespace vpn_sentinel::test {

class MmdbWriter {
 public:
  /// 4: a tree for IPv4 only; 6: one for both, with IPv4 at ::/96.
  explicit MmdbWriter(unsigned ip_version = 6) : ip_version_(ip_version) {}

  /// Objects, arrays, texts and unsigned numbers of 32 bits. Prefixes must not overlap.
  void put(const std::string& prefix, const nlohmann::json& record) {
    const auto network = IpPrefix::parse(prefix).value();
    const bool padded = ip_version_ == 6 && network.address().is_v4();
    std::vector<bool> bits(padded ? 96 : 0, false);
    for (unsigned i = 0; i < network.length(); ++i) {
      const unsigned byte = network.address().bytes()[i / 8];
      bits.push_back((byte >> (7 - i % 8) & 1U) != 0);
    }
    std::size_t node = 0;
    for (std::size_t i = 0; i + 1 < bits.size(); ++i) {
      if (nodes_[node][bits[i]] == 0) {
        nodes_.push_back({});
        nodes_[node][bits[i]] = static_cast<long>(nodes_.size() - 1);
      }
      node = static_cast<std::size_t>(nodes_[node][bits[i]]);
    }
    nodes_[node][bits.back()] = -1 - static_cast<long>(data_.size());
    append(data_, record);
  }

  [[nodiscard]] std::string bytes() const {
    std::string file;
    for (const auto& node : nodes_) {
      for (const auto record : node) put24(file, pointer(record));
    }
    file += std::string(16, '\0') + data_ + "\xab\xcd\xef" + "MaxMind.com";
    append_metadata(file);
    return file;
  }

  void write(const std::string& file) const { std::ofstream(file, std::ios::binary) << bytes(); }

 private:
  enum Type : unsigned { text = 2, uint16 = 5, uint32 = 6, map = 7, uint64 = 9, array = 11 };

  /// 0: nothing there; below 0: data at -1 - value; else a node.
  [[nodiscard]] std::uint32_t pointer(long record) const {
    const auto count = static_cast<std::uint32_t>(nodes_.size());
    if (record == 0) return count;
    if (record > 0) return static_cast<std::uint32_t>(record);
    return count + 16 + static_cast<std::uint32_t>(-1 - record);
  }

  static void put24(std::string& out, std::uint32_t value) {
    for (const unsigned shift : {16U, 8U, 0U}) out += static_cast<char>(value >> shift & 0xffU);
  }

  static void append_control(std::string& out, Type type, std::size_t size) {
    const unsigned shown = size < 29 ? static_cast<unsigned>(size) : 29;
    out += static_cast<char>((type < 8 ? type << 5U : 0U) | shown);
    if (type >= 8) out += static_cast<char>(type - 7);
    if (size >= 29) out += static_cast<char>(size - 29);  // up to 284, enough here
  }

  static void append_number(std::string& out, Type type, std::uint64_t value) {
    std::string digits;
    for (; value != 0; value >>= 8U) digits.insert(digits.begin(), static_cast<char>(value & 0xffU));
    append_control(out, type, digits.size());
    out += digits;
  }

  static void append(std::string& out, const nlohmann::json& value) {
    if (value.is_object()) {
      append_control(out, map, value.size());
      for (const auto& [key, item] : value.items()) {
        append(out, key);
        append(out, item);
      }
    } else if (value.is_array()) {
      append_control(out, array, value.size());
      for (const auto& item : value) append(out, item);
    } else if (value.is_string()) {
      append_control(out, text, value.get_ref<const std::string&>().size());
      out += value.get_ref<const std::string&>();
    } else {
      append_number(out, uint32, value.get<std::uint32_t>());
    }
  }

  void append_metadata(std::string& out) const {
    append_control(out, map, 9);
    append(out, "node_count");
    append_number(out, uint32, nodes_.size());
    append(out, "record_size");
    append_number(out, uint16, 24);
    append(out, "ip_version");
    append_number(out, uint16, ip_version_);
    append(out, "database_type");
    append(out, "Test");
    append(out, "languages");
    append(out, nlohmann::json::array({"en"}));
    append(out, "binary_format_major_version");
    append_number(out, uint16, 2);
    append(out, "binary_format_minor_version");
    append_number(out, uint16, 0);
    append(out, "build_epoch");
    append_number(out, uint64, 1'700'000'000);
    append(out, "description");
    append(out, nlohmann::json{{"en", "made by a test"}});
  }

  unsigned ip_version_;
  std::vector<std::array<long, 2>> nodes_{{}};
  std::string data_;
};

}  // namespace vpn_sentinel::test
