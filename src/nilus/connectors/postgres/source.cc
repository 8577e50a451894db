#include "nilus/connectors/postgres/source.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "nilus/base/fault.h"
#include "nilus/base/option_spec.h"
#include "nilus/connectors/postgres/catalog.h"
#include "nilus/connectors/postgres/check.h"
#include "nilus/connectors/postgres/options.h"
#include "nilus/connectors/postgres/reader.h"
#include "nilus/connectors/postgres/select.h"
#include "nilus/connectors/postgres/snapshot.h"
#include "nilus/connectors/postgres/sqlstate.h"

namespace nilus::postgres {
namespace {

constexpr int kFirstVersionWithTidRangeScan = 140000;
constexpr int64_t kSmallTableBytes = 8 << 20;  // not worth a second session
constexpr int64_t kMostPartitionsInOneSplit = 50;

// What is read, once the server's catalog has been asked.
struct Target {
  std::optional<Relation> relation;  // nothing: a query
  Selection selection;
};

class PostgresSource : public Source {
 public:
  PostgresSource(Address address, OpenContext context) : address_(std::move(address)), context_(std::move(context)) {}

  Result<TableDescription> Describe(const ReadRequest& request) override {
    NILUS_TRY(Connect());
    NILUS_ASSIGN(Target target, FindTarget(request));
    return ToDescription(target);
  }

  Result<ReadPlan> Plan(const ReadRequest& request) override;

  Result<std::unique_ptr<Reader>> Open(const Split& split) override {
    if (snapshot_ == nullptr) return Fail(ErrorKind::kInternal, "a split was opened before Plan");
    return MakeReader(snapshot_, settings_, split.payload);
  }

  Result<std::vector<CheckItem>> Check() override {
    if (Status connected = Connect(); !connected) {
      if (connected.error().kind == ErrorKind::kCancelled) return Failure(connected.error());
      return std::vector<CheckItem>{{"connect", false, connected.error().ToString()}};
    }
    return CheckServer(*connection_, context_.stop);
  }

 private:
  Status Connect() {
    if (connection_ != nullptr && connection_->is_usable()) return {};
    NILUS_FAULT_POINT("postgres.source.connect");
    NILUS_ASSIGN(connection_, Connection::Open(address_, context_.stop));
    return {};
  }
  Result<Target> FindTarget(const ReadRequest& request);
  Status BeginSnapshot(const ReadRequest& request);
  Result<std::optional<Scalar>> ReadMaximum(const Selection& selection, const Key& key, const std::string& condition,
                                            const std::optional<int64_t>& limit);
  Result<std::vector<Split>> PlanSplits(const Target& target, const ReadRequest& request, const std::string& condition,
                                        const std::string& order_by);
  Result<std::vector<Split>> PartitionSplits(const Target& target, const ReadRequest& request,
                                             const std::string& condition);
  Result<std::vector<Split>> IntegerKeySplits(const Target& target, const ReadRequest& request,
                                              const std::string& condition, int count);
  static TableDescription ToDescription(const Target& target);

  const Address address_;
  const OpenContext context_;
  std::unique_ptr<Connection> connection_;  // for Describe and Check; the next Plan makes it the keeper
  std::shared_ptr<Snapshot> snapshot_;
  std::shared_ptr<const ReaderSettings> settings_;
};

TableDescription PostgresSource::ToDescription(const Target& target) {
  TableDescription description;
  description.schema = target.selection.ToSchema();
  description.primary_key = target.selection.primary_key;
  if (target.relation && target.relation->estimated_rows >= 0) {
    const Relation& relation = *target.relation;
    bool knows = relation.kind == 'r' || relation.kind == 'm' || relation.kind == 'p';
    // Before the first ANALYZE of servers before 14 a filled table shows 0.
    if (knows && (relation.estimated_rows > 0 || relation.blocks == 0)) {
      description.estimated_rows = static_cast<int64_t>(relation.estimated_rows);
    }
  }
  if (target.relation && target.relation->is_heap)
    description.estimated_bytes = target.relation->blocks * target.relation->block_bytes;
  if (target.relation && target.relation->is_row_secured) {
    description.warnings.push_back(fmt::format("row-level security hides rows of {} from this role: they are not read",
                                               target.relation->ref.ToString()));
  }
  return description;
}

Result<Target> PostgresSource::FindTarget(const ReadRequest& request) {
  Target target;
  if (auto query = QueryText(request.table)) {
    NILUS_ASSIGN(std::string sql, BindIntervals(*query, request.interval_start, request.interval_end));
    NILUS_ASSIGN(std::vector<CatalogColumn> columns, DescribeQuery(*connection_, sql, context_.stop));
    NILUS_ASSIGN(target.selection, SelectFromQuery(sql, columns, request));
    return target;
  }
  NILUS_ASSIGN(TableRef ref, ParseTableName(request.table));
  NILUS_ASSIGN(target.relation, FindRelation(*connection_, ref, context_.stop));
  NILUS_ASSIGN(std::vector<CatalogColumn> columns, ReadColumns(*connection_, target.relation->oid, context_.stop));
  NILUS_ASSIGN(target.selection, SelectFromTable(ref, columns, request));
  return target;
}

// The lock comes before the snapshot: a TRUNCATE or rewriting ALTER between the two would make the rows invisible.
Status PostgresSource::BeginSnapshot(const ReadRequest& request) {
  const std::string begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
  std::string lock;
  if (!QueryText(request.table)) {
    NILUS_ASSIGN(TableRef ref, ParseTableName(request.table));
    NILUS_ASSIGN(Relation relation, FindRelation(*connection_, ref, context_.stop));
    bool can_be_locked = relation.kind == 'r' || relation.kind == 'p' ||
                         (relation.kind == 'v' && connection_->server_version() >= 110000);
    if (can_be_locked) lock = "; LOCK TABLE " + QuoteName(ref.schema, ref.name) + " IN ACCESS SHARE MODE";
  }
  auto begun = connection_->Execute(begin + lock, context_.stop);
  // Rights on single columns allow reading, but not LOCK TABLE: the COPY itself takes the lock then.
  if (!begun && begun.error().kind == ErrorKind::kAuth && connection_->is_usable()) {
    NILUS_TRY(connection_->Execute("ROLLBACK", context_.stop));
    begun = connection_->Execute(begin, context_.stop);
  }
  if (!begun) return Failure(begun.error());
  return {};
}

Result<ReadPlan> PostgresSource::Plan(const ReadRequest& request) {
  snapshot_.reset();
  settings_.reset();
  NILUS_TRY(Connect());
  if (request.limit && *request.limit < 0) return Fail(ErrorKind::kInvalidInput, "sql_limit is negative");
  if (Status begun = BeginSnapshot(request); !begun) {
    if (connection_ != nullptr && connection_->is_in_transaction()) connection_.reset();
    return Failure(begun.error());
  }
  auto plan = [&]() -> Result<ReadPlan> {
    NILUS_ASSIGN(Target target, FindTarget(request));
    ReadPlan result;
    result.table = ToDescription(target);
    std::string condition;
    std::string order_by;
    if (request.range) {
      NILUS_ASSIGN(Key key, FindKey(target.selection, request.range->column));
      condition = RangeCondition(key, *request.range);
      // Which rows a limit lets through must be what the next run's lower bound says.
      if (request.limit) order_by = key.expression;
      NILUS_ASSIGN(result.upper, ReadMaximum(target.selection, key, condition, request.limit));
    }
    NILUS_ASSIGN(result.splits, PlanSplits(target, request, condition, order_by));
    auto settings = std::make_shared<ReaderSettings>();
    settings->table = request.table;
    settings->schema = std::make_shared<Schema>(result.table.schema);
    settings->columns = target.selection.DecoderColumns();
    settings->page_rows = request.page_rows;
    settings->batch_bytes = request.batch_bytes;
    settings->is_large = !target.relation ||
                         target.relation->blocks * target.relation->block_bytes >= kSmallTableBytes ||
                         target.relation->kind != 'r';
    settings_ = std::move(settings);
    return result;
  }();
  // After an error its transaction is still open, so this session is not used again either.
  std::unique_ptr<Connection> keeper = std::move(connection_);
  if (!plan) return Failure(AsReadError(plan.error()));
  std::unordered_map<std::string, int> payloads;
  for (const Split& split : plan->splits) payloads[split.payload] = std::max(request.readings, 1);
  snapshot_ = std::make_shared<Snapshot>(address_, std::move(keeper), std::move(payloads));
  if (plan->splits.size() > 1) NILUS_TRY(snapshot_->Export(context_.stop));
  return plan;
}

Result<std::optional<Scalar>> PostgresSource::ReadMaximum(const Selection& selection, const Key& key,
                                                          const std::string& condition,
                                                          const std::optional<int64_t>& limit) {
  NILUS_TRY(connection_->StartCopyOut(CopyMaximum(selection, key, condition, limit), context_.stop));
  CopyDecoder decoder({{"max", key.type, key.wire}});
  BatchBuilder builder(std::make_shared<Schema>(Schema{{{"max", key.type, true, ""}}}));
  CopyData data;
  while (true) {
    NILUS_ASSIGN(bool has_more, connection_->NextCopyData(&data, context_.stop));
    if (!has_more) break;
    NILUS_TRY(decoder.Feed(data.bytes()));
    while (decoder.HasRow()) NILUS_TRY(decoder.DecodeRow(&builder));
  }
  if (builder.num_rows() != 1) return Fail(ErrorKind::kData, "max() returned {} rows", builder.num_rows());
  RecordBatch batch = builder.Finish();
  if (batch.column(0).IsNull(0)) return std::nullopt;
  return ScalarAt(batch.column(0), 0);
}

Result<std::vector<Split>> PostgresSource::PlanSplits(const Target& target, const ReadRequest& request,
                                                      const std::string& condition, const std::string& order_by) {
  const Selection& selection = target.selection;
  std::vector<Split> whole = {
      {request.table, CopyStatement(selection, selection.from, condition, "", request.limit, order_by)}};
  if (!target.relation || request.limit || request.parallelism <= 1) return whole;
  const Relation& relation = *target.relation;
  if (relation.kind == 'p') {
    NILUS_ASSIGN(std::vector<Split> parts, PartitionSplits(target, request, condition));
    return parts.size() > 1 ? std::move(parts) : whole;
  }
  if (!relation.is_heap || relation.blocks * relation.block_bytes < 2 * kSmallTableBytes) return whole;
  int64_t count = std::min<int64_t>(std::max(8, 4 * request.parallelism),
                                    relation.blocks * relation.block_bytes / kSmallTableBytes);
  if (connection_->server_version() < kFirstVersionWithTidRangeScan) {
    NILUS_ASSIGN(std::vector<Split> parts, IntegerKeySplits(target, request, condition, static_cast<int>(count)));
    return parts.size() > 1 ? std::move(parts) : whole;
  }
  std::vector<Split> splits;
  for (const RowRange& range : BlockRanges(relation.blocks, (relation.blocks + count - 1) / count)) {
    splits.push_back({request.table + " " + range.description,
                      CopyStatement(selection, selection.from, condition, range.condition, std::nullopt, "")});
  }
  return splits;
}

// Leaf partitions are read directly, unless rights or row-level security differ from what the parent gives.
Result<std::vector<Split>> PostgresSource::PartitionSplits(const Target& target, const ReadRequest& request,
                                                           const std::string& condition) {
  NILUS_ASSIGN(std::vector<Partition> partitions, ReadPartitions(*connection_, target.relation->oid, context_.stop));
  int64_t total_bytes = 0;
  for (const Partition& partition : partitions) {
    if (!partition.is_readable || partition.relation.is_row_secured || partition.relation.kind == 'f') {
      return std::vector<Split>{};
    }
    total_bytes += partition.relation.blocks * partition.relation.block_bytes;
  }
  if (target.relation->is_row_secured || total_bytes < 2 * kSmallTableBytes) return std::vector<Split>{};
  int64_t split_bytes = std::max(kSmallTableBytes, total_bytes / std::max(8, 4 * request.parallelism));
  bool has_block_ranges = connection_->server_version() >= kFirstVersionWithTidRangeScan;

  const std::string copy_end = ") TO STDOUT (FORMAT binary)";
  std::vector<Split> splits;
  Split group;  // of small partitions
  int64_t group_bytes = 0;
  int64_t group_count = 0;
  auto end_group = [&] {
    if (group_count == 0) return;
    group.payload += copy_end;
    splits.push_back(std::exchange(group, {}));
    group_bytes = group_count = 0;
  };
  for (const Partition& partition : partitions) {
    const Relation& relation = partition.relation;
    std::string from = QuoteName(relation.ref.schema, relation.ref.name) + " AS t";
    int64_t bytes = relation.blocks * relation.block_bytes;
    if (bytes >= 2 * split_bytes && relation.is_heap && has_block_ranges) {
      for (const RowRange& range :
           BlockRanges(relation.blocks, std::max<int64_t>(split_bytes / relation.block_bytes, 1))) {
        splits.push_back({relation.ref.ToString() + " " + range.description,
                          CopyStatement(target.selection, from, condition, range.condition, std::nullopt, "")});
      }
      continue;
    }
    if (group_bytes + bytes > split_bytes || group_count >= kMostPartitionsInOneSplit) end_group();
    std::string select = CopyStatement(target.selection, from, condition, "", std::nullopt, "");
    select.resize(select.size() - copy_end.size());
    group.payload += group_count == 0 ? select : " UNION ALL " + select.substr(std::string_view("COPY (").size());
    group.description += (group_count == 0 ? "" : ", ") + relation.ref.ToString();
    group_bytes += bytes;
    ++group_count;
  }
  end_group();
  return splits;
}

Result<std::vector<Split>> PostgresSource::IntegerKeySplits(const Target& target, const ReadRequest& request,
                                                            const std::string& condition, int count) {
  const Selection& selection = target.selection;
  if (selection.primary_key.size() != 1) return std::vector<Split>{};
  auto key = std::find_if(selection.columns.begin(), selection.columns.end(),
                          [&](const SelectColumn& c) { return c.name == selection.primary_key[0]; });
  bool is_integer = key->pg_type.oid == oid::kInt2 || key->pg_type.oid == oid::kInt4 || key->pg_type.oid == oid::kInt8;
  if (!is_integer) return std::vector<Split>{};
  NILUS_ASSIGN(PgResult bounds,
               connection_->Execute(fmt::format("SELECT pg_catalog.min({0}), pg_catalog.max({0}) FROM {1}",
                                                key->reference, selection.from),
                                    context_.stop));
  auto lowest = ParseInteger(FieldText(bounds, 0, 0));
  auto highest = ParseInteger(FieldText(bounds, 0, 1));
  if (!lowest || !highest) return std::vector<Split>{};
  std::vector<Split> splits;
  for (const RowRange& range : IntegerRanges(key->reference, *lowest, *highest, count)) {
    splits.push_back({request.table + " " + range.description,
                      CopyStatement(selection, selection.from, condition, range.condition, std::nullopt, "")});
  }
  return splits;
}

}  // namespace

Result<std::unique_ptr<Source>> OpenPostgresSource(const Address& address, const OpenContext& context) {
  NILUS_TRY(PlanConnection(address));  // a wrong parameter is told before anything is connected
  return std::make_unique<PostgresSource>(address, context);
}

}  // namespace nilus::postgres
