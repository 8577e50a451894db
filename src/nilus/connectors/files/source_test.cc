#include <gmock/gmock.h>
#include <zlib.h>
#include <zstd.h>

#include "nilus/connectors/files/file_position.h"
#include "nilus/connectors/files/query_text.h"
#include "nilus/connectors/files/test_support.h"
#include "nilus/duck/column_type.h"
#include "nilus/duck/connection.h"

namespace nilus::files {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string Gzip(const std::string& text) {
  std::string packed(compressBound(text.size()) + 64, '\0');
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string Zstd(const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  return packed;
}

class FilesSourceTest : public FolderTest {
 protected:
  static ReadRequest Request(std::string table = "t") {
    ReadRequest request;
    request.table = std::move(table);
    return request;
  }
  static std::vector<std::string> FirstColumn(const Result<ReadBack>& read) {
    std::vector<std::string> values;
    if (!read) return {read.error().ToString()};
    for (const Row& row : read->rows) values.push_back(row[0].value_or("NULL"));
    return values;
  }
  Result<ReadBack> Read(const std::string& path, const ReadRequest& request,
                        std::map<std::string, std::string, std::less<>> params = {}) {
    NILUS_ASSIGN(std::unique_ptr<Source> source, OpenSource(path, std::move(params)));
    return ReadFrom(source.get(), request);
  }
  // A Parquet folder shop/p with id 1…4, NULL last, through our own sink.
  void WriteParquet(const std::string& name) {
    auto sink = OpenSink(root());
    ASSERT_OK(sink);
    auto schema = MakeSchema({Field{"id", MakeType(TypeId::kInt64)}, Field{"t", MakeType(TypeId::kText)}});
    WriteRequest request;
    request.pipeline = {"p/" + name, "shop"};
    request.load_id = "load";
    request.table = {"shop", name};
    request.schema = schema;
    auto writer = (*sink)->Open(request);
    ASSERT_OK(writer);
    ASSERT_OK(
        (*writer)->Write(MakeBatch(schema, {{"1", "a"}, {"2", "b"}, {"3", "c"}, {"4", "d"}, {std::nullopt, "n"}})));
    ASSERT_OK((*writer)->Finish());
    CommitRequest commit;
    commit.pipeline = request.pipeline;
    commit.load_id = "load";
    ASSERT_OK((*sink)->Commit(commit));
  }
};

TEST_F(FilesSourceTest, ReadsCompressedFiles) {
  std::string text = "a,b\n";
  for (int i = 0; i < 50'000; ++i) text += fmt::format("{},value {}\n", i, i % 97);
  Put("plain.csv", text);
  Put("one.csv.gz", Gzip(text));
  Put("members.csv.gz", Gzip(text.substr(0, 1000)) + Gzip(text.substr(1000)));
  Put("one.csv.zst", Zstd(text));
  Put("frames.csv.zst", Zstd(text.substr(0, 70'000)) + Zstd(text.substr(70'000)));
  auto plain = ReadAll(Path("plain.csv"), "t");
  ASSERT_OK(plain);
  ASSERT_EQ(plain->rows.size(), 50'000U);
  for (const char* name : {"one.csv.gz", "members.csv.gz", "one.csv.zst", "frames.csv.zst"}) {
    auto packed = ReadAll(Path(name), "t");
    ASSERT_OK(packed);
    EXPECT_TRUE(packed->rows == plain->rows) << name;
  }
}

TEST_F(FilesSourceTest, DamagedCompressionIsAnError) {
  std::string text(100'000, 'x');
  std::string gz = Gzip("a\n" + text + "\n");
  std::string zst = Zstd("a\n" + text + "\n");
  EXPECT_THAT(ReadError(Put("cut.csv.gz", gz.substr(0, gz.size() / 2)), "t"), HasSubstr("cut off"));
  EXPECT_THAT(ReadError(Put("cut.csv.zst", zst.substr(0, zst.size() / 2)), "t"), HasSubstr("cut off"));
  EXPECT_THAT(ReadError(Put("no.csv.gz", "a\n1\n"), "t"), HasSubstr("no intact gzip"));
  EXPECT_THAT(ReadError(Put("no.csv.zst", "a\n1\nlonger text\n"), "t"), HasSubstr("no intact zstd"));
  EXPECT_THAT(ReadError(Put("tail.csv.gz", gz + "garbage"), "t"), HasSubstr("no intact gzip"));
  gz[gz.size() - 6] ^= 1;  // the checksum
  EXPECT_THAT(ReadError(Put("sum.csv.gz", gz), "t"), HasSubstr("no intact gzip"));
}

// As `zstd --long=N` does, of a text whose size is not known beforehand.
std::string ZstdLong(const std::string& text, int level, int window_log) {
  std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  if (window_log > 0) ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, window_log);
  std::string packed(ZSTD_compressBound(text.size()) + 64, '\0');
  ZSTD_outBuffer out{packed.data(), packed.size(), 0};
  for (ZSTD_EndDirective step : {ZSTD_e_continue, ZSTD_e_end}) {
    ZSTD_inBuffer in{text.data(), step == ZSTD_e_continue ? text.size() : 0, 0};
    EXPECT_EQ(ZSTD_isError(ZSTD_compressStream2(context.get(), &out, &in, step)), 0U);
  }
  packed.resize(out.pos);
  return packed;
}

TEST_F(FilesSourceTest, AZstdWindowBeyondWhatUsualLevelsWriteIsRefused) {
  const std::string text = "a\n1\n";
  EXPECT_EQ(ReadError(Put("level19.csv.zst", ZstdLong(text, 19, 0)), "t"), "");
  EXPECT_EQ(ReadError(Put("log23.csv.zst", ZstdLong(text, 3, 23)), "t"), "");
  for (const auto& [log, size] : {std::pair(24, "16 MiB"), std::pair(27, "128 MiB")}) {
    EXPECT_THAT(ReadError(Put("long.csv.zst", ZstdLong(text, 3, log)), "t"),
                AllOf(HasSubstr("data:"), HasSubstr("long.csv.zst"), HasSubstr(size), HasSubstr("without --long")));
  }
  // Also of a later frame, whose first bytes may be read one by one.
  EXPECT_THAT(ReadError(Put("second.csv.zst", Zstd(text) + ZstdLong("2\n", 3, 25)), "t"), HasSubstr("32 MiB"));
}

TEST_F(FilesSourceTest, ACompressedFileWithoutAnyByteIsCutOff) {
  EXPECT_THAT(ReadError(Put("empty.csv.gz", ""), "t"),
              AllOf(HasSubstr("empty.csv.gz has no bytes"), HasSubstr("gzip")));
  EXPECT_THAT(ReadError(Put("empty.jsonl.zst", ""), "t"), AllOf(HasSubstr("data:"), HasSubstr("zstd")));
  EXPECT_EQ(ReadError(Put("none.csv.gz", Gzip("")), "t"),
            ReadError(Put("none.csv", ""), "t"));  // a whole file of no text
  EXPECT_EQ(ReadError(Put("none.csv.zst", Zstd("")), "t"), ReadError(Put("none.csv", ""), "t"));
}

TEST_F(FilesSourceTest, CompressedDataUnderAPlainNameIsRecognized) {
  for (const char* ending : {"csv", "jsonl"}) {
    const std::string text = std::string(ending) == "csv" ? "a\n1\n" : "{\"a\":1}\n";
    EXPECT_THAT(ReadError(Put(std::string("g.") + ending, Gzip(text)), "t"),
                AllOf(HasSubstr("gzip data"), HasSubstr("compression=gzip"), HasSubstr(".gz")));
    EXPECT_THAT(ReadError(Put(std::string("z.") + ending, Zstd(text)), "t"),
                AllOf(HasSubstr("zstd data"), HasSubstr("compression=zstd"), HasSubstr(".zst")));
    EXPECT_EQ(ReadError(Path(std::string("g.") + ending), "t", {{"compression", "gzip"}}), "");  // the advice helps
  }
}

TEST_F(FilesSourceTest, RangeLimitAndExclude) {
  Put("a.csv", "id,t,secret\n1,a,s\n2,b,s\n3,c,s\n4,d,s\n,n,s\n");
  WriteParquet("p");
  struct Input {
    std::string path, table;
  };
  for (const Input& input : {Input{Path("a.csv"), "t"}, Input{root(), "shop.p"},
                             Input{root(), "query:SELECT * FROM shop.p"}, Input{root(), "query:SELECT * FROM a"}}) {
    SCOPED_TRACE(input.table);
    ReadRequest request = Request(input.table);
    request.range = KeyRange{.column = "id",
                             .lower = Scalar{MakeType(TypeId::kInt64), "2"},
                             .upper = Scalar{MakeType(TypeId::kInt64), "4"},
                             .upper_inclusive = false,
                             .with_nulls = false};
    auto read = Read(input.path, request);
    EXPECT_THAT(FirstColumn(read), ElementsAre("2", "3"));
    ASSERT_OK(read);
    EXPECT_EQ(read->plan.upper->text, "3");
    request.range->with_nulls = true;
    EXPECT_THAT(FirstColumn(Read(input.path, request)), ElementsAre("2", "3", "NULL"));
    request.range->upper_inclusive = true;
    request.limit = 1;
    EXPECT_THAT(FirstColumn(Read(input.path, request)), ElementsAre("2"));
    request.range->lower = Scalar{MakeType(TypeId::kInt64), "9"};
    request.range->upper.reset();
    request.range->with_nulls = false;
    auto none = Read(input.path, request);
    EXPECT_THAT(FirstColumn(none), ElementsAre());
    EXPECT_FALSE(none->plan.upper.has_value());
    request.range->column = "nope";
    EXPECT_THAT(Read(input.path, request).error().ToString(), HasSubstr("nope"));

    ReadRequest exclude = Request(input.table);
    exclude.exclude_columns = {"id"};
    EXPECT_THAT(FirstColumn(Read(input.path, exclude)), ElementsAre("a", "b", "c", "d", "n"));
    exclude.exclude_columns = {"idd"};
    auto unknown = Read(input.path, exclude);
    ASSERT_FALSE(unknown.has_value());
    EXPECT_EQ(unknown.error().kind, ErrorKind::kInvalidInput);
  }
}

class FilesKeyTest : public FilesSourceTest {
 protected:
  // A Parquet file t.parquet of the SELECT's rows.
  void PutParquet(const std::string& select) {
    auto database = duck::Database::Open({});
    ASSERT_OK(database);
    auto connection = duck::Connection::Open(*database);
    ASSERT_OK(connection);
    ASSERT_OK(connection->Execute(fmt::format("COPY ({}) TO '{}' (FORMAT parquet)", select, Path("t.parquet"))));
  }
  ReadRequest Range(Type type, std::optional<std::string> lower, bool with_nulls) {
    ReadRequest request = Request();
    request.range =
        KeyRange{.column = "k", .lower = {}, .upper = {}, .upper_inclusive = true, .with_nulls = with_nulls};
    if (lower) request.range->lower = Scalar{type, *lower};
    return request;
  }
};

TEST_F(FilesKeyTest, BinaryBoundsAreBytes) {
  PutParquet("SELECT * FROM (VALUES (1, '\\x00\\x01'::BLOB), (2, '\\x20'::BLOB), (3, '\\xFF'::BLOB)) v(id, k)");
  ReadRequest request = Range(MakeType(TypeId::kBinary), "20", false);
  auto read = Read(Path("t.parquet"), request);
  EXPECT_THAT(FirstColumn(read), ElementsAre("2", "3"));
  EXPECT_EQ(read->plan.upper->text, "ff");
  request.range->upper = Scalar{MakeType(TypeId::kBinary), "ff"};
  request.range->upper_inclusive = false;
  EXPECT_THAT(FirstColumn(Read(Path("t.parquet"), request)), ElementsAre("2"));
}

TEST_F(FilesKeyTest, YearsPast9999AreBounds) {
  PutParquet("SELECT * FROM (VALUES (1, DATE '2024-01-01'), (2, DATE '12345-01-02')) v(id, k)");
  auto all = Read(Path("t.parquet"), Range(MakeType(TypeId::kDate), std::nullopt, false));
  ASSERT_OK(all);
  EXPECT_EQ(all->plan.upper->text, "+12345-01-02");
  EXPECT_THAT(FirstColumn(Read(Path("t.parquet"), Range(MakeType(TypeId::kDate), all->plan.upper->text, false))),
              ElementsAre("2"));
}

// They meet the engine, which refuses them, and are no cursor.
TEST_F(FilesKeyTest, FloatsThatAreNotFiniteAreReadButNotTheHighest) {
  const Type type = MakeType(TypeId::kFloat64);
  PutParquet(
      "SELECT id, k::DOUBLE AS k FROM (VALUES (1, '1'), (2, '2'), (3, 'Infinity'), (4, 'NaN'), (5, '-Infinity')) "
      "v(id, k)");
  Put("t.csv", "id,k\n1,1.5\n2,2\n3,Infinity\n4,NaN\n5,-Infinity\n");
  for (const char* name : {"t.parquet", "t.csv"}) {
    SCOPED_TRACE(name);
    auto all = Read(Path(name), Range(type, std::nullopt, true));
    EXPECT_THAT(FirstColumn(all), ElementsAre("1", "2", "3", "4", "5"));
    ASSERT_OK(all);
    ASSERT_TRUE(all->plan.upper.has_value());
    EXPECT_EQ(all->plan.upper->text, "2");
    EXPECT_THAT(FirstColumn(Read(Path(name), Range(type, "2", true))), ElementsAre("2", "3", "4"));
  }
  PutParquet("SELECT id, k::DOUBLE AS k FROM (VALUES (1, '-Infinity')) v(id, k)");
  EXPECT_FALSE(Read(Path("t.parquet"), Range(type, std::nullopt, true))->plan.upper.has_value());
}

TEST_F(FilesKeyTest, InfinitiesAreTreatedLikeNull) {
  for (const Type& type : {MakeType(TypeId::kDate), MakeType(TypeId::kTimestampNtz)}) {
    std::string name = duck::SqlTypeName(type);
    SCOPED_TRACE(name);
    PutParquet(
        fmt::format("SELECT id, k::{} AS k FROM (VALUES (1, '2024-01-01'), (2, 'infinity'), (3, '-infinity'), "
                    "(4, NULL), (5, '2024-02-01')) v(id, k)",
                    name));
    std::string lower = type.id == TypeId::kDate ? "2024-01-15" : "2024-01-15T00:00:00";
    auto plain = Read(Path("t.parquet"), Range(type, lower, false));
    EXPECT_THAT(FirstColumn(plain), ElementsAre("5"));
    ASSERT_TRUE(plain->plan.upper.has_value());
    EXPECT_THAT(plain->plan.upper->text, HasSubstr("2024-02-01"));
    EXPECT_THAT(FirstColumn(Read(Path("t.parquet"), Range(type, lower, true))), ElementsAre("2", "3", "4", "5"));
    EXPECT_THAT(FirstColumn(Read(Path("t.parquet"), Range(type, std::nullopt, false))), ElementsAre("1", "5"));
  }
}

TEST_F(FilesSourceTest, BatchesAreBounded) {
  std::string text = "a\n";
  for (int i = 0; i < 10'000; ++i) text += std::string(100, 'x') + "\n";
  Put("a.csv", text);
  auto source = OpenSource(Path("a.csv"));
  ASSERT_OK(source);
  ReadRequest request = Request();
  request.page_rows = 3000;
  request.batch_bytes = 64 << 10;
  auto plan = (*source)->Plan(request);
  ASSERT_OK(plan);
  auto reader = (*source)->Open(plan->splits[0]);
  ASSERT_OK(reader);
  int64_t rows = 0;
  while (true) {
    auto batch = (*reader)->Next({});
    ASSERT_OK(batch);
    if (!*batch) break;
    EXPECT_LE((*batch)->rows.ByteSize(), 72 << 10);
    rows += (*batch)->rows.num_rows();
  }
  EXPECT_EQ(rows, 10'000);
}

TEST_F(FilesSourceTest, ReadsOnlyNewFiles) {
  Put("in/1.csv", "a\n1\n");
  Put("in/2.csv", "a\n2\n");
  ReadRequest request = Request();
  request.only_new = true;
  auto first = Read(Path("in/*.csv"), request);
  EXPECT_THAT(FirstColumn(first), ElementsAre("1", "2"));
  request.from = first->plan.end;
  auto nothing = Read(Path("in/*.csv"), request);
  EXPECT_THAT(FirstColumn(nothing), ElementsAre());
  EXPECT_EQ(nothing->plan.end, request.from);

  Put("in/0.csv", "a\n0\n");
  auto second = Read(Path("in/*.csv"), request);
  EXPECT_THAT(FirstColumn(second), ElementsAre("0"));
  request.from = second->plan.end;

  std::filesystem::remove(Path("in/1.csv"));  // archived: it stays known
  auto after_removal = Read(Path("in/*.csv"), request);
  ASSERT_OK(after_removal);
  EXPECT_EQ(after_removal->plan.end, second->plan.end);

  Put("in/2.csv", "a\n22\n");
  auto changed = Read(Path("in/*.csv"), request);
  ASSERT_FALSE(changed.has_value());
  EXPECT_EQ(changed.error().kind, ErrorKind::kData);
  EXPECT_THAT(changed.error().ToString(),
              testing::AllOf(HasSubstr("2.csv"), HasSubstr("full_refresh"), HasSubstr("reread")));
  EXPECT_THAT(FirstColumn(Read(Path("in/*.csv"), request, {{"changed_files", "reread"}})), ElementsAre("22"));
  auto skipped = Read(Path("in/*.csv"), request, {{"changed_files", "skip"}});
  EXPECT_THAT(FirstColumn(skipped), ElementsAre());
  EXPECT_EQ(skipped->plan.end, request.from);

  std::filesystem::remove_all(Path("in"));
  std::filesystem::create_directory(Path("in"));
  EXPECT_THAT(FirstColumn(Read(Path("in/*.csv"), request)), ElementsAre());
}

TEST(FilePosition, RoundTripsAndRefusesDamage) {
  std::vector<LoadedFile> files = {{"/b \"q\"", 2, -5}, {"/a", 1, 1'700'000'000'123'456'789}};
  Position position = FormatFilePosition(files);
  EXPECT_EQ(
      position.json,
      R"({"files":[{"path":"/a","size":1,"mtime_ns":1700000000123456789},{"path":"/b \"q\"","size":2,"mtime_ns":-5}]})");
  std::swap(files[0], files[1]);
  EXPECT_EQ(*ParseFilePosition(position), files);
  EXPECT_TRUE(ParseFilePosition({})->empty());
  EXPECT_TRUE(ParseFilePosition({"{\"cursor\":1}"})->empty());
  for (const char* text :
       {"x", "[]", "{\"files\":1}", "{\"files\":[1]}", "{\"files\":[{\"path\":1,\"size\":1,\"mtime_ns\":1}]}",
        "{\"files\":[{\"path\":\"a\",\"size\":1}]}", "{\"files\":[{\"path\":\"a\",\"size\":1.5,\"mtime_ns\":1}]}"}) {
    EXPECT_FALSE(ParseFilePosition({text}).has_value()) << text;
  }
}

TEST_F(FilesSourceTest, FileThatChangesOrVanishesMeanwhileIsAnError) {
  for (const char* name : {"a.csv", "a.jsonl"}) {
    for (bool vanishes : {false, true}) {
      std::string line = name[2] == 'c' ? "12345678\n" : "{\"a\":12345678}\n";
      std::string text = name[2] == 'c' ? "a\n" : "";
      while (text.size() < 48 << 20) text += line;  // much more than is read ahead of the first batch
      Put(name, text);
      auto source = OpenSource(Path(name));
      ASSERT_OK(source);
      auto plan = (*source)->Plan(Request());
      ASSERT_OK(plan);
      auto reader = (*source)->Open(plan->splits[0]);
      ASSERT_OK(reader);
      ASSERT_OK((*reader)->Next({}));
      if (vanishes) {
        std::filesystem::remove(Path(name));
      } else {
        std::ofstream(Path(name), std::ios::app) << line;
      }
      Result<std::optional<Batch>> batch = (*reader)->Next({});
      while (batch && *batch) batch = (*reader)->Next({});
      ASSERT_FALSE(batch.has_value()) << name;
      EXPECT_EQ(batch.error().kind, ErrorKind::kData);
      EXPECT_THAT(batch.error().message, HasSubstr(vanishes ? "vanished" : "changed"));
    }
  }
}

TEST_F(FilesSourceTest, ParquetThatChangesMeanwhileIsAnError) {
  WriteParquet("p");
  auto source = OpenSource(root());
  ASSERT_OK(source);
  auto plan = (*source)->Plan(Request("shop.p"));
  ASSERT_OK(plan);
  auto reader = (*source)->Open(plan->splits[0]);
  ASSERT_OK(reader);
  ASSERT_OK((*reader)->Next({}));
  std::filesystem::remove_all(Path("shop/p"));
  EXPECT_THAT((*reader)->Next({}).error().message, HasSubstr("vanished"));
  EXPECT_FALSE((*source)->Open(plan->splits[0]).has_value());
}

TEST_F(FilesSourceTest, CorruptParquetIsAClearError) {
  EXPECT_THAT(ReadError(Put("a.parquet", "this is no parquet file at all"), "t"), HasSubstr("a.parquet"));
  EXPECT_THAT(ReadError(Put("b.parquet", ""), "t"), HasSubstr("b.parquet"));
}

TEST_F(FilesSourceTest, ParquetNamesWithWildcardsAreThemselves) {
  WriteParquet("p");
  std::string from;
  for (const auto& entry : std::filesystem::directory_iterator(Path("shop/p"))) {
    if (entry.path().extension() == ".parquet") from = entry.path();
  }
  std::filesystem::copy(from, Path("a[1]?.parquet"));
  EXPECT_EQ(FirstColumn(ReadAll(Path("a[1]?.parquet"), "t")).size(), 5U);
}

TEST_F(FilesSourceTest, QueriesSeeFoldersAndFiles) {
  WriteParquet("p");
  Put("shop/c d/x.csv", "id,v\n1,007\n2,008\n");
  Put("flat.jsonl", "{\"id\":1,\"o\":{\"k\":[1]}}\n");
  auto joined = ReadAll(
      root(),
      "query:SELECT p.id, c.v, f.o->>'$.k[0]' AS k FROM shop.p JOIN shop.\"c d\" c USING (id) JOIN flat f USING (id)");
  ASSERT_OK(joined);
  EXPECT_EQ(joined->rows, (std::vector<Row>{{"1", "007", "1"}}));
  EXPECT_EQ(FirstColumn(ReadAll(root(), "query:WITH x AS (SELECT max(id) AS m FROM SHOP.P) SELECT m FROM x;")),
            std::vector<std::string>{"4"});
  EXPECT_EQ(FirstColumn(ReadAll(Path("flat.jsonl"), "query:SELECT id FROM flat")), std::vector<std::string>{"1"});
  EXPECT_THAT(ReadError(root(), "query:SELECT * FROM shop.nothing"), HasSubstr("nothing"));
  EXPECT_THAT(ReadError(root(), "query:SELEC 1"), HasSubstr("SELEC"));
  EXPECT_THAT(ReadError(root(), "query: "), HasSubstr("query"));
  EXPECT_THAT(ReadError(root(), "query:SELECT a.id, b.id FROM flat a, flat b"), HasSubstr("two columns named `id`"));
}

TEST_F(FilesSourceTest, QueriesReachNoOtherFiles) {
  Put("in/a.csv", "a\n1\n");
  std::string secret = Put("out/secret.csv", "a\ntop-secret\n");
  for (const std::string& sql :
       {"SELECT * FROM '" + secret + "'", "SELECT * FROM read_csv('" + secret + "')",
        "SELECT content FROM read_text('" + secret + "')", std::string("SELECT * FROM glob('/etc/*')"),
        "COPY (SELECT 1) TO '" + Path("out/new.csv") + "'", "ATTACH '" + Path("out/new.db") + "'",
        std::string("SELECT 1; SELECT 2")}) {
    auto read = ReadAll(Path("in"), "query:" + sql);
    EXPECT_FALSE(read.has_value()) << sql;
    EXPECT_THAT(read ? "" : read.error().ToString(), testing::Not(HasSubstr("top-secret")));
  }
  EXPECT_FALSE(std::filesystem::exists(Path("out/new.csv")));
  EXPECT_FALSE(std::filesystem::exists(Path("out/new.db")));
}

TEST(QueryText, BindsIntervalsOutsideQuotesOnly) {
  ReadRequest request;
  request.interval_start = "2024-01-01T00:00:00Z";
  auto bound = BindQuery(
      "SELECT ':interval_start', a::text -- :interval_start\n FROM t /* :interval_end */ WHERE x >= :interval_start "
      "AND \":interval_end\" < :interval_start",
      request);
  ASSERT_OK(bound);
  EXPECT_EQ(bound->sql,
            "SELECT ':interval_start', a::text -- :interval_start\n FROM t /* :interval_end */ WHERE x >= CAST($1 AS "
            "TIMESTAMPTZ) AND \":interval_end\" < CAST($1 AS TIMESTAMPTZ)");
  EXPECT_EQ(bound->params.size(), 1U);
  EXPECT_FALSE(BindQuery("SELECT :interval_end", request).has_value());
  EXPECT_FALSE(BindQuery("SELECT 1; DROP TABLE x", request).has_value());
  EXPECT_EQ(BindQuery("SELECT ';' ; ", request)->sql, "SELECT ';'");
}

TEST_F(FilesSourceTest, ChecksWhatIsThere) {
  Put("a.csv", "a\n");
  EXPECT_TRUE((*(*OpenSource(root()))->Check())[0].ok);
  EXPECT_TRUE((*(*OpenSource(Path("*.csv")))->Check())[0].ok);
  EXPECT_FALSE((*(*OpenSource(Path("nothing")))->Check())[0].ok);
}

TEST_F(FilesSourceTest, RefusesOptionsThatMeanNothing) {
  EXPECT_FALSE(OpenSource(root(), {{"delimiter", "ab"}}).has_value());
  EXPECT_FALSE(OpenSource(root(), {{"quote", ","}, {"delimiter", ","}}).has_value());
  EXPECT_FALSE(OpenSource(root(), {{"header", "maybe"}}).has_value());
  EXPECT_FALSE(OpenSource(root(), {{"format", "xlsx"}}).has_value());
}

TEST_F(FilesSourceTest, StopsWhenAsked) {
  Put("a.csv", "a\n1\n");
  auto source = OpenSource(Path("a.csv"));
  auto plan = (*source)->Plan(Request());
  ASSERT_OK(plan);
  auto reader = (*source)->Open(plan->splits[0]);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ((*reader)->Next(stop.get_token()).error().kind, ErrorKind::kCancelled);
}

}  // namespace
}  // namespace nilus::files
