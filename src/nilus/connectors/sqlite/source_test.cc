#include <fstream>
#include <thread>

#include "nilus/connectors/sqlite/file_testing.h"
#include "nilus/data/scalar.h"

namespace nilus::sqlite {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class SourceTest : public FileTest {
 protected:
  static ReadRequest Of(std::string table) {
    ReadRequest request;
    request.table = std::move(table);
    return request;
  }

  // "name type, …" of the plan, then a line of cells for each row ("-" for NULL; variants behind all others).
  Result<std::vector<std::string>> Read(const ReadRequest& request) {
    NILUS_ASSIGN(auto source, OpenSource());
    NILUS_ASSIGN(const ReadPlan plan, source->Plan(request));
    upper_ = plan.upper;
    description_ = plan.table;
    std::vector<std::string> lines(1);
    for (const Field& field : plan.table.schema.fields) {
      lines[0] += fmt::format("{}{} {}", lines[0].empty() ? "" : ", ", field.name, field.type.ToString());
    }
    NILUS_ASSIGN(auto reader, source->Open(plan.splits.at(0)));
    while (true) {
      NILUS_ASSIGN(std::optional<Batch> batch, reader->Next({}));
      if (!batch) return lines;
      for (int64_t row = 0; row < batch->rows.num_rows(); ++row) {
        std::string line;
        for (int i = 0; i < batch->rows.schema()->size(); ++i) {
          if (i > 0) line += "|";
          const Field& field = batch->rows.schema()->fields[static_cast<size_t>(i)];
          if (!field.variant_of.empty()) line += "(" + field.variant_of + ")";
          if (batch->rows.column(i).IsNull(row)) {
            line += "-";
          } else {
            AppendCellText(batch->rows.column(i), row, &line);
          }
        }
        lines.push_back(std::move(line));
      }
    }
  }

  std::optional<Scalar> upper_;
  TableDescription description_;
};

TEST_F(SourceTest, ValuesThatDoNotFitGoToVariantColumns) {
  Run("CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, at DATETIME, d DECIMAL(6,2));"
      "INSERT INTO t VALUES (1, 5, '2024-03-15 10:00:00', 1.5), (2, 'many', 1700000000, 'n/a'), (3, NULL, NULL, "
      "123456.789)");
  EXPECT_THAT(*Read(Of("t")), ElementsAre("id bigint, n bigint, at timestamp, d decimal(6,2)",
                                          "1|5|(n)-|2024-03-15T10:00:00Z|(at)-|1.50|(d)-",
                                          "2|-|(n)many|-|(at)1700000000|-|(d)n/a", "3|-|(n)-|-|(at)-|-|(d)123456.789"));
}

TEST_F(SourceTest, ShapesOfTables) {
  Run("CREATE TABLE w(a TEXT, b INT, v GENERATED ALWAYS AS (b * 2), PRIMARY KEY (b, a)) WITHOUT ROWID;"
      "INSERT INTO w(a, b) VALUES ('x', 1);"
      "CREATE VIEW view_of_w AS SELECT a, b + 1 AS next FROM w;"
      "CREATE TABLE \"odd \"\"name\"(\"select\" TEXT, \"a b\" TEXT); INSERT INTO \"odd \"\"name\" VALUES ('1', '2');"
      "CREATE TABLE strict_one(i INT NOT NULL, a ANY) STRICT; INSERT INTO strict_one VALUES (1, 'x');"
      "CREATE VIRTUAL TABLE search USING fts5(body); INSERT INTO search VALUES ('hello');"
      "CREATE TABLE \"sales.orders\"(id INTEGER); INSERT INTO \"sales.orders\" VALUES (7);"
      "CREATE TABLE untyped(a, b); INSERT INTO untyped VALUES (1, 'x'), (2.5, x'00')");
  EXPECT_THAT(*Read(Of("w")), ElementsAre("a text, b bigint, v bigint", "x|1|2"));
  EXPECT_THAT(description_.primary_key, ElementsAre("b", "a"));
  EXPECT_THAT(*Read(Of("main.w")), ElementsAre("a text, b bigint, v bigint", "x|1|2"));
  EXPECT_THAT(*Read(Of("view_of_w")), ElementsAre("a text, next bigint", "x|2"));
  EXPECT_THAT(*Read(Of("main.odd \"name")), ElementsAre("select text, a b text", "1|2"));
  EXPECT_THAT(*Read(Of("strict_one")), ElementsAre("i bigint, a text", "1|x"));
  EXPECT_FALSE(description_.schema.fields[0].nullable);
  EXPECT_THAT(*Read(Of("search")), ElementsAre("body text", "hello"));
  EXPECT_THAT(*Read(Of("sales.orders")), ElementsAre("id bigint", "7"));
  EXPECT_THAT(*Read(Of("untyped")), ElementsAre("a double, b text", "1|x|(b)-", "2.5|-|(b)00"));
}

TEST_F(SourceTest, Queries) {
  Run("CREATE TABLE t(id INTEGER, name TEXT, at DATETIME);"
      "INSERT INTO t VALUES (1, 'a', '2024-01-01 00:00:00'), (2, 'b', '2024-01-02 12:00:00'), (3, 'c', '2024-02-01 "
      "00:00:00')");
  EXPECT_THAT(*Read(Of("query:SELECT id, upper(name) AS n, count(*) OVER () AS c FROM t -- all; of them")),
              ElementsAre("id bigint, n text, c bigint", "1|A|3", "2|B|3", "3|C|3"));
  ReadRequest request =
      Of("query:WITH x AS (SELECT * FROM t) SELECT id FROM x WHERE at >= :interval_start AND at < :interval_end;  ");
  request.interval_start = "2024-01-02T00:00:00Z";
  request.interval_end = "2024-02-01T00:00:00Z";
  EXPECT_THAT(*Read(request), ElementsAre("id bigint", "2"));
  request.range = KeyRange{.column = "id", .lower = Scalar{MakeType(TypeId::kInt64), "3"}};
  EXPECT_THAT(*Read(request), ElementsAre("id bigint"));
  EXPECT_EQ(upper_->text, "2");
  request.interval_end.reset();
  EXPECT_EQ(KindOf(Read(request)), "invalid_input");

  for (const char* query :
       {"query:DELETE FROM t", "query:SELECT 1; DELETE FROM t", "query:SELECT 1; SELECT 2", "query:", "query:;",
        "query:SELECT 1) ; DELETE FROM t; --", "query:PRAGMA user_version = 7", "query:ATTACH 'x.db' AS x",
        "query:SELECT id, id FROM t", "query:SELECT ?", "query:SELECT :secret", "query:SELEKT 1"}) {
    EXPECT_EQ(KindOf(Read(Of(query))), "invalid_input") << query;
  }
  EXPECT_EQ(KindOf(Read(Of("query:SELECT * FROM nowhere"))), "not_found");
  EXPECT_THAT(Run("SELECT count(*) FROM t"), ElementsAre("3"));
  EXPECT_FALSE(std::filesystem::exists("x.db"));
}

TEST_F(SourceTest, RangesLeaveNoMisfitBehindUnseen) {
  Run("CREATE TABLE t(k INTEGER, s TEXT); CREATE INDEX i ON t(k);"
      "INSERT INTO t VALUES (1, 'a'), (5, x'61'), ('what', 'c'), (NULL, NULL), (x'00', 'd'), (9, 'Z')");
  ReadRequest request = Of("t");
  request.exclude_columns = {"s"};
  request.range = KeyRange{.column = "K", .lower = Scalar{MakeType(TypeId::kInt64), "5"}, .with_nulls = false};
  EXPECT_THAT(*Read(request), testing::UnorderedElementsAre("k bigint", "5", "9"));
  EXPECT_EQ(upper_->text, "9");
  request.range->with_nulls = true;
  request.range->upper = Scalar{MakeType(TypeId::kInt64), "5"};
  EXPECT_THAT(*Read(request), testing::UnorderedElementsAre("k bigint", "5|(k)-", "-|(k)what", "-|(k)-", "-|(k)00"));
  request = Of("t");
  request.exclude_columns = {"k"};
  request.range = KeyRange{.column = "s", .lower = Scalar{MakeType(TypeId::kText), "Z"}, .with_nulls = false};
  EXPECT_THAT(*Read(request), testing::UnorderedElementsAre("s text", "Z", "a", "c", "d"));
  EXPECT_EQ(upper_->text, "d");
  request.range->lower = Scalar{MakeType(TypeId::kText), "x"};
  request.range->with_nulls = true;
  EXPECT_THAT(*Read(request), testing::UnorderedElementsAre("s text", "-|(s)61", "-|(s)-"));
  request.range = KeyRange{.column = "k", .lower = Scalar{MakeType(TypeId::kText), "abc"}};
  EXPECT_EQ(KindOf(Read(request)), "invalid_input");
}

TEST_F(SourceTest, TimesInSeveralSpellingsCompareAsTimes) {
  Run("CREATE TABLE t(id INTEGER, at TIMESTAMP);"
      "INSERT INTO t VALUES (1, '2024-01-01T23:00:00Z'), (2, '2024-01-02 01:00:00+02:00'), (3, '2024-01-01 "
      "23:00:00.000001'), (4, 'soon')");
  ReadRequest request = Of("t");
  request.exclude_columns = {"at"};
  request.range = KeyRange{.column = "at",
                           .lower = Scalar{MakeType(TypeId::kTimestamp), "2024-01-01T23:00:00Z"},
                           .upper = Scalar{MakeType(TypeId::kTimestamp), "2024-01-01T23:00:00Z"},
                           .with_nulls = false};
  EXPECT_THAT(*Read(request), ElementsAre("id bigint", "1", "2"));
  EXPECT_EQ(upper_->text, "2024-01-01T23:00:00.000001Z");
}

// They meet the engine, which refuses them, and are no cursor.
TEST_F(SourceTest, FloatsThatAreNotFiniteAreReadButNotTheHighest) {
  // Compared as stored, and by nilus_key.
  for (ReflectionLevel level : {ReflectionLevel::kFull, ReflectionLevel::kFullWithPrecision}) {
    SCOPED_TRACE(static_cast<int>(level));
    Run("DROP TABLE IF EXISTS t; CREATE TABLE t(id INTEGER, k FLOAT4);"
        "INSERT INTO t VALUES (1, 1.0), (2, 2.5), (3, 9e999), (4, -9e999), (5, 'NaN')");
    ReadRequest request = Of("t");
    request.reflection = level;
    request.range = KeyRange{.column = "k"};
    EXPECT_THAT(*Read(request), SizeIs(6));
    ASSERT_TRUE(upper_.has_value());
    EXPECT_EQ(upper_->text, "2.5");
    request.range->lower = Scalar{MakeType(TypeId::kFloat64), "2.5"};
    EXPECT_THAT(*Read(request), SizeIs(4)) << "the columns' names, 2.5, Infinity, NaN";
    Run("DELETE FROM t WHERE id < 4");
    request.range->lower.reset();
    EXPECT_THAT(*Read(request), SizeIs(3));
    EXPECT_FALSE(upper_.has_value());
  }
}

TEST_F(SourceTest, MissingFileIsNotFoundAndNotMade) {
  EXPECT_EQ(KindOf(OpenSource()), "not_found");
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(SourceTest, FileThatIsNoDatabase) {
  std::ofstream(path()) << "id,name\n1,not a database at all, only some text that goes on for a while\n"
                        << std::string(4096, 'x');
  const auto read = Read(Of("t"));
  EXPECT_EQ(KindOf(read), "data");
  EXPECT_THAT(read.error().message, HasSubstr("not a SQLite database"));
  std::filesystem::remove(path());
  std::filesystem::create_directory(path());
  EXPECT_EQ(KindOf(Read(Of("t"))), "invalid_input");
}

TEST_F(SourceTest, DamagedFileIsAnErrorNotAShortRead) {
  Run("CREATE TABLE t(id INTEGER, v TEXT);"
      "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 5000) INSERT INTO t SELECT x, "
      "hex(randomblob(50)) FROM c");
  {
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 * 20);
    file << std::string(4096 * 3, '\xee');
  }
  const auto read = Read(Of("t"));
  EXPECT_EQ(KindOf(read), "data");
  EXPECT_THAT(read.error().message, HasSubstr("damaged"));
}

TEST_F(SourceTest, LockedFileIsTransient) {
  Run("CREATE TABLE t(id INTEGER)");
  Peer peer(path());
  peer.Run("BEGIN EXCLUSIVE");
  EXPECT_EQ(KindOf(Read(Of("t"))), "transient");
  peer.Run("ROLLBACK");
  EXPECT_EQ(KindOf(Read(Of("t"))), "ok");
}

TEST_F(SourceTest, OneSnapshotFromPlanToTheLastRow) {
  Run("PRAGMA journal_mode = WAL; CREATE TABLE t(id INTEGER); INSERT INTO t VALUES (1), (2)");
  auto source = *OpenSource();
  ReadRequest request = Of("t");
  request.page_rows = 1;
  request.range = KeyRange{.column = "id"};
  const auto plan = source->Plan(request);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->upper->text, "2");
  Run("INSERT INTO t VALUES (3); CREATE TABLE u(x); DROP TABLE t");
  auto reader = *source->Open(plan->splits[0]);
  EXPECT_EQ((*reader->Next({}))->rows.num_rows(), 1);
  EXPECT_EQ((*reader->Next({}))->rows.num_rows(), 1);
  EXPECT_FALSE((*reader->Next({})).has_value());
  EXPECT_FALSE((*reader->Next({})).has_value());
  EXPECT_EQ(KindOf(source->Plan(request)), "not_found");
}

TEST_F(SourceTest, AFinishedReaderHoldsNoLock) {
  Run("CREATE TABLE t(id INTEGER); INSERT INTO t VALUES (1)");
  auto source = *OpenSource();
  const auto plan = *source->Plan(Of("t"));
  auto reader = *source->Open(plan.splits[0]);
  while (*reader->Next({})) {
  }
  Peer peer(path());
  peer.Run("BEGIN EXCLUSIVE; INSERT INTO t VALUES (2); COMMIT");
}

TEST_F(SourceTest, StopEndsAQueryThatNeverWould) {
  Run("CREATE TABLE t(id INTEGER)");
  std::stop_source stop;
  OpenContext context;
  context.stop = stop.get_token();
  auto source = kSqliteConnector.open_source(MakeAddress(), context).value();
  std::jthread stopper([&] { stop.request_stop(); });
  const auto plan = source->Plan(
      Of("query:WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT sum(x) AS s FROM c"));
  EXPECT_EQ(KindOf(plan), "cancelled");
}

TEST_F(SourceTest, UnknownNamesComeWithAHint) {
  Run("CREATE TABLE orders(id INTEGER, amount INTEGER)");
  auto read = Read(Of("main.ordesr"));
  EXPECT_EQ(KindOf(read), "not_found");
  EXPECT_THAT(read.error().fix, HasSubstr("orders"));
  ReadRequest request = Of("orders");
  request.exclude_columns = {"amonut"};
  read = Read(request);
  EXPECT_EQ(KindOf(read), "invalid_input");
  EXPECT_THAT(read.error().fix, HasSubstr("amount"));
  request.exclude_columns = {"id", "amount"};
  EXPECT_EQ(KindOf(Read(request)), "invalid_input");
}

TEST_F(SourceTest, ReadingChangesNothing) {
  Run("CREATE TABLE t(id INTEGER); INSERT INTO t VALUES (1)");
  const auto before = std::filesystem::last_write_time(path());
  ASSERT_EQ(KindOf(Read(Of("t"))), "ok");
  EXPECT_EQ(std::filesystem::last_write_time(path()), before);
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) files.push_back(entry.path().filename());
  EXPECT_THAT(files, ElementsAre("test.db"));
}

TEST_F(SourceTest, AddressesThatNameNoFile) {
  for (const char* bad : {"", ":memory:"}) {
    Address address = MakeAddress();
    address.path = bad;
    EXPECT_EQ(KindOf(kSqliteConnector.open_source(address, OpenContext{})), "invalid_input") << bad;
    EXPECT_EQ(KindOf(kSqliteConnector.open_sink(address, OpenContext{})), "invalid_input") << bad;
  }
  Address address = MakeAddress();
  address.path = "file:" + path() + "?mode=rwc";  // a relative path, no URI
  EXPECT_EQ(KindOf(kSqliteConnector.open_source(address, OpenContext{})), "not_found");
  address = MakeAddress();
  address.params["busy_timeout"] = "soon";
  EXPECT_EQ(KindOf(kSqliteConnector.open_source(address, OpenContext{})), "invalid_input");
}

}  // namespace
}  // namespace nilus::sqlite
