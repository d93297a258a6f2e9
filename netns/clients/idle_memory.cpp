#include "netns/clients/idle_memory.hpp"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>

namespace vpn_sentinel {
namespace {

/// libcurl, the TLS libraries, and what only they pull in. Everything else (the program itself, libc, libstdc++, netlink, DNS) is needed
/// when a tunnel breaks, and must not have to be fetched then.
constexpr auto rarely_used = std::to_array<std::string_view>(
    {"libcurl",    "libssl",   "libcrypto",  "libgnutls", "libnghttp2", "libidn2",    "librtmp",      "libssh",  "libpsl",
     "libgssapi",  "libldap",  "liblber",    "libbrotli", "libnettle",  "libgmp",     "libunistring", "libkrb5", "libk5crypto",
     "libcom_err", "libsasl2", "libp11-kit", "libtasn1",  "libffi",     "libhogweed", "libkeyutils"});

bool is_rarely_used(std::string_view path) {
  const auto name = path.substr(path.find_last_of('/') + 1);
  return std::ranges::any_of(rarely_used, [name](std::string_view prefix) { return name.starts_with(prefix); });
}

/// Code that the loader has patched differs from the file: dropped, it would come back without its relocations.
bool has_text_relocations(const dl_phdr_info& object) {
  for (std::size_t i = 0; i < object.dlpi_phnum; ++i) {
    if (object.dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
    const auto* entry = reinterpret_cast<const ElfW(Dyn)*>(object.dlpi_addr + object.dlpi_phdr[i].p_vaddr);
    for (; entry->d_tag != DT_NULL; ++entry) {
      if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0)) return true;
    }
  }
  return false;
}

/// Only segments that were never writable: their pages equal the file. (RELRO lies in a writable segment and holds relocations.)
int drop_segments(dl_phdr_info* object, std::size_t /*size*/, void* /*unused*/) {
  if (!is_rarely_used(object->dlpi_name) || has_text_relocations(*object)) return 0;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (std::size_t i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const auto begin = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
    const auto end = (object->dlpi_addr + segment.p_vaddr + segment.p_memsz + page - 1) & ~(page - 1);
    ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void release_idle_memory() noexcept {
  ::malloc_trim(0);
  static std::once_flag dropped;
  // dl_iterate_phdr holds the loader's lock, so no library comes or goes meanwhile.
  std::call_once(dropped, [] { ::dl_iterate_phdr(&drop_segments, nullptr); });
}

}  // namespace vpn_sentinel
