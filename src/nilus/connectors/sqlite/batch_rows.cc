#include "nilus/connectors/sqlite/batch_rows.h"

#include <cmath>
#include <cstring>

#include "nilus/connectors/sqlite/values.h"
#include "nilus/data/scalar.h"

namespace nilus::sqlite {
namespace {

struct VirtualTable {
  sqlite3_vtab base;
  BatchRows* rows;
};

struct Cursor {
  sqlite3_vtab_cursor base;
  BatchRows* rows;
  int64_t row;
};

Cursor* Of(sqlite3_vtab_cursor* cursor) { return reinterpret_cast<Cursor*>(cursor); }

int Connect(sqlite3* db, void* client, int, const char* const*, sqlite3_vtab** out, char**) {
  auto* rows = static_cast<BatchRows*>(client);
  std::string sql = "CREATE TABLE x(";
  for (int i = 0; i < rows->total_columns(); ++i) sql += fmt::format("{}c{}", i == 0 ? "" : ",", i);
  sql += ")";
  const int code = sqlite3_declare_vtab(db, sql.c_str());
  if (code != SQLITE_OK) return code;
  auto* table = static_cast<VirtualTable*>(sqlite3_malloc(sizeof(VirtualTable)));
  if (table == nullptr) return SQLITE_NOMEM;
  *table = VirtualTable{{}, rows};
  *out = &table->base;
  return SQLITE_OK;
}

int Disconnect(sqlite3_vtab* table) {
  sqlite3_free(table);
  return SQLITE_OK;
}

int BestIndex(sqlite3_vtab*, sqlite3_index_info* info) {
  info->estimatedCost = 1e6;
  return SQLITE_OK;
}

int Open(sqlite3_vtab* table, sqlite3_vtab_cursor** out) {
  auto* cursor = static_cast<Cursor*>(sqlite3_malloc(sizeof(Cursor)));
  if (cursor == nullptr) return SQLITE_NOMEM;
  *cursor = Cursor{{}, reinterpret_cast<VirtualTable*>(table)->rows, 0};
  *out = &cursor->base;
  return SQLITE_OK;
}

int Close(sqlite3_vtab_cursor* cursor) {
  sqlite3_free(cursor);
  return SQLITE_OK;
}

int Filter(sqlite3_vtab_cursor* cursor, int, const char*, int, sqlite3_value**) {
  Of(cursor)->row = 0;
  return SQLITE_OK;
}

int Next(sqlite3_vtab_cursor* cursor) {
  ++Of(cursor)->row;
  return SQLITE_OK;
}

int AtEnd(sqlite3_vtab_cursor* cursor) { return Of(cursor)->row >= Of(cursor)->rows->num_rows() ? 1 : 0; }

int ColumnAt(sqlite3_vtab_cursor* cursor, sqlite3_context* context, int column) {
  try {
    Of(cursor)->rows->Emit(context, Of(cursor)->row, column);
  } catch (const std::bad_alloc&) {
    sqlite3_result_error_nomem(context);
  }
  return SQLITE_OK;
}

int RowId(sqlite3_vtab_cursor* cursor, sqlite3_int64* out) {
  *out = Of(cursor)->row;
  return SQLITE_OK;
}

constexpr sqlite3_module kModule = {
    .iVersion = 0,
    .xCreate = nullptr,  // eponymous only
    .xConnect = Connect,
    .xBestIndex = BestIndex,
    .xDisconnect = Disconnect,
    .xDestroy = Disconnect,
    .xOpen = Open,
    .xClose = Close,
    .xFilter = Filter,
    .xNext = Next,
    .xEof = AtEnd,
    .xColumn = ColumnAt,
    .xRowid = RowId,
};

}  // namespace

Result<std::unique_ptr<BatchRows>> BatchRows::Register(Database& db, const std::string& name, int columns,
                                                       bool with_sequence) {
  std::unique_ptr<BatchRows> rows(new BatchRows(db.handle(), name, columns, with_sequence));
  const int code = sqlite3_create_module_v2(db.handle(), name.c_str(), &kModule, rows.get(), nullptr);
  if (code != SQLITE_OK) return Failure(ErrorOf(db.handle(), code));
  return rows;
}

void BatchRows::Set(const RecordBatch* batch, std::vector<int> indexes, int64_t first) {
  batch_ = batch;
  first_ = first;
  sources_.clear();
  for (int index : indexes) sources_.push_back(index < 0 ? nullptr : &batch->column(index));
}

void BatchRows::Emit(sqlite3_context* context, int64_t row, int index) {
  if (with_sequence_) {
    if (index == 0) return sqlite3_result_int64(context, first_ + row);
    --index;
  }
  const Column* column = sources_[static_cast<size_t>(index)];
  if (column == nullptr || column->IsNull(row)) return;  // NULL
  switch (column->type.id) {
    case TypeId::kBool:
      return sqlite3_result_int(context, column->BoolValue(row) ? 1 : 0);
    case TypeId::kInt16:
      return sqlite3_result_int(context, column->Value<int16_t>(row));
    case TypeId::kInt32:
      return sqlite3_result_int(context, column->Value<int32_t>(row));
    case TypeId::kInt64:
      return sqlite3_result_int64(context, column->Value<int64_t>(row));
    case TypeId::kFloat32:
    case TypeId::kFloat64: {
      const double value = column->type.id == TypeId::kFloat32 ? static_cast<double>(column->Value<float>(row))
                                                               : column->Value<double>(row);
      // SQLite would store NULL for NaN.
      if (std::isnan(value)) return sqlite3_result_text(context, "NaN", 3, SQLITE_STATIC);
      return sqlite3_result_double(context, value);
    }
    case TypeId::kText:
    case TypeId::kJson: {
      const std::string_view text = column->BytesValue(row);
      return sqlite3_result_text64(context, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
    }
    case TypeId::kBinary: {
      const std::string_view bytes = column->BytesValue(row);
      return sqlite3_result_blob64(context, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_STATIC);
    }
    case TypeId::kDecimal: {
      Int128 value = 0;  // copied: a batch from elsewhere may be aligned to 8 bytes only
      std::memcpy(&value, column->values.data() + static_cast<size_t>(row) * sizeof(Int128), sizeof(Int128));
      scratch_ = FormatDecimal(value, column->type.scale);
      return sqlite3_result_text64(context, scratch_.data(), scratch_.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    }
    case TypeId::kDate:
    case TypeId::kTime:
    case TypeId::kTimestamp:
    case TypeId::kTimestampNtz:
      scratch_.clear();
      AppendStoredTime(*column, row, &scratch_);
      return sqlite3_result_text64(context, scratch_.data(), scratch_.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  }
}

}  // namespace nilus::sqlite
