#include "nilus/connectors/sqlite/sink.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "nilus/base/fault.h"
#include "nilus/connector/sql_state.h"
#include "nilus/connectors/sqlite/fit.h"
#include "nilus/connectors/sqlite/values.h"

namespace nilus::sqlite {
namespace {

// The one connection and its transaction, shared by the sink and its writers.
struct Session {
  std::string path;
  DatabaseOptions options;
  std::mutex mutex;
  std::unique_ptr<Database> db;  // opened when first needed
  std::vector<std::shared_ptr<TableLoad>> loads;
  int serial = 0;

  // Undoes everything that was not committed. The lock is held.
  void Abandon() {
    loads.clear();  // their statements go before the transaction
    if (db != nullptr) db->Rollback();
  }

  // The connection; null when there is no file yet and `create` is false.
  Result<Database*> Connect(bool create) {
    if (db == nullptr && (create || FileExists(path))) {
      DatabaseOptions wanted = options;
      wanted.create = create;
      NILUS_ASSIGN(db, Database::Open(path, wanted));
    }
    return db.get();
  }

  Status Begin(const PipelineId& pipeline) {
    if (db->in_transaction()) return {};
    NILUS_FAULT_POINT("sqlite.sink.begin");
    const Result<int64_t> begun = db->Execute("BEGIN IMMEDIATE");
    if (begun) return {};
    if (begun.error().kind != ErrorKind::kTransient) return Failure(begun.error());
    return FailWithFix(ErrorKind::kConflict, "wait for it to end, or raise ?busy_timeout=<milliseconds> in the address",
                       "another run or program is writing to SQLite file {}: pipeline {} cannot load now", path,
                       pipeline.value);
  }
};

// SQLite makes the file, and a journal beside it, in its folder.
Status CheckFolder(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  if (faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return {};
  const int code = errno;
  if (code == ENOENT || code == ENOTDIR) {
    return FailWithFix(ErrorKind::kNotFound, "create the folder first", "folder {} of SQLite file {} does not exist",
                       folder, path);
  }
  return FailWithFix(ErrorKind::kAuth, "allow writing there, or choose another folder",
                     "folder {} of SQLite file {} cannot be written: {}", folder, path,
                     std::generic_category().message(code));
}

std::string StoredNow() {
  ColumnBuilder builder(MakeType(TypeId::kTimestamp));
  builder.Append<int64_t>(Now().time_since_epoch().count());
  std::string text;
  AppendStoredTime(builder.Finish(), 0, &text);
  return text;
}

class SqliteWriter final : public Writer {
 public:
  SqliteWriter(std::shared_ptr<Session> session, const std::shared_ptr<TableLoad>& load, std::stop_token stop)
      : session_(std::move(session)), load_(load), stop_(std::move(stop)) {}
  // A load is the session's; the writer only borrows it, so that the session can drop it.
  Status Write(RecordBatch batch) override {
    return Locked([&](TableLoad& load) { return load.Write(batch); });
  }
  Result<Receipt> Finish() override {
    return Locked([](TableLoad& load) { return load.Finish(); });
  }

 private:
  template <typename Work>
  auto Locked(Work work) -> decltype(work(std::declval<TableLoad&>())) {
    std::lock_guard lock(session_->mutex);
    std::shared_ptr<TableLoad> load = load_.lock();
    if (load == nullptr) return Fail(ErrorKind::kInternal, "the load that this writer belongs to has ended");
    session_->db->set_stop(stop_);
    if (stop_.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
    return work(*load);
  }

  std::shared_ptr<Session> session_;
  std::weak_ptr<TableLoad> load_;
  std::stop_token stop_;
};

class SqliteSink final : public Sink {
 public:
  explicit SqliteSink(std::shared_ptr<Session> session, std::stop_token stop)
      : session_(std::move(session)), stop_(std::move(stop)) {}
  ~SqliteSink() override {
    std::lock_guard lock(session_->mutex);
    session_->Abandon();
  }

  Result<std::optional<CommittedState>> Committed(const PipelineId& pipeline) override {
    std::lock_guard lock(session_->mutex);
    NILUS_ASSIGN(const StateSql sql, State(pipeline));
    NILUS_ASSIGN(Database* const db, session_->Connect(false));
    if (db == nullptr) return std::nullopt;
    Arm(*db);
    return ReadState(*db, sql, pipeline);
  }

  Result<bool> WasCommitted(const PipelineId& pipeline, const std::string& load_id) override {
    std::lock_guard lock(session_->mutex);
    NILUS_ASSIGN(const StateSql sql, State(pipeline));
    NILUS_ASSIGN(Database* const db, session_->Connect(false));
    if (db == nullptr) return false;
    Arm(*db);
    NILUS_ASSIGN(const std::optional<int64_t> version, LoadVersion(*db, sql, pipeline, load_id));
    return version.has_value();
  }

  Result<std::optional<Schema>> Describe(const TableName& table) override {
    std::lock_guard lock(session_->mutex);
    NILUS_ASSIGN(const std::string name, PlainName(table));
    NILUS_ASSIGN(Database* const db, session_->Connect(false));
    if (db == nullptr) return std::nullopt;
    Arm(*db);
    NILUS_ASSIGN(const std::optional<TableInfo> found, FindTable(*db, name));
    if (!found) return std::nullopt;
    return SchemaOf(*found);
  }

  Result<bool> CanWiden(const TableName& table, const Field& to) override {
    std::lock_guard lock(session_->mutex);
    NILUS_ASSIGN(const std::string name, PlainName(table));
    NILUS_ASSIGN(Database* const db, session_->Connect(false));
    if (db == nullptr) return false;
    Arm(*db);
    NILUS_ASSIGN(const std::optional<TableInfo> found, FindTable(*db, name));
    if (!found) return false;
    return CanRedeclare(*db, *found, to);
  }

  Result<FindRefused> RefusedBy(const TableName& table) override {
    std::lock_guard lock(session_->mutex);
    NILUS_ASSIGN(const std::string name, PlainName(table));
    NILUS_ASSIGN(Database* const db, session_->Connect(false));
    if (db == nullptr) return FindRefused();
    Arm(*db);
    NILUS_ASSIGN(std::optional<TableInfo> found, FindTable(*db, name));
    if (!found) return FindRefused();
    return FindRefused([there = *std::move(found)](const Field& field, const Column& column) {
      const auto target = std::find_if(there.columns.begin(), there.columns.end(), [&](const ColumnInfo& known) {
        return EqualIgnoringCase(known.name, field.name);
      });
      if (target == there.columns.end() || !ChangesTexts(there, *target)) return std::optional<RefusedValues>();
      FittedColumn fitted = FitNumeric(column);
      fitted.type = target->declared;
      return RefusedOf(std::move(fitted));
    });
  }

  Result<std::vector<std::string>> Explain(const WriteRequest& request) override {
    std::lock_guard lock(session_->mutex);
    NILUS_ASSIGN(Database* const db, session_->Connect(false));
    if (db != nullptr) db->set_stop(request.stop);
    return TableLoad::Explain(db, request);
  }

  Result<std::unique_ptr<Writer>> Open(const WriteRequest& request) override {
    std::lock_guard lock(session_->mutex);
    if (request.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
    const auto& loads = session_->loads;
    if (!loads.empty() && loads.front()->load_id() != request.load_id) session_->Abandon();  // nobody will commit it
    if (std::any_of(loads.begin(), loads.end(), [&](const auto& load) { return load->table() == request.table; })) {
      return Fail(ErrorKind::kInternal, "table {} is opened twice in one load", request.table.ToString());
    }
    NILUS_TRY(session_->Connect(true));
    session_->db->set_stop(request.stop);
    NILUS_TRY(session_->Begin(request.pipeline));
    auto load = TableLoad::Start(*session_->db, request, session_->serial++);
    if (!load) {
      session_->Abandon();
      return Failure(std::move(load).error());
    }
    std::shared_ptr<TableLoad> shared = *std::move(load);
    session_->loads.push_back(shared);
    return std::make_unique<SqliteWriter>(session_, std::move(shared), request.stop);
  }

  Result<CommitResult> Commit(const CommitRequest& request) override {
    std::lock_guard lock(session_->mutex);
    Result<CommitResult> result = CommitLocked(request);
    // Whatever happened, the load is over: after a success there is nothing to undo.
    session_->Abandon();
    return result;
  }

  Result<std::vector<CheckItem>> Check() override {
    std::lock_guard lock(session_->mutex);
    NILUS_ASSIGN(Database* const db, session_->Connect(false));
    std::vector<CheckItem> items;
    const Status folder = CheckFolder(session_->path);
    if (!folder) items.push_back({"folder", false, folder.error().ToString()});
    if (db == nullptr) {
      if (folder) {
        items.push_back(
            {"file", true, fmt::format("{} does not exist yet; the first load creates it", session_->path)});
      }
      return items;
    }
    Arm(*db);
    auto check = [&](std::string what, const Result<int64_t>& result, std::string found) {
      items.push_back({std::move(what), result.has_value(), result ? std::move(found) : result.error().ToString()});
    };
    check("read", db->Execute("SELECT count(*) FROM main.sqlite_schema"), session_->path);
    if (!db->in_transaction()) {
      check("write", db->Execute("BEGIN IMMEDIATE"), "the write lock was taken and given back");
      db->Rollback();
    }
    return items;
  }

 private:
  // A load under way brought a stop token of its own.
  void Arm(Database& db) const {
    if (session_->loads.empty()) db.set_stop(stop_);
  }

  static Result<StateSql> State(const PipelineId& pipeline) {
    NILUS_TRY(PlainName({pipeline.state_schema, std::string(kStateTable)}));
    return MakeStateSql(Dialect(), pipeline.state_schema);
  }

  // SQLite keeps any value in any column, and would read 'abc' as 0 and 1.5 as 1.
  static Status CheckVersion(const Database& db, const Statement& row, const TableName& table,
                             const PipelineId& pipeline) {
    if (sqlite3_column_type(row.handle(), 0) == SQLITE_INTEGER) return {};
    return FailWithFix(ErrorKind::kData, "restore the file from a backup",
                       "the row of pipeline {} in {} of SQLite file {} is damaged: its version `{}` is no integer",
                       pipeline.value, table.name, db.path(), row.IsNull(0) ? "NULL" : row.Text(0));
  }

  static Result<std::optional<CommittedState>> ReadState(Database& db, const StateSql& sql,
                                                         const PipelineId& pipeline) {
    NILUS_ASSIGN(const std::string name, PlainName(sql.state_table));
    NILUS_ASSIGN(const std::optional<TableInfo> table, FindTable(db, name));
    if (!table) return std::nullopt;
    NILUS_ASSIGN(Statement select, db.Prepare(sql.select_state));
    select.BindText(1, pipeline.value);
    NILUS_ASSIGN(const bool found, select.Step());
    if (!found) return std::nullopt;
    NILUS_TRY(CheckVersion(db, select, sql.state_table, pipeline));
    return CommittedState{.version = select.Int(0),
                          .load_id = std::string(select.Text(1)),
                          .position = Position{std::string(select.Text(2))}};
  }

  static Result<std::optional<int64_t>> LoadVersion(Database& db, const StateSql& sql, const PipelineId& pipeline,
                                                    const std::string& load_id) {
    NILUS_ASSIGN(const std::string name, PlainName(sql.loads_table));
    NILUS_ASSIGN(const std::optional<TableInfo> table, FindTable(db, name));
    if (!table) return std::nullopt;
    NILUS_ASSIGN(Statement select, db.Prepare(sql.select_load));
    select.BindText(1, pipeline.value);
    select.BindText(2, load_id);
    NILUS_ASSIGN(const bool found, select.Step());
    if (!found) return std::nullopt;
    NILUS_TRY(CheckVersion(db, select, sql.loads_table, pipeline));
    return select.Int(0);
  }

  Result<CommitResult> CommitLocked(const CommitRequest& request) {
    NILUS_ASSIGN(const StateSql sql, State(request.pipeline));
    NILUS_ASSIGN(Database* const db, session_->Connect(true));
    Arm(*db);
    NILUS_TRY(session_->Begin(request.pipeline));
    // The write lock is ours: what is read now is what will be replaced.
    NILUS_ASSIGN(const std::optional<int64_t> committed, LoadVersion(*db, sql, request.pipeline, request.load_id));
    if (committed) return CommitResult{.version = *committed};
    NILUS_ASSIGN(const std::optional<CommittedState> state, ReadState(*db, sql, request.pipeline));
    const int64_t version = state ? state->version : 0;
    if (version != request.expected_version)
      return Failure(StateConflict(request.pipeline, request.expected_version, version));

    CommitResult result{.version = version + 1};
    for (const auto& load : session_->loads) {
      if (!load->finished())
        return Fail(ErrorKind::kInternal, "Commit before table {} was finished", load->table().ToString());
      CommitResult counts;
      NILUS_TRY(load->Apply(request.interval, &counts));
      result.Add(load->table(), counts);
    }
    NILUS_FAULT_POINT("sqlite.sink.before_state");
    NILUS_TRY(WriteState(*db, sql, request, result.version));
    session_->loads.clear();
    NILUS_FAULT_POINT("sqlite.sink.before_commit");
    NILUS_TRY(CommitTransaction(*db, sql, request));
    NILUS_FAULT_ACK("sqlite.sink.commit");
    return result;
  }

  static Status WriteState(Database& db, const StateSql& sql, const CommitRequest& request, int64_t version) {
    for (const std::string& statement : sql.create) NILUS_TRY(db.Execute(statement));
    const std::string now = StoredNow();
    NILUS_ASSIGN(Statement state, db.Prepare(request.expected_version == 0 ? sql.insert_state : sql.update_state));
    if (request.expected_version == 0) {
      state.BindText(1, request.pipeline.value);
      state.BindInt(2, version);
      state.BindText(3, request.load_id);
      state.BindText(4, request.position.json);
      state.BindText(5, now);
    } else {
      state.BindInt(1, version);
      state.BindText(2, request.load_id);
      state.BindText(3, request.position.json);
      state.BindText(4, now);
      state.BindText(5, request.pipeline.value);
      state.BindInt(6, request.expected_version);
    }
    NILUS_TRY(state.Step());
    if (sqlite3_changes64(db.handle()) != 1) {
      return Failure(StateConflict(request.pipeline, request.expected_version, request.expected_version));
    }
    NILUS_ASSIGN(Statement load, db.Prepare(sql.insert_load));
    load.BindText(1, request.load_id);
    load.BindText(2, request.pipeline.value);
    load.BindInt(3, version);
    load.BindText(4, now);
    NILUS_TRY(load.Step());
    if (const std::optional<int64_t> forgotten = ForgottenVersion(version)) {
      NILUS_ASSIGN(Statement forget, db.Prepare(sql.forget_loads));
      forget.BindText(1, request.pipeline.value);
      forget.BindInt(2, *forgotten);
      NILUS_TRY(forget.Step());
    }
    return {};
  }

  static Status CommitTransaction(Database& db, const StateSql& sql, const CommitRequest& request) {
    Result<int64_t> committed = db.Execute("COMMIT");
    if (committed) return {};
    Error error = InContext("committing", std::move(committed).error());
    // A lock that readers hold, or a stop, leaves the transaction open: rolling it back settles it. After anything else
    // only the file can say which side of the commit it is on.
    db.Rollback();
    if (error.kind != ErrorKind::kTransient && error.kind != ErrorKind::kCancelled) {
      const auto version = LoadVersion(db, sql, request.pipeline, request.load_id);
      if (!version) error.kind = ErrorKind::kUnknownOutcome;
      if (version && *version) return {};
    }
    return Failure(std::move(error));
  }

  std::shared_ptr<Session> session_;
  std::stop_token stop_;
};

}  // namespace

Result<std::unique_ptr<Sink>> OpenSink(const Address& address, const OpenContext& context) {
  auto session = std::make_shared<Session>();
  NILUS_ASSIGN(session->path, AddressPath(address));
  NILUS_ASSIGN(session->options, AddressOptions(address));
  // The main file and the temporary one with staging have a cache each.
  session->options.cache_bytes = std::clamp<int64_t>(context.memory_bytes / 3, 2 << 20, 64 << 20);
  return std::make_unique<SqliteSink>(std::move(session), context.stop);
}

}  // namespace nilus::sqlite
