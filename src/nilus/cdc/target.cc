#include "nilus/cdc/target.h"

#include <algorithm>
#include <array>

#include "nilus/cdc/change_columns.h"
#include "nilus/cdc/lines.h"
#include "nilus/connector/sql_strategy.h"
#include "nilus/data/scalar.h"
#include "nilus/data/take.h"
#include "nilus/engine/manifest_terms.h"
#include "nilus/rows/children_hash.h"
#include "nilus/rows/dead_letters.h"
#include "nilus/rows/unnest.h"

namespace nilus {
namespace {

// Under merge keys must stay apart once masked, and come out alike every time.
Status CheckKeyMasks(const CapturedTable& table, const Masking& masking) {
  for (const std::string& column : table.key) {
    const MaskRule* rule = masking.RuleFor(column);
    if (rule == nullptr) continue;
    const MaskedKey kept = MaskedKeyOf(rule->algorithm);
    if (kept == MaskedKey::kDistinct || kept == MaskedKey::kUnique) continue;
    return FailWithFix(ErrorKind::kUnsupported, "mask a key with hash, sha256, md5, hmac or uuid",
                       "key column `{}` of {}.{} cannot be masked with {} under incremental_strategy merge: rows with "
                       "different keys would become one, or one row many",
                       column, table.schema, table.name, rule->algorithm);
  }
  return {};
}

bool TakesAnyText(const Type& type) {
  return type.id == TypeId::kText || type.id == TypeId::kJson || type.id == TypeId::kBinary;
}

// What a view holds sorts behind the last transaction that it sees, and before the next one: those end some bytes
// apart.
LogPosition RightBehind(const LogPosition& view) { return {view.major + 1, view.minor}; }

// The numbers below `count` that are not among `rows` (ascending).
std::vector<int32_t> Others(const std::vector<int32_t>& rows, int64_t count) {
  std::vector<int32_t> others;
  auto next = rows.begin();
  for (int32_t row = 0; row < count; ++row) {
    if (next != rows.end() && *next == row) {
      ++next;
    } else {
      others.push_back(row);
    }
  }
  return others;
}

// Columns that loads of changes have on their way begin with _nilus_ (connector/sink.h, change_fold.h, sinks' own), and
// so do those of tables that Nilus has loaded: these may be captured like others.
bool IsInternal(std::string_view name) {
  constexpr std::array kLoaded = {kLoadIdColumn,    kRowIdColumn,     kRootIdColumn,  kParentIdColumn,
                                  kListIndexColumn, kValidFromColumn, kValidToColumn, kChildrenHashColumn};
  return name.starts_with("_nilus_") && std::find(kLoaded.begin(), kLoaded.end(), name) == kLoaded.end();
}

// Rows that a change is about may never have been loaded.
std::string WhyRowsAreLacking(const CdcJob& job, const CapturedTable& table) {
  const CdcProperties& properties = job.properties;
  const std::vector<ChangeOp>& skipped = properties.skipped;
  if (!properties.snapshot.reads_rows) return "snapshot.mode " + properties.snapshot.mode + " reads no rows";
  if (!properties.ReadsRowsOf(table.schema + "." + table.name))
    return "snapshot.include.collection.list leaves the table out";
  const bool skips_new = std::find(skipped.begin(), skipped.end(), ChangeOp::kCreate) != skipped.end();
  return skips_new ? "skipped.operations leaves new rows out" : "";
}

Status CheckNames(const CdcJob& job, const CapturedTable& table) {
  for (const Field& field : table.columns.fields) {
    const bool is_key = std::find(table.key.begin(), table.key.end(), field.name) != table.key.end();
    if (job.changelog && !is_key) continue;
    const std::string name = NormalizeName(field.name, job.naming, job.identifier_limit);
    if (!IsChangeColumn(name, job.changelog) && !IsInternal(name)) continue;
    return FailWithFix(ErrorKind::kInvalidInput,
                       fmt::format("leave the column out with column.exclude.list: {}\\.{}\\.{}, or rename it",
                                   table.schema, table.name, field.name),
                       "column `{}` of {}.{} has the name of a column that change data capture uses", field.name,
                       table.schema, table.name);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<TableTarget>> TableTarget::Create(const CdcJob& job, CapturedTable table, TableName name,
                                                         std::optional<Schema> destination, Numbers numbers,
                                                         std::string database) {
  std::unique_ptr<TableTarget> target(new TableTarget(job, std::move(table), std::move(name)));
  target->database_ = std::move(database);
  NILUS_TRY(target->Prepare(std::move(destination), std::move(numbers)));
  return target;
}

Status TableTarget::Prepare(std::optional<Schema> destination, Numbers numbers) {
  if (job_->merges && table_.key.empty()) {
    return FailWithFix(ErrorKind::kInvalidInput,
                       fmt::format("give it a primary key, set REPLICA IDENTITY USING INDEX, leave it out with "
                                   "table.exclude.list: {}\\.{}, or use incremental_strategy append",
                                   table_.schema, table_.name),
                       "table {}.{} has no key: incremental_strategy merge cannot tell its rows apart", table_.schema,
                       table_.name);
  }
  NILUS_TRY(CheckNames(*job_, table_));
  NILUS_ASSIGN(masking_, Masking::Create(MaskingOptions{.rules = MasksOf(*job_, table_),
                                                        .naming = job_->naming,
                                                        .identifier_limit = job_->identifier_limit,
                                                        .table = table_.schema + "." + table_.name,
                                                        .sequences = std::move(numbers)}));
  letter_name_ = {.schema = name_.schema, .name = DeadLetterTable(name_.name, job_->identifier_limit)};
  if (job_->merges) {
    NILUS_TRY(CheckKeyMasks(table_, *masking_));
    lacks_rows_as_ = WhyRowsAreLacking(*job_, table_);
  }
  masker_ = std::make_unique<Masker>(masking_);
  NILUS_ASSIGN(Schema masked, masking_->MaskedSchema(WithoutRowIds(table_.columns)));
  if (job_->changelog) {  // of the table's own columns only those of its key
    std::erase_if(masked.fields, [&](const Field& field) {
      return std::find(table_.key.begin(), table_.key.end(), field.name) == table_.key.end();
    });
  }
  if (destination) {
    for (const Field& field : WithoutRowIds(*destination).fields) reported_columns_.insert(field.name);
  }
  const std::optional<Schema> there = destination;
  ShapeOptions options{.naming = job_->naming,
                       .identifier_limit = job_->identifier_limit,
                       .exclude = {},
                       .destination = std::move(destination),
                       .table = name_.ToString(),
                       .hints = HintsOf(*job_, table_),
                       .contract = job_->contract,
                       .must_fit = {},
                       .finds_rows = job_->merges};
  for (const std::string& column : table_.key) {
    options.must_fit.push_back(NormalizeName(column, job_->naming, job_->identifier_limit));
  }
  NILUS_ASSIGN(shape_, TableShape::Create(masked, std::move(options)));
  normalizer_ = std::make_unique<Normalizer>(*shape_);
  is_ours_ = !there || there->Find(kLoadIdColumn).has_value();
  if (there) CompareWith(WithoutRowIds(*there));
  return {};
}

void TableTarget::CompareWith(const Schema& destination) {
  if (!job_->merges) return;  // a log of changes tells what each row was then
  const std::vector<std::string> key = KeyNames();
  lacks_key_ = std::any_of(key.begin(), key.end(), [&](const std::string& name) { return !destination.Find(name); });
  if (job_->changelog) return;
  std::vector<std::string> added;
  std::set<std::string> names;
  for (const Field& field : table_.columns.fields) {
    if (!field.variant_of.empty()) continue;
    const std::string name = shape_->NameOf(field.name);
    names.insert(name);
    if (!destination.Find(name)) added.push_back(field.name);
  }
  const bool has_gone = std::any_of(destination.fields.begin(), destination.fields.end(), [&](const Field& field) {
    return field.variant_of.empty() && !names.contains(field.name) && !IsChangeColumn(field.name, false);
  });
  for (const std::string& column : added) {
    if (has_gone || table_.filled.contains(column)) unfilled_.push_back(column);
  }
}

bool TableTarget::HasOtherKeyType() const {
  if (!job_->merges || !is_ours_) return false;
  const Schema destination = shape_->schema();
  const std::vector<PinnedType> hints = HintsOf(*job_, table_);
  const Result<Schema> masked = masking_->MaskedSchema(WithoutRowIds(table_.columns));
  return masked && std::any_of(table_.key.begin(), table_.key.end(), [&](const std::string& column) {
           const std::optional<int> from = masked->Find(column);
           const std::optional<int> to = destination.Find(shape_->NameOf(column));
           if (!from || !to) return false;
           const auto hint = std::find_if(hints.begin(), hints.end(), [&](const PinnedType& pinned) {
             return pinned.column == column || pinned.column == shape_->NameOf(column);
           });
           const Type& wanted = hint != hints.end() ? hint->type : masked->fields[static_cast<size_t>(*from)].type;
           return TakesAnyText(wanted) && !TakesAnyText(destination.fields[static_cast<size_t>(*to)].type);
         });
}

// A rename shows as a column that goes and one that comes.
void TableTarget::SetTable(CapturedTable table) {
  const auto has = [](const CapturedTable& of, const Field& field) { return of.columns.Find(field.name).has_value(); };
  const bool has_gone = std::any_of(table_.columns.fields.begin(), table_.columns.fields.end(),
                                    [&](const Field& field) { return !has(table, field); });
  for (const Field& field : table.columns.fields) {
    const bool is_new = field.variant_of.empty() && !has(table_, field);
    if (is_new && job_->merges && !job_->changelog && (has_gone || table.filled.contains(field.name)))
      unfilled_.push_back(field.name);
  }
  TakeTable(std::move(table));
}

Status TableTarget::TakeColumns() {
  if (job_->changelog) return {};  // those of the key, which Create has taken
  auto columns = std::make_shared<Schema>(WithoutRowIds(table_.columns));
  NILUS_ASSIGN(const RecordBatch masked, masker_->Apply(BatchBuilder(std::move(columns)).Finish()));
  return normalizer_->Normalize(masked).map([](const NormalizedBatch&) {});
}

void TableTarget::ForgetOldRows() {
  lacks_key_ = false;
  unfilled_.clear();
}

std::vector<std::string> TableTarget::KeyNames() const {
  std::vector<std::string> names;
  for (const std::string& column : table_.key) names.push_back(shape_->NameOf(column));
  return names;
}

WriteRequest TableTarget::Request() const {
  Schema schema = shape_->schema();
  for (Field& field : schema.fields) field.nullable = true;  // truncates and deletes know less than rows
  AddChangeFields(job_->changelog, &schema);
  WriteRequest request{.pipeline = job_->pipeline,
                       .load_id = {},
                       .table = name_,
                       .schema = std::make_shared<Schema>(WithRowIds(std::move(schema))),
                       .strategy = job_->merges ? WriteStrategy::kMerge : WriteStrategy::kAppend,
                       .is_changes = job_->merges,
                       .may_lack_rows = !lacks_rows_as_.empty(),
                       .must_exist = is_there_ && !is_replaced_,
                       .full_refresh = is_replaced_,
                       .misfits = MisfitsUnder(job_->contract),
                       .load_time = Now(),
                       .file_rows = job_->file_rows,
                       .file_format = job_->file_format,
                       .memory_bytes = job_->memory.connector_bytes,
                       .threads = job_->threads};
  if (job_->merges) request.primary_key = KeyNames();
  for (const PartitionField& field : job_->partition_by) {
    if (request.schema->Find(field.column)) request.partition_by.push_back(field);
  }
  for (const std::string& column : job_->cluster_by) {
    if (request.schema->Find(column)) request.cluster_by.push_back(column);
  }
  return request;
}

void TableTarget::NameFor(const std::string& load_id) {
  if (namer_ && namer_load_ == load_id) return;
  namer_.emplace(std::make_shared<RowNames>(load_id, name_.ToString(),
                                            job_->merges ? KeyNames() : std::vector<std::string>(), false));
  letter_namer_.emplace(
      std::make_shared<RowNames>(load_id, letter_name_.ToString(), std::vector<std::string>(), false));
  namer_load_ = load_id;
}

RecordBatch TableTarget::Named(const RecordBatch& rows, const std::string& load_id) {
  NameFor(load_id);
  return namer_->Name(rows);
}

Result<RecordBatch> TableTarget::FromChanges(const ChangeBatch& batch, const std::string& load_id) {
  std::vector<KeepAs> keep(batch.ops.size(), KeepAs::kWhole);
  bool skips = false;
  for (size_t i = 0; i < keep.size() && !job_->properties.skipped.empty(); ++i) {
    const std::vector<ChangeOp>& skipped = job_->properties.skipped;
    if (std::find(skipped.begin(), skipped.end(), batch.ops[i]) == skipped.end()) continue;
    keep[i] = KeepAs::kNothing;
    skips = true;
  }
  if (!skips && job_->properties.values.empty()) return Rows(batch, load_id);
  NILUS_ASSIGN(const ChangeBatch changes, WithModes(skips ? KeepChanges(batch, keep) : batch));
  return Rows(changes, load_id);
}

Result<RecordBatch> TableTarget::Rows(const ChangeBatch& batch, const std::string& load_id) {
  NILUS_ASSIGN(ChangeLines lines, ChangeLines::Of(batch, batch.key));
  if (job_->changelog) return Changelog(batch, lines, load_id);
  return Flatten(batch, std::move(lines), load_id);
}

Result<RecordBatch> TableTarget::FromSnapshot(const RecordBatch& rows, const LogPosition& at,
                                              const std::string& load_id) {
  const auto count = static_cast<size_t>(rows.num_rows());
  ChangeBatch batch{.schema = table_.schema,
                    .table = table_.name,
                    .key = table_.key,
                    .rows = WithoutRowIds(rows),
                    .ops = std::vector<ChangeOp>(count, ChangeOp::kRead),
                    .positions = std::vector<LogPosition>(count, RightBehind(at)),
                    .change_lsns = std::vector<uint64_t>(count, at.major),
                    .transactions = std::vector<int64_t>(count, 0),
                    .committed_at = std::vector<int64_t>(count, Now().time_since_epoch().count()),
                    .sequence = std::vector<int64_t>(count, 1)};
  return FromChanges(batch, load_id);
}

Result<RecordBatch> TableTarget::Truncation(const LogPosition& at, const std::string& load_id) {
  auto schema = std::make_shared<Schema>(table_.columns);
  BatchBuilder row(schema);
  for (int i = 0; i < schema->size(); ++i) row.column(i).AppendNull();
  row.FinishRow();
  ChangeBatch batch{.schema = table_.schema,
                    .table = table_.name,
                    .key = table_.key,
                    .rows = row.Finish(),
                    .ops = {ChangeOp::kTruncate},
                    .positions = {RightBehind(at)},
                    .change_lsns = {at.major},
                    .transactions = {0},
                    .committed_at = {Now().time_since_epoch().count()},
                    .sequence = {0}};
  return Rows(batch, load_id);  // ours, whatever skipped.operations says of the source's
}

std::vector<Field> TableTarget::TakeNewColumns() {
  std::vector<Field> fields;
  for (const Field& field : shape_->schema().fields) {
    if (reported_columns_.insert(field.name).second) fields.push_back(field);
  }
  return fields;
}

// ---- flatten ----

Result<RecordBatch> TableTarget::Flatten(const ChangeBatch& batch, ChangeLines lines, const std::string& load_id) {
  NILUS_ASSIGN(RecordBatch masked, masker_->Apply(lines.TakeFrom(batch)));
  std::vector<int32_t> left;
  NILUS_ASSIGN(RecordBatch rows, Normalized(batch, masked, load_id, &lines, &left));
  Schema schema = *rows.schema();
  for (Field& field : schema.fields) field.nullable = true;
  std::vector<Column> columns = rows.columns();
  AddChangeColumns(batch, lines, &schema, &columns);
  if (job_->merges) {
    AddMergeColumns(batch, lines, &schema, &columns);
  } else if (!batch.unchanged.empty()) {
    Column names = lines.UnchangedNames(batch, *shape_, {}, ',');
    if (names.null_count < names.length) {
      schema.fields.push_back(Field{.name = std::string(kUnchangedMark), .type = names.type});
      columns.push_back(std::move(names));
    }
  }
  RecordBatch all(std::make_shared<Schema>(std::move(schema)), std::move(columns), rows.num_rows());
  return Named(left.empty() ? all : TakeRows(all, Others(left, all.num_rows())), load_id);
}

// ---- changelog ----

Result<RecordBatch> TableTarget::Changelog(const ChangeBatch& batch, const ChangeLines& lines,
                                           const std::string& load_id) {
  NILUS_ASSIGN(RecordBatch masked, masker_->Apply(lines.TakeFrom(batch)));
  std::optional<RecordBatch> old;
  if (batch.old_rows) {
    // One that lacks columns has no masks for them: each batch of old rows is masked for itself.
    NILUS_ASSIGN(old, Masker(masking_).Apply(*batch.old_rows));
  }
  std::vector<int> key_columns;
  auto key_schema = std::make_shared<Schema>();
  for (int i = 0; i < masked.schema()->size(); ++i) {
    const Field& field = masked.schema()->fields[static_cast<size_t>(i)];
    const std::string& column = field.variant_of.empty() ? field.name : field.variant_of;
    if (std::find(table_.key.begin(), table_.key.end(), column) == table_.key.end()) continue;
    key_columns.push_back(i);
    key_schema->fields.push_back(field);
  }
  // Keys must fit: none of these rows is dead.
  NILUS_ASSIGN(const NormalizedBatch normalized, normalizer_->Normalize(masked.Select(key_schema, key_columns)));
  const RecordBatch& keys = normalized.rows;
  Schema schema = *keys.schema();
  for (Field& field : schema.fields) field.nullable = true;
  std::vector<Column> columns = keys.columns();
  AddChangelogColumns(ChangelogSource{.prefix = job_->properties.prefix, .database = database_, .table = &table_},
                      batch, lines, masked, old, &schema, &columns);
  if (job_->merges) AddMergeColumns(batch, lines, &schema, &columns);
  return Named(RecordBatch(std::make_shared<Schema>(std::move(schema)), std::move(columns), masked.num_rows()),
               load_id);
}

// ---- merge ----

void TableTarget::AddMergeColumns(const ChangeBatch& batch, const ChangeLines& lines, Schema* schema,
                                  std::vector<Column>* columns) const {
  const bool is_soft = job_->properties.soft_deletes;
  if (lines.HasRemovals(batch, is_soft)) {
    schema->fields.push_back(Field{.name = std::string(kRemovedColumn), .type = MakeType(TypeId::kBool)});
    columns->push_back(lines.Removed(batch, is_soft));
  }
  // Of a row that is deleted softly only its key and mark change, unless the log has all of it.
  std::vector<std::string> unknown_of_deletes;
  if (is_soft && !batch.has_full_old_rows && !job_->changelog) {
    for (const Field& field : batch.rows.schema()->fields) {
      const bool is_key = std::find(table_.key.begin(), table_.key.end(), field.name) != table_.key.end();
      if (!is_key && field.variant_of.empty()) unknown_of_deletes.push_back(field.name);
    }
  }
  if (!job_->changelog && (!batch.unchanged.empty() || !unknown_of_deletes.empty())) {
    Column names = lines.UnchangedNames(batch, *shape_, unknown_of_deletes, '\n');
    if (names.null_count < names.length) {
      schema->fields.push_back(Field{.name = std::string(kUnchangedColumn), .type = names.type});
      columns->push_back(std::move(names));
    }
  }
  if (!lines.has_moves()) return;
  schema->fields.push_back(Field{.name = std::string(kMovedColumn), .type = MakeType(TypeId::kBool)});
  columns->push_back(lines.Moved());
}

}  // namespace nilus
