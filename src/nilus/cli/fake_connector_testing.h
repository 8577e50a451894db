// A connector for tests of commands: no system behind it, and every turn a command must take can be asked for.
//
// As a source, `fake:///<rows>` has rows (id bigint, name text): id 1 … rows, every third name NULL. `fake:///broken`
// cannot be opened (kAuth). As a sink it takes everything and remembers the order of loads; `fake:///refuses` fails to
// open its table.
#pragma once

#include <string>
#include <vector>

#include "nilus/cli/command.h"
#include "nilus/cli/text_output.h"

namespace nilus::cli::testing {

extern const Connector kFakeConnector;

// Tables loaded since the last call, in order: "main.a".
std::vector<std::string> TakeLoadedTables();

// A Context that writes to strings, with the fake connector alone.
struct TestProgram {
  TestProgram();
  // Runs `nilus <arguments>`.
  int Run(const std::vector<std::string>& arguments);

  StringOutput out;
  StringOutput err;
  ConnectorRegistry registry;
  std::stop_source stop;
};

// A file in a fresh folder that goes with this object.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  std::string Write(const std::string& name, const std::string& text) const;
  std::string Path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// A batch pipeline from fake to fake.
std::string FakeManifest(const std::string& name, const std::string& source_path, const std::string& sink_path);

}  // namespace nilus::cli::testing
