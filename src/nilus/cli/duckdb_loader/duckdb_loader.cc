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

// The library's thousands of symbols are looked for in itself first, not in each of the program's libraries before:
// half of the time that loading takes. Sanitizers need their own malloc to be found first.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kOwnFirst = 0;
#else
constexpr int kOwnFirst = RTLD_DEEPBIND;
#endif

const char* LoaderError() {
  const char* text = ::dlerror();
  return text != nullptr ? text : "unknown reason";
}

}  // namespace

// Any thread; callers of the same function at once write the same address. Released: a thread that sees the address in
// its slot (the trampoline's load acquires, as every load of x86-64 does) sees the loaded library too.
void* nilus_duckdb_load(size_t index) {
  static void* library = [] {
    void* handle = ::dlopen("libduckdb.so", RTLD_LAZY | RTLD_LOCAL | kOwnFirst);  // looked for in the RUNPATH too
    if (handle == nullptr) Die(std::string("cannot load the DuckDB library: ") + LoaderError());
    return handle;
  }();
  void* function = ::dlsym(library, nilus_duckdb_names[index]);
  if (function == nullptr) Die(std::string("the DuckDB library is too old: ") + LoaderError());
  nilus_duckdb_slots[index].store(function, std::memory_order_release);
  return function;
}
