#include "nilus/connectors/postgres/read_testing.h"

#include "nilus/connectors/postgres/source.h"
#include "nilus/data/scalar.h"

namespace nilus::postgres {

ReadRequest Request(const std::string& table) {
  ReadRequest request;
  request.table = table;
  return request;
}

Result<ReadRows> ReadAll(Source& source, const ReadRequest& request) {
  ReadRows result;
  NILUS_ASSIGN(result.plan, source.Plan(request));
  for (const Split& split : result.plan.splits) {
    NILUS_ASSIGN(std::unique_ptr<Reader> reader, source.Open(split));
    while (true) {
      NILUS_ASSIGN(std::optional<Batch> batch, reader->Next({}));
      if (!batch) break;
      const RecordBatch& rows = batch->rows;
      result.batch_rows.push_back(rows.num_rows());
      for (int64_t row = 0; row < rows.num_rows(); ++row) {
        std::map<std::string, std::string> cells;
        for (int i = 0; i < rows.schema()->size(); ++i) {
          const Field& field = rows.schema()->fields[static_cast<size_t>(i)];
          std::string text = "NULL";
          if (!rows.column(i).IsNull(row)) {
            text.clear();
            AppendCellText(rows.column(i), row, &text);
          }
          cells[field.variant_of.empty() ? field.name : field.variant_of + "!"] = text;
        }
        result.rows.push_back(std::move(cells));
      }
    }
  }
  return result;
}

Result<ReadRows> ReadAll(const Address& address, const ReadRequest& request) {
  NILUS_ASSIGN(std::unique_ptr<Source> source, OpenPostgresSource(address, {}));
  return ReadAll(*source, request);
}

}  // namespace nilus::postgres
