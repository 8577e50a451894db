// CPU per row of the encoder on a lineitem of 16 columns (TPC-H: 4 bigint, 4 numeric(15,2), 2 char, 3 date, 3 text).
#include <benchmark/benchmark.h>

#include <random>
#include <string>

#include "nilus/connectors/postgres/copy_encoder.h"
#include "nilus/data/builder.h"

namespace nilus::postgres {
namespace {

struct Lineitem {
  std::vector<Column> columns;
  std::vector<CopyField> fields;
};

Lineitem MakeLineitem(int64_t rows) {
  std::mt19937_64 random(1);
  Lineitem table;
  auto add = [&](Type type, auto append) {
    ColumnBuilder builder(type);
    for (int64_t row = 0; row < rows; ++row) append(builder);
    table.columns.push_back(builder.Finish());
  };
  auto bigint = [&](ColumnBuilder& to) { to.Append<int64_t>(static_cast<int64_t>(random() % 6'000'000)); };
  auto money = [&](ColumnBuilder& to) { to.Append<Int128>(static_cast<Int128>(random() % 10'000'000)); };
  auto date = [&](ColumnBuilder& to) { to.Append<int32_t>(static_cast<int32_t>(8000 + random() % 2500)); };
  auto text = [&](size_t from, size_t to_length) {
    return [&random, from, to_length](ColumnBuilder& to) {
      to.AppendBytes(std::string(from + random() % (to_length - from + 1), 'x'));
    };
  };
  for (int i = 0; i < 4; ++i) add(MakeType(TypeId::kInt64), bigint);
  for (int i = 0; i < 4; ++i) add(MakeDecimal(15, 2), money);
  for (int i = 0; i < 2; ++i) add(MakeType(TypeId::kText), text(1, 1));
  for (int i = 0; i < 3; ++i) add(MakeType(TypeId::kDate), date);
  add(MakeType(TypeId::kText), text(4, 17));
  add(MakeType(TypeId::kText), text(3, 7));
  add(MakeType(TypeId::kText), text(10, 43));
  for (const Column& column : table.columns) {
    CopyForm form = CopyForm::kText;
    if (column.type.id == TypeId::kInt64) form = CopyForm::kInt8;
    if (column.type.id == TypeId::kDecimal) form = CopyForm::kNumeric;
    if (column.type.id == TypeId::kDate) form = CopyForm::kDate;
    table.fields.push_back({&column, form});
  }
  return table;
}

void EncodeLineitem(benchmark::State& state) {
  constexpr int64_t kRows = 20'000;
  Lineitem table = MakeLineitem(kRows);
  CopyEncoder encoder;
  BufferBuilder out;
  int64_t bytes = 0;
  for (auto _ : state) {
    for (int64_t begin = 0; begin < kRows; begin += CopyEncoder::kBlockRows) {
      if (!encoder.EncodeRows(table.fields, begin, std::min(kRows, begin + CopyEncoder::kBlockRows), -1, &out)) {
        state.SkipWithError("a row was refused");
      }
      if (out.size() < (128 << 10)) continue;
      bytes += static_cast<int64_t>(out.size());
      benchmark::DoNotOptimize(out.data());
      out.Resize(0);
    }
  }
  state.SetItemsProcessed(state.iterations() * kRows);
  state.SetBytesProcessed(bytes);
}
BENCHMARK(EncodeLineitem)->Unit(benchmark::kMillisecond);

void EncodeDecimals(benchmark::State& state) {
  std::mt19937_64 random(2);
  std::vector<Int128> values(4096);
  for (Int128& value : values) value = static_cast<Int128>(random() >> 8) * static_cast<int64_t>(state.range(0));
  uint8_t slot[kMaxNumericBytes];
  for (auto _ : state) {
    for (Int128 value : values) benchmark::DoNotOptimize(EncodeNumeric(value, 6, slot + kMaxNumericBytes));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(values.size()));
}
BENCHMARK(EncodeDecimals)->Arg(1)->Arg(1'000'000'000'000'000);

}  // namespace
}  // namespace nilus::postgres

BENCHMARK_MAIN();
