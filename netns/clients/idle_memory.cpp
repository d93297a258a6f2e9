#include "netns/clients/idle_memory.hpp"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace vpn_sentinel {
namespace {

/// Only segments that were never writable: their pages equal the file. (RELRO lies in a writable segment and holds relocations.)
int drop_segments(dl_phdr_info* object, std::size_t /*size*/, void* /*unused*/) {
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
  // dl_iterate_phdr holds the loader's lock, so no library comes or goes meanwhile.
  ::dl_iterate_phdr(&drop_segments, nullptr);
}

}  // namespace vpn_sentinel
