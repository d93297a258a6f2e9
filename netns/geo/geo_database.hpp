/// Country, city and network of an address from .mmdb files (MaxMind DB format 2.0), read by libmaxminddb. Nobody is asked.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/geo/address_facts.hpp"

namespace vpn_sentinel {

/// Knows the layouts of MaxMind (City, Country, ASN, Enterprise), DB-IP (the same, and its full editions) and IPinfo (lite, country_asn,
/// location). Files are read into memory as a whole, so that nothing happens to what is used when somebody writes into one.
/// find() may be called from several threads at once.
class GeoDatabase {
 public:
  GeoDatabase();
  ~GeoDatabase();
  GeoDatabase(GeoDatabase&&) noexcept;
  GeoDatabase& operator=(GeoDatabase&&) noexcept;
  GeoDatabase(const GeoDatabase&) = delete;
  GeoDatabase& operator=(const GeoDatabase&) = delete;

  /// not_found, not_permitted: the file cannot be opened; invalid: it is no .mmdb file, a damaged or a huge one. The message names the
  /// file.
  [[nodiscard]] Result<void> add(const std::string& file);
  [[nodiscard]] bool empty() const noexcept { return files_.empty(); }
  /// Of several files the first that knows a value counts. What no file knows, or what is damaged there, stays empty.
  [[nodiscard]] AddressFacts find(const IpAddress& address) const;

 private:
  class File;
  std::vector<std::unique_ptr<File>> files_;
};

/// Files *.mmdb in the folders where such files usually are (geoipupdate(1), Debian's and others' packages), sorted by name; at most 16.
[[nodiscard]] std::vector<std::string> usual_geo_databases();

}  // namespace vpn_sentinel
