// The memory of a process that has nothing to do for a while.
#pragma once

namespace nilus {

// Gives back what is free on the heap, and lets go of the code and constants of the program and its libraries, most of
// which only a start or a load needs (with DuckDB in the process more than 30 MiB). What is used again comes out of the
// page cache, at about a microsecond for 64 KiB. Any thread; others may run on. Nothing under a debugger, whose
// breakpoints are written into the code.
void GiveBackIdleMemory();

}  // namespace nilus
