// Lines of JSON as the documents of a column, taken apart: the first byte chooses how deep and how the rows are
// grouped. Never an internal error, as many parent rows as documents, no id twice, and the same rows and hashes of
// children whatever the batches.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"
#include "nilus/rows/children_hash.h"
#include "nilus/rows/unnest.h"

using namespace nilus;

namespace {

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

RecordBatch Batch(const std::vector<std::string>& lines, size_t from, size_t to) {
  auto schema =
      std::make_shared<Schema>(Schema{{Field{.name = std::string(kRowIdColumn), .type = MakeType(TypeId::kText)},
                                       Field{.name = "doc", .type = MakeType(TypeId::kJson)}}});
  BatchBuilder builder(schema);
  for (size_t i = from; i < to; ++i) {
    builder.column(0).AppendBytes("r" + std::to_string(i));
    builder.column(1).AppendBytes(lines[i]);
    builder.FinishRow();
  }
  return builder.Finish();
}

// Of a child table's rows: the number behind the 'r' of their root's id is the root's.
void Hash(int table, const RecordBatch& batch, ChildrenHasher* hasher) {
  std::vector<int64_t> roots;
  for (int64_t row = 0; row < batch.num_rows(); ++row)
    roots.push_back(std::atoll(std::string(batch.column(2).BytesValue(row)).c_str() + 1));
  auto schema = std::make_shared<Schema>(*batch.schema());
  std::vector<Column> columns = batch.columns();
  const Column positions = columns.back();
  schema->fields.pop_back();
  columns.pop_back();
  hasher->Add(table, RecordBatch(std::move(schema), std::move(columns), batch.num_rows()), positions, roots);
}

// All rows of all tables and the hashes, sorted; nothing when the documents are refused.
std::vector<std::string> Rows(const std::vector<std::string>& lines, size_t group, UnnestOptions options) {
  NestingSurvey survey(options);
  for (size_t from = 0; from < lines.size(); from += group) {
    if (!survey.Observe(Batch(lines, from, std::min(from + group, lines.size())))) return {};
  }
  auto plan = UnnestPlan::Create(*Batch(lines, 0, 0).schema(), survey, options);
  if (!plan && plan.error().kind == ErrorKind::kInvalidInput) return {"names collide"};
  if (!plan) std::abort();
  Unnester unnester(*plan);
  std::vector<std::string> names;
  for (const UnnestTable& table : (*plan)->tables()) names.push_back(table.name);
  ChildrenHasher hasher(names);
  std::vector<std::string> rows;
  std::set<std::string, std::less<>> ids;
  size_t parents = 0;
  for (size_t from = 0; from < lines.size(); from += group) {
    const Status status = unnester.Unnest(Batch(lines, from, std::min(from + group, lines.size())),
                                          [&](int table, const RecordBatch& batch) {
                                            if (table > 0) Hash(table, batch, &hasher);
                                            parents += table == 0 ? static_cast<size_t>(batch.num_rows()) : 0;
                                            for (int64_t row = 0; row < batch.num_rows(); ++row) {
                                              if (!ids.emplace(batch.column(0).BytesValue(row)).second) std::abort();
                                              std::string text = std::to_string(table);
                                              for (const Column& column : batch.columns()) {
                                                text += column.IsNull(row) ? "-" : "+";
                                                if (!column.IsNull(row)) AppendCellText(column, row, &text);
                                              }
                                              rows.push_back(std::move(text));
                                            }
                                            return Status();
                                          });
    if (!status) std::abort();
  }
  const Column hashes = hasher.Finish(static_cast<int64_t>(lines.size()));
  for (int64_t row = 0; row < hashes.length; ++row)
    rows.push_back(hashes.IsNull(row) ? "-" : std::string(hashes.BytesValue(row)));
  if (parents != lines.size()) std::abort();
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::vector<std::string> lines = Lines({reinterpret_cast<const char*>(data) + 1, size - 1});
  UnnestOptions options{.table = "t", .max_nesting = 1 + data[0] % 8, .with_positions = true};
  const auto whole = Rows(lines, 1000, options);
  options.page_rows = 1 + data[0] / 8;
  options.batch_bytes = 1 + data[0];
  if (Rows(lines, 1 + data[0] / 16, options) != whole) std::abort();
  return 0;
}
