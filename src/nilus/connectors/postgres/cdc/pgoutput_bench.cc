// Decoding pgoutput: rows a second of a table of ten columns, in text and in binary, in transactions of one row and of
// a thousand.
#include <benchmark/benchmark.h>

#include "nilus/connectors/postgres/cdc/pgoutput_fixture.h"

namespace {

using namespace nilus;            // NOLINT
using namespace nilus::postgres;  // NOLINT

std::string Big(uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
  return text;
}

std::string Insert(uint32_t i, bool is_binary) {
  MessageWriter message('I');
  message.Int32(1).Byte('N').Int16(6);
  if (is_binary) {
    message.Value(Big(i, 8), 'b').Value(Big(i % 1000, 4), 'b').Value("customer number 12", 'b');
    message.Value(Big(760'000'000'000'000 + i, 8), 'b');
    message.Value(Big(2, 2) + Big(0, 2) + Big(0, 2) + Big(2, 2) + Big(i % 10000, 2) + Big(5000, 2), 'b').Byte('n');
  } else {
    message.Value(std::to_string(i)).Value(std::to_string(i % 1000)).Value("customer number 12");
    message.Value("2024-02-02 10:20:30.123456+00").Value(std::to_string(i % 10000) + ".50").Byte('n');
  }
  return message.bytes();
}

void Decode(benchmark::State& state, bool is_binary, int64_t rows_a_transaction) {
  std::vector<std::string> rows;
  for (uint32_t i = 0; i < 1000; ++i) rows.push_back(Insert(i, is_binary));
  PlainLayouts layouts;
  ChangeBuilder builder;
  PgoutputDecoder decoder(&layouts, &builder);
  const std::string relation = RelationMessage(1, "t",
                                               {{"id", oid::kInt8},
                                                {"n", oid::kInt4},
                                                {"name", oid::kText},
                                                {"at", oid::kTimestampTz},
                                                {"amount", oid::kNumeric},
                                                {"note", oid::kText}});
  uint64_t lsn = 1000;
  int64_t count = 0;
  for (auto unused : state) {
    for (int64_t i = 0; i < 1000; ++i) {
      bool is_sound = true;
      if (i % rows_a_transaction == 0) {
        is_sound = decoder.Decode(BeginMessage(lsn), lsn).has_value();
        if (lsn == 1000) is_sound = decoder.Decode(relation, lsn).has_value();
      }
      is_sound = is_sound && decoder.Decode(rows[static_cast<size_t>(i)], lsn).has_value();
      if ((i + 1) % rows_a_transaction == 0) {
        is_sound = is_sound && decoder.Decode(CommitMessage(lsn, lsn + 10), lsn).has_value();
        lsn += 10;
      }
      if (!is_sound) return state.SkipWithError("a message was refused");
    }
    benchmark::DoNotOptimize(FinishChunk(builder.Take()));
    count += 1000;
  }
  state.SetItemsProcessed(count);
}

void BM_Text(benchmark::State& state) { Decode(state, false, state.range(0)); }
void BM_Binary(benchmark::State& state) { Decode(state, true, state.range(0)); }
BENCHMARK(BM_Text)->Arg(1)->Arg(1000);
BENCHMARK(BM_Binary)->Arg(1)->Arg(1000);

}  // namespace

BENCHMARK_MAIN();
