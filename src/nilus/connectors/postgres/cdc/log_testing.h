// Captures of real servers for tests, told as lines of text.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nilus/base/address.h"
#include "nilus/connector/change_source.h"

namespace nilus::postgres {

class TestServer;

// What a test of logs runs with: "15", "18", "15 test_decoding", "15 wal2json", as a parameter of a test suite.
struct LogServer {
  std::string version;
  std::string plugin;  // plugin.name

  static LogServer Parse(const std::string& parameter);
  static std::string TestName(const std::string& parameter);  // "Postgres15_wal2json"
  // Null: that server, or its plugin, is not here.
  TestServer* Find() const;
  bool is_pgoutput() const { return plugin == "pgoutput"; }
};
inline const std::string kLogServers[] = {"15", "18", "15 test_decoding", "18 test_decoding", "15 wal2json"};

// One change: "c public.t id=1 name=x", "u … | id=0" with what is known of the old row behind the bar, unchanged values
// as "name=?". NULLs are left out, but for creates of no value at all.
struct SeenChange {
  std::string text;
  std::map<std::string, std::string> row;  // canonical texts; misfits under "<column>!"
  ChangeOp op = ChangeOp::kCreate;
  std::string table;
  LogPosition position;
  int64_t transaction = 0;
  int64_t sequence = 0;
};

// What a stream brought so far.
struct SeenLog {
  std::vector<SeenChange> changes;
  std::vector<SchemaEvent> schemas;
  LogPosition complete;
  bool ends_inside = false;
  int64_t chunks = 0;

  std::vector<std::string> Texts() const;
};

// Adds a chunk; ends the test program when its parts do not fit each other.
void AddChunk(const ChangeChunk& chunk, SeenLog* seen);

// A capture of a database with these properties (beside slot.name and the like, which get defaults).
struct Capture {
  std::unique_ptr<ChangeSource> source;
  CaptureStart start;
  std::unique_ptr<ChangeReader> reader;
  CaptureRequest request;
};
CaptureRequest Requested(std::map<std::string, std::string> properties, bool needs_keys = false);
Result<Capture> StartCapture(const Address& address, const CaptureRequest& request,
                             const std::optional<CommittedLog>& committed = std::nullopt);
// The same with a stream from where the start says.
Result<Capture> StreamCapture(const Address& address, const CaptureRequest& request,
                              const std::optional<CommittedLog>& committed = std::nullopt);

// Ends all sessions that use replication slots, and drops the slots: a server keeps its log for them, and has only so
// many.
void EndCaptures(const TestServer& server);

// Reads until the stream has passed what the database's log holds now.
Result<SeenLog> ReadUpToNow(const Address& address, ChangeReader& reader, int64_t max_rows = 2048);

// The next view, however long the server takes.
Result<std::unique_ptr<SnapshotView>> WaitForView(ChangeSource& source);

// All rows of all chunks of a view's table, `rows` a chunk, canonical texts by column.
Result<std::vector<std::map<std::string, std::string>>> ReadView(SnapshotView& view, const CapturedTable& table,
                                                                 int64_t rows, std::vector<SnapshotChunk>* chunks);

}  // namespace nilus::postgres
