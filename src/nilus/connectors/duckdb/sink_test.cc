// What is particular to the DuckDB sink; the promises of all sinks are in conformance_test.cc.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "nilus/connectors/duckdb/connector.h"
#include "nilus/connectors/duckdb/table_load.h"
#include "nilus/duck/lineitem_testing.h"
#include "nilus/duck/quote.h"
#include "nilus/duck/temp_folder_testing.h"

namespace nilus::duckdb {
namespace {

class DuckdbSinkTest : public testing::Test {
 protected:
  std::unique_ptr<Sink> Open(int threads = 2) {
    OpenContext context;
    context.threads = threads;
    auto sink = kDuckdbConnector.open_sink(*ParseAddress("duckdb:///" + path_, ProcessEnvironment()), context);
    EXPECT_TRUE(sink) << (sink ? "" : sink.error().ToString());
    return sink ? *std::move(sink) : nullptr;
  }
  static WriteRequest Request(SchemaPtr schema, WriteStrategy strategy, const std::string& load_id = "load-1") {
    return WriteRequest{.pipeline = {"p", "main"},
                        .load_id = load_id,
                        .table = {"shop", "orders"},
                        .schema = std::move(schema),
                        .strategy = strategy,
                        .primary_key = {"id"},
                        .incremental_key = "id"};
  }
  static CommitRequest CommitOf(const WriteRequest& request, int64_t version) {
    return CommitRequest{
        .pipeline = request.pipeline, .load_id = request.load_id, .expected_version = version, .position = {"{}"}};
  }
  std::vector<duck::TextRow> Query(const std::string& sql) {
    auto rows = duck::Connection::Open(*duck::Database::Open({.path = path_}))->Query(sql);
    EXPECT_TRUE(rows) << (rows ? "" : rows.error().ToString());
    return rows ? *rows : std::vector<duck::TextRow>{};
  }
  void Execute(const std::string& sql) {
    auto done = duck::Connection::Open(*duck::Database::Open({.path = path_}))->Execute(sql);
    EXPECT_TRUE(done) << (done ? "" : done.error().ToString());
  }

  duck::TempFolder folder_;
  std::string path_ = folder_ / "t.duckdb";
};

SchemaPtr IdAndDate() {
  static const SchemaPtr schema = std::make_shared<Schema>(Schema{
      {Field{.name = "id", .type = MakeType(TypeId::kInt64)}, Field{.name = "d", .type = MakeType(TypeId::kDate)}}});
  return schema;
}

// Rows [first, first + count); the last one has a date that only the variant column can hold, when asked for.
RecordBatch Dates(int64_t first, int64_t count, bool misfit) {
  BatchBuilder builder(IdAndDate());
  for (int64_t row = first; row < first + count; ++row) {
    builder.column(0).Append<int64_t>(row);
    misfit&& row == first + count - 1 ? builder.AppendVariant(1, "infinity")
                                      : builder.column(1).Append<int32_t>(static_cast<int32_t>(row));
    builder.FinishRow();
  }
  return builder.Finish();
}

TEST_F(DuckdbSinkTest, WaitsForAnotherProcessThatHoldsTheFile) {
  Execute("SELECT 1");  // the file is made
  int ready[2];
  int release[2];
  ASSERT_EQ(pipe(ready) | pipe(release), 0);
  // Without the handlers of fork(): DuckDB's allocator takes more locks in them than ThreadSanitizer can follow.
  pid_t holder = _Fork();
  if (holder == 0) {  // DuckDB's lock, by a process that knows nothing of DuckDB
    int file = open(path_.c_str(), O_RDWR);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    char byte = fcntl(file, F_SETLK, &lock) == 0 ? 'y' : 'n';
    if (write(ready[1], &byte, 1) != 1 || read(release[0], &byte, 1) != 1) _exit(1);
    _exit(0);
  }
  char is_locked = 'n';
  ASSERT_EQ(read(ready[0], &is_locked, 1), 1);
  ASSERT_EQ(is_locked, 'y');
  auto open_sink = [&](const std::string& wait) {
    return kDuckdbConnector.open_sink(
        *ParseAddress("duckdb:///" + path_ + "?lock_wait_seconds=" + wait, ProcessEnvironment()), OpenContext{});
  };
  auto at_once = open_sink("0");
  ASSERT_FALSE(at_once);
  EXPECT_EQ(at_once.error().kind, ErrorKind::kTransient);
  EXPECT_EQ(open_sink("-1").error().kind, ErrorKind::kInvalidInput);
  std::jthread releaser([&] { EXPECT_EQ(write(release[1], "x", 1), 1); });
  auto waited = open_sink("60");
  EXPECT_TRUE(waited) << waited.error().ToString();
  waitpid(holder, nullptr, 0);
  for (int file : {ready[0], ready[1], release[0], release[1]}) close(file);
}

TEST_F(DuckdbSinkTest, NamesALargeRowAsTheCauseOfMemoryThatRanOut) {
  OpenContext context;
  context.duckdb_bytes = 32 << 20;
  auto sink = kDuckdbConnector.open_sink(*ParseAddress("duckdb:///" + path_, ProcessEnvironment()), context);
  ASSERT_TRUE(sink);
  auto schema = std::make_shared<Schema>(Schema{.fields = {{"id", MakeType(TypeId::kText)}}});
  auto writer = (*sink)->Open(Request(schema, WriteStrategy::kReplace));
  ASSERT_TRUE(writer) << writer.error().ToString();
  ColumnBuilder column(MakeType(TypeId::kText));
  column.AppendBytes(std::string(100 << 20, 'x'));
  Status written = (*writer)->Write(RecordBatch(schema, {column.Finish()}, 1));
  if (written) written = (*writer)->Finish().map([](const Receipt&) {});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::kExhausted);
  EXPECT_EQ(written.error().fix.find("a row of about 100 MiB is the cause"), 0U) << written.error().ToString();
}

TEST_F(DuckdbSinkTest, NothingIsMadeBeforeALoad) {
  auto request = Request(IdAndDate(), WriteStrategy::kMerge);
  auto sink = Open();
  EXPECT_FALSE(sink->Committed(request.pipeline)->has_value());
  EXPECT_FALSE(*sink->WasCommitted(request.pipeline, "load-1"));
  EXPECT_FALSE(sink->Describe(request.table)->has_value());
  EXPECT_TRUE(sink->Explain(request));
  auto items = sink->Check();
  ASSERT_TRUE(items);
  EXPECT_NE(items->front().detail.find("does not exist yet"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_TRUE(sink->Open(request));
  EXPECT_TRUE(std::filesystem::exists(path_));
}

// The version column made a text by hand: neither version 0 nor "not committed".
TEST_F(DuckdbSinkTest, AStateWhoseVersionIsNoNumberIsDamaged) {
  auto request = Request(IdAndDate(), WriteStrategy::kAppend);
  auto sink = Open();
  ASSERT_TRUE((*sink->Open(request))->Finish());
  ASSERT_TRUE(sink->Commit(CommitOf(request, 0)));
  sink.reset();
  for (std::string table : {"_nilus_state", "_nilus_loads"}) {
    Execute("ALTER TABLE main." + table + " ALTER version TYPE VARCHAR");
    Execute("UPDATE main." + table + " SET version = 'one'");
  }
  sink = Open();
  auto state = sink->Committed(request.pipeline);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().kind, ErrorKind::kData);
  EXPECT_NE(state.error().message.find("`one` is no integer"), std::string::npos) << state.error().message;
  EXPECT_FALSE(sink->WasCommitted(request.pipeline, "load-1").has_value());
}

// A column that comes late, beside more rows of the same transaction than one row group holds: DuckDB 1.5.6 fails with
// an internal error here when it inserts by one thread.
TEST_F(DuckdbSinkTest, SchemaGrowsInTheMiddleOfEveryStrategy) {
  int64_t version = 0;
  for (int threads : {1, 2}) {
    for (WriteStrategy strategy : kDuckdbConnector.strategies) {
      for (bool unique : {true, false}) {
        SCOPED_TRACE(fmt::format("{} {} threads{}", WriteStrategyName(strategy), threads, unique ? ", unique" : ""));
        Execute("DROP TABLE IF EXISTS shop.orders");
        auto sink = Open(threads);
        WriteRequest request = Request(IdAndDate(), strategy, fmt::format("load-{}", version));
        request.key_is_unique = unique;
        auto writer = sink->Open(request);
        ASSERT_TRUE(writer) << writer.error().ToString();
        for (int64_t i = 0; i < 8; ++i) {
          Status written = (*writer)->Write(Dates(i * 50'000, 50'000, i % 2 == 1 && i > 4));
          ASSERT_TRUE(written) << written.error().ToString();
        }
        auto receipt = (*writer)->Finish();
        ASSERT_TRUE(receipt) << receipt.error().ToString();
        EXPECT_EQ(receipt->rows, 400'000);
        auto result = sink->Commit(CommitOf(request, version));
        ASSERT_TRUE(result) << result.error().ToString();
        EXPECT_EQ(result->rows_inserted, 400'000);
        ++version;
        sink.reset();
        EXPECT_EQ(
            Query(
                "SELECT count(*), count(DISTINCT id), count(d), count(d__v_text), min(d__v_text) FROM shop.orders")[0],
            (duck::TextRow{"400000", "400000", "399998", "2", "infinity"}));
      }
    }
  }
}

TEST_F(DuckdbSinkTest, TwoWritersMayTakeTurns) {
  auto sink = Open();
  WriteRequest first = Request(IdAndDate(), WriteStrategy::kAppend);
  WriteRequest second = Request(IdAndDate(), WriteStrategy::kReplace);
  second.table.name = "others";
  auto a = sink->Open(first);
  auto b = sink->Open(second);
  ASSERT_TRUE(a && b);
  for (int64_t i = 0; i < 5; ++i) {
    ASSERT_TRUE((*a)->Write(Dates(i * 100, 100, false)));
    ASSERT_TRUE((*b)->Write(Dates(i * 10, 10, false)));
  }
  ASSERT_TRUE((*a)->Finish());
  ASSERT_TRUE((*b)->Finish());
  ASSERT_TRUE(sink->Commit(CommitOf(first, 0)));
  sink.reset();
  EXPECT_EQ(Query("SELECT (SELECT count(*) FROM shop.orders), (SELECT count(*) FROM shop.others)")[0],
            (duck::TextRow{"500", "50"}));
}

// Turns end the INSERT, whose rows then wait in the transaction: more of them than DuckDB keeps before it writes (five
// row groups), and then a late column and more rows.
TEST_F(DuckdbSinkTest, LateColumnBehindManyTurns) {
  for (WriteStrategy strategy : {WriteStrategy::kAppend, WriteStrategy::kReplace, WriteStrategy::kMerge}) {
    SCOPED_TRACE(WriteStrategyName(strategy));
    Execute("DROP TABLE IF EXISTS shop.orders");
    Execute("DROP TABLE IF EXISTS shop._nilus_state");
    Execute("DROP TABLE IF EXISTS main._nilus_state");
    auto sink = Open();
    WriteRequest request = Request(IdAndDate(), strategy, fmt::format("load-{}", WriteStrategyName(strategy)));
    WriteRequest other = request;
    other.table.name = "turns";
    auto writer = sink->Open(request);
    ASSERT_TRUE(writer) << writer.error().ToString();
    auto turns = sink->Open(other);
    ASSERT_TRUE(turns) << turns.error().ToString();
    constexpr int64_t kTurns = 30;
    for (int64_t turn = 0; turn < kTurns; ++turn) {
      Status written = (*writer)->Write(Dates(turn * 50'000, 50'000, turn == 20 || turn == 25));
      ASSERT_TRUE(written) << written.error().ToString();
      written = (*turns)->Write(Dates(turn, 1, false));
      ASSERT_TRUE(written) << turn << ": " << written.error().ToString();
    }
    ASSERT_TRUE((*turns)->Finish());
    auto receipt = (*writer)->Finish();
    ASSERT_TRUE(receipt) << receipt.error().ToString();
    auto result = sink->Commit(CommitOf(request, 0));
    ASSERT_TRUE(result) << result.error().ToString();
    sink.reset();
    EXPECT_EQ(Query("SELECT count(*), count(DISTINCT id), count(d), count(d__v_text) FROM shop.orders")[0],
              (duck::TextRow{"1500000", "1500000", "1499998", "2"}));
  }
}

TEST_F(DuckdbSinkTest, ReplaceKeepsWhatHangsOnTheTable) {
  Execute("CREATE SCHEMA shop");
  Execute("CREATE TABLE shop.orders (id BIGINT PRIMARY KEY, d DATE)");
  Execute("INSERT INTO shop.orders VALUES (1, NULL), (500, NULL)");
  Execute("CREATE VIEW shop.view AS SELECT count(*) AS n FROM shop.orders");
  auto sink = Open();
  WriteRequest request = Request(IdAndDate(), WriteStrategy::kReplace);
  auto writer = sink->Open(request);
  ASSERT_TRUE((*writer)->Write(Dates(0, 100, false)));
  ASSERT_TRUE((*writer)->Finish());
  auto result = sink->Commit(CommitOf(request, 0));
  ASSERT_TRUE(result) << result.error().ToString();
  sink.reset();
  EXPECT_EQ(Query("SELECT * FROM shop.view")[0][0], "100");
  EXPECT_EQ(
      Query("SELECT count(*) FROM duckdb_constraints() WHERE table_name = 'orders' AND constraint_type = 'PRIMARY KEY'")
          [0][0],
      "1");
}

TEST_F(DuckdbSinkTest, ReplaceKeepsWhatWasDeclaredByHand) {
  struct Case {
    std::string create, probe, kept;
  };
  const Case cases[] = {
      {"CREATE TABLE shop.orders (id BIGINT NOT NULL, d DATE)",
       "SELECT is_nullable FROM duckdb_columns() WHERE table_name = 'orders' AND column_name = 'id'", "false"},
      {"CREATE TABLE shop.orders (id BIGINT, d DATE, n BIGINT DEFAULT 7)", "SELECT DISTINCT n FROM shop.orders", "7"},
      {"CREATE TABLE shop.orders (id BIGINT, d DATE, twice BIGINT GENERATED ALWAYS AS (id * 2))",
       "SELECT max(twice) FROM shop.orders", "198"},
      {"CREATE TABLE shop.orders (id BIGINT, d DATE); COMMENT ON TABLE shop.orders IS 'by hand'",
       "SELECT comment FROM duckdb_tables() WHERE table_name = 'orders'", "by hand"},
      {"CREATE TABLE shop.orders (id BIGINT, d DATE); COMMENT ON COLUMN shop.orders.d IS 'by hand'",
       "SELECT comment FROM duckdb_columns() WHERE table_name = 'orders' AND column_name = 'd'", "by hand"},
  };
  Execute("CREATE SCHEMA shop");
  int64_t version = 0;
  for (const Case& one : cases) {
    SCOPED_TRACE(one.create);
    Execute("DROP TABLE IF EXISTS shop.orders");
    for (size_t from = 0; from < one.create.size();) {
      size_t to = std::min(one.create.find(';', from), one.create.size());
      Execute(one.create.substr(from, to - from));
      from = to + 1;
    }
    Execute("INSERT INTO shop.orders (id) VALUES (500)");
    auto sink = Open();
    WriteRequest request = Request(IdAndDate(), WriteStrategy::kReplace);
    request.load_id += std::to_string(version);
    auto writer = sink->Open(request);
    ASSERT_TRUE(writer) << writer.error().ToString();
    ASSERT_TRUE((*writer)->Write(Dates(0, 100, false)));
    ASSERT_TRUE((*writer)->Finish());
    auto result = sink->Commit(CommitOf(request, version));
    ASSERT_TRUE(result) << result.error().ToString();
    ++version;
    sink.reset();
    EXPECT_EQ(Query("SELECT count(*) FROM shop.orders")[0][0], "100");
    EXPECT_EQ(Query(one.probe)[0][0], one.kept);
  }
}

TEST_F(DuckdbSinkTest, TablesAreOpenedOnceALoad) {
  auto sink = Open();
  WriteRequest request = Request(IdAndDate(), WriteStrategy::kAppend);
  auto first = sink->Open(request);
  ASSERT_TRUE(first);
  request.table.name = "ORDERS";  // one table to DuckDB
  auto second = sink->Open(request);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kInternal);
  ASSERT_TRUE((*first)->Write(Dates(0, 100, false)));
  auto committed = sink->Commit(CommitOf(request, 0));  // the first writer was not finished
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().kind, ErrorKind::kInternal);
}

TEST_F(DuckdbSinkTest, ConstraintsOfTheTargetAreDataErrors) {
  Execute("CREATE SCHEMA shop");
  Execute("CREATE TABLE shop.orders (id BIGINT CHECK (id < 150000), d DATE)");
  auto sink = Open();
  WriteRequest request = Request(IdAndDate(), WriteStrategy::kAppend);
  auto writer = sink->Open(request);
  ASSERT_TRUE(writer) << writer.error().ToString();
  Status status;
  for (int64_t i = 0; i < 10 && status; ++i) status = (*writer)->Write(Dates(i * 50'000, 50'000, false));
  if (status) status = (*writer)->Finish().map([](const Receipt&) {});
  if (status) status = sink->Commit(CommitOf(request, 0)).map([](const CommitResult&) {});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kData) << status.error().ToString();
  sink.reset();
  EXPECT_EQ(Query("SELECT count(*) FROM shop.orders")[0][0], "0");
}

TEST_F(DuckdbSinkTest, TypesThatWouldLoseValuesAreRefused) {
  Execute("CREATE SCHEMA shop");
  Execute("CREATE TABLE shop.orders (id DOUBLE, d VARCHAR)");
  auto sink = Open();
  auto writer = sink->Open(Request(IdAndDate(), WriteStrategy::kAppend));
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().kind, ErrorKind::kData);
  EXPECT_NE(writer.error().message.find("`id`"), std::string::npos) << writer.error().message;
  writer = sink->Open(Request(IdAndDate(), WriteStrategy::kReplace));  // makes the table anew
  EXPECT_TRUE(writer) << writer.error().ToString();
}

TEST_F(DuckdbSinkTest, ViewsAreNoTargets) {
  Execute("CREATE SCHEMA shop");
  Execute("CREATE VIEW shop.orders AS SELECT 1 AS id");
  auto writer = Open()->Open(Request(IdAndDate(), WriteStrategy::kReplace));
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().kind, ErrorKind::kInvalidInput);
}

TEST_F(DuckdbSinkTest, StopEndsALoadAndLeavesNothing) {
  auto sink = Open();
  std::stop_source stop;
  WriteRequest request = Request(IdAndDate(), WriteStrategy::kAppend);
  request.stop = stop.get_token();
  auto writer = sink->Open(request);
  ASSERT_TRUE(writer);
  for (int64_t i = 0; i < 6; ++i) ASSERT_TRUE((*writer)->Write(Dates(i * 50'000, 50'000, false)));
  stop.request_stop();
  auto finished = (*writer)->Finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().kind, ErrorKind::kCancelled) << finished.error().ToString();
  writer->reset();
  sink.reset();
  EXPECT_EQ(Query("SELECT count(*) FROM duckdb_tables()")[0][0], "0");
}

TEST_F(DuckdbSinkTest, ManyRowsOfManyColumnsArrive) {
  auto sink = Open();
  WriteRequest request = Request(duck::LineitemSchema(), WriteStrategy::kReplace);
  request.incremental_key.clear();
  auto writer = sink->Open(request);
  ASSERT_TRUE(writer) << writer.error().ToString();
  for (int64_t i = 0; i < 30; ++i) ASSERT_TRUE((*writer)->Write(duck::LineitemBatch(i * 10'000, 10'000)));
  ASSERT_TRUE((*writer)->Finish());
  ASSERT_TRUE(sink->Commit(CommitOf(request, 0)));
  sink.reset();
  EXPECT_EQ(Query("SELECT count(*), sum(l_orderkey), count(DISTINCT l_shipmode) FROM shop.orders")[0],
            (duck::TextRow{"300000", "11250150000", "7"}));
}

// A name alone could be that of the database (its file's), of a schema, or of a table.
TEST_F(DuckdbSinkTest, SchemaTableAndFileMayBeCalledTheSame) {
  for (const char* name : {"shop", "main", "temp", "t"}) {
    path_ = folder_ / (std::string(name) + ".duckdb");
    int64_t version = 0;
    for (WriteStrategy strategy : kDuckdbConnector.strategies) {
      SCOPED_TRACE(fmt::format("{} {}", name, WriteStrategyName(strategy)));
      auto sink = Open();
      for (bool again : {false, true}) {
        WriteRequest request = Request(IdAndDate(), strategy, fmt::format("load-{}", version));
        request.pipeline.state_schema = name;
        request.table = {name, fmt::format("{}_{}", name, version / 2)};
        if (strategy == WriteStrategy::kAppend) request.table.name = name;
        auto writer = sink->Open(request);
        ASSERT_TRUE(writer) << writer.error().ToString();
        ASSERT_TRUE((*writer)->Write(Dates(0, 10, again)));
        auto receipt = (*writer)->Finish();
        ASSERT_TRUE(receipt) << receipt.error().ToString();
        auto result = sink->Commit(CommitOf(request, version++));
        ASSERT_TRUE(result) << result.error().ToString();
        auto described = sink->Describe(request.table);
        ASSERT_TRUE(described && *described);
        EXPECT_TRUE((*described)->Find("d"));
      }
      auto checked = sink->Check();
      ASSERT_TRUE(checked);
      for (const CheckItem& item : *checked) EXPECT_TRUE(item.ok) << item.detail;
    }
    EXPECT_EQ(Query(fmt::format("SELECT count(*) FROM duckdb_tables() WHERE schema_name = '{}' AND NOT temporary AND "
                                "NOT starts_with(table_name, '_nilus')",
                                name))[0][0],
              "5");
    EXPECT_EQ(Query("SELECT count(*) FROM duckdb_tables() WHERE NOT temporary")[0][0], "7");  // and the state's two
  }
}

// Both share one DuckDB instance and its threads, and none waits for the other for ever.
TEST_F(DuckdbSinkTest, SourceAndSinkMayBeOneFile) {
  Execute("CREATE TABLE numbers AS SELECT range AS id, DATE '1970-01-01' AS d FROM range(500000)");
  auto sink = Open();
  auto source = kDuckdbConnector.open_source(*ParseAddress("duckdb:///" + path_, ProcessEnvironment()), OpenContext{});
  ASSERT_TRUE(source) << source.error().ToString();
  auto plan = (*source)->Plan({.table = "numbers"});
  ASSERT_TRUE(plan) << plan.error().ToString();
  WriteRequest request = Request(IdAndDate(), WriteStrategy::kReplace);
  auto writer = sink->Open(request);
  ASSERT_TRUE(writer) << writer.error().ToString();
  auto reader = (*source)->Open(plan->splits[0]);
  ASSERT_TRUE(reader) << reader.error().ToString();
  while (true) {
    auto batch = (*reader)->Next({});
    ASSERT_TRUE(batch) << batch.error().ToString();
    if (!*batch) break;
    Status written = (*writer)->Write((*batch)->rows);
    ASSERT_TRUE(written) << written.error().ToString();
  }
  ASSERT_TRUE((*writer)->Finish());
  auto result = sink->Commit(CommitOf(request, 0));
  ASSERT_TRUE(result) << result.error().ToString();
  EXPECT_EQ(result->rows_inserted, 500'000);
}

TEST(CheckAssignable, RefusesOnlyWhatCouldLoseValues) {
  auto allowed = [](Type from, Type to) {
    return CheckAssignable({"s", "t"}, Field{.name = "c", .type = from}, to).has_value();
  };
  auto type = [](TypeId id) { return MakeType(id); };
  EXPECT_TRUE(allowed(type(TypeId::kInt64), type(TypeId::kInt16)));  // out of range is an error of DuckDB's
  EXPECT_TRUE(allowed(type(TypeId::kInt64), MakeDecimal(12, 2)));
  EXPECT_TRUE(allowed(MakeDecimal(12, 2), MakeDecimal(10, 3)));
  EXPECT_TRUE(allowed(type(TypeId::kFloat64), type(TypeId::kText)));
  EXPECT_FALSE(allowed(MakeDecimal(12, 2), MakeDecimal(12, 1)));
  EXPECT_FALSE(allowed(MakeDecimal(12, 2), type(TypeId::kInt64)));
  EXPECT_FALSE(allowed(type(TypeId::kFloat64), type(TypeId::kFloat32)));
  EXPECT_FALSE(allowed(type(TypeId::kFloat64), type(TypeId::kInt64)));
  EXPECT_FALSE(allowed(type(TypeId::kTimestamp), type(TypeId::kDate)));
  EXPECT_FALSE(allowed(type(TypeId::kText), type(TypeId::kInt64)));
}

}  // namespace
}  // namespace nilus::duckdb
