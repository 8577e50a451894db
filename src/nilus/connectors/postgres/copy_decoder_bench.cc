// CPU time of decoding rows like TPC-H's lineitem (16 columns) and a narrow table (5 columns) from binary COPY, without
// a server: generated messages, one row each, as the protocol sends them.
#include <benchmark/benchmark.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "nilus/connectors/postgres/copy_decoder.h"

namespace {

using namespace nilus;            // NOLINT
using namespace nilus::postgres;  // NOLINT

class Message {
 public:
  void Int16(int v) {
    bytes_ += static_cast<char>(v >> 8);
    bytes_ += static_cast<char>(v);
  }
  void Int32(int64_t v) {
    Int16(static_cast<int>(v >> 16));
    Int16(static_cast<int>(v));
  }
  void Int64(int64_t v) {
    Int32(v >> 32);
    Int32(v);
  }
  void Field(int64_t length) { Int32(length); }
  void Text(std::string_view text) {
    Field(static_cast<int64_t>(text.size()));
    bytes_ += text;
  }
  // numeric(15,2), as the server packs it: base-10000 digits without closing zeros
  void Numeric(int64_t cents) {
    std::vector<int> digits;
    int64_t whole = cents / 100;
    for (; whole > 0; whole /= 10'000) digits.insert(digits.begin(), static_cast<int>(whole % 10'000));
    int weight = static_cast<int>(digits.size()) - 1;
    if (cents % 100 != 0) digits.push_back(static_cast<int>(cents % 100) * 100);
    while (!digits.empty() && digits.back() == 0) digits.pop_back();
    Field(8 + 2 * static_cast<int64_t>(digits.size()));
    Int16(static_cast<int>(digits.size()));
    Int16(digits.empty() ? 0 : weight);
    Int16(0);
    Int16(2);
    for (int digit : digits) Int16(digit);
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

struct Table {
  std::vector<CopyDecoder::Column> columns;
  SchemaPtr schema;
  std::vector<std::string> messages;
};

Table Make(std::vector<CopyDecoder::Column> columns, int rows, void (*row)(Message&, std::mt19937&, int)) {
  Table table;
  auto schema = std::make_shared<Schema>();
  for (const CopyDecoder::Column& column : columns) schema->fields.push_back({column.name, column.type, true, ""});
  table.columns = std::move(columns);
  table.schema = std::move(schema);
  std::mt19937 random(42);
  std::string header("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
  for (int i = 0; i < rows; ++i) {
    Message message;
    message.Int16(static_cast<int>(table.columns.size()));
    row(message, random, i);
    table.messages.push_back((i == 0 ? header : "") + message.Take());
  }
  return table;
}

CopyDecoder::Column Int(const char* name) { return {name, MakeType(TypeId::kInt64), Wire::kInt32Wide}; }
CopyDecoder::Column Money(const char* name) { return {name, MakeDecimal(15, 2), Wire::kNumeric}; }
CopyDecoder::Column Date(const char* name) { return {name, MakeType(TypeId::kDate), Wire::kDate}; }
CopyDecoder::Column Text(const char* name) { return {name, MakeType(TypeId::kText), Wire::kText}; }

Table Lineitem(int rows) {
  return Make(
      {Int("l_orderkey"), Int("l_partkey"), Int("l_suppkey"), Int("l_linenumber"), Money("l_quantity"),
       Money("l_extendedprice"), Money("l_discount"), Money("l_tax"), Text("l_returnflag"), Text("l_linestatus"),
       Date("l_shipdate"), Date("l_commitdate"), Date("l_receiptdate"), Text("l_shipinstruct"), Text("l_shipmode"),
       Text("l_comment")},
      rows, [](Message& m, std::mt19937& random, int i) {
        auto integer = [&](int64_t v) {
          m.Field(4);
          m.Int32(v);
        };
        integer(i / 4);
        integer(random() % 200'000);
        integer(random() % 10'000);
        integer(i % 7);
        m.Numeric(static_cast<int64_t>(random() % 50 + 1) * 100);
        m.Numeric(90'000 + random() % 10'000'000);
        m.Numeric(random() % 11);
        m.Numeric(random() % 9);
        m.Text(std::string(1, "ANR"[random() % 3]));
        m.Text(random() % 2 == 0 ? "O" : "F");
        for (int k = 0; k < 3; ++k) integer(-2'900 + static_cast<int>(random() % 2'500));
        static constexpr std::array kInstructions = {"DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"};
        static constexpr std::array kModes = {"REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"};
        m.Text(kInstructions[random() % kInstructions.size()]);
        m.Text(kModes[random() % kModes.size()]);
        m.Text(std::string("carefully final deposits sleep furiously along the").substr(0, 10 + random() % 34));
      });
}

Table Narrow(int rows) {
  return Make({{"id", MakeType(TypeId::kInt64), Wire::kInt64},
               Int("a"),
               {"at", MakeType(TypeId::kTimestamp), Wire::kTimestamp},
               {"x", MakeType(TypeId::kFloat64), Wire::kFloat64},
               Text("t")},
              rows, [](Message& m, std::mt19937& random, int i) {
                m.Field(8);
                m.Int64(i);
                m.Field(4);
                m.Int32(random() % 1000);
                m.Field(8);
                m.Int64(700'000'000'000'000 + i);
                m.Field(8);
                m.Int64(static_cast<int64_t>(random()) << 30);
                m.Text("some text");
              });
}

void Decode(benchmark::State& state, const Table& table) {
  constexpr int64_t kBatchRows = 20'000;
  int64_t wire_bytes = 0;
  for (const std::string& message : table.messages) wire_bytes += static_cast<int64_t>(message.size());
  for (auto _ : state) {
    CopyDecoder decoder(table.columns);
    BatchBuilder builder(table.schema);
    for (const std::string& message : table.messages) {
      if (!decoder.Feed(message)) state.SkipWithError("feed");
      if (!decoder.DecodeRow(&builder)) state.SkipWithError("row");
      if (builder.num_rows() == kBatchRows) benchmark::DoNotOptimize(builder.Finish());
    }
    benchmark::DoNotOptimize(builder.Finish());
  }
  auto rows = static_cast<double>(table.messages.size()) * static_cast<double>(state.iterations());
  state.SetBytesProcessed(wire_bytes * state.iterations());
  // Seconds of CPU per million rows.
  state.counters["cpu_per_million"] =
      benchmark::Counter(rows * 1e-6, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void DecodeLineitem(benchmark::State& state) {
  static const Table table = Lineitem(100'000);
  Decode(state, table);
}
void DecodeNarrow(benchmark::State& state) {
  static const Table table = Narrow(100'000);
  Decode(state, table);
}
BENCHMARK(DecodeLineitem)->Unit(benchmark::kMillisecond);
BENCHMARK(DecodeNarrow)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
