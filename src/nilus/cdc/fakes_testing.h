// A database with a log, and a sink that takes loads of changes, both in memory: every call can fail, be cut off or
// lose its answer, while somebody goes on writing to the database.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nilus/cdc/job.h"
#include "nilus/engine/fakes_testing.h"

namespace nilus {

struct FakeChange {
  std::string table;
  ChangeOp op = ChangeOp::kCreate;
  FakeRow row;                     // new; of a delete: the old key, NULL elsewhere
  std::optional<FakeRow> old_key;  // of an update that changes the key: the old key, NULL elsewhere
  std::set<int> unchanged;         // columns that the log leaves out
  bool is_hidden = false;          // the log does not send it
  Lack lacks = Lack::kNothing;     // no change: what the log does not tell from here on
};

struct FakeTransaction {
  uint64_t position = 0;
  std::vector<FakeChange> changes;
};

// The source. Thread-safe.
class FakeLog {
 public:
  // Rows are told apart by their first column. Values of columns in `toasted` are left out where they do not change.
  void AddTable(const std::string& name, Schema columns, std::set<int> toasted = {});
  // One transaction. Statements see what was written before them in it.
  void Begin();
  void Insert(const std::string& table, FakeRow row);
  void Update(const std::string& table, const std::string& key, const std::function<void(FakeRow&)>& change);
  void Delete(const std::string& table, const std::string& key);
  void Truncate(const std::string& table);
  void AddColumn(const std::string& table, const Field& field);  // first in its transaction
  // The same, where the log does not tell that the rows that are there have `value` in it.
  void AddFilledColumn(const std::string& table, const Field& field, const std::string& value);
  // Another table, without rows, takes the name: first in its transaction.
  void ReplaceTable(const std::string& table);
  // The log lacks the table's changes from here on in the transaction.
  void Lacks(const std::string& table, Lack lack);
  void DropTable(const std::string& table);
  void Commit();

  // By key, as after the transaction at `position`; nothing: now.
  using Rows = std::map<std::string, FakeRow>;
  std::map<std::string, Rows> StateAt(std::optional<uint64_t> position = std::nullopt) const;
  uint64_t end() const;
  std::vector<CapturedTable> tables() const;
  std::vector<FakeTransaction> Behind(uint64_t position) const;
  // The columns of a table as of a position.
  CapturedTable ShapeAt(const std::string& table, uint64_t position) const;

  std::optional<uint64_t> slot;       // what the log has confirmed; nothing: no slot
  int generation = 1;                 // of the log: another one is another server
  std::set<std::string> unpublished;  // tables whose changes the log does not send; a start mends it
  bool hides_latest_shape = false;    // tables() tells of the one before: it was asked a moment too early

 private:
  struct Table {
    std::vector<std::pair<uint64_t, CapturedTable>> shapes;  // by the position from which they hold
    std::set<int> toasted;
    Rows rows;
  };
  void Log(FakeChange change);
  mutable std::recursive_mutex mutex_;
  std::map<std::string, Table> tables_;
  std::vector<FakeTransaction> log_;
  FakeTransaction open_;
  std::set<std::string> lacking_;  // tables of the open transaction
  std::set<std::string> dropped_;
  uint64_t end_ = 100;
};

// The destination. Thread-safe.
struct FakeStore {
  struct Table {
    Schema schema;
    std::map<std::string, std::map<std::string, std::string>> rows;  // merge: by key; NULLs are absent
    std::vector<std::map<std::string, std::string>> appended;        // append: in order
  };
  std::map<std::string, Table> tables;
  std::optional<CommittedState> state;
  std::set<std::string> loads;
};

struct FakeCapture {
  FakeFaults faults;
  FakeLog log;
  FakeStore store;
  std::function<void()> on_call;    // before each call of the source: others write to it
  std::function<void()> on_commit;  // each time a commit has taken place
  bool splits_transactions = true;  // chunks end inside of transactions
  bool delays_views = false;        // a view that is asked for comes some calls later, now and then of an earlier place
  std::function<bool()> holds_view;  // as long as it says so there is none
  uint64_t random = 1;

  CdcJob MakeJob(std::map<std::string, std::string> properties = {});
  uint64_t Random(uint64_t below);
  // The committed position; nothing: none.
  std::optional<uint64_t> CommittedAt() const;
  bool IsSnapshotDone() const;
  // Own columns of a table at the destination, by key, as the log's rows: merge, or the append log replayed in order.
  FakeLog::Rows Merged(const std::string& table) const;
  FakeLog::Rows Replayed(const std::string& table) const;
};

}  // namespace nilus
