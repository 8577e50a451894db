// The reading half of the boundary for change data capture: a database's own log, and the tables as they were at a
// point of it.
//
//   Start(committed) → [View → chunks, while a snapshot is wanted] → Stream → Next, Next, … → Acknowledge
//
// Every change has a LogPosition; positions of one source are totally ordered, and a view of tables is exact at one of
// them: it holds every transaction committed at or before it, and none behind it. So a chunk that was read at `at` and
// the stream from anywhere before it meet without a gap or a double when the stream's changes to the chunk's rows at or
// before `at` are left out. Chunks need not share a view: a snapshot that was cut short goes on with a new one.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connector/source.h"
#include "nilus/data/record_batch.h"
#include "nilus/data/scalar.h"

namespace nilus {

// A place in the source's log, comparable: PostgreSQL's commit LSN; {file number, offset} of a binlog. Behind the whole
// transaction that ends there.
struct LogPosition {
  uint64_t major = 0;
  uint64_t minor = 0;
  friend auto operator<=>(const LogPosition&, const LogPosition&) = default;
};

enum class ChangeOp : char { kRead = 'r', kCreate = 'c', kUpdate = 'u', kDelete = 'd', kTruncate = 't' };  // _op

struct CapturedTable {
  std::string schema;
  std::string name;
  Schema columns;                  // after column filters, the source's own names
  std::vector<std::string> key;    // what identifies a row in the log (primary key, or the replica identity's columns)
  bool has_full_old_rows = false;  // updates and deletes bring the whole old row (REPLICA IDENTITY FULL)
  std::optional<int64_t> estimated_rows;
  // The source's own number of the table: another one under the same name is another table, whose rows from before the
  // log does not have. 0: not known.
  uint64_t id = 0;
  // The source's own number of what sends the table's changes: another one says that they were not sent for a while. 0:
  // not known.
  uint64_t sender = 0;
  // Columns that rows from before the column may have values in, which the log does not tell of: a DEFAULT that came
  // with the column. Empty: there are none, or nothing is known of it.
  std::set<std::string> filled;
};

// Changes of one table under one schema, in the order of the log; columnar, one entry a change throughout.
struct ChangeBatch {
  std::string schema;  // of the table
  std::string table;
  std::vector<std::string> key;
  bool has_full_old_rows = false;  // CapturedTable's, of these changes
  // The new row; of a delete what is known of the old one (columns that are not known are NULL); of a truncate NULLs.
  RecordBatch rows;
  std::vector<ChangeOp> ops;
  std::vector<LogPosition> positions;  // of the change's transaction: where it is committed
  std::vector<uint64_t> change_lsns;   // of the change itself (_lsn)
  std::vector<int64_t> transactions;   // the source's transaction ids (_tx_id)
  std::vector<int64_t> committed_at;   // microseconds since the epoch, by the source's clock (_source_ts)
  std::vector<int64_t> sequence;       // of the change in its transaction, from 0 (_seq)
  // Old rows, where the log has more than the new one: rows of `old_rows` belong to the changes `old_of` (ascending).
  // Updates under a full identity, and updates that change the key (then other columns than the key's may be NULL).
  std::optional<RecordBatch> old_rows;
  std::vector<int32_t> old_of;
  // Values that the log leaves out since they did not change (TOAST): by column index of `rows` one flag a change. The
  // values there are NULL. Columns without such a value in the batch are absent.
  std::map<int, std::vector<uint8_t>> unchanged;
};

// What a stream does not tell of a table.
enum class Lack : uint8_t {
  kNothing,
  kChanges,  // from there on, as nothing says which rows they are about: the table has to be read anew
  kForGood,  // the same of a table that is not there any more, and cannot be read
  kMoved,    // from there on, which come under another name: should it come back, it has to be read anew
  kWasAway,  // some, which came under another name: it is back, and has to be read anew
};

// A change of a table's shape, or of what is captured, as the log shows it: for the schema history.
struct SchemaEvent {
  LogPosition at;
  CapturedTable table;
  // Something: `table` tells what the log says of it, which need not be a shape to go on with.
  Lack lacks = Lack::kNothing;
  std::string why;
};

// What one Next brings.
struct ChangeChunk {
  std::vector<ChangeBatch> batches;  // of one table in order; between tables no order but their positions
  std::vector<SchemaEvent> schemas;
  // Every transaction at or before it was delivered (now or before). Moves on without batches when the log grows by
  // what is not captured.
  LogPosition complete;
  // The chunk ends inside a transaction: nothing of it may become visible yet. Its first change has ops[0] behind
  // `complete`.
  bool ends_inside = false;
  // How far the source has written, and when it said so, by its clock (microseconds): for lag.
  LogPosition head;
  int64_t head_at = 0;
};

class ChangeReader {
 public:
  virtual ~ChangeReader() = default;
  // Waits for changes, and returns what is there, up to about `max_rows` rows or `max_bytes` bytes. After `patience`
  // without any an empty chunk. Prefers to end between transactions. kCancelled soon after a stop is requested.
  // kTransient: the connection is gone; Stream again from what is committed.
  virtual Result<ChangeChunk> Next(int64_t max_rows, int64_t max_bytes, std::chrono::milliseconds patience,
                                   std::stop_token stop) = 0;
};

// A part of a table's snapshot. Chunks of one table do not overlap, and together they are the table: keys in
// (`above`, `up_to`], where absent bounds are open. Keys are compared column by column as CompareScalars does it (texts
// by their bytes), which the engine does too, to tell on which side of a bound a change lies: a source cuts a table
// only by keys that it orders alike (whole numbers, dates, instants, uuids, texts under COLLATE "C"). Any other table,
// and one without a key, is one chunk. Bounds are kept in a position and given back.
struct SnapshotChunk {
  std::string schema;
  std::string table;
  std::string above;  // JSON array of the canonical texts (data/scalar.h) of the key's columns; empty: open
  std::string up_to;
};

// All chunks that are read through a view see the source at one place of its log.
class SnapshotView {
 public:
  virtual ~SnapshotView() = default;
  virtual LogPosition at() const = 0;
  // A captured table as it is there: its shape may be a newer one than what Start has told, and no change behind `at`
  // need tell of it. Its sender is not known. kNotFound: there is none.
  virtual Result<CapturedTable> Describe(const std::string& schema, const std::string& table) = 0;
  // Thread-safe. Rows are the captured columns.
  virtual Result<std::unique_ptr<Reader>> Open(const SnapshotChunk& chunk) = 0;
  // The chunks of a table that lie above the bound `above` (empty: all of them), each of about `rows` rows, in order.
  // kInvalidInput: the table cannot be cut at `above` (any more).
  virtual Result<std::vector<SnapshotChunk>> Plan(const CapturedTable& table, const std::string& above,
                                                  int64_t rows) = 0;
};

// What the engine hands a source at its start.
struct CaptureRequest {
  // Debezium's names, checked by the manifest. The table of signal.data.collection, where it is named, is captured too,
  // and its rows are streamed; CaptureStart::tables does not list it.
  std::map<std::string, std::string> properties;
  std::string pipeline;     // default names of slots and the like derive from it
  bool needs_keys = false;  // merge: a table without a key or identity is refused, with the fix
  bool needs_deletes = true;
};

// CapturedTable::id and sender.
struct TableIds {
  uint64_t table = 0;
  uint64_t sender = 0;
  friend bool operator==(const TableIds&, const TableIds&) = default;
};

// Where the sink stands, as the source needs to know it to say what is lost.
struct CommittedLog {
  LogPosition at;
  std::string identity;  // CaptureStart::identity of the start that it came from
  // Tables, schema.table, whose rows are loaded as of `at`, with their numbers of then. Where the log has not all of
  // their changes since, that is told (CaptureStart::gaps), and never passed over. One with another number is another
  // table, of which nothing is loaded.
  std::map<std::string, TableIds> tables;
  std::set<std::string> replaceable;  // those of them that may be read anew
};

struct CaptureStart {
  std::vector<CapturedTable> tables;
  std::string database;  // that they are in
  // Which server and log this is (system identifier, timeline, slot), to be kept beside the position and given back:
  // only the source compares it (a failover changes the timeline, and the position may still be good).
  std::string identity;
  // Where streaming begins: what is committed, or the place of a slot that was just made.
  LogPosition from;
  // What is committed can not be continued, and why: a re-snapshot is needed (snapshot.mode: when_needed), or the
  // source has refused to start (the other modes give the error).
  std::string lost;
  // Of CommittedLog::replaceable: changes of these tables are missing from the log, and they have to be read anew. (Of
  // a table that is not replaceable Start fails: kData, and nothing was mended by which the next start would not see
  // it.)
  std::set<std::string> gaps;
  // Of CommittedLog::tables: what would be captured, and is not there any more. What the log still tells of them lies
  // at or before `vanished_before`.
  std::set<std::string> vanished;
  LogPosition vanished_before;
  std::vector<std::string> notices;
};

struct CaptureStatus {  // nilus cdc status
  LogPosition head;
  LogPosition confirmed;
  int64_t retained_bytes = 0;  // of log that is kept for this pipeline
  std::optional<int64_t> bytes_until_lost;
  std::string state;  // "streaming", "no slot", …
  // Why the committed position that was given cannot be continued; empty: it can, as far as can be told.
  std::string lost;
};

class ChangeSource {
 public:
  virtual ~ChangeSource() = default;
  // Checks rights, settings, tables; makes publication and slot where they are missing and `committed` is nothing.
  // Every failure names the exact statement that mends it.
  virtual Result<CaptureStart> Start(const CaptureRequest& request, const std::optional<CommittedLog>& committed) = 0;
  // What the last Start made (slot, publication) goes again: it is refused before anything was committed.
  virtual Status Undo() = 0;
  // The tables at one place of the log, not before any place that Stream had delivered as complete when it was asked
  // for. The first view after a Start that made the slot is exact at CaptureStart::from.
  // Null: there is none yet, and it is being made (the server may wait for others' transactions to end); ask again. The
  // stream may go on as long as that is the answer, but word of the view's place may come late: whoever has loaded more
  // than lies before at() lets go of the view, and asks for another.
  virtual Result<std::unique_ptr<SnapshotView>> View() = 0;
  // One reader at a time. Changes behind `from`.
  virtual Result<std::unique_ptr<ChangeReader>> Stream(const LogPosition& from) = 0;
  // Everything up to here is durable in the sink: the source may forget it. Thread-safe beside Next.
  virtual Status Acknowledge(const LogPosition& durable) = 0;
  // Need no Start: `nilus cdc status`, `nilus plan` and `nilus cdc drop` ask from a process of their own. Not beside a
  // call of another thread but Acknowledge and ChangeReader::Next.
  virtual Result<CaptureStatus> AskStatus(const CaptureRequest& request,
                                          const std::optional<CommittedLog>& committed) = 0;
  // The tables that a Start would capture. Makes nothing.
  virtual Result<std::vector<CapturedTable>> Tables(const CaptureRequest& request) = 0;
  virtual Result<std::vector<CheckItem>> Check(const CaptureRequest& request) = 0;
  // slot.drop.on.stop, or `nilus cdc drop`: what the source keeps for this pipeline goes.
  virtual Status Drop(const CaptureRequest& request) = 0;
  // How a position is shown: "0/16B3748".
  virtual std::string Format(const LogPosition& position) const = 0;
};

}  // namespace nilus
