// The conformance suite: what every connector promises, tested through the boundary alone. Data is made through the
// connector's sink and read back through its source; a connector names its differences in Quirks, nowhere else.
//
// In connectors/<system>/conformance_test.cc (CMake: nilus_module(… TEST_DEPS nilus_connector_testing)):
//
//   NILUS_CONFORMANCE_SUITE(Sqlite, [] {
//     Quirks quirks;
//     quirks.connector = &kSqliteConnector;
//     quirks.make_place = [] { … };
//     return quirks;
//   });
//
// A sink without a source (or the other way round) sets only one address in its Place; tests that need both are
// skipped.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nilus/connector/connector.h"

namespace nilus::conformance {

// A fresh, empty database, schema or folder for one test; `keep` removes it when the test ends.
struct Place {
  std::string sink_address;    // as in a manifest
  std::string source_address;  // where what the sink wrote is read
  std::shared_ptr<void> keep;
};

// Cells as canonical texts (data/scalar.h); nothing: NULL.
using Cell = std::optional<std::string>;
using Row = std::vector<Cell>;
using Rows = std::vector<Row>;

// What was read: fields and rows in the order of arrival. Rows of batches without a late (variant) column read NULL
// there.
struct Table {
  Schema schema;
  std::vector<Row> rows;

  // Rows of the named columns only, sorted. A column that is absent reads NULL.
  std::vector<Row> Sorted(const std::vector<std::string>& columns) const;
  // The same of all columns of the schema, in its order.
  std::vector<Row> Sorted() const;
};

struct Quirks {
  const Connector* connector = nullptr;
  std::function<Place()> make_place;
  // Options for sinks and sources, as the manifest would give them.
  OptionValues sink_options;
  OptionValues source_options;

  std::string schema = "main";  // where tests may make tables; the state lives there too
  // source_table that reads what was written as this table. Default: schema.name.
  std::function<std::string(const TableName&)> source_table;

  // The type as which a column of this type comes back (the default is the same type); nothing: it cannot be held.
  std::function<std::optional<Type>(const Type&)> reads_as;
  // The canonical text as which a value comes back in its own column; nothing: NULL there, and the value is in a
  // variant column. Default: the same. Name here what the system cannot hold (BC dates, NaN, …), with the reason.
  std::function<std::optional<std::string>(const Type&, const std::string&)> value_reads_as;

  bool commits_position_with_rows = true;  // Committed, WasCommitted and compare-and-set are what they promise
  bool one_load_at_a_time = true;          // Open of a second session fails (kConflict or kTransient) while one is open
  bool readers_see_old_rows_during_load = true;  // a source can be opened while a load is under way
  bool adds_columns = true;                      // append and merge into a table that lacks columns
  bool merges_changes = true;                    // where merge is: loads of changes (WriteRequest::is_changes)
  bool keeps_empty_tables = true;                // a load of no rows leaves a table to describe
  int max_columns = 1600;                        // that a test table may have
  int max_name_bytes = 63;                       // of a column or table
  bool any_characters_in_names = true;           // quotes, spaces, slashes, non-ASCII; false: only [A-Za-z0-9_]
  int64_t big_value_bytes = 10 << 20;

  // Through a client that shares no code with the connector; optional.
  std::function<int64_t(const Place&, const TableName&)> count_rows;
  // Names of all tables or files there, sorted: a load that was not committed must leave them as they were.
  std::function<std::vector<std::string>(const Place&)> list_objects;
};

using QuirksFactory = Quirks (*)();

// A batch of the schema from texts. Fails the test when a text does not parse.
RecordBatch MakeBatch(const SchemaPtr& schema, const std::vector<Row>& rows);
SchemaPtr MakeSchema(std::vector<Field> fields);
Field MakeField(std::string name, Type type);
Field MakeField(std::string name, TypeId type);

class ConformanceTest : public testing::TestWithParam<QuirksFactory> {
 protected:
  void SetUp() override;
  void TearDown() override { place_ = {}; }

  const Quirks& quirks() const { return quirks_; }
  const Place& place() const { return place_; }
  bool Supports(WriteStrategy strategy) const;

  // Fresh sessions. A failure fails the test and gives null.
  std::unique_ptr<Sink> OpenSink();
  std::unique_ptr<Source> OpenSource();

  PipelineId Pipeline(std::string name = "conformance/p") const;
  // A request of load `load_id` for table `name` in the test schema, with sensible settings for the strategy:
  // primary key `id`, incremental key `updated` when the schema has such columns.
  WriteRequest Request(const std::string& name, SchemaPtr schema, WriteStrategy strategy,
                       std::string load_id = "load-1") const;

  // Opens, writes, finishes.
  static Status Stage(Sink* sink, const WriteRequest& request, const std::vector<RecordBatch>& batches);
  // A whole session: Committed, Stage, Commit with the version found.
  Result<CommitResult> Load(const WriteRequest& request, const std::vector<RecordBatch>& batches,
                            std::optional<KeyRange> interval = std::nullopt, Position position = {R"({"cursor":"1"})"});
  Result<CommitResult> Load(const WriteRequest& request, const std::vector<Row>& rows);

  ReadRequest ReadOf(const std::string& table) const;
  // Plans and reads all splits. `upper` receives the plan's.
  Result<Table> Read(const ReadRequest& request, std::optional<Scalar>* upper = nullptr);
  // The same of a table of the test schema; a failure fails the test.
  Table ReadTable(const std::string& table);

  std::vector<std::string> Objects() const;  // list_objects, empty without it

 private:
  Quirks quirks_;
  Place place_;
};

#define ASSERT_NILUS_OK(expression)                                             \
  do {                                                                          \
    const auto& nilus_outcome = (expression);                                   \
    ASSERT_TRUE(nilus_outcome.has_value()) << nilus_outcome.error().ToString(); \
  } while (false)

// The error's kind as text, "ok" for none: readable in failures.
template <typename T>
std::string KindOf(const Result<T>& result) {
  return result.has_value() ? "ok" : std::string(ErrorKindName(result.error().kind));
}

// Pulls in the files that hold the suite's tests; called by the macro.
int LinkConformanceTests();

}  // namespace nilus::conformance

#define NILUS_CONFORMANCE_SUITE(name, ...)                                                                \
  namespace {                                                                                             \
  [[maybe_unused]] const int kNilusConformanceTests##name = ::nilus::conformance::LinkConformanceTests(); \
  ::nilus::conformance::Quirks MakeQuirks##name() { return (__VA_ARGS__)(); }                             \
  }                                                                                                       \
  namespace nilus::conformance {                                                                          \
  INSTANTIATE_TEST_SUITE_P(name, ConformanceTest, testing::Values(&MakeQuirks##name),                     \
                           [](const auto&) { return std::string(#name); });                               \
  }                                                                                                       \
  static_assert(true)
