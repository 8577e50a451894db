#include "nilus/connectors/files/sink.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>

#include "nilus/base/fault.h"
#include "nilus/base/log.h"
#include "nilus/connectors/files/database_ahead.h"
#include "nilus/connectors/files/existing_table.h"
#include "nilus/connectors/files/file_lock.h"
#include "nilus/connectors/files/publish.h"
#include "nilus/connectors/files/sink_layout.h"
#include "nilus/connectors/files/staged_writer.h"
#include "nilus/connectors/files/table_lock.h"
#include "nilus/connectors/files/table_schema.h"

namespace nilus::files {
namespace {

// The columns of a load beside those of the table that it does not bring (NULL there), in the table's order: readers
// that take a file's columns for those of all files find them in each.
SchemaPtr AddTableColumns(const Schema& table, const Schema& load) {
  auto all = std::make_shared<Schema>();
  for (const Field& field : table.fields) {
    std::optional<int> index = load.Find(field.name);
    all->fields.push_back(index ? load.fields[static_cast<size_t>(*index)] : field);
  }
  AddFields(load, all.get());
  return all;
}

class FilesSink final : public Sink {
 public:
  FilesSink(SinkLayout layout, FormatOptions format, std::string compression, std::chrono::milliseconds lock_wait,
            OpenContext context)
      : layout_(std::move(layout)),
        format_(std::move(format)),
        compression_(std::move(compression)),
        lock_wait_(lock_wait),
        context_(std::move(context)),
        database_(std::make_shared<DatabaseAhead>(context_)) {}

  // What was staged and not committed is nobody's; the state document says which it is.
  ~FilesSink() override {
    if (!lock_) return;
    auto state = ReadState(layout_, pipeline_);
    Status settled = state ? SettleUnderLocks(layout_, pipeline_, state->value_or(SinkState{}), LockPatience{})
                           : Failure(state.error());
    if (!settled) LogWarning("staged files stay until the next run: {}", settled.error().ToString());
  }

  Result<std::optional<CommittedState>> Committed(const PipelineId& pipeline) override {
    NILUS_FAULT_POINT("files.sink.committed");
    if (format_.format.value_or(FileFormat::kParquet) == FileFormat::kParquet) database_->Begin();  // a run starts so
    NILUS_TRY(SettlePredecessor(pipeline));
    NILUS_ASSIGN(std::optional<SinkState> state, ReadState(layout_, pipeline));
    if (!state || state->version == 0) return std::nullopt;
    return CommittedState{.version = state->version, .load_id = state->load_id, .position = Position{state->position}};
  }

  Result<bool> WasCommitted(const PipelineId& pipeline, const std::string& load_id) override {
    NILUS_ASSIGN(std::optional<SinkState> state, ReadState(layout_, pipeline));
    if (!state || !state->Remembers(load_id)) return false;
    std::optional<FileLock> lock;
    if (!lock_) {
      NILUS_ASSIGN(std::string path, layout_.LockPath(pipeline));
      NILUS_ASSIGN(lock, FileLock::TryAcquire(path));
      if (!lock && state->pending.empty()) return true;  // a later run is at it, and has nothing left to complete
      if (!lock) {
        NILUS_ASSIGN(lock, FileLock::Acquire(path, lock_wait_, context_.stop));
      }
      NILUS_ASSIGN(state, ReadState(layout_, pipeline));
      if (!state) return false;  // reset meanwhile
    }
    // The answer holds when the document is durable. It was seen, but its fsync may be what failed.
    if (state->pending.empty()) NILUS_TRY(WriteState(layout_, pipeline, *state));
    NILUS_TRY(SettleUnderLocks(layout_, pipeline, *std::move(state), Patience()));
    return true;
  }

  Result<std::optional<Schema>> Describe(const TableName& table) override {
    NILUS_ASSIGN(std::string relative, SinkLayout::TableFolder(table));
    return DescribeExistingTable(layout_.Absolute(relative), context_);
  }

  Result<std::vector<std::string>> Explain(const WriteRequest& request) override {
    NILUS_ASSIGN(WriteFormat format, ReadWriteFormat(format_, compression_, request.file_format));
    NILUS_ASSIGN(std::string relative, SinkLayout::TableFolder(request.table));
    std::string folder = layout_.Absolute(relative);
    std::vector<std::string> steps;
    if (!IsDirectory(folder)) steps.push_back("create the folder " + folder);
    steps.push_back(fmt::format("write {} files of at most {} rows to a staging folder beside it",
                                FormatName(format.format), request.file_rows));
    steps.push_back(Replaces(request) ? fmt::format("swap it with {} in one step", folder)
                                      : fmt::format("move the files into {}", folder));
    return steps;
  }

  Result<std::unique_ptr<Writer>> Open(const WriteRequest& request) override {
    NILUS_FAULT_POINT("files.sink.open");
    if (request.strategy != WriteStrategy::kReplace && request.strategy != WriteStrategy::kAppend) {
      return FailWithFix(ErrorKind::kUnsupported, "use replace or append, or another destination",
                         "files cannot be written with {}", WriteStrategyName(request.strategy));
    }
    NILUS_ASSIGN(WriteFormat format, ReadWriteFormat(format_, compression_, request.file_format));
    NILUS_TRY(BeginLoad(request.pipeline));
    if (std::any_of(staged_.begin(), staged_.end(), [&](const auto& one) { return one->table == request.table; }))
      return Fail(ErrorKind::kInternal, "table {} is opened twice in one load", request.table.ToString());
    auto staged = std::make_shared<StagedTable>();
    staged->table = request.table;
    staged->replaces = Replaces(request);
    staged->format = format.format;
    WriteRequest writing = request;
    NILUS_ASSIGN(staged->target, SinkLayout::TableFolder(request.table));
    NILUS_ASSIGN(staged->staged, SinkLayout::StagedFolder(request.pipeline, request.load_id, request.table));
    staged->folder = layout_.Absolute(staged->staged);
    NILUS_TRY(CheckTarget(layout_.Absolute(staged->target), staged->replaces, format.format));
    if (!staged->replaces) {
      NILUS_ASSIGN(staged->found, DescribeExistingTable(layout_.Absolute(staged->target), context_));
      NILUS_ASSIGN(staged->found_data, HoldsDataFiles(layout_.Absolute(staged->target)));
      if (staged->found) writing.schema = AddTableColumns(*staged->found, *request.schema);
    }
    staged->schema = *writing.schema;
    NILUS_TRY(MakeDirectories(staged->folder));
    NILUS_ASSIGN(std::string prefix, SinkLayout::FilePrefix(request.load_id, static_cast<int>(staged_.size()) + 1));
    NILUS_ASSIGN(auto writer, OpenStagedWriter(writing, format, std::move(prefix), database_, staged));
    staged_.push_back(std::move(staged));
    return writer;
  }

  Result<CommitResult> Commit(const CommitRequest& request) override {
    NILUS_FAULT_POINT("files.sink.before_commit");
    NILUS_TRY(BeginLoad(request.pipeline));
    NILUS_ASSIGN(std::optional<SinkState> found, ReadState(layout_, request.pipeline));
    SinkState state = found.value_or(SinkState{.pipeline = request.pipeline.value});
    if (!request.load_id.empty() && state.Remembers(request.load_id)) {
      int64_t version = state.version;
      NILUS_TRY(SettleUnderLocks(layout_, request.pipeline, std::move(state), Patience()));
      return EndLoad(version);
    }
    if (state.version != request.expected_version) {
      return FailWithFix(ErrorKind::kConflict, "run again: it starts from what is committed now",
                         "another run of this pipeline has committed meanwhile (version {}, this run began at {})",
                         state.version, request.expected_version);
    }
    ++state.version;
    state.load_id = request.load_id;
    state.position = request.position.json;
    RememberLoad(request.load_id, &state);
    NILUS_ASSIGN(TableLocks tables, TableLocks::Acquire(layout_, StagedFolders(), request.pipeline, Patience()));
    NILUS_FAULT_POINT("files.sink.tables_locked");
    NILUS_ASSIGN(state.pending, StagedTables());
    NILUS_TRY(tables.SetPublisher(request.pipeline));
    if (auto written = WriteState(layout_, request.pipeline, state); !written) {
      if (written.error().kind == ErrorKind::kUnknownOutcome) lock_.reset();
      return Failure(InContext("committing to " + layout_.root(), std::move(written).error()));
    }
    auto published = AfterCommitPoint(request.pipeline, state);
    if (published) return EndLoad(state.version);
    lock_.reset();  // whoever asks WasCommitted finishes the work
    return FailWithFix(ErrorKind::kUnknownOutcome, "run again: it completes the commit first",
                       "the load is committed, but its files are not all in place: {}", published.error().ToString());
  }

  Result<std::vector<CheckItem>> Check() override {
    std::vector<CheckItem> items;
    std::string folder = layout_.root();
    while (!Exists(folder) && folder != "/") folder = ParentOf(folder);
    bool writable = IsDirectory(folder) && access(folder.c_str(), W_OK | X_OK) == 0;
    std::string detail = folder == layout_.root() ? folder : fmt::format("{} is created in {}", layout_.root(), folder);
    if (!writable) detail = fmt::format("{} is no folder that this user may write to", folder);
    items.push_back({.what = "write to " + layout_.root(), .ok = writable, .detail = std::move(detail)});
    std::error_code error;
    auto space = std::filesystem::space(folder, error);
    if (!error)
      items.push_back(
          {.what = "free space", .ok = space.available > 0, .detail = fmt::format("{} MiB", space.available >> 20)});
    return items;
  }

 private:
  static bool Replaces(const WriteRequest& request) {
    return request.strategy == WriteStrategy::kReplace || request.full_refresh;
  }

  // Takes the lock and settles what a predecessor left, once a load.
  Status BeginLoad(const PipelineId& pipeline) {
    if (lock_) return {};
    NILUS_ASSIGN(std::string folder, layout_.StateFolder(pipeline));
    NILUS_TRY(MakeDirectories(folder));
    NILUS_ASSIGN(std::string path, layout_.LockPath(pipeline));
    NILUS_ASSIGN(FileLock lock, FileLock::Acquire(path, lock_wait_, context_.stop));
    NILUS_ASSIGN(std::optional<SinkState> state, ReadState(layout_, pipeline));
    NILUS_TRY(SettleUnderLocks(layout_, pipeline, std::move(state).value_or(SinkState{}), Patience()));
    lock_ = std::move(lock);
    pipeline_ = pipeline;
    NILUS_FAULT_POINT("files.sink.locked");
    return {};
  }

  // Before the first Open: finishes what a crashed run began, unless a live one holds the lock or we may only read.
  Status SettlePredecessor(const PipelineId& pipeline) {
    if (lock_) return {};
    NILUS_ASSIGN(std::string folder, layout_.StateFolder(pipeline));
    if (!IsDirectory(folder)) return {};
    NILUS_ASSIGN(std::string path, layout_.LockPath(pipeline));
    auto lock = FileLock::TryAcquire(path);
    if (!lock && lock.error().kind != ErrorKind::kAuth) return Failure(std::move(lock).error());
    if (!lock || !*lock) return {};
    NILUS_ASSIGN(std::optional<SinkState> state, ReadState(layout_, pipeline));
    Status settled = SettleUnderLocks(layout_, pipeline, std::move(state).value_or(SinkState{}), LockPatience{});
    return settled || settled.error().kind == ErrorKind::kConflict ? Status() : settled;  // Open waits for the tables
  }

  LockPatience Patience() const { return LockPatience{.wait = lock_wait_, .stop = context_.stop}; }

  std::vector<std::string> StagedFolders() const {
    std::vector<std::string> folders;
    for (const auto& staged : staged_) folders.push_back(staged->target);
    return folders;
  }

  // Writes each table's schema file and lists what the commit publishes.
  Result<std::vector<PendingTable>> StagedTables() {
    std::map<std::string, PendingTable> tables;
    std::map<std::string, TableSchema> schemas;
    for (const auto& staged : staged_) {
      if (!staged->finished)
        return Fail(ErrorKind::kInternal, "a writer of {} was not finished before the commit",
                    staged->table.ToString());
      PendingTable& table = tables[staged->staged];
      table.staged = staged->staged;
      table.target = staged->target;
      table.replaces = table.replaces || staged->replaces;
      table.files.insert(table.files.end(), staged->files.begin(), staged->files.end());
      TableSchema& schema = schemas[staged->staged];
      schema.format = staged->format;
      AddFields(staged->schema, &schema.schema);
    }
    std::vector<PendingTable> pending;
    for (auto& [path, table] : tables) {
      TableSchema schema = schemas[path];
      NILUS_TRY(CheckTarget(layout_.Absolute(table.target), table.replaces, schema.format));  // others may have loaded
      if (!table.replaces) {
        NILUS_ASSIGN(bool adds_nothing, StillAddsNothing(path, layout_.Absolute(table.target), schema.schema));
        if (adds_nothing) continue;
        if (table.files.empty()) {
          return FailWithFix(ErrorKind::kConflict, "run again", "the files of {} were removed while this load ran",
                             table.target);
        }
        NILUS_ASSIGN(auto existing, DescribeExistingTable(layout_.Absolute(table.target), context_));
        if (existing) {
          NILUS_TRY(CheckUnchanged(path, *existing));
          AddFields(schema.schema, &*existing);
          schema.schema = *std::move(existing);
        }
      }
      NILUS_TRY(WriteSchemaFile(layout_.Absolute(table.staged), schema));
      // A replaced table is known by its first file; files that are added come after the columns they may bring.
      table.files.insert(table.replaces ? table.files.end() : table.files.begin(), std::string(kTableSchemaFile));
      pending.push_back(std::move(table));
    }
    return pending;
  }

  // What this load wrote fits the table that it found. Another pipeline may have appended since, and brought a column
  // of the same name with another type: read anew, the table says what the rows must become.
  Status CheckUnchanged(const std::string& path, const Schema& existing) const {
    for (const auto& staged : staged_) {
      if (staged->staged != path) continue;
      for (const Field& field : staged->schema.fields) {
        const std::optional<int> now = existing.Find(field.name);
        if (!now) continue;
        const Type& type = existing.fields[static_cast<size_t>(*now)].type;
        const std::optional<int> before = staged->found ? staged->found->Find(field.name) : std::nullopt;
        const bool is_as_found = before && staged->found->fields[static_cast<size_t>(*before)].type == type;
        if (is_as_found || type == field.type) continue;
        return FailWithFix(ErrorKind::kConflict, "run again: the rows then take the table's types",
                           "another pipeline has made `{}` of {} {} meanwhile, and this load has written {}",
                           field.name, staged->table.ToString(), type.ToString(), field.type.ToString());
      }
    }
    return {};
  }

  // AddsNothing (staged_writer.h), seen under the table's lock: others may have made or replaced the table since the
  // load began.
  Result<bool> StillAddsNothing(const std::string& path, const std::string& target, const Schema& schema) const {
    for (const auto& staged : staged_) {
      if (staged->staged == path && staged->rows > 0) return false;
    }
    NILUS_ASSIGN(bool holds_data, HoldsDataFiles(target));
    if (!holds_data) return false;
    NILUS_ASSIGN(auto existing, DescribeExistingTable(target, context_));
    return existing && std::all_of(schema.fields.begin(), schema.fields.end(),
                                   [&](const Field& field) { return existing->Find(field.name).has_value(); });
  }

  static Status WriteSchemaFile(const std::string& folder, const TableSchema& schema) {
    NILUS_FAULT_POINT("files.sink.before_schema_file");
    std::string path = JoinPath(folder, kTableSchemaFile);
    NILUS_TRY(RemoveFile(path));  // of an attempt before
    NILUS_ASSIGN(FileDescriptor file, CreateNew(path));
    NILUS_TRY(WriteAll(file, FormatTableSchema(schema), path));
    NILUS_TRY(SyncFile(file, path));
    return SyncDirectory(folder);
  }

  Status AfterCommitPoint(const PipelineId& pipeline, const SinkState& state) {
    NILUS_FAULT_ACK("files.sink.commit_ack");
    NILUS_FAULT_POINT("files.sink.after_commit_point");
    NILUS_TRY(Publish(layout_, pipeline, state));
    NILUS_FAULT_POINT("files.sink.after_publish");
    return {};
  }

  CommitResult EndLoad(int64_t version) {
    CommitResult result{.version = version};
    for (const auto& staged : staged_) result.Add(staged->table, CommitResult{.rows_inserted = staged->rows});
    staged_.clear();
    lock_.reset();
    return result;
  }

  SinkLayout layout_;
  FormatOptions format_;
  std::string compression_;
  std::chrono::milliseconds lock_wait_;
  OpenContext context_;
  const std::shared_ptr<DatabaseAhead> database_;  // of all writers: they may outlive the sink
  std::optional<FileLock> lock_;                   // held from the first Open to the end of Commit
  PipelineId pipeline_;
  std::vector<std::shared_ptr<StagedTable>> staged_;
};

}  // namespace

Result<std::unique_ptr<Sink>> OpenFilesSink(const Address& address, const OpenContext& context) {
  NILUS_ASSIGN(FormatOptions format, ReadFormatOptions(address, context.options));
  if (address.path.empty() || address.path.find('\0') != std::string::npos) {
    return FailWithFix(ErrorKind::kInvalidInput, "write file:///folder",
                       "the address has no path, or one with a NUL byte");
  }
  std::error_code error;
  std::string root = std::filesystem::absolute(address.path, error).lexically_normal().string();
  if (error) return ErrnoFailure(error.value(), "find " + address.path);
  while (root.size() > 1 && root.ends_with('/')) root.pop_back();
  if (Exists(root) && !IsDirectory(root)) {
    return FailWithFix(ErrorKind::kInvalidInput, "name a folder: tables are written to folder/<schema>/<table>/",
                       "{} is no folder", root);
  }
  NamedFormat named = FormatOfName(NameOf(root));
  if (named.format && !Exists(root)) {  // ingestr's csv:///out.csv is that one file
    return FailWithFix(
        ErrorKind::kInvalidInput,
        fmt::format("name a folder and the format: file://{}?format={}", ParentOf(root), FormatName(*named.format)),
        "{} looks like a file, but a sink writes folders of files: <folder>/<schema>/<table>/", root);
  }
  constexpr int64_t kDefaultWaitSeconds = 10;
  auto wait = ParseInteger(Setting(address, context.options, "lock_wait_seconds", std::to_string(kDefaultWaitSeconds)));
  if (!wait || *wait < 0 || *wait > 86'400)
    return Fail(ErrorKind::kInvalidInput, "lock_wait_seconds is not a number from 0 to 86400");
  return std::make_unique<FilesSink>(SinkLayout(std::move(root)), std::move(format),
                                     Setting(address, context.options, "compression"), std::chrono::seconds(*wait),
                                     context);
}

}  // namespace nilus::files
