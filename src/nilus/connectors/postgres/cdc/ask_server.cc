#include "nilus/connectors/postgres/cdc/ask_server.h"

#include "nilus/connectors/postgres/copy_decoder.h"

namespace nilus::postgres {
namespace {

std::string ArrayLiteral(const Column& texts) {
  std::string array = "{";
  for (int64_t row = 0; row < texts.length; ++row) {
    if (row > 0) array += ',';
    if (texts.IsNull(row)) {
      array += "NULL";
      continue;
    }
    array += '"';
    for (char c : texts.BytesValue(row)) {
      if (c == '"' || c == '\\') array += '\\';
      array += c;
    }
    array += '"';
  }
  return array + "}";
}

// The column's values as the snapshot has them, with a variant column where some do not fit.
Result<RecordBatch> AskServer(Connection& session, const CatalogColumn& catalog, const Field& field,
                              const Column& texts, const std::stop_token& stop) {
  const Mapping mapping = MapLogType(catalog.type).mapping;
  const std::string value = "u.v::" + QuoteName(catalog.type.schema, catalog.type.name);
  const std::string sql = "COPY (SELECT " + mapping.select_before + value + mapping.select_after +
                          " FROM pg_catalog.unnest(" + QuoteLiteral(ArrayLiteral(texts)) +
                          "::pg_catalog.text[]) WITH ORDINALITY AS u(v, n) ORDER BY u.n) TO STDOUT (FORMAT binary)";
  NILUS_TRY(session.StartCopyOut(sql, stop));
  CopyDecoder decoder({{field.name, mapping.type, mapping.wire}});
  BatchBuilder builder(std::make_shared<Schema>(Schema{{field}}));
  CopyData data;
  while (true) {
    NILUS_ASSIGN(bool has_more, session.NextCopyData(&data, stop));
    if (!has_more) break;
    NILUS_TRY(decoder.Feed(data.bytes()));
    while (decoder.HasRow()) NILUS_TRY(decoder.DecodeRow(&builder));
  }
  if (builder.num_rows() != texts.length) {
    return Fail(ErrorKind::kData, "column {}: the server made {} values of {}", field.name, builder.num_rows(),
                texts.length);
  }
  return builder.Finish();
}

RecordBatch KeepTexts(const Field& field, const Column& texts) {
  BatchBuilder builder(std::make_shared<Schema>(Schema{{field}}));
  for (int64_t row = 0; row < texts.length; ++row) {
    if (texts.IsNull(row)) {
      builder.column(0).AppendNull();
    } else {
      builder.AppendVariant(0, texts.BytesValue(row));
    }
    builder.FinishRow();
  }
  return builder.Finish();
}

Result<RecordBatch> ConvertRows(Connection& session, const TableLayout& layout, const RecordBatch& rows,
                                const std::stop_token& stop) {
  auto schema = std::make_shared<Schema>();
  std::vector<Column> columns;
  int captured = -1;  // index among the table's columns, which variant columns do not count in
  for (int i = 0; i < rows.schema()->size(); ++i) {
    const Field& field = rows.schema()->fields[static_cast<size_t>(i)];
    if (field.variant_of.empty()) ++captured;
    const CatalogColumn& catalog = layout.catalog[static_cast<size_t>(captured)];
    if (!field.variant_of.empty() || MapLogType(catalog.type).form != LogForm::kServer) {
      schema->fields.push_back(field);
      columns.push_back(rows.column(i));
      continue;
    }
    Field target = layout.table.columns.fields[static_cast<size_t>(captured)];
    target.nullable = true;
    Result<RecordBatch> converted = AskServer(session, catalog, target, rows.column(i), stop);
    if (!converted) {
      if (!session.is_usable() || converted.error().kind == ErrorKind::kCancelled) return converted;
      converted = KeepTexts(target, rows.column(i));
    }
    for (int j = 0; j < converted->schema()->size(); ++j) {
      schema->fields.push_back(converted->schema()->fields[static_cast<size_t>(j)]);
      columns.push_back(converted->column(j));
    }
  }
  return RecordBatch(std::move(schema), std::move(columns), rows.num_rows());
}

}  // namespace

Status ConvertByServer(Connection& session, BuiltChunk* built, const std::stop_token& stop) {
  for (size_t i = 0; i < built->layouts.size(); ++i) {
    const TableLayout& layout = *built->layouts[i];
    if (!layout.has_server_columns) continue;
    ChangeBatch& batch = built->chunk.batches[i];
    NILUS_ASSIGN(batch.rows, ConvertRows(session, layout, batch.rows, stop));
    if (batch.old_rows) {
      NILUS_ASSIGN(batch.old_rows, ConvertRows(session, layout, *batch.old_rows, stop));
    }
  }
  return {};
}

}  // namespace nilus::postgres
