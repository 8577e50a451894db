#include "nilus/connectors/postgres/cdc/snapshot_view.h"

#include <algorithm>
#include <array>

#include "nilus/connectors/postgres/cdc/capture_tables.h"
#include "nilus/connectors/postgres/cdc/key_bounds.h"
#include "nilus/connectors/postgres/reader.h"
#include "nilus/connectors/postgres/select.h"

namespace nilus::postgres {
namespace {

constexpr const char* kEverRead = "view";  // what Snapshot waits for: as long as the view lives

// A table as the view sees it.
struct ViewedTable {
  FoundTable found;
  TableLayout layout;
  Selection selection;
  std::vector<KeyColumn> cut_by;
};

Failure HasChanged(const TableRef& table, std::string_view how) {
  return Fail(ErrorKind::kTransient,
              "table {} has changed while its snapshot was taken ({}): it is read with a new one", table.ToString(),
              how);
}

// The table or a column of it may be gone by the time that its rows are asked for.
class ChunkReader : public Reader {
 public:
  ChunkReader(std::unique_ptr<Reader> reader, TableRef table) : reader_(std::move(reader)), table_(std::move(table)) {}
  Result<std::optional<Batch>> Next(std::stop_token stop) override {
    auto batch = reader_->Next(std::move(stop));
    if (!batch && batch.error().kind == ErrorKind::kNotFound) return HasChanged(table_, batch.error().message);
    return batch;
  }

 private:
  std::unique_ptr<Reader> reader_;
  TableRef table_;
};

// A session for one chunk: it sees the view's snapshot, and makes sure that the table's rows are still to be seen.
class ChunkSessions : public Sessions {
 public:
  ChunkSessions(std::shared_ptr<Snapshot> snapshot, FoundTable table)
      : snapshot_(std::move(snapshot)), table_(std::move(table)) {}

  Result<std::unique_ptr<Connection>> Take(const std::stop_token& stop) override {
    NILUS_ASSIGN(std::unique_ptr<Connection> session, snapshot_->Take(stop));
    NILUS_TRY(LockTable(*session, stop));
    NILUS_TRY(CheckNotRewritten(*session, stop));
    return session;
  }
  // The lock goes with the session: whoever wants to ALTER the table waits for a chunk at most.
  void GiveBack(std::unique_ptr<Connection> connection, const std::string&, const std::stop_token& stop) override {
    static_cast<void>(connection->Execute("ROLLBACK", stop));
  }

 private:
  Status LockTable(Connection& session, const std::stop_token& stop) const {
    auto locked = session.Execute("SAVEPOINT lock; LOCK TABLE " + table_.Quoted() + " IN ACCESS SHARE MODE", stop);
    if (locked) return {};
    if (locked.error().kind != ErrorKind::kAuth || !session.is_usable()) return Failure(locked.error());
    // Rights on single columns allow reading, but not LOCK TABLE: the COPY itself takes the lock then.
    NILUS_TRY(session.Execute("ROLLBACK TO SAVEPOINT lock", stop));
    return {};
  }

  // A table that was rewritten since the snapshot (ALTER TABLE with a new type, TRUNCATE) looks empty through it, and
  // another one may have taken its name. Functions tell of the newest catalog, tables of the snapshot's.
  Status CheckNotRewritten(Connection& session, const std::stop_token& stop) const {
    std::array<Connection::Parameter, 2> parameters = {std::to_string(table_.oid), table_.Quoted()};
    NILUS_ASSIGN(
        PgResult result,
        session.Query(
            "WITH RECURSIVE part AS (SELECT $1::pg_catalog.oid AS oid UNION ALL SELECT i.inhrelid FROM part p JOIN "
            "pg_catalog.pg_inherits i ON i.inhparent = p.oid) SELECT pg_catalog.count(*), "
            "pg_catalog.to_regclass($2)::pg_catalog.oid IS DISTINCT FROM $1::pg_catalog.oid FROM part JOIN "
            "pg_catalog.pg_class c ON c.oid = part.oid WHERE c.relkind = 'r' AND c.relfilenode <> 0 AND "
            "pg_catalog.pg_relation_filenode(c.oid) IS DISTINCT FROM c.relfilenode",
            parameters, stop));
    if (FieldText(result, 0, 1) == "t") return HasChanged(table_.ref, "another table has taken its name");
    if (FieldText(result, 0, 0) == "0") return {};
    return HasChanged(table_.ref, "it was rewritten by ALTER TABLE, TRUNCATE or VACUUM FULL");
  }

  const std::shared_ptr<Snapshot> snapshot_;
  const FoundTable table_;
};

class PostgresView : public SnapshotView {
 public:
  PostgresView(uint64_t at, std::shared_ptr<Snapshot> snapshot, std::shared_ptr<const CaptureSettings> settings,
               ChunkLimits limits, std::stop_token stop)
      : at_(at),
        snapshot_(std::move(snapshot)),
        settings_(std::move(settings)),
        limits_(limits),
        stop_(std::move(stop)) {}

  LogPosition at() const override { return {at_, 0}; }

  Result<CapturedTable> Describe(const std::string& schema, const std::string& table) override {
    std::lock_guard lock(mutex_);
    const Result<const ViewedTable*> viewed = Look(schema, table);
    if (!viewed) return Told({schema, table}, viewed.error());
    return (*viewed)->layout.table;
  }

  Result<std::unique_ptr<Reader>> Open(const SnapshotChunk& chunk) override {
    std::lock_guard lock(mutex_);
    const Result<const ViewedTable*> looked = Look(chunk.schema, chunk.table);
    if (!looked) return Told({chunk.schema, chunk.table}, looked.error());
    const ViewedTable* table = *looked;
    std::string above;
    std::string up_to;
    if (!chunk.above.empty()) {
      NILUS_ASSIGN(above, BoundCondition(table->cut_by, chunk.above, ">"));
    }
    if (!chunk.up_to.empty()) {
      NILUS_ASSIGN(up_to, BoundCondition(table->cut_by, chunk.up_to, "<="));
    }
    auto settings = std::make_shared<ReaderSettings>();
    settings->table = table->found.ref.ToString();
    Schema schema = table->selection.ToSchema();
    for (Field& field : schema.fields) field.nullable = true;  // as streamed rows have it
    settings->schema = std::make_shared<Schema>(std::move(schema));
    settings->columns = table->selection.DecoderColumns();
    settings->page_rows = limits_.page_rows;
    settings->batch_bytes = limits_.batch_bytes;
    return std::make_unique<ChunkReader>(
        MakeReader(std::make_shared<ChunkSessions>(snapshot_, table->found), std::move(settings),
                   CopyStatement(table->selection, table->selection.from, above, up_to, std::nullopt, "")),
        table->found.ref);
  }

  Result<std::vector<SnapshotChunk>> Plan(const CapturedTable& captured, const std::string& above,
                                          int64_t rows) override {
    std::lock_guard lock(mutex_);
    auto chunks = Cut(captured, above, rows);
    if (!chunks) return Told({captured.schema, captured.name}, chunks.error());
    return chunks;
  }

 private:
  Result<std::vector<SnapshotChunk>> Cut(const CapturedTable& captured, const std::string& above, int64_t rows) {
    NILUS_ASSIGN(const ViewedTable* table, Look(captured.schema, captured.name));
    SnapshotChunk rest{captured.schema, captured.name, above, ""};
    std::vector<SnapshotChunk> chunks;
    if (table->cut_by.empty() || rows <= 0) {
      if (!above.empty()) {
        return Fail(ErrorKind::kInvalidInput, "table {}.{} has no key (any more) by which its snapshot could be cut",
                    captured.schema, captured.name);
      }
      chunks.push_back(std::move(rest));
      return chunks;
    }
    NILUS_ASSIGN(std::vector<std::string> bounds, ReadBounds(*table, above, rows));
    for (std::string& bound : bounds) {
      SnapshotChunk chunk = rest;
      chunk.up_to = bound;
      chunks.push_back(std::move(chunk));
      rest.above = std::move(bound);
    }
    chunks.push_back(std::move(rest));
    return chunks;
  }

  // What the snapshot has and the newest catalog has no more is an error of the server's, which ends the transaction.
  Failure Told(const TableRef& table, const Error& error) const {
    const bool is_over = PQtransactionStatus(snapshot_->keeper().raw()) == PQTRANS_INERROR;
    return error.kind == ErrorKind::kNotFound && is_over ? HasChanged(table, error.message) : Failure(error);
  }
  // The table by the catalog as the snapshot sees it. mutex_ is held.
  Result<const ViewedTable*> Look(const std::string& schema, const std::string& name);
  Result<std::vector<std::string>> ReadBounds(const ViewedTable& table, const std::string& above, int64_t rows);

  const uint64_t at_;
  const std::shared_ptr<Snapshot> snapshot_;
  const std::shared_ptr<const CaptureSettings> settings_;
  const ChunkLimits limits_;
  const std::stop_token stop_;
  std::mutex mutex_;  // of the keeper's session, and of what was looked up
  std::map<std::string, std::unique_ptr<ViewedTable>> tables_;
};

// The columns that the publication sends of a table, as the snapshot has it (pg_publication_tables tells of the newest
// catalog); nothing: all that the log can bring.
Result<std::optional<std::vector<std::string>>> PublishedColumns(Connection& session, const CaptureSettings& settings,
                                                                 uint32_t relation, const std::stop_token& stop) {
  std::optional<std::vector<std::string>> names;
  const int version = session.server_version();
  if (!settings.plugin->has_publication || version < 150000) return names;
  std::array<Connection::Parameter, 2> parameters = {settings.publication, std::to_string(relation)};
  const std::string unlisted =
      version >= 180000 ? "a.attgenerated = '' OR p.pubgencols = 's' AND a.attgenerated = 's'" : "true";
  NILUS_ASSIGN(
      PgResult result,
      session.Query("SELECT a.attname FROM pg_catalog.pg_publication p LEFT JOIN pg_catalog.pg_publication_rel r ON "
                    "r.prpubid = p.oid AND r.prrelid = $2::pg_catalog.oid JOIN pg_catalog.pg_attribute a ON a.attrelid "
                    "= $2::pg_catalog.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE p.pubname = $1 AND CASE WHEN "
                    "r.prattrs IS NULL THEN " +
                        unlisted + " ELSE a.attnum = ANY (r.prattrs) END",
                    parameters, stop));
  if (PQntuples(result.get()) == 0) return names;  // dropped: which the stream tells
  names.emplace();
  for (int row = 0; row < PQntuples(result.get()); ++row) names->emplace_back(FieldText(result, row, 0));
  return names;
}

// Text keys whose collation is by bytes: the column's own, or the database's.
Result<std::vector<std::string>> ColumnsInByteOrder(Connection& session, uint32_t relation,
                                                    const std::stop_token& stop) {
  std::array<Connection::Parameter, 1> parameters = {std::to_string(relation)};
  // Under ICU the database's own collation is another one than its datcollate.
  const std::string by_libc = session.server_version() >= 150000 ? "d.datlocprovider = 'c' AND " : "";
  NILUS_ASSIGN(
      PgResult result,
      session.Query("SELECT a.attname FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_collation c ON c.oid = "
                    "a.attcollation AND c.collnamespace = 'pg_catalog'::pg_catalog.regnamespace WHERE a.attrelid = "
                    "$1::pg_catalog.oid AND a.attnum > 0 AND (c.collname IN ('C', 'POSIX') OR c.collname = 'default' "
                    "AND (SELECT " +
                        by_libc +
                        "d.datcollate IN ('C', 'POSIX') FROM pg_catalog.pg_database d WHERE d.datname = "
                        "pg_catalog.current_database()))",
                    parameters, stop));
  std::vector<std::string> names;
  for (int row = 0; row < PQntuples(result.get()); ++row) names.emplace_back(FieldText(result, row, 0));
  return names;
}

Result<const ViewedTable*> PostgresView::Look(const std::string& schema, const std::string& name) {
  std::unique_ptr<ViewedTable>& slot = tables_[QuoteName(schema, name)];
  if (slot != nullptr) return slot.get();
  Connection& keeper = snapshot_->keeper();
  auto table = std::make_unique<ViewedTable>();
  NILUS_ASSIGN(Relation relation, FindRelation(keeper, {schema, name}, stop_));
  if (relation.kind != 'r' && relation.kind != 'p')  // a view may have its name now
    return Fail(ErrorKind::kNotFound, "{}.{} is no table any more", schema, name);
  table->found.oid = relation.oid;
  table->found.ref = relation.ref;
  std::array<Connection::Parameter, 1> parameters = {std::to_string(relation.oid)};
  NILUS_ASSIGN(
      PgResult identity,
      keeper.Query("SELECT relreplident FROM pg_catalog.pg_class WHERE oid = $1::pg_catalog.oid", parameters, stop_));
  if (PQntuples(identity.get()) == 1 && !FieldText(identity, 0, 0).empty()) {
    table->found.identity = FieldText(identity, 0, 0)[0];
  }
  NILUS_ASSIGN(table->found.key, ReadLogKey(keeper, relation.oid, table->found.identity, stop_));
  NILUS_ASSIGN(const std::optional<std::vector<std::string>> published,
               PublishedColumns(keeper, *settings_, relation.oid, stop_));
  NILUS_ASSIGN(table->layout, DescribeCaptured(keeper, table->found, *settings_, published, stop_));
  if (table->layout.catalog.empty()) {
    return Fail(ErrorKind::kInvalidInput, "table {}.{} has no columns that are captured", schema, name);
  }
  NILUS_ASSIGN(std::vector<std::string> in_byte_order, ColumnsInByteOrder(keeper, relation.oid, stop_));
  table->cut_by = CuttableKey(table->layout, in_byte_order);
  ReadRequest request;
  request.table = schema + "." + name;
  NILUS_ASSIGN(table->selection, SelectFromTable({schema, name}, table->layout.catalog, request));
  // The log tells changes under the table that has the row: what inherits from this one is not part of it.
  if (relation.kind != 'p') table->selection.from = "ONLY " + table->selection.from;
  slot = std::move(table);
  return slot.get();
}

// Every `rows`-th key, by one walk along the key's index.
Result<std::vector<std::string>> PostgresView::ReadBounds(const ViewedTable& table, const std::string& above,
                                                          int64_t rows) {
  std::string condition;
  if (!above.empty()) {
    NILUS_ASSIGN(condition, BoundCondition(table.cut_by, above, ">"));
  }
  std::string columns;
  std::string outer;
  std::vector<CopyDecoder::Column> decoded;
  Schema schema;
  for (const KeyColumn& column : table.cut_by) {
    const std::string quoted = QuoteIdentifier(column.name);
    columns += (columns.empty() ? "t." : ", t.") + quoted;
    outer += (outer.empty() ? "s." : ", s.") + quoted;
    const Mapping mapping = MapLogType(column.pg_type).mapping;
    decoded.push_back({column.name, mapping.type, mapping.wire});
    schema.fields.push_back({column.name, mapping.type, true, ""});
  }
  Connection& keeper = snapshot_->keeper();
  // Sorting a large table for this would be worse than walking along its index, which has the order already.
  NILUS_TRY(keeper.Execute("SET LOCAL enable_sort = off", stop_));
  const std::string sql = fmt::format(
      "COPY (SELECT {0} FROM (SELECT {1}, pg_catalog.row_number() OVER (ORDER BY {1}) AS \"nilus number\" FROM {2}{3}) "
      "AS s WHERE s.\"nilus number\" % {4} = 0 ORDER BY s.\"nilus number\") TO STDOUT (FORMAT binary)",
      outer, columns, table.selection.from, condition.empty() ? "" : " WHERE " + condition, rows);
  NILUS_TRY(keeper.StartCopyOut(sql, stop_));
  CopyDecoder decoder(std::move(decoded));
  BatchBuilder builder(std::make_shared<Schema>(std::move(schema)));
  CopyData data;
  while (true) {
    NILUS_ASSIGN(bool has_more, keeper.NextCopyData(&data, stop_));
    if (!has_more) break;
    NILUS_TRY(decoder.Feed(data.bytes()));
    while (decoder.HasRow()) NILUS_TRY(decoder.DecodeRow(&builder));
  }
  const RecordBatch keys = builder.Finish();
  std::vector<std::string> bounds;
  // 'infinity' has no canonical text: rows with such keys are in the first or last chunk.
  const bool has_misfits = keys.schema()->size() != static_cast<int>(table.cut_by.size());
  for (int64_t row = 0; row < keys.num_rows() && !has_misfits; ++row) bounds.push_back(BoundOf(keys, row));
  return bounds;
}

// An error instead of a snapshot that lacks rows which row-level security hides from the role.
constexpr const char* kAllRows = "; SET LOCAL row_security = off";

}  // namespace

Result<std::unique_ptr<SnapshotView>> MakeView(const Address& address, NewSlot slot,
                                               std::shared_ptr<const CaptureSettings> settings, ChunkLimits limits,
                                               const std::stop_token& stop) {
  NILUS_ASSIGN(std::unique_ptr<Connection> keeper, Connection::Open(address, stop));
  keeper->HideRowValues();
  NILUS_TRY(keeper->Execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT " +
                                QuoteLiteral(slot.snapshot) + kAllRows,
                            stop));
  slot.session.reset();
  auto snapshot = std::make_shared<Snapshot>(address, std::move(keeper),
                                             std::unordered_map<std::string, int>{{kEverRead, 1}}, kAllRows);
  NILUS_TRY(snapshot->Export(stop));
  return std::make_unique<PostgresView>(slot.at, std::move(snapshot), std::move(settings), limits, stop);
}

}  // namespace nilus::postgres
