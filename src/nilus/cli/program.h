// The `nilus` program behind main(): finds the command, parses its flags, runs it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "nilus/cli/command.h"

namespace nilus::cli {

std::string_view Version();  // "0.1.0", from CMake's project()

std::span<const CommandEntry* const> Commands();

// `arguments` without the program's own name. Returns the exit code; out is flushed and checked.
int RunProgram(const std::vector<std::string>& arguments, Context& context);

// The help of the program, and of one command.
std::string ProgramHelp();
std::string CommandHelp(const CommandEntry& entry);

}  // namespace nilus::cli
