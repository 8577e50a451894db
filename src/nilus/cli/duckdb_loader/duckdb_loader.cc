// Loads libduckdb.so when its first function is called: the other half of cmake/DelayLoad.cmake, which has the why.
// Linked into the `nilus` program alone; unit tests link the library as usual.
#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

extern "C" {
// Of the generated assembly: slot i holds the address of the function whose name is names[i], or of its way to here.
extern std::atomic<void*> nilus_duckdb_slots[];
extern const char* const nilus_duckdb_names[];

void* nilus_duckdb_load(size_t index);
}

namespace {

[[noreturn]] void Die(const std::string& what) {
  std::string text =
      "error: " + what +
      "\nfix:   put libduckdb.so beside the program or into LD_LIBRARY_PATH (in a clone of the project: `make "
      "build` fetches it)\n";
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
  ::_exit(1);  // no caller could go on: it asked for a function that is not there
}

const char* LoaderError() {
  const char* text = ::dlerror();
  return text != nullptr ? text : "unknown reason";
}

}  // namespace

// Any thread; callers of the same function at once write the same address.
void* nilus_duckdb_load(size_t index) {
  static void* library = [] {
    void* handle = ::dlopen("libduckdb.so", RTLD_LAZY | RTLD_LOCAL);  // looked for in the program's RUNPATH too
    if (handle == nullptr) Die(std::string("cannot load the DuckDB library: ") + LoaderError());
    return handle;
  }();
  void* function = ::dlsym(library, nilus_duckdb_names[index]);
  if (function == nullptr) Die(std::string("the DuckDB library is too old: ") + LoaderError());
  nilus_duckdb_slots[index].store(function, std::memory_order_relaxed);
  return function;
}
