// `nilus lake`: looking after Iceberg tables. Every action answers in rows, for people or machines.
#include <algorithm>
#include <array>
#include <optional>

#include "nilus/base/nearest.h"
#include "nilus/cli/command.h"
#include "nilus/cli/lake_rows.h"
#include "nilus/cli/manifests.h"
#include "nilus/cli/row_output.h"
#include "nilus/data/scalar.h"
#include "nilus/duck/database.h"
#include "nilus/lake/compaction.h"
#include "nilus/lake/maintenance.h"
#include "nilus/lake/open_catalog.h"

namespace nilus::cli {
namespace {

constexpr std::array<std::string_view, 6> kActions = {"files", "snapshots", "compact", "expire", "orphans", "rollback"};

Result<int64_t> NumberOf(std::string_view flag, const std::optional<std::string>& text, int64_t otherwise) {
  if (!text) return otherwise;
  const std::optional<int64_t> number = ParseInteger(*text);
  if (number && *number >= 0) return *number;
  return Fail(ErrorKind::kInvalidInput, "{} {} is no whole number from 0 on", flag, *text);
}

class Lake final : public Command {
 public:
  void Declare(Arguments& arguments) override {
    arguments.Operand("ACTION", &action_, true, "files, snapshots, compact, expire, orphans or rollback");
    arguments.Operand("ADDRESS", &address_, true,
                      "a lakehouse address or depot (dataos://name); {NAME} comes from the environment");
    arguments.Operand("TABLE", &table_, true, "schema.table");
    arguments.Text("--branch", "NAME", &branch_, "files: of this branch or tag instead of main");
    arguments.Text("--snapshot", "ID", &snapshot_, "files: of this snapshot; rollback: the one to go back to");
    arguments.Text("--older-than", "TIME", &older_than_,
                   "expire: snapshots before this time (2026-11-26T10:00:00Z); by default five days ago");
    arguments.Text("--keep-last", "N", &keep_last_, "expire: so many of each branch stay whatever their age (1)");
    arguments.Text("--min-age-hours", "N", &min_age_hours_,
                   "orphans: younger files may belong to a load under way (72)");
    arguments.Flag("--delete", &delete_, "orphans: deletes what it lists");
    arguments.Text("--target-size", "BYTES", &target_size_, "compact: size of files to come to (268435456)");
    arguments.Flag("--all", &all_, "compact: also files with few deleted rows, and those of older partition specs");
    arguments.Flag("--dry-run", &dry_run_, "compact, expire: only tells what would be done");
    arguments.Choice("--format", "table|jsonl|csv", &format_, "how rows are written");
    arguments.Text("--resources", "DIR", &resources_,
                   "folder of depots and secrets (default $NILUS_RESOURCES, ./resources)");
  }

  int Run(Context& context) override {
    if (std::find(kActions.begin(), kActions.end(), action_) == kActions.end()) {
      const std::string nearest = Nearest(action_, kActions);
      return ReportError(context,
                         Error{ErrorKind::kInvalidInput, "`nilus lake` does not know `" + action_ + "`",
                               nearest.empty() ? "take one of files, snapshots, compact, expire, orphans, rollback"
                                               : "did you mean `" + nearest + "`?"});
    }
    const Result<RecordBatch> rows = Act(context);
    if (context.stop.stop_requested()) return ReportError(context, Error{ErrorKind::kCancelled, {}, {}});
    if (!rows) return ReportError(context, rows.error());
    RowOutputOptions options;
    options.format = format_ == "jsonl" ? RowFormat::kJsonLines
                     : format_ == "csv" ? RowFormat::kCsv
                                        : RowFormat::kTable;
    options.to_terminal = context.out_is_terminal;
    constexpr int kWidthOfFiles = 200;
    options.columns = context.out_is_terminal ? context.columns : kWidthOfFiles;
    const std::unique_ptr<RowOutput> output = MakeRowOutput(rows->schema(), options, context.out);
    if (rows->num_rows() > 0) output->Write(*rows);
    output->Finish();
    return kDone;
  }

 private:
  Result<RecordBatch> Act(Context& context) {
    NILUS_ASSIGN(const lake::TablePtr table, OpenTable(context));
    if (action_ == "snapshots") return SnapshotRows(table->metadata);
    if (action_ == "files") return Files(*table, context.stop);
    if (action_ == "expire") return Expire(table, context.stop);
    if (action_ == "orphans") return Orphans(table, context.stop);
    if (action_ == "rollback") return RollBack(table, context.stop);
    return Compact(table, context);
  }

  Result<lake::TablePtr> OpenTable(Context& context) const {
    NILUS_ASSIGN(const OpenAddress found, FindAddress(context, address_, resources_));
    if (found.connector->name != "lakehouse") {
      return FailWithFix(ErrorKind::kInvalidInput, "give the address of a lakehouse: lakehouse:///warehouse",
                         "{} holds no Iceberg tables", found.connector->title);
    }
    const size_t dot = table_.find('.');
    if (dot == std::string::npos || dot == 0 || dot + 1 == table_.size()) {
      return Fail(ErrorKind::kInvalidInput, "Table name must be in the format <schema>.<table>: {}", table_);
    }
    NILUS_ASSIGN(const lake::CatalogPtr catalog, lake::OpenCatalog(found.address, context.stop));
    const lake::TableIdentifier name{table_.substr(0, dot), table_.substr(dot + 1)};
    NILUS_ASSIGN(const std::optional<lake::TablePtr> table, catalog->Load(name, context.stop));
    if (!table) return Fail(ErrorKind::kNotFound, "there is no table {} in {}", table_, catalog->description());
    return *table;
  }

  Result<RecordBatch> Files(const lake::Table& table, const std::stop_token& stop) const {
    lake::SnapshotPtr snapshot = table.metadata.SnapshotOf(branch_.value_or(std::string(lake::kMainBranch)));
    if (branch_ && snapshot == nullptr) {
      return Fail(ErrorKind::kNotFound, "table {} has no branch or tag {}", table_, *branch_);
    }
    if (snapshot_) {
      NILUS_ASSIGN(const int64_t id, NumberOf("--snapshot", snapshot_, 0));
      snapshot = table.metadata.FindSnapshot(id);
      if (snapshot == nullptr) return Fail(ErrorKind::kNotFound, "table {} has no snapshot {}", table_, id);
    }
    return FileRows(table, snapshot, stop);
  }

  Result<RecordBatch> Expire(const lake::TablePtr& table, const std::stop_token& stop) const {
    lake::ExpireOptions options;
    options.dry_run = dry_run_;
    NILUS_ASSIGN(options.keep_last, NumberOf("--keep-last", keep_last_, 1));
    if (older_than_) {
      int64_t micros = 0;
      bool has_zone = false;
      if (!ParseTimestamp(*older_than_, &micros, &has_zone)) {
        return Fail(ErrorKind::kInvalidInput, "--older-than {} is no time such as 2026-11-26T10:00:00Z", *older_than_);
      }
      options.older_than = WallTime(std::chrono::microseconds(micros));
    }
    NILUS_ASSIGN(const lake::ExpireReport report, lake::ExpireSnapshots(table, options, stop));
    return ExpireRows(*table, report);
  }

  Result<RecordBatch> Orphans(const lake::TablePtr& table, const std::stop_token& stop) const {
    lake::OrphanOptions options;
    options.remove = delete_;
    NILUS_ASSIGN(const int64_t hours, NumberOf("--min-age-hours", min_age_hours_, options.min_age.count()));
    options.min_age = std::chrono::hours(hours);
    NILUS_ASSIGN(const std::vector<lake::OrphanFile> found, lake::FindOrphans(table, options, stop));
    return OrphanRows(found);
  }

  Result<RecordBatch> RollBack(const lake::TablePtr& table, const std::stop_token& stop) const {
    if (!snapshot_) {
      return FailWithFix(ErrorKind::kInvalidInput, "`nilus lake snapshots` lists them; add --snapshot ID",
                         "rollback needs a snapshot");
    }
    NILUS_ASSIGN(const int64_t id, NumberOf("--snapshot", snapshot_, 0));
    NILUS_ASSIGN(const lake::TablePtr after, lake::RollBack(table, id, /*any=*/false, stop));
    return SnapshotRows(after->metadata);
  }

  Result<RecordBatch> Compact(const lake::TablePtr& table, Context& context) const {
    const OpenContext open = MakeOpenContext(context);
    lake::CompactionOptions options;
    options.threads = std::max(1, open.threads);
    options.all = all_;
    options.dry_run = dry_run_;
    NILUS_ASSIGN(options.target_bytes, NumberOf("--target-size", target_size_, options.target_bytes));
    NILUS_ASSIGN(options.database,
                 duck::Database::Open({.memory_bytes = open.duckdb_bytes, .threads = options.threads}));
    NILUS_ASSIGN(const lake::CompactionReport report, lake::Compact(table, options, context.stop));
    return CompactionRows(report);
  }

  std::string action_;
  std::string address_;
  std::string table_;
  std::optional<std::string> branch_;
  std::optional<std::string> snapshot_;
  std::optional<std::string> older_than_;
  std::optional<std::string> keep_last_;
  std::optional<std::string> min_age_hours_;
  std::optional<std::string> target_size_;
  bool delete_ = false;
  bool all_ = false;
  bool dry_run_ = false;
  std::string format_ = "table";
  std::optional<std::string> resources_;
};

constexpr std::string_view kExamples[] = {
    "nilus lake snapshots lakehouse:///warehouse shop.orders",
    "nilus lake compact lakehouse:///warehouse shop.orders --dry-run",
    "nilus lake expire lakehouse:///warehouse shop.orders --older-than 2026-11-01 --keep-last 10",
};

}  // namespace

constinit const CommandEntry kLakeCommand{
    "lake", "looks after Iceberg tables: their files, snapshots, compaction, expiry, orphans",
    "Never in conflict with writers: what it changes is one commit like theirs, and what they changed meanwhile it "
    "leaves\n"
    "for the next time.",
    kExamples, [] { return std::unique_ptr<Command>(new Lake); }};

}  // namespace nilus::cli
