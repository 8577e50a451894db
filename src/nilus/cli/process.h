// What main does to its own process before anything else: nothing of a user's secrets is left for others to see, and
// signals become a stop request.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

namespace nilus::cli {

// Copies the arguments (without argv[0]) and overwrites the originals, which `ps` and /proc/PID/cmdline show to every
// user of the machine, with what is safe of them (VisibleArgument). Call it first: until then they are readable.
std::vector<std::string> TakeArguments(int argc, char** argv);

// What others may see of an argument: flags, file names and plain words stay; what holds "://", '@', blanks or quotes,
// the value after '=', and whatever follows a flag that takes secrets (`previous`) becomes "***".
std::string VisibleArgument(const std::string& argument, const std::string& previous);

// No core dumps and no debugger of the same user (they hold secrets), no death by SIGPIPE or SIGXFSZ (a write fails
// instead). The umask stays the user's: data is theirs to share; whoever writes a secret or state sets its mode.
void HardenProcess();

// From now on SIGINT, SIGTERM and SIGHUP request a stop once; the second one ends the process with exit code 130. Call
// before any other thread exists. The source lives as long as the process.
std::stop_token StopOnSignals();

}  // namespace nilus::cli
