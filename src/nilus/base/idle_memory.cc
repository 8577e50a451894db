#include "nilus/base/idle_memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

namespace nilus {
namespace {

bool IsTraced() {
  constexpr std::string_view kTracer = "TracerPid:";
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(kTracer)) return line.find_first_not_of(" \t0", kTracer.size()) != std::string::npos;
  }
  return true;  // who cannot tell leaves everything as it is
}

// Of one loaded object: its segments that nobody writes to, which are the file's own pages.
int LetGo(dl_phdr_info* object, size_t /*size*/, void* /*unused*/) {
  if (std::string_view(object->dlpi_name).starts_with("linux-")) return 0;  // the kernel's own, of no file
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const uintptr_t begin = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
    const uintptr_t end = object->dlpi_addr + segment.p_vaddr + segment.p_filesz;
    // Where that fails the segment stays as it is.
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader tells addresses as numbers
    madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void GiveBackIdleMemory() {
  malloc_trim(0);
  if (!IsTraced()) dl_iterate_phdr(LetGo, nullptr);
}

}  // namespace nilus
