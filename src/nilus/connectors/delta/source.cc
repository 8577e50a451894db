#include "nilus/connectors/delta/source.h"

#include <utility>

#include "nilus/base/fault.h"
#include "nilus/connectors/delta/table_read.h"
#include "nilus/data/builder.h"
#include "nilus/storage/open_store.h"

namespace nilus::delta_source {
namespace {

// A canonical time, or its usual variations; UTC without an offset.
Result<WallTime> ParseTime(const std::string& text) {
  ColumnBuilder column(MakeType(TypeId::kTimestamp));
  Status parsed = AppendParsed(text, &column);
  if (!parsed) {
    return FailWithFix(ErrorKind::kInvalidInput, "write 2026-11-26T10:00:00Z", "as_of: '{}' is no time", text);
  }
  return WallTime(std::chrono::microseconds(column.Finish().Value<int64_t>(0)));
}

Result<delta::VersionWish> WishOf(const OptionValues& options) {
  delta::VersionWish wish;
  if (options.Has("version")) wish.version = options.Integer("version", 0);
  if (options.Has("as_of")) {
    NILUS_ASSIGN(wish.time, ParseTime(options.Text("as_of")));
  }
  if (wish.version && wish.time)
    return Fail(ErrorKind::kInvalidInput, "version and as_of exclude each other: leave one of them out");
  return wish;
}

class DeltaSource final : public Source {
 public:
  DeltaSource(std::shared_ptr<storage::ObjectStore> store, std::string collection, delta::VersionWish wish,
              std::shared_ptr<duck::Database> database, std::stop_token stop)
      : store_(std::move(store)),
        collection_(std::move(collection)),
        wish_(wish),
        database_(std::move(database)),
        stop_(std::move(stop)) {}

  Result<TableDescription> Describe(const ReadRequest& request) override {
    NILUS_ASSIGN(auto read, Look(request));
    return DescriptionOf(*read);
  }

  Result<ReadPlan> Plan(const ReadRequest& request) override {
    NILUS_FAULT_POINT("delta.source.plan");
    read_.reset();
    NILUS_ASSIGN(read_, Look(request));
    ReadPlan plan;
    plan.table = DescriptionOf(*read_);
    if (request.range) {
      NILUS_ASSIGN(duck::Connection connection, duck::Connection::Open(database_));
      NILUS_ASSIGN(plan.upper, HighestKey(*read_, connection, stop_));
    }
    for (size_t i = 0; i < read_->splits.size(); ++i) {
      plan.splits.push_back(Split{
          .description = fmt::format("{} version {} part {} of {} ({} files)", request.table, read_->snapshot.version,
                                     i + 1, read_->splits.size(), read_->splits[i].count),
          .payload = std::to_string(i)});
    }
    return plan;
  }

  Result<std::unique_ptr<Reader>> Open(const Split& split) override {
    NILUS_FAULT_POINT("delta.source.open");
    const auto number = ParseInteger(split.payload);
    if (read_ == nullptr || !number || *number < 0 || *number >= static_cast<int64_t>(read_->splits.size()))
      return Fail(ErrorKind::kInternal, "a split of a Delta table was opened that is not of the last plan");
    return OpenTableReader(read_, static_cast<size_t>(*number), database_, stop_);
  }

  Result<std::vector<CheckItem>> Check() override {
    NILUS_ASSIGN(storage::FolderListing listing, store_->ListFolder(collection_, stop_));
    return std::vector<CheckItem>{
        {.what = "list",
         .ok = true,
         .detail = fmt::format("{}: {} folders", store_->Url(collection_), listing.folders.size())}};
  }

 private:
  Result<std::shared_ptr<const TableRead>> Look(const ReadRequest& request) {
    if (request.table.starts_with("query:")) {
      return FailWithFix(ErrorKind::kUnsupported, "name a table: collection.dataset",
                         "queries over Delta tables are not read");
    }
    NILUS_ASSIGN(std::string folder, FolderOf(request.table, collection_));
    NILUS_ASSIGN(duck::Connection connection, duck::Connection::Open(database_));
    NILUS_ASSIGN(delta::Snapshot snapshot, delta::ReadSnapshot(*store_, folder, wish_, connection, stop_));
    return PlanTableRead(store_, std::move(folder), std::move(snapshot), request);
  }

  static TableDescription DescriptionOf(const TableRead& read) {
    TableDescription description{.schema = read.schema};
    int64_t rows = 0;
    int64_t bytes = 0;
    bool all_tell = true;
    for (const delta::DataFile& file : read.snapshot.files) {
      all_tell &= file.rows.has_value();
      rows += file.rows.value_or(0) - (file.deletion_vector ? file.deletion_vector->cardinality : 0);
      bytes += file.size;
    }
    if (all_tell) description.estimated_rows = rows;
    description.estimated_bytes = bytes;
    return description;
  }

  const std::shared_ptr<storage::ObjectStore> store_;
  const std::string collection_;
  const delta::VersionWish wish_;
  const std::shared_ptr<duck::Database> database_;
  const std::stop_token stop_;
  std::shared_ptr<const TableRead> read_;  // of the last Plan
};

}  // namespace

Result<std::unique_ptr<Source>> OpenSource(const Address& address, const OpenContext& context) {
  NILUS_ASSIGN(auto store, storage::OpenStore(address));
  NILUS_ASSIGN(delta::VersionWish wish, WishOf(context.options));
  NILUS_ASSIGN(auto database,
               duck::Database::Open({.memory_bytes = context.duckdb_bytes, .threads = std::max(context.threads, 1)}));
  return std::make_unique<DeltaSource>(std::move(store), address.Param("collection"), wish, std::move(database),
                                       context.stop);
}

}  // namespace nilus::delta_source
