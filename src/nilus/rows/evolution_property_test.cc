// Where a value ends up, and which columns there are, depends on the values alone: not on how they were cut into
// batches or in which order those came.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "nilus/json/column.h"
#include "nilus/json/shape.h"
#include "nilus/rows/column_testing.h"
#include "nilus/rows/normalizer.h"

namespace nilus {
namespace {

using Placed = std::multiset<std::map<std::string, std::string>>;  // rows, by column; NULLs left out

struct Outcome {
  Placed rows;
  std::map<std::string, std::string> columns;  // with their types
  std::multiset<std::string> dead;
  std::map<Normalizer::ColumnPair, int64_t> variants;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// Values of n as texts of `type`, with their row numbers as `id`, in batches of the given sizes.
Outcome Run(const Type& type, const Type& there, Contract contract, const std::vector<Cell>& values,
            const std::vector<std::vector<size_t>>& batches) {
  Schema source{{Field{.name = "id", .type = MakeType(TypeId::kInt64)}, Field{.name = "n", .type = type}}};
  ShapeOptions options{.destination = Schema{{source.fields[0], Field{.name = "n", .type = there}}},
                       .table = "raw.t",
                       .contract = contract};
  auto shape = TableShape::Create(source, std::move(options));
  EXPECT_TRUE(shape);
  Normalizer normalizer(**shape);
  Outcome outcome;
  for (const std::vector<size_t>& batch : batches) {
    std::vector<Cell> ids;
    std::vector<Cell> cells;
    for (size_t row : batch) {
      ids.emplace_back(std::to_string(row));
      cells.push_back(values[row]);
    }
    auto normalized = normalizer.Normalize(BatchOf({{source.fields[0], ids}, {source.fields[1], cells}}));
    EXPECT_TRUE(normalized);
    for (const DeadRow& dead : normalized->dead) outcome.dead.insert(*ids[static_cast<size_t>(dead.row)] + dead.reason);
    const RecordBatch& rows = normalized->rows;
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      std::map<std::string, std::string> placed;
      for (int i = 0; i < rows.schema()->size(); ++i) {
        if (!rows.column(i).IsNull(row))
          placed[rows.schema()->fields[static_cast<size_t>(i)].name] = ScalarAt(rows.column(i), row).text;
      }
      outcome.rows.insert(std::move(placed));
    }
  }
  for (const Field& field : (*shape)->schema().fields) outcome.columns[field.name] = field.type.ToString();
  outcome.variants = normalizer.variant_values();
  return outcome;
}

RC_GTEST_PROP(Evolution, DoesNotDependOnBatchesOrTheirOrder, ()) {
  const Type type = *rc::gen::element(MakeType(TypeId::kText), MakeType(TypeId::kFloat64), MakeDecimal(12, 2));
  const Type there = *rc::gen::element(MakeType(TypeId::kInt64), MakeType(TypeId::kBool), MakeType(TypeId::kDate),
                                       MakeDecimal(6, 1), MakeType(TypeId::kJson));
  const Contract contract = *rc::gen::element(Contract::kEvolve, Contract::kDiscardRow, Contract::kDiscardValue);
  const auto count = *rc::gen::inRange<size_t>(1, 40);
  std::vector<Cell> values;
  for (size_t i = 0; i < count; ++i) {
    const char* text = *rc::gen::element("0", "1", "12.5", "3", "7.00", "99999.5", "-4");
    values.push_back(*rc::gen::inRange(0, 5) == 0 ? Cell() : Cell(text));
  }
  std::vector<std::vector<size_t>> whole(1);
  for (size_t row = 0; row < count; ++row) whole[0].push_back(row);
  std::vector<std::vector<size_t>> cut(*rc::gen::inRange<size_t>(1, 6));
  for (size_t row = 0; row < count; ++row) cut[*rc::gen::inRange<size_t>(0, cut.size())].push_back(row);
  std::erase_if(cut, [](const auto& batch) { return batch.empty(); });
  RC_ASSERT(Run(type, there, contract, values, whole) == Run(type, there, contract, values, cut));
}

RC_GTEST_PROP(Evolution, LosesNoValue, ()) {
  std::vector<Cell> values;
  for (int i = 0; i < 30; ++i) {
    if (*rc::gen::inRange(0, 4) == 0) {
      values.emplace_back();
    } else {
      values.emplace_back(*rc::gen::string<std::string>());
    }
  }
  std::vector<std::vector<size_t>> whole(1);
  for (size_t row = 0; row < values.size(); ++row) whole[0].push_back(row);
  const Type there = *rc::gen::element(MakeType(TypeId::kInt64), MakeType(TypeId::kTimestamp), MakeType(TypeId::kJson));
  Outcome outcome = Run(MakeType(TypeId::kText), there, Contract::kEvolve, values, whole);
  for (const auto& row : outcome.rows) {
    const Cell& value = values[std::stoul(row.at("id"))];
    RC_ASSERT(row.size() == (value ? 2U : 1U));  // in exactly one of n and n__v_text
    if (row.contains("n__v_text")) RC_ASSERT(row.at("n__v_text") == *value);
  }
}

// One load of JSON documents {"x": value}: the column has the type that takes all of them. By value: where it went.
std::map<std::string, std::map<std::string, std::string>> Load(const std::set<std::string>& values, const Type& there) {
  json::ScalarShape seen;
  std::string scratch;
  std::vector<json::Value> read;
  for (const std::string& value : values) {
    json::Scanner scanner(value);
    EXPECT_TRUE(scanner.ReadValue(&read.emplace_back()));
    seen.Observe(read.back(), &scratch);
  }
  ColumnBuilder builder(seen.Resolve());
  for (const json::Value& value : read) EXPECT_TRUE(json::AppendValue(value, &builder));
  auto schema = std::make_shared<Schema>(Schema{{Field{.name = "x", .type = builder.type(), .origin = seen.Origin()}}});
  auto shape =
      TableShape::Create(*schema, {.destination = Schema{{Field{.name = "x", .type = there}}}, .table = "raw.t"});
  EXPECT_TRUE(shape);
  Normalizer normalizer(**shape);
  auto normalized = normalizer.Normalize(RecordBatch(schema, {builder.Finish()}, static_cast<int64_t>(read.size())));
  EXPECT_TRUE(normalized);
  std::map<std::string, std::map<std::string, std::string>> placed;
  int64_t row = 0;
  for (const std::string& value : values) {
    const RecordBatch& rows = normalized->rows;
    for (int i = 0; i < rows.schema()->size(); ++i) {
      if (rows.column(i).IsNull(row)) continue;
      const Field& field = rows.schema()->fields[static_cast<size_t>(i)];
      std::string text = ScalarAt(rows.column(i), row).text;
      // As written, or as it is written when the column was of texts: the same value.
      if (field.type.id == TypeId::kJson) text = nlohmann::json::parse(text).dump();
      placed[value][field.name] = std::move(text);
    }
    ++row;
  }
  return placed;
}

// The column of a load is of the type that takes all of its values: json beside an object or a string, double beside a
// fraction, text beside a date. None of that shows in where one of them goes.
RC_GTEST_PROP(Evolution, DoesNotDependOnTheOtherValuesOfTheLoad, ()) {
  const Type there = *rc::gen::element(MakeType(TypeId::kText), MakeType(TypeId::kInt64), MakeType(TypeId::kBool),
                                       MakeType(TypeId::kFloat64), MakeType(TypeId::kDate), MakeDecimal(6, 1),
                                       MakeType(TypeId::kJson));
  const auto value = rc::gen::element<std::string>(
      R"("Ann")", R"("")", R"("42")", R"("0042")", R"("true")", R"("\u00fc\n")", R"("1e3")", R"("{}")",
      R"("2024-03-15")", R"("2024-03-15T10:20:30")", R"({"f":1})", "[1]", "7", "-3", "1.5", "99999.5",
      "9007199254740993", "1700000000123450000", "-100000000000000000", "1e+22", "true", "false");
  const auto load = *rc::gen::container<std::set<std::string>>(value);
  const auto placed = Load(load, there);
  for (const std::string& each : load) RC_ASSERT(placed.at(each) == Load({each}, there).at(each));
}

}  // namespace
}  // namespace nilus
