#include "nilus/connectors/postgres/cdc/log_testing.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <tuple>

#include "nilus/connectors/postgres/cdc/change_source.h"
#include "nilus/connectors/postgres/cdc/log_messages.h"
#include "nilus/connectors/postgres/server_testing.h"
#include "nilus/data/scalar.h"

namespace nilus::postgres {
namespace {

[[noreturn]] void Die(const char* what) {
  fprintf(stderr, "captured log: %s\n", what);
  std::exit(3);
}

using Row = std::map<std::string, std::string>;

Row RowAt(const RecordBatch& rows, int64_t at) {
  Row row;
  for (int i = 0; i < rows.schema()->size(); ++i) {
    const Field& field = rows.schema()->fields[static_cast<size_t>(i)];
    if (rows.column(i).IsNull(at)) continue;
    std::string text;
    AppendCellText(rows.column(i), at, &text);
    row[field.variant_of.empty() ? field.name : field.variant_of + "!"] = text;
  }
  return row;
}

std::string Told(const RecordBatch& rows, const Row& row) {
  std::string text;
  for (const Field& field : rows.schema()->fields) {
    const std::string name = field.variant_of.empty() ? field.name : field.variant_of + "!";
    auto value = row.find(name);
    if (value != row.end()) text += " " + name + "=" + value->second;
  }
  return text;
}

void AddBatch(const ChangeBatch& batch, std::vector<SeenChange>* changes) {
  const size_t count = batch.ops.size();
  if (static_cast<size_t>(batch.rows.num_rows()) != count || batch.positions.size() != count ||
      batch.change_lsns.size() != count || batch.transactions.size() != count || batch.committed_at.size() != count ||
      batch.sequence.size() != count) {
    Die("a batch's parts have not the same length");
  }
  if (batch.old_rows.has_value() != !batch.old_of.empty() ||
      (batch.old_rows && static_cast<size_t>(batch.old_rows->num_rows()) != batch.old_of.size())) {
    Die("a batch's old rows do not belong to changes");
  }
  size_t old = 0;
  for (size_t i = 0; i < count; ++i) {
    SeenChange change;
    change.op = batch.ops[i];
    change.table = batch.schema + "." + batch.table;
    change.position = batch.positions[i];
    change.transaction = batch.transactions[i];
    change.sequence = batch.sequence[i];
    change.row = RowAt(batch.rows, static_cast<int64_t>(i));
    for (const auto& [column, flags] : batch.unchanged) {
      if (flags.size() != count) Die("flags of unchanged values are not as many as changes");
      if (flags[i] != 0) change.row[batch.rows.schema()->fields[static_cast<size_t>(column)].name] = "?";
    }
    change.text = std::string(1, static_cast<char>(change.op)) + " " + change.table + Told(batch.rows, change.row);
    if (old < batch.old_of.size() && batch.old_of[old] == static_cast<int32_t>(i)) {
      const Row row = RowAt(*batch.old_rows, static_cast<int64_t>(old++));
      change.text += " |" + Told(*batch.old_rows, row);
    }
    changes->push_back(std::move(change));
  }
}

}  // namespace

LogServer LogServer::Parse(const std::string& parameter) {
  const size_t blank = parameter.find(' ');
  if (blank == std::string::npos) return {parameter, "pgoutput"};
  return {parameter.substr(0, blank), parameter.substr(blank + 1)};
}

std::string LogServer::TestName(const std::string& parameter) {
  std::string name = "Postgres" + parameter;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

TestServer* LogServer::Find() const {
  TestServer* server = TestServer::Shared(version);
  if (server == nullptr) return nullptr;
  const Address address = server->DatabaseAddress("postgres");
  const std::string folder = MustSelect(address, "SELECT setting FROM pg_config WHERE name = 'PKGLIBDIR'");
  return std::filesystem::exists(folder + "/" + plugin + ".so") ? server : nullptr;
}

std::vector<std::string> SeenLog::Texts() const {
  std::vector<std::string> texts;
  for (const SeenChange& change : changes) texts.push_back(change.text);
  return texts;
}

void AddChunk(const ChangeChunk& chunk, SeenLog* seen) {
  ++seen->chunks;
  if (chunk.complete < seen->complete) Die("complete goes backwards");
  std::vector<SeenChange> changes;
  for (const ChangeBatch& batch : chunk.batches) AddBatch(batch, &changes);
  std::stable_sort(changes.begin(), changes.end(), [](const SeenChange& a, const SeenChange& b) {
    return std::tie(a.position, a.sequence) < std::tie(b.position, b.sequence);
  });
  for (const SeenChange& change : changes) {
    const bool is_open = change.position > chunk.complete;
    if (is_open && !chunk.ends_inside) Die("a change lies beyond what is complete");
    if (change.position <= seen->complete) Die("a change lies in what was complete already");
    seen->changes.push_back(change);
  }
  for (const SchemaEvent& event : chunk.schemas) seen->schemas.push_back(event);
  seen->complete = chunk.complete;
  seen->ends_inside = chunk.ends_inside;
}

CaptureRequest Requested(std::map<std::string, std::string> properties, bool needs_keys) {
  CaptureRequest request;
  request.properties = std::move(properties);
  request.pipeline = "test";
  request.needs_keys = needs_keys;
  return request;
}

Result<Capture> StartCapture(const Address& address, const CaptureRequest& request,
                             const std::optional<CommittedLog>& committed) {
  Capture capture;
  capture.request = request;
  // A cluster's slots share their names; a test's database has one of its own.
  capture.request.properties.try_emplace("slot.name", "slot_" + address.path);
  NILUS_ASSIGN(capture.source, OpenPostgresChanges(address, {}));
  NILUS_ASSIGN(capture.start, capture.source->Start(capture.request, committed));
  return capture;
}

Result<Capture> StreamCapture(const Address& address, const CaptureRequest& request,
                              const std::optional<CommittedLog>& committed) {
  NILUS_ASSIGN(Capture capture, StartCapture(address, request, committed));
  NILUS_ASSIGN(capture.reader, capture.source->Stream(capture.start.from));
  return capture;
}

void EndCaptures(const TestServer& server) {
  const Address address = server.DatabaseAddress("postgres");
  constexpr int kAttempts = 100;  // a session that was told to end takes a moment
  for (int i = 0; i < kAttempts; ++i) {
    MustExecute(address, "SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE active");
    MustExecute(address, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active");
    if (MustSelect(address, "SELECT count(*) FROM pg_replication_slots") == "0") return;
  }
  Die("slots stay in use");
}

Result<SeenLog> ReadUpToNow(const Address& address, ChangeReader& reader, int64_t max_rows) {
  uint64_t now = 0;
  // Without synchronous_commit the log may be written later than it is told.
  if (!ParseLsn(MustSelect(address, "SELECT pg_current_wal_insert_lsn()"), &now)) Die("no position");
  MustExecute(address, "SELECT pg_logical_emit_message(true, 'nilus test', '')");  // something behind it
  SeenLog seen;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (seen.complete.major < now || seen.ends_inside) {
    if (std::chrono::steady_clock::now() > until) {
      return Fail(ErrorKind::kTransient, "the stream has not come to {} but to {}", FormatLsn(now),
                  FormatLsn(seen.complete.major));
    }
    NILUS_ASSIGN(ChangeChunk chunk, reader.Next(max_rows, 64 << 20, std::chrono::milliseconds(200), {}));
    AddChunk(chunk, &seen);
  }
  return seen;
}

Result<std::unique_ptr<SnapshotView>> WaitForView(ChangeSource& source) {
  while (true) {
    NILUS_ASSIGN(std::unique_ptr<SnapshotView> view, source.View());
    if (view != nullptr) return view;
  }
}

Result<std::vector<Row>> ReadView(SnapshotView& view, const CapturedTable& table, int64_t rows,
                                  std::vector<SnapshotChunk>* chunks) {
  NILUS_ASSIGN(std::vector<SnapshotChunk> planned, view.Plan(table, "", rows));
  std::vector<Row> all;
  for (const SnapshotChunk& chunk : planned) {
    NILUS_ASSIGN(std::unique_ptr<Reader> reader, view.Open(chunk));
    while (true) {
      NILUS_ASSIGN(std::optional<Batch> batch, reader->Next({}));
      if (!batch) break;
      for (int64_t row = 0; row < batch->rows.num_rows(); ++row) all.push_back(RowAt(batch->rows, row));
    }
  }
  if (chunks != nullptr) *chunks = std::move(planned);
  return all;
}

}  // namespace nilus::postgres
