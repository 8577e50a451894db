// test_decoding and wal2json: messages of rows of six columns into batches, in transactions of a thousand.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "nilus/connectors/postgres/cdc/pgoutput_fixture.h"
#include "nilus/connectors/postgres/cdc/test_decoding_decoder.h"
#include "nilus/connectors/postgres/cdc/wal2json_decoder.h"

namespace {

using namespace nilus;            // NOLINT
using namespace nilus::postgres;  // NOLINT

constexpr int kRows = 1000;

void DecodeRows(benchmark::State& state, LogDecoder& decoder, ChangeBuilder& builder,
                const std::vector<std::string>& rows, std::string (*begin)(uint64_t), std::string (*commit)(uint64_t)) {
  uint64_t lsn = 1000;
  int64_t count = 0;
  for (auto unused : state) {
    bool is_sound = decoder.Decode(begin(lsn), lsn).has_value();
    for (const std::string& row : rows) is_sound = is_sound && decoder.Decode(row, lsn).has_value();
    is_sound = is_sound && decoder.Decode(commit(lsn), lsn + 10).has_value();
    while (is_sound && decoder.is_replaying()) is_sound = decoder.Replay().has_value();
    if (!is_sound) return state.SkipWithError("a message was refused");
    benchmark::DoNotOptimize(FinishChunk(builder.Take()));
    lsn += 10;
    count += kRows;
  }
  state.SetItemsProcessed(count);
}

void BM_TestDecoding(benchmark::State& state) {
  std::vector<std::string> rows;
  for (int i = 0; i < kRows; ++i) {
    rows.push_back("table public.t: INSERT: id[integer]:" + std::to_string(i) + " n[integer]:" + std::to_string(i % 7) +
                   " name[text]:'customer number " + std::to_string(i) +
                   "' at[timestamp with time zone]:'2026-11-26 18:13:40.123456+00' amount[numeric]:" +
                   std::to_string(i) + ".50 note[text]:null");
  }
  PlainLayouts layouts;
  ChangeBuilder builder;
  TransactionSpool spool("/tmp");
  TestDecodingDecoder decoder(&layouts, &builder, &spool);
  DecodeRows(
      state, decoder, builder, rows, [](uint64_t) { return std::string("BEGIN 7"); },
      [](uint64_t) { return std::string("COMMIT 7 (at 2026-11-26 18:13:40.5+00)"); });
}

std::string WalMessage(char action, uint64_t lsn) {
  return fmt::format(
      R"({{"action":"{}","xid":7,"timestamp":"2026-11-26 18:13:40.5+00","lsn":"0/{:X}","nextlsn":"0/{:X}"}})", action,
      lsn, lsn + 10);
}

void BM_Wal2Json(benchmark::State& state) {
  std::vector<std::string> rows;
  for (int i = 0; i < kRows; ++i) {
    rows.push_back(fmt::format(
        R"({{"action":"I","xid":7,"timestamp":"2026-11-26 18:13:40.5+00","lsn":"0/19499E8","schema":"public","table":)"
        R"("t","columns":[{{"name":"id","typeoid":20,"value":{0}}},{{"name":"n","typeoid":23,"value":{1}}},)"
        R"({{"name":"name","typeoid":25,"value":"customer number {0}"}},)"
        R"({{"name":"at","typeoid":1184,"value":"2026-11-26 18:13:40.123456+00"}},)"
        R"({{"name":"amount","typeoid":1700,"value":{0}.50}},{{"name":"note","typeoid":25,"value":null}}]}})",
        i, i % 7));
  }
  PlainLayouts layouts;
  ChangeBuilder builder;
  Wal2JsonDecoder decoder(&layouts, &builder, true);
  DecodeRows(
      state, decoder, builder, rows, [](uint64_t lsn) { return WalMessage('B', lsn); },
      [](uint64_t lsn) { return WalMessage('C', lsn); });
}

BENCHMARK(BM_TestDecoding);
BENCHMARK(BM_Wal2Json);

}  // namespace

BENCHMARK_MAIN();
