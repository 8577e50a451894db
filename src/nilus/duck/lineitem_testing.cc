#include "nilus/duck/lineitem_testing.h"

#include <array>
#include <string>
#include <string_view>

#include "nilus/data/builder.h"

namespace nilus::duck {
namespace {

uint64_t Mix(uint64_t x) {  // splitmix64's finalizer
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

constexpr std::array<std::string_view, 7> kModes = {"REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"};
constexpr std::array<std::string_view, 4> kInstructions = {"DELIVER IN PERSON", "COLLECT COD", "NONE",
                                                           "TAKE BACK RETURN"};
constexpr std::array<std::string_view, 16> kWords = {
    "furiously", "quickly",  "carefully", "blithely", "ironic", "final", "pending",     "regular",
    "deposits",  "requests", "accounts",  "packages", "foxes",  "ideas", "theodolites", "platelets"};

}  // namespace

SchemaPtr LineitemSchema() {
  static const SchemaPtr schema = [] {
    auto made = std::make_shared<Schema>();
    auto add = [&](const char* name, Type type) {
      made->fields.push_back(Field{.name = name, .type = type, .nullable = false});
    };
    for (const char* name : {"l_orderkey", "l_partkey", "l_suppkey", "l_linenumber"})
      add(name, MakeType(TypeId::kInt64));
    for (const char* name : {"l_quantity", "l_extendedprice", "l_discount", "l_tax"}) add(name, MakeDecimal(15, 2));
    for (const char* name : {"l_returnflag", "l_linestatus"}) add(name, MakeType(TypeId::kText));
    for (const char* name : {"l_shipdate", "l_commitdate", "l_receiptdate"}) add(name, MakeType(TypeId::kDate));
    for (const char* name : {"l_shipinstruct", "l_shipmode", "l_comment"}) add(name, MakeType(TypeId::kText));
    return SchemaPtr(made);
  }();
  return schema;
}

RecordBatch LineitemBatch(int64_t first, int64_t count) {
  BatchBuilder builder(LineitemSchema());
  for (int64_t row = first; row < first + count; ++row) {
    uint64_t random = Mix(static_cast<uint64_t>(row));
    uint64_t more = Mix(random);
    auto below = [&random](uint64_t limit) {
      uint64_t value = random % limit;
      random = random / limit ^ random << 40;
      return static_cast<int64_t>(value);
    };
    builder.column(0).Append<int64_t>(row / 4 + 1);
    builder.column(1).Append<int64_t>(below(200'000) + 1);
    builder.column(2).Append<int64_t>(below(10'000) + 1);
    builder.column(3).Append<int64_t>(row % 4 + 1);
    int64_t quantity = below(50) + 1;
    builder.column(4).Append<Int128>(quantity * 100);
    builder.column(5).Append<Int128>(quantity * (below(110'000) + 90'000));
    builder.column(6).Append<Int128>(below(11));
    builder.column(7).Append<Int128>(below(9));
    builder.column(8).AppendBytes(std::string_view("NAR").substr(static_cast<size_t>(below(3)), 1));
    builder.column(9).AppendBytes(std::string_view("OF").substr(static_cast<size_t>(below(2)), 1));
    auto date = static_cast<int32_t>(8'036 + more % 2'526);
    builder.column(10).Append<int32_t>(date);
    builder.column(11).Append<int32_t>(date + static_cast<int32_t>(more >> 20 & 31));
    builder.column(12).Append<int32_t>(date + 1 + static_cast<int32_t>(more >> 26 & 15));
    builder.column(13).AppendBytes(kInstructions[more >> 30 & 3]);
    builder.column(14).AppendBytes(kModes[(more >> 33) % kModes.size()]);
    std::string comment;
    uint64_t words = Mix(more);
    for (uint64_t i = 0, n = 1 + words % 5; i < n; ++i) {
      if (i > 0) comment += ' ';
      comment += kWords[words >> (8 + 6 * i) & 15];
    }
    builder.column(15).AppendBytes(comment);
    builder.FinishRow();
  }
  return builder.Finish();
}

}  // namespace nilus::duck
