// Texts as values of a column whose type the table, or a type hint, has otherwise: the first bytes choose
// the types and the contract, the lines are the values. Nothing crashes, no value is lost or doubled, and where each
// one goes does not depend on how they come in batches.
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"
#include "nilus/rows/normalizer.h"

using namespace nilus;

namespace {

constexpr Type kTypes[] = {
    MakeType(TypeId::kBool),    MakeType(TypeId::kInt16),     MakeType(TypeId::kInt64),
    MakeType(TypeId::kFloat32), MakeType(TypeId::kFloat64),   MakeDecimal(38, 10),
    MakeDecimal(5, 0),          MakeType(TypeId::kText),      Type{TypeId::kText, 0, 0, 3},
    MakeType(TypeId::kBinary),  MakeType(TypeId::kJson),      MakeType(TypeId::kDate),
    MakeType(TypeId::kTime),    MakeType(TypeId::kTimestamp), MakeType(TypeId::kTimestampNtz),
};

void Require(bool holds) {
  if (!holds) std::abort();
}

struct Outcome {
  bool is_refused = false;
  std::multiset<std::map<std::string, std::string>> rows;  // by column; NULLs left out
  int64_t values = 0;                                      // in all columns
  int64_t dead = 0;
  int64_t discarded = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

struct Case {
  Type from;
  Type to;
  bool is_hinted = false;
  Contract contract = Contract::kEvolve;
};

Outcome Run(const Case& what, const std::vector<Column>& batches) {
  const auto schema = std::make_shared<Schema>(Schema{{Field{.name = "n", .type = what.from}}});
  ShapeOptions options{.table = "s.t", .contract = what.contract};
  if (what.is_hinted) {
    options.hints = {PinnedType{.column = "n", .type = what.to}};
  } else {
    options.destination = Schema{{Field{.name = "n", .type = what.to}}};
  }
  auto shape = TableShape::Create(*schema, std::move(options));
  Require(shape.has_value());
  Normalizer normalizer(**shape);
  Outcome outcome;
  for (const Column& column : batches) {
    auto normalized = normalizer.Normalize(RecordBatch(schema, {column}, column.length));
    if (!normalized) {
      Require(what.contract == Contract::kFreeze);
      return Outcome{.is_refused = true};
    }
    outcome.dead += static_cast<int64_t>(normalized->dead.size());
    const RecordBatch& rows = normalized->rows;
    Require(rows.num_rows() + static_cast<int64_t>(normalized->dead.size()) == column.length);
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      std::map<std::string, std::string> placed;
      for (int i = 0; i < rows.schema()->size(); ++i) {
        if (rows.column(i).IsNull(row)) continue;
        placed[rows.schema()->fields[static_cast<size_t>(i)].name] = ScalarAt(rows.column(i), row).text;
        ++outcome.values;
      }
      outcome.rows.insert(std::move(placed));
    }
  }
  for (const auto& [column, count] : normalizer.discarded_values()) outcome.discarded += count;
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  const Case what{.from = kTypes[data[0] % std::size(kTypes)],
                  .to = kTypes[data[1] % std::size(kTypes)],
                  .is_hinted = data[2] % 2 == 1,
                  .contract = static_cast<Contract>(data[2] / 2 % 4)};
  const std::string_view text(reinterpret_cast<const char*>(data) + 3, size - 3);
  ColumnBuilder whole(what.from);
  std::vector<Column> single;
  int64_t values = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    ColumnBuilder one(what.from);
    const std::string_view line = text.substr(begin, end - begin);
    if (AppendParsed(line, &one)) {
      Require(AppendParsed(line, &whole).has_value());
      ++values;
    } else {
      one.AppendNull();
      whole.AppendNull();
    }
    single.push_back(one.Finish());
    begin = end + 1;
  }
  const Outcome together = Run(what, {whole.Finish()});
  Require(together == Run(what, single));
  if (!together.is_refused) Require(together.values + together.dead + together.discarded == values);
  return 0;
}
