// test_decoding and wal2json from bytes: captures of a real server (15.18 with wal2json 2.5), and messages that no
// server sends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/base/private_folder.h"
#include "nilus/connectors/postgres/cdc/log_fixture_testing.h"
#include "nilus/connectors/postgres/cdc/test_decoding_decoder.h"
#include "nilus/connectors/postgres/cdc/wal2json_decoder.h"

namespace nilus::postgres {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class NamedLogTest : public testing::Test {
 protected:
  Status Feed(LogDecoder& decoder, std::string_view bytes, uint64_t lsn) {
    Status decoded = decoder.Decode(bytes, lsn);
    while (decoded && decoder.is_replaying()) decoded = decoder.Replay();
    return decoded;
  }
  SeenLog Taken() { return TakeSeen(&builder_); }
  void ReadCapture(LogDecoder& decoder, const std::string& name) {
    const std::vector<CapturedMessage> messages = CapturedFile(name);
    ASSERT_THAT(messages, testing::Not(IsEmpty())) << name;
    for (const CapturedMessage& message : messages) {
      Status decoded = Feed(decoder, message.bytes, message.lsn);
      ASSERT_TRUE(decoded) << decoded.error().ToString() << "\n" << message.bytes;
    }
  }

  PlainLayouts layouts_;
  ChangeBuilder builder_;
  TransactionSpool spool_{TemporaryParent()};
  TestDecodingDecoder test_decoding_{&layouts_, &builder_, &spool_};
  Wal2JsonDecoder wal2json_{&layouts_, &builder_, false};
};

// What the capture's statements are, as both plugins tell them.
std::vector<std::string> ExpectedOfCapture() {
  const std::string big(2100, 'x');
  return {"c public.t id=1 name=a b=x at=2024-01-02T03:04:05.678000Z",
          "c public.t id=2",
          "u public.t id=2 name=" + big,
          "u public.t id=2 name=? b=it's {\"q\"} \\n, ]:'",
          "u public.t id=3 name=? b=it's {\"q\"} \\n, ]:' | id=2",
          "d public.t id=1",
          "c public.Full \"T a\"1=1 b=ä\n€",
          "u public.Full \"T a\"1=1 b=y | a\"1=1 b=ä\n€",
          "d public.Full \"T a\"1=1 b=y",
          "t public.t",
          "t public.Full \"T",
          "c public.t id=9 z=9"};
}

TEST_F(NamedLogTest, ReadsWhatTestDecodingSends) {
  ReadCapture(test_decoding_, "test_decoding_fuzz/15");
  const SeenLog seen = Taken();
  EXPECT_THAT(seen.Texts(), testing::ElementsAreArray(ExpectedOfCapture()));
  EXPECT_FALSE(seen.ends_inside);
  EXPECT_THAT(seen.schemas, SizeIs(3));
}

TEST_F(NamedLogTest, ReadsWhatWal2JsonSends) {
  // The first message of t has all of its columns, so the catalog does not matter; large values are left out later.
  ReadCapture(wal2json_, "wal2json_fuzz/15");
  const SeenLog seen = Taken();
  EXPECT_THAT(seen.Texts(), testing::ElementsAreArray(ExpectedOfCapture()));
  EXPECT_FALSE(seen.ends_inside);
  EXPECT_THAT(seen.schemas, SizeIs(3));
}

TEST_F(NamedLogTest, TransactionsOfTestDecodingComeWhole) {
  ASSERT_TRUE(Feed(test_decoding_, "BEGIN 7", 100));
  for (int i = 0; i < 5000; ++i) {
    ASSERT_TRUE(
        Feed(test_decoding_,
             "table public.t: INSERT: id[integer]:" + std::to_string(i) + " v[text]:'" + std::string(100, 'x') + "'",
             110 + static_cast<uint64_t>(i)));
  }
  EXPECT_THAT(Taken().changes, IsEmpty()) << "nothing is known of its place before it ends";
  ASSERT_TRUE(Feed(test_decoding_, "COMMIT 7 (at 2026-11-26 18:13:40.5+00)", 9000));
  const ChangeChunk chunk = FinishChunk(builder_.Take());
  ASSERT_THAT(chunk.batches, SizeIs(1));
  EXPECT_EQ(chunk.batches[0].rows.num_rows(), 5000);
  EXPECT_EQ(chunk.batches[0].positions[0], (LogPosition{9000, 0}));
  EXPECT_EQ(chunk.batches[0].change_lsns[1], 111U);
  EXPECT_EQ(chunk.batches[0].committed_at[0], 1795716820500000);
  EXPECT_EQ(chunk.batches[0].transactions[0], 7);
  EXPECT_EQ(chunk.complete, (LogPosition{9000, 0}));
}

TEST_F(NamedLogTest, TestDecodingWritesSqlLiterals) {
  ASSERT_TRUE(Feed(test_decoding_, "BEGIN 7", 100));
  ASSERT_TRUE(
      Feed(test_decoding_,
           R"(table "S.1"."T ""x"": y": INSERT: id[integer]:-1 "a b"[character varying[]]:'{"x y",''}' )"
           R"("n""[1]:"[public."odd ]type"]:'' bits[bit varying]:B'101' f[double precision]:NaN e[text]:'null' )"
           R"(nothing[text]:null big[text]:unchanged-toast-datum quoted[text]:'unchanged-toast-datum')",
           101));
  ASSERT_TRUE(Feed(test_decoding_, "COMMIT 7 (at 2026-11-26 18:13:40+00)", 200));
  EXPECT_THAT(Taken().Texts(),
              ElementsAre("c S.1.T \"x\": y id=-1 a b={\"x y\",'} n\"[1]:= bits=101 f=NaN e=null big=? "
                          "quoted=unchanged-toast-datum"));
}

TEST_F(NamedLogTest, WhatTestDecodingDoesNotSendIsRefused) {
  for (const char* message :
       {"", "BEGIN", "BEGIN x", "BEGIN 1 2", "COMMIT 1", "COMMIT 1 (at now)", "COMMIT 1 (at 2026-01-01 00:00:00)",
        "PREPARE TRANSACTION 'x', txid 1", "opening a streamed block for transaction", "table", "tablet x"}) {
    EXPECT_FALSE(Feed(test_decoding_, message, 100)) << message;
  }
  TestDecodingMessage parsed;
  for (const char* message :
       {"table t: INSERT: a[integer]:1", "table public.t: INSERT: a[integer]:1 ", "table public.t: INSERT: a[integer]:",
        "table public.t: INSERT: a[integer]1", "table public.t: INSERT: a[integer:1", "table public.t: INSERT: a:1",
        "table public.t: INSERT: a[text]:'x", "table public.t: INSERT: a[text]:'x'b[text]:'y'",
        "table public.t: INSERT: a[text]:'x''", "table public.t: INSERT: \"a[text]:'x'", "table public.t: UPSERT: a",
        "table public.t: INSERT: a[bit]:B'1", "table public.t: DELETE: (no-tuple-data) a[text]:'x",
        "table public.t, public.u: INSERT: a[integer]:1", "table public.t: INSERT: a[text]:x'y'"}) {
    EXPECT_FALSE(ParseTestDecoding(message, &parsed)) << message;
  }
  EXPECT_FALSE(Feed(test_decoding_, "table public.t: INSERT: a[integer]:1", 100)) << "outside a transaction";
  ASSERT_TRUE(Feed(test_decoding_, "message: transactional: 0 prefix: x, sz: 3 content:abc", 100));
  ASSERT_TRUE(Feed(test_decoding_, "BEGIN 7", 100));
  EXPECT_FALSE(Feed(test_decoding_, "BEGIN 8", 101));
  EXPECT_FALSE(Feed(test_decoding_, "COMMIT 8 (at 2026-01-01 00:00:00+00)", 101));
}

std::string WalBegin(const std::string& lsn = "0/64", const std::string& end = "0/C8") {
  return R"({"action":"B","xid":7,"timestamp":"2026-11-26 18:13:40.5+00","lsn":")" + lsn + R"(","nextlsn":")" + end +
         "\"}";
}
std::string WalCommit(const std::string& lsn = "0/64", const std::string& end = "0/C8") {
  std::string commit = WalBegin(lsn, end);
  commit[11] = 'C';
  return commit;
}

TEST_F(NamedLogTest, LargeValuesThatDidNotChangeAreMissingInWal2Json) {
  // The first that is told of the table leaves one out: the catalog says that there is such a column, and where. A
  // number is never left out, so it has not been there.
  layouts_.now["t"] = {{"id", "integer", oid::kInt4, false},
                       {"big", "text", oid::kText, true},
                       {"n", "integer", oid::kInt4, false},
                       {"later", "integer", oid::kInt4, false}};
  const std::string row =
      R"({"action":"U","schema":"public","table":"t","columns":[{"name":"id","typeoid":23,"value":1},)"
      R"({"name":"n","typeoid":23,"value":5}],"identity":[{"name":"id","typeoid":23,"value":1}]})";
  ASSERT_TRUE(Feed(wal2json_, WalBegin(), 100));
  ASSERT_TRUE(Feed(wal2json_, row, 101));
  ASSERT_TRUE(Feed(wal2json_, row, 102));
  EXPECT_EQ(layouts_.asked, 1);
  ASSERT_TRUE(Feed(wal2json_, WalCommit(), 200));
  const SeenLog seen = Taken();
  EXPECT_THAT(seen.Texts(), ElementsAre("u public.t id=1 big=? n=5", "u public.t id=1 big=? n=5"));
  EXPECT_EQ(seen.changes[0].position, (LogPosition{101, 0}));
  EXPECT_EQ(seen.complete, (LogPosition{200, 0}));
}

TEST_F(NamedLogTest, AColumnThatWasDroppedOrAddedIsNoticed) {
  layouts_.now["t"] = {{"id", "integer", oid::kInt4, false}};
  auto insert = [](const std::string& more) {
    return R"({"action":"I","schema":"public","table":"t","columns":[{"name":"id","typeoid":23,"value":1})" + more +
           "]}";
  };
  ASSERT_TRUE(Feed(wal2json_, WalBegin(), 100));
  ASSERT_TRUE(Feed(wal2json_, insert(R"(,{"name":"a","typeoid":25,"value":"x"})"), 101));
  ASSERT_TRUE(Feed(wal2json_, insert(""), 102));
  ASSERT_TRUE(Feed(wal2json_, insert(R"(,{"name":"a","typeoid":23,"value":3})"), 103));
  ASSERT_TRUE(Feed(wal2json_, WalCommit(), 200));
  const SeenLog seen = Taken();
  EXPECT_THAT(seen.Texts(), ElementsAre("c public.t id=1 a=x", "c public.t id=1", "c public.t id=1 a=3"));
  EXPECT_THAT(seen.schemas, SizeIs(3));
}

TEST_F(NamedLogTest, Wal2JsonWritesBytesWithoutTheirPrefix) {
  ASSERT_TRUE(Feed(wal2json_, WalBegin(), 100));
  ASSERT_TRUE(Feed(wal2json_,
                   R"({"action":"I","schema":"public","table":"t","columns":[{"name":"id","typeoid":23,"value":1},)"
                   R"({"name":"b","typeoid":17,"value":"00ff"},{"name":"e","typeoid":17,"value":""},)"
                   R"({"name":"o","typeoid":-1,"value":"\u0001\\x"},{"name":"t","typeoid":16,"value":true}]})",
                   101));
  ASSERT_TRUE(Feed(wal2json_, WalCommit(), 200));
  EXPECT_THAT(Taken().Texts(), ElementsAre("c public.t id=1 b=00ff e= o=\x01\\x t=true"));
}

TEST_F(NamedLogTest, NumbersThatMayBeNanAreNotTakenForNull) {
  const std::string row =
      R"({"action":"I","schema":"public","table":"t","columns":[{"name":"id","typeoid":23,"value":1},)"
      R"({"name":"n","typeoid":1700,"value":null}]})";
  ASSERT_TRUE(Feed(wal2json_, WalBegin(), 100));
  Status decoded = Feed(wal2json_, row, 101);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(decoded.error().message, HasSubstr("table public.t, column n"));
  ChangeBuilder builder;
  Wal2JsonDecoder exact(&layouts_, &builder, true);
  ASSERT_TRUE(Feed(exact, WalBegin(), 100));
  ASSERT_TRUE(Feed(exact, row, 101));
}

TEST_F(NamedLogTest, WhatWal2JsonDoesNotSendIsRefused) {
  EXPECT_FALSE(Feed(wal2json_, WalCommit(), 200)) << "not open";
  for (const char* message :
       {"", "[]", "{}", R"({"action":"X"})", R"({"action":"B"})", R"({"action":1})",
        R"({"schema":"public","table":"t"})", R"({"action":"I","table":"t","columns":[]})",
        R"({"action":"I","schema":"s","table":"t","columns":{}})",
        R"({"action":"I","schema":"s","table":"t","columns":[{"name":"a","value":1}]})",
        R"({"action":"I","schema":"s","table":"t","columns":[{"name":"a","typeoid":23}]})",
        R"({"action":"I","schema":"s","table":"t","columns":[{"name":"a","typeoid":23,"value":[1]}]})",
        R"({"action":"I","schema":"s","table":"t","columns":[]} x)",
        R"({"action":"B","xid":7,"timestamp":"now","lsn":"0/1","nextlsn":"0/2"})"}) {
    EXPECT_FALSE(Feed(wal2json_, message, 100)) << message;
  }
  // A logical message's content may be anything.
  ASSERT_TRUE(Feed(wal2json_, "{\"action\":\"M\",\"content\":\"\xff\"}", 100));
}

TEST_F(NamedLogTest, RowsWithoutAnIdentityAreRefused) {
  ASSERT_TRUE(Feed(test_decoding_, "BEGIN 7", 100));
  ASSERT_TRUE(Feed(test_decoding_, "table public.hidden: DELETE: (no-tuple-data)", 101));
  ASSERT_TRUE(Feed(test_decoding_, "table public.t: DELETE: (no-tuple-data)", 102));
  Status decoded = Feed(test_decoding_, "COMMIT 7 (at 2026-01-01 00:00:00+00)", 200);
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().message, HasSubstr("which row was deleted"));
  EXPECT_THAT(decoded.error().fix, HasSubstr("REPLICA IDENTITY FULL"));
}

TEST_F(NamedLogTest, ATruncatedTableThatIsGoneIsPassedOver) {
  layouts_.now["u"] = {{"id", "integer", oid::kInt4, false}};
  ASSERT_TRUE(Feed(test_decoding_, "BEGIN 7", 100));
  ASSERT_TRUE(Feed(test_decoding_, "table public.gone, public.u, public.hidden: TRUNCATE: (no-flags)", 101));
  ASSERT_TRUE(Feed(test_decoding_, "COMMIT 7 (at 2026-01-01 00:00:00+00)", 200));
  EXPECT_THAT(Taken().Texts(), ElementsAre("t public.u"));
}

}  // namespace
}  // namespace nilus::postgres
