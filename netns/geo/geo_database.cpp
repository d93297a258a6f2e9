#include "netns/geo/geo_database.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <maxminddb.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "netns/base/fd.hpp"
#include "netns/geo/facts_text.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::array usual_folders{"/usr/share/GeoIP", "/var/lib/GeoIP", "/usr/local/share/GeoIP", "/usr/share/geoip"};
constexpr std::size_t most_files = 16;
/// The largest that are sold have about half a gibibyte.
constexpr off_t most_bytes = off_t{2} << 30;

/// A way to a value inside of a record; libmaxminddb wants it ended by null.
using Path = std::array<const char*, 5>;

std::optional<MMDB_entry_data_s> value_at(MMDB_entry_s& entry, const Path& path) {
  MMDB_entry_data_s data{};
  if (MMDB_aget_value(&entry, &data, path.data()) != MMDB_SUCCESS || !data.has_data) return std::nullopt;
  return data;
}

std::string_view text_at(MMDB_entry_s& entry, const Path& path) {
  const auto data = value_at(entry, path);
  if (!data || data->type != MMDB_DATA_TYPE_UTF8_STRING) return {};
  return {data->utf8_string, data->data_size};
}

std::optional<std::uint32_t> number_at(MMDB_entry_s& entry, const Path& path) {
  const auto data = value_at(entry, path);
  if (!data) return std::nullopt;
  if (data->type == MMDB_DATA_TYPE_UINT32 && data->uint32 != 0) return data->uint32;
  if (data->type == MMDB_DATA_TYPE_UTF8_STRING) return parse_asn({data->utf8_string, data->data_size});
  return std::nullopt;
}

/// The first of `paths` that leads to a text, made clean by `clean`.
template <typename Clean>
std::string first_text(MMDB_entry_s& entry, std::initializer_list<Path> paths, Clean clean) {
  for (const auto& path : paths) {
    if (auto text = clean(text_at(entry, path)); !text.empty()) return text;
  }
  return {};
}

AddressFacts read_facts(MMDB_entry_s& entry) {
  AddressFacts facts;
  // MaxMind and DB-IP nest; IPinfo is flat, and `country` is a full name in its lite edition (alpha-2 in older ones).
  facts.country = first_text(entry, {{"country", "iso_code"}, {"country_code"}, {"country"}}, country_word);
  facts.city = first_text(entry, {{"city", "names", "en"}, {"city"}}, facts_text);
  facts.region = first_text(entry, {{"subdivisions", "0", "names", "en"}, {"region"}}, facts_text);
  facts.timezone = first_text(entry, {{"location", "time_zone"}, {"timezone"}}, facts_text);
  facts.organisation = first_text(entry,
                                  {{"autonomous_system_organization"},
                                   {"traits", "autonomous_system_organization"},
                                   {"as_name"},
                                   {"traits", "organization"},
                                   {"traits", "isp"}},
                                  facts_text);
  for (const auto& path : {Path{"autonomous_system_number"}, Path{"traits", "autonomous_system_number"}, Path{"asn"}}) {
    if (!facts.asn) facts.asn = number_at(entry, path);
  }
  return facts;
}

Error open_error(const std::string& file, int code, int system_code) {
  if (code == MMDB_FILE_OPEN_ERROR || code == MMDB_IO_ERROR) {
    return system_error(system_code == 0 ? EIO : system_code, fmt::format("geolocation database '{}'", file));
  }
  return {Error::Kind::invalid, fmt::format("geolocation database '{}': {}", file, MMDB_strerror(code))};
}

/// In memory: the library can only map files, and a mapping of one that is cut short meanwhile ends the process (SIGBUS).
Result<Fd> copy_of(const std::string& file) {
  const auto context = fmt::format("geolocation database '{}'", file);
  // A pipe or a device would be waited for.
  const Fd source(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat there {};
  if (!source || ::fstat(source.get(), &there) != 0) return fail(system_error(errno, context));
  if (!S_ISREG(there.st_mode)) return fail(Error::Kind::invalid, context + ": it is no regular file");
  if (there.st_size > most_bytes) return fail(Error::Kind::invalid, context + ": it is too large");
  Fd copy(::memfd_create("geolocation", MFD_CLOEXEC));
  if (!copy) return fail(system_error(errno, context));
  for (off_t done = 0; done < there.st_size;) {
    const auto sent = ::sendfile(copy.get(), source.get(), nullptr, static_cast<std::size_t>(there.st_size - done));
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return fail(system_error(errno, context));
    if (sent == 0) break;
    done += sent;
  }
  return copy;
}

}  // namespace

class GeoDatabase::File {
 public:
  explicit File(const MMDB_s& opened) : database_(opened) {}
  ~File() { MMDB_close(&database_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  [[nodiscard]] AddressFacts find(const IpAddress& address) const {
    sockaddr_storage storage{};
    Endpoint{address, 0}.to_sockaddr(storage);
    int error = MMDB_SUCCESS;
    // An IPv4 tree answers IPv6 with an error; that it does not know the address is all that means here.
    auto found = MMDB_lookup_sockaddr(&database_, reinterpret_cast<const sockaddr*>(&storage), &error);
    if (error != MMDB_SUCCESS || !found.found_entry) return {};
    return read_facts(found.entry);
  }

 private:
  MMDB_s database_;
};

GeoDatabase::GeoDatabase() = default;
GeoDatabase::~GeoDatabase() = default;
GeoDatabase::GeoDatabase(GeoDatabase&&) noexcept = default;
GeoDatabase& GeoDatabase::operator=(GeoDatabase&&) noexcept = default;

Result<void> GeoDatabase::add(const std::string& file) {
  const auto copy = copy_of(file);
  if (!copy) return fail(copy.error());
  MMDB_s opened{};
  errno = 0;
  // The library keeps the mapping, and the mapping keeps the copy.
  if (const int code = MMDB_open(fmt::format("/proc/self/fd/{}", copy->get()).c_str(), MMDB_MODE_MMAP, &opened); code != MMDB_SUCCESS) {
    return fail(open_error(file, code, errno));
  }
  files_.push_back(std::make_unique<File>(opened));
  return {};
}

AddressFacts GeoDatabase::find(const IpAddress& address) const {
  AddressFacts facts;
  for (const auto& file : files_) fill_gaps(facts, file->find(address));
  return facts;
}

std::vector<std::string> usual_geo_databases() {
  std::vector<std::string> files;
  for (const auto* const folder : usual_folders) {
    std::error_code error;
    for (auto entry = std::filesystem::directory_iterator(folder, error); !error && entry != std::filesystem::directory_iterator();
         entry.increment(error)) {
      if (entry->path().extension() == ".mmdb") files.push_back(entry->path().string());
    }
  }
  std::ranges::sort(files);
  if (files.size() > most_files) files.resize(most_files);
  return files;
}

}  // namespace vpn_sentinel
