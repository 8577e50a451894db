// The first half of an attempt, up to the plan: also what `nilus plan` shows.
#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <set>

#include "nilus/base/fault.h"
#include "nilus/data/widening.h"
#include "nilus/engine/attempt.h"
#include "nilus/engine/manifest_terms.h"
#include "nilus/engine/versions.h"
#include "nilus/rows/row_ids.h"

namespace nilus {
namespace {

// :interval_start and :interval_end of a query: the manifest's, else the cursor's.
void BindInterval(const BatchJob& job, const Checkpoint& committed, ReadRequest* request) {
  if (!job.interval_start.empty()) {
    request->interval_start = job.interval_start;
  } else if (committed.cursor && job.strategy != WriteStrategy::kReplace) {
    request->interval_start = committed.cursor->value.text;
  }
  if (!job.interval_end.empty()) request->interval_end = job.interval_end;
}

// A cursor says nothing about another table's rows: those below it would be left out. Files are remembered by their
// paths, and replace reads everything, so that those may go on with another table.
Status CheckTable(const BatchJob& job, const Checkpoint& committed) {
  std::string table = TableInCheckpoint(job);
  bool counts =
      (committed.cursor || committed.nulls || !committed.loaded.empty()) && job.strategy != WriteStrategy::kReplace;
  if (!counts || committed.table.empty() || committed.table == table) return {};
  return FailWithFix(
      ErrorKind::kInvalidInput,
      "give this pipeline another name, or forget what is committed with `nilus state reset` or full_refresh: true",
      "the committed position of this pipeline is of source_table `{}`, but source_table is `{}`", committed.table,
      table);
}

// A scheduler that starts a run again, whose commit had taken place, must not append the interval a second time.
std::string RepeatedInterval(const BatchJob& job, const Checkpoint& committed) {
  std::optional<LoadedRange> interval = QueryInterval(job);
  if (!interval || job.strategy != WriteStrategy::kAppend) return "";
  WantedRange wanted{.key = interval->key, .start = interval->start, .end = interval->end};
  if (!FindLoaded(committed.loaded, wanted, std::nullopt)) return "";
  return fmt::format(
      "the interval from {} to {} of the query is loaded already, and appending it again would double its rows: "
      "nothing was read. To load it again, forget what is committed with `nilus state reset`",
      job.interval_start, job.interval_end);
}

// Sinks count commits from 1; whatever else stands there was not written by one of ours.
Status CheckVersion(const BatchJob& job, const CommittedState& state) {
  if (state.version >= 1 && state.version < std::numeric_limits<int64_t>::max()) return {};
  return FailWithFix(ErrorKind::kData, "put back what was there, from a backup of the destination",
                     "the committed state of pipeline {} in {} is damaged: its version is {}", job.pipeline.value,
                     job.pipeline.state_schema, state.version);
}

Error TableIsGone(const BatchJob& job) {
  return Error{ErrorKind::kInvalidInput,
               fmt::format("the destination's table {} is gone, but not the position of what was loaded into it: going "
                           "on from there would leave those rows out",
                           job.table.ToString()),
               "load everything again with full_refresh: true, or forget the position with `nilus state reset`"};
}

std::string WeakSecret(const BatchJob& job) {
  return fmt::format(
      "incremental_key `{}` is masked, and its highest value stands in the destination's state, sealed with a key made "
      "of the source's address, in which there is no secret: who knows that address could read it. Set source.options "
      "cursor_secret: \"{{SOME_VARIABLE}}\"",
      job.incremental_key);
}

// Columns whose values are wanted as they are written, so that what a column of text takes does not hang on the load's
// other values: what is one of text at the destination, else what a hint says. Not behind a mask, which is of another
// type there, unless a hint says so; nor the cursor, which has its order by its type.
std::function<bool(std::string_view)> TextColumns(const BatchJob& job, const std::optional<Schema>& destination) {
  auto name_of = [naming = job.naming, limit = job.identifier_limit](std::string_view column) {
    return NormalizeName(column, naming, limit);
  };
  std::set<std::string, std::less<>> masked;
  for (const MaskRule& rule : job.masks) masked.insert(name_of(rule.column));
  std::map<std::string, bool, std::less<>> is_text;
  for (const Field& field : destination ? destination->fields : std::vector<Field>())
    if (!masked.contains(field.name)) is_text.emplace(field.name, field.type.id == TypeId::kText);
  for (const PinnedType& hint : job.hints) is_text.emplace(name_of(hint.column), hint.type.id == TypeId::kText);
  if (!job.incremental_key.empty()) is_text[name_of(job.incremental_key)] = false;
  return [name_of, is_text = std::move(is_text)](std::string_view column) {
    const auto known = is_text.find(name_of(column));
    return known != is_text.end() && known->second;
  };
}

ReadRequest MakeReadRequest(const BatchJob& job, const Checkpoint& committed,
                            const std::optional<Schema>& destination) {
  ReadRequest request{.table = job.source_table,
                      .exclude_columns = job.exclude_columns,
                      .reflection = job.reflection,
                      .as_text = TextColumns(job, destination),
                      .parallelism = job.parallelism,
                      .page_rows = job.page_rows,
                      .batch_bytes = job.memory.batch_bytes};
  bool is_append_or_merge = job.strategy == WriteStrategy::kAppend || job.strategy == WriteStrategy::kMerge;
  request.only_new = is_append_or_merge && job.incremental_key.empty();
  if (request.only_new) request.from = committed.source;
  request.limit = job.row_limit;
  if (job.max_nesting > 0) request.readings = 2;  // the survey, then the rows
  BindInterval(job, committed, &request);
  return request;
}

// The manifest's key columns by the names they have at the destination.
Result<std::vector<std::string>> DestinationKey(const BatchJob& job, const Schema& schema, const TableShape& shape) {
  std::vector<std::string> names;
  for (const std::string& column : job.primary_key) {
    if (schema.fields.empty()) {
      names.push_back(shape.NameOf(column));
      continue;
    }
    NILUS_ASSIGN(const Field* field, FindSourceField(schema, job, column, "primary_key"));
    names.push_back(shape.NameOf(field->name));
  }
  return names;
}

// Rows are told apart by them: a value that went to a variant column would be no key any more.
bool FindsRows(const BatchJob& job) {
  return job.strategy == WriteStrategy::kMerge || job.strategy == WriteStrategy::kScd2;
}

std::vector<std::string> ColumnsThatMustFit(const BatchJob& job) {
  std::vector<std::string> columns;
  if (FindsRows(job)) columns = job.primary_key;
  if (job.strategy == WriteStrategy::kDeleteInsert) columns = {job.incremental_key};
  for (std::string& column : columns) column = NormalizeName(column, job.naming, job.identifier_limit);
  return columns;
}

// An existing column keeps its type, whatever a hint says.
void WarnOfOverruledHints(const BatchJob& job, const std::optional<Schema>& destination, const TableShape& shape,
                          std::vector<std::string>* warnings) {
  if (!destination) return;
  for (const PinnedType& hint : job.hints) {
    const std::string name = shape.NameOf(hint.column);
    std::optional<int> at = destination->Find(name);
    if (!at) continue;
    const Type& type = destination->fields[static_cast<size_t>(*at)].type;
    const bool is_same =
        type.id == hint.type.id && type.precision == hint.type.precision && type.scale == hint.type.scale;
    const std::vector<std::string>& widened = shape.widened();
    if (is_same || std::find(widened.begin(), widened.end(), name) != widened.end()) continue;
    warnings->push_back(
        fmt::format("type_hints: `{}` is pinned to {}, but is {} in {}, and a column that is there keeps its type "
                    "(full_refresh: true makes the table anew)",
                    hint.column, hint.type.ToString(), type.ToString(), job.table.ToString()));
  }
}

// Empty when only the values will tell. A contract keeps the columns of a table whose rows are replaced.
Schema DestinationSchema(const BatchJob& job, const Schema& source, const Checkpoint& committed,
                         const std::optional<Schema>& destination, const TableShape& shape) {
  Schema schema = shape.schema();
  const bool keeps_columns = job.contract != Contract::kEvolve && !job.full_refresh && destination;
  if (keeps_columns) {
    for (const Field& field : WithoutRowIds(*destination).fields) {
      if (!schema.Find(field.name) && job.strategy == WriteStrategy::kReplace) schema.fields.push_back(field);
    }
  }
  if (schema.fields.empty()) return schema;
  if (job.strategy == WriteStrategy::kScd2 && KeepsTable(job) && destination)
    AddAbsentColumns(job, *destination, IsInferred(source) ? committed.columns : std::vector<std::string>(), &schema);
  return WithRowIds(std::move(schema));
}

// A column that only ever was null is materialized where a hint gives it a type.
Schema WithHintedNulls(const BatchJob& job, const TableDescription& table, Schema schema) {
  const auto name_of = [&](std::string_view name) { return NormalizeName(name, job.naming, job.identifier_limit); };
  for (const std::string& column : table.null_columns) {
    for (const PinnedType& hint : job.hints) {
      if (hint.column != column && name_of(hint.column) != name_of(column)) continue;
      schema.fields.push_back(Field{.name = column, .type = hint.type, .nullable = true, .variant_of = {}});
      break;
    }
  }
  return schema;
}

// Whether the column of a (masked) source comes to `schema` with a type of which no two of its values become one: as a
// bigint, the texts 7 and 07 would.
bool KeepsType(const Schema& masked, const std::string& column, const TableShape& shape, const Schema& schema) {
  const std::optional<int> from = masked.Find(column);
  const std::optional<int> to = schema.Find(shape.NameOf(column));
  if (!from || !to) return true;
  const Type& source = masked.fields[static_cast<size_t>(*from)].type;
  const Type& type = schema.fields[static_cast<size_t>(*to)].type;
  const bool is_same = source.id == type.id && source.precision == type.precision && source.scale == type.scale;
  return is_same || IsWidening(source, type);
}

// No two rows can share the manifest's key: the source enforces one of (some of) these columns, and they stay apart.
bool KeyIsUnique(const BatchJob& job, const TableDescription& table, const Schema& masked, const TableShape& shape,
                 const Masking& masking, const std::optional<Schema>& destination) {
  if (table.primary_key.empty() || !MasksKeepUnique(masking, table.primary_key)) return false;
  const Schema schema = shape.schema();
  return std::all_of(table.primary_key.begin(), table.primary_key.end(), [&](const std::string& column) {
    if (!KeepsType(masked, column, shape, schema)) return false;
    if (job.max_nesting > 0 && destination && !KeepsType(masked, column, shape, *destination)) return false;
    return std::any_of(job.primary_key.begin(), job.primary_key.end(), [&](const std::string& written) {
      Result<const Field*> field = FindSourceField(table.schema, job, written, "primary_key");
      return field && (*field)->name == column;
    });
  });
}

}  // namespace

std::vector<std::string> NamingKey(const BatchJob& job, const std::vector<std::string>& source_key,
                                   const TableShape& shape, const Masking& masking) {
  const std::vector<std::string>& written = job.primary_key.empty() ? source_key : job.primary_key;
  std::vector<std::string> key;
  for (const std::string& column : written) {
    if (shape.IsExcluded(column)) return {};
    key.push_back(shape.NameOf(column));
  }
  const bool keeps_versions = job.strategy == WriteStrategy::kDeleteInsert || job.strategy == WriteStrategy::kAppend;
  if (keeps_versions && job.max_nesting > 0 && !job.incremental_key.empty() && !key.empty()) {
    const std::string cursor = shape.NameOf(job.incremental_key);
    if (std::find(key.begin(), key.end(), cursor) == key.end()) key.push_back(cursor);
  }
  return MasksKeepUnique(masking, written) ? key : std::vector<std::string>();
}

bool KeepsTable(const BatchJob& job) { return job.strategy != WriteStrategy::kReplace && !job.full_refresh; }

ShapeOptions ShapeOptionsOf(const BatchJob& job, std::optional<Schema> destination) {
  return ShapeOptions{.naming = job.naming,
                      .identifier_limit = job.identifier_limit,
                      .exclude = job.exclude_columns,
                      .destination = std::move(destination),
                      .table = job.table.ToString(),
                      .hints = job.hints,
                      .contract = job.contract,
                      .must_fit = ColumnsThatMustFit(job),
                      .finds_rows = FindsRows(job)};
}

ShapeOptions FirstShape(const BatchJob& job, std::optional<Schema> destination) {
  if (job.max_nesting == 0) return ShapeOptionsOf(job, std::move(destination));
  ShapeOptions options = ShapeOptionsOf(job, std::nullopt);
  options.contract = Contract::kEvolve;
  options.keeps_origin = true;
  return options;
}

std::function<Result<bool>(const Field& there, const Type& to)> WidensIn(const BatchJob& job, Sink* sink,
                                                                         const TableName& table) {
  return [&job, sink, table](const Field& there, const Type& to) -> Result<bool> {
    const bool is_hinted = std::any_of(job.hints.begin(), job.hints.end(), [&](const PinnedType& hint) {
      const std::vector<std::string> places = PlacesNamed(hint.column, job.naming, job.identifier_limit);
      return std::find(places.begin(), places.end(), there.name) != places.end();
    });
    const bool is_stated = to.id == TypeId::kDecimal || job.reflection == ReflectionLevel::kFullWithPrecision;
    if (!is_hinted && !is_stated) return false;
    return sink->CanWiden(table, Field{.name = there.name, .type = to, .nullable = true, .variant_of = {}});
  };
}

Result<FindRefused> RefusedIn(const BatchJob& job, Sink* sink, const TableName& table) {
  if (job.contract != Contract::kDiscardRow || !KeepsTable(job)) return FindRefused();
  return sink->RefusedBy(table);
}

WriteRequest MakeWriteRequest(const BatchJob& job, const std::stop_token& stop) {
  return WriteRequest{.pipeline = job.pipeline,
                      .load_id = {},
                      .table = job.table,
                      .schema = std::make_shared<Schema>(),
                      .strategy = job.strategy,
                      .full_refresh = job.full_refresh,
                      .misfits = MisfitsUnder(job.contract),
                      .load_time = Now(),
                      .partition_by = job.partition_by,
                      .cluster_by = job.cluster_by,
                      .file_rows = job.file_rows,
                      .file_format = job.file_format,
                      .memory_bytes = job.memory.connector_bytes,
                      .threads = job.threads,
                      .stop = stop};
}

std::optional<LoadedRange> QueryInterval(const BatchJob& job) {
  if (!job.incremental_key.empty() || job.interval_start.empty() || job.interval_end.empty()) return std::nullopt;
  return LoadedRange{.key = "", .start = job.interval_start, .end = job.interval_end};
}

Result<Preparation> Prepare(const BatchJob& job, const std::vector<std::string>& earlier_loads,
                            const std::stop_token& stop, bool always_describe, std::string* phase,
                            std::string* committed_load) {
  Preparation prepared;
  committed_load->clear();
  *phase = "load";  // whatever fails at the destination
  NILUS_ASSIGN(prepared.sink, job.open_sink(stop));
  NILUS_ASSIGN(prepared.state, prepared.sink->Committed(job.pipeline));
  NILUS_FAULT_POINT("engine.after_state");
  *phase = "plan";
  if (MasksIncrementalKey(job)) {
    prepared.seal.emplace(job.cursor_secret, job.pipeline.value);
    if (job.is_cursor_secret_weak) prepared.warnings.push_back(WeakSecret(job));
  }
  if (prepared.state) {
    NILUS_TRY(CheckVersion(job, *prepared.state));
    for (const std::string& load_id : earlier_loads) {  // another run may have committed on top of it since
      bool is_committed = load_id == prepared.state->load_id;
      if (!is_committed) {
        NILUS_ASSIGN(is_committed, prepared.sink->WasCommitted(job.pipeline, load_id));
      }
      if (!is_committed) continue;
      *committed_load = load_id;
      return prepared;
    }
    if (job.max_nesting > 0) {  // also where everything is loaded anew: their rows go
      if (Result<Checkpoint> before = ParseCheckpoint(prepared.state->position)) prepared.children = before->children;
    }
    if (!job.full_refresh) {
      NILUS_ASSIGN(prepared.committed, ParseCheckpoint(prepared.state->position));
      // Ranges of a key that is not masked any more are still sealed.
      if (!prepared.seal && !prepared.committed.sealed.empty())
        prepared.seal.emplace(job.cursor_secret, job.pipeline.value);
      if (prepared.seal) NILUS_TRY(OpenCursor(*prepared.seal, &prepared.committed));
      NILUS_TRY(CheckTable(job, prepared.committed));
      prepared.repeated_interval = RepeatedInterval(job, prepared.committed);
      if (KeepsTable(job) && !prepared.committed.IsReset())
        NILUS_TRY(CheckMaskChanges(job, prepared.committed, &prepared.warnings));
    }
  }
  NILUS_ASSIGN(prepared.masking, MakeMasking(job, prepared.committed));
  NILUS_ASSIGN(prepared.mask_records, MaskRecordsOf(*prepared.masking));
  // A contract is about the table as it is, even where its rows are replaced.
  const bool keeps_schema = KeepsTable(job) || (job.contract != Contract::kEvolve && !job.full_refresh);
  if (keeps_schema || always_describe) {
    *phase = "load";
    NILUS_ASSIGN(prepared.destination, prepared.sink->Describe(job.table));
    if (KeepsTable(job) && !prepared.destination && prepared.committed.has_table) return Failure(TableIsGone(job));
  }
  *phase = "extract";
  NILUS_ASSIGN(prepared.source, job.open_source(stop));
  prepared.request =
      MakeReadRequest(job, prepared.committed, keeps_schema ? prepared.destination : std::optional<Schema>());
  bool describe = always_describe || !job.incremental_key.empty();
  TableDescription description;
  if (describe) {
    NILUS_ASSIGN(description, prepared.source->Describe(prepared.request));
    description.schema = WithoutRowIds(std::move(description.schema));
  }
  *phase = "plan";
  if (!job.incremental_key.empty()) {
    NILUS_ASSIGN(prepared.incremental, Incremental::Create(job, prepared.committed, description.schema));
    prepared.request.range = prepared.incremental->range();
    if (prepared.incremental->source_limit()) prepared.request.limit = prepared.incremental->source_limit();
    prepared.cursor_before = prepared.incremental->CursorBefore();
    prepared.repeated_interval = prepared.incremental->repeated();
  }
  *phase = "extract";
  NILUS_ASSIGN(prepared.plan, prepared.source->Plan(prepared.request));
  NILUS_FAULT_POINT("engine.after_plan");
  *phase = "plan";
  TableDescription& table = prepared.plan.table;
  table.schema = WithoutRowIds(std::move(table.schema));
  if (table.schema.fields.empty() && describe) table = description;
  prepared.warnings.insert(prepared.warnings.end(), table.warnings.begin(), table.warnings.end());
  if (prepared.incremental != nullptr) prepared.incremental->SetUpper(prepared.plan.upper);

  *phase = "normalize";
  NILUS_ASSIGN(const Schema masked, prepared.masking->MaskedSchema(table.schema, table.null_columns));
  ShapeOptions first = FirstShape(job, keeps_schema ? prepared.destination : std::nullopt);
  first.widens = WidensIn(job, prepared.sink.get(), job.table);
  if (job.max_nesting == 0 && keeps_schema) {
    NILUS_ASSIGN(first.refused, RefusedIn(job, prepared.sink.get(), job.table));
  }
  NILUS_ASSIGN(prepared.shape, TableShape::Create(WithHintedNulls(job, table, masked), std::move(first)));
  *phase = "plan";
  if (keeps_schema) WarnOfOverruledHints(job, prepared.destination, *prepared.shape, &prepared.warnings);
  WriteRequest& write = prepared.write;
  write = MakeWriteRequest(job, stop);
  write.schema = std::make_shared<Schema>(
      DestinationSchema(job, table.schema, prepared.committed, prepared.destination, *prepared.shape));
  write.widened = prepared.shape->widened();
  NILUS_ASSIGN(write.primary_key, DestinationKey(job, table.schema, *prepared.shape));
  prepared.source_key = table.primary_key;
  // What is masked has no order at the destination: of several rows of one key the later arrival counts.
  if (prepared.incremental != nullptr && !MasksIncrementalKey(job))
    write.incremental_key = prepared.shape->NameOf(prepared.incremental->range().column);
  write.key_is_unique = KeyIsUnique(job, table, masked, *prepared.shape, *prepared.masking,
                                    keeps_schema ? prepared.destination : std::nullopt);
  if (!NumbersVersions(job, write.key_is_unique))
    prepared.naming_key = NamingKey(job, prepared.source_key, *prepared.shape, *prepared.masking);
  bool is_limited = job.row_limit || job.page_limit;
  bool has_interval = prepared.request.interval_start || prepared.request.interval_end;  // a query may read by it
  write.is_complete = !prepared.request.range && !prepared.request.only_new && !is_limited && !has_interval;
  bool order_matters =
      (job.strategy == WriteStrategy::kMerge || job.strategy == WriteStrategy::kScd2) && !write.key_is_unique;
  // Numbers of `sequential` are given in the order of the rows.
  bool is_numbered = !prepared.masking->sequences().empty();
  prepared.in_parallel = !order_matters && !is_numbered && !job.keep_order && !is_limited;
  return prepared;
}

}  // namespace nilus
