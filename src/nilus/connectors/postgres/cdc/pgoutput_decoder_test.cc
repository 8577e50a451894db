// pgoutput from bytes: captures of real servers (15.18, 18), and messages that no server sends.
#include "nilus/connectors/postgres/cdc/pgoutput_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "nilus/base/private_folder.h"
#include "nilus/connectors/postgres/cdc/log_fixture_testing.h"

namespace nilus::postgres {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class PgoutputDecoderTest : public testing::Test {
 protected:
  Status Feed(const std::string& message, uint64_t lsn = 1) { return decoder_.Decode(message, lsn); }
  SeenLog Taken() { return TakeSeen(&builder_); }
  static std::vector<CapturedMessage> Captured(const std::string& name) {
    return CapturedFile("pgoutput_fuzz/" + name);
  }

  PlainLayouts layouts_;
  ChangeBuilder builder_;
  PgoutputDecoder decoder_{&layouts_, &builder_};
};

std::vector<std::string> ExpectedOfCapture() {
  const std::string big(2100, 'x');
  return {"c public.t id=1 name=a n=1.50 at=2024-01-02T03:04:05.678000Z",
          "c public.t id=2",
          "u public.t id=2 name=" + big,
          "u public.t id=2 name=? n=7.00",
          "u public.t id=3 name=? n=7.00 | id=2",
          "d public.t id=1",
          "c public.f a=1 b=x",
          "u public.f a=1 b=y | a=1 b=x",
          "d public.f a=1 b=y",
          "t public.t",
          "t public.f",
          "c public.t id=9 z=9"};
}

TEST_F(PgoutputDecoderTest, ReadsWhatPostgres15SendsInText) {
  for (const CapturedMessage& message : Captured("15-text")) {
    Status decoded = Feed(message.bytes, message.lsn);
    ASSERT_TRUE(decoded) << decoded.error().ToString();
  }
  const SeenLog seen = Taken();
  EXPECT_THAT(seen.Texts(), testing::ElementsAreArray(ExpectedOfCapture()));
  EXPECT_FALSE(seen.ends_inside);
  EXPECT_THAT(seen.schemas, SizeIs(3));
}

TEST_F(PgoutputDecoderTest, ReadsWhatPostgres15SendsInBinary) {
  for (const CapturedMessage& message : Captured("15-binary")) {
    Status decoded = Feed(message.bytes, message.lsn);
    ASSERT_TRUE(decoded) << decoded.error().ToString();
  }
  EXPECT_THAT(Taken().Texts(), testing::ElementsAreArray(ExpectedOfCapture()));
}

// Each message of the streamed and the two-phase protocol is read to its end; cut anywhere it is refused.
TEST_F(PgoutputDecoderTest, ParsesEveryMessageThatServersSend) {
  for (const char* name : {"15-text", "15-prepared", "18-streamed", "18-parallel"}) {
    const std::vector<CapturedMessage> messages = Captured(name);
    ASSERT_THAT(messages, testing::Not(IsEmpty())) << name;
    bool in_stream = false;
    PgoutputMessage parsed;
    for (const CapturedMessage& message : messages) {
      Status status = ParsePgoutput(message.bytes, in_stream, &parsed);
      ASSERT_TRUE(status) << name << ": " << status.error().ToString();
      for (size_t size = 0; size < message.bytes.size(); ++size) {
        const bool is_abort = parsed.type == PgoutputMessage::kStreamAbort && size == 9;  // whole without its place
        EXPECT_EQ(ParsePgoutput(message.bytes.substr(0, size), in_stream, &parsed).has_value(), is_abort) << name;
      }
      ASSERT_TRUE(ParsePgoutput(message.bytes, in_stream, &parsed));
      EXPECT_FALSE(ParsePgoutput(message.bytes + "x", in_stream, &parsed)) << name;
      ASSERT_TRUE(ParsePgoutput(message.bytes, in_stream, &parsed));
      if (parsed.type == PgoutputMessage::kStreamStart) in_stream = true;
      if (parsed.type == PgoutputMessage::kStreamStop) in_stream = false;
    }
  }
}

// Sent while in progress, with a subtransaction that is rolled back, and a transaction that is.
TEST_F(PgoutputDecoderTest, TransactionsInProgressAreToldWhenTheyAreCommitted) {
  for (const char* name : {"18-streamed", "18-parallel"}) {
    TransactionSpool spool(TemporaryParent());
    ChangeBuilder builder;
    PgoutputDecoder decoder(&layouts_, &builder, &spool);
    for (const CapturedMessage& message : Captured(name)) {
      Status decoded = decoder.Decode(message.bytes, message.lsn);
      while (decoded && decoder.is_replaying()) decoded = decoder.Replay();
      ASSERT_TRUE(decoded) << name << ": " << decoded.error().ToString();
    }
    SeenLog seen;
    AddChunk(FinishChunk(builder.Take()), &seen);
    std::vector<std::string> expected = ExpectedOfCapture();
    expected.resize(6);
    for (int i = 100; i <= 105; ++i) {
      expected.push_back("c public.t id=" + std::to_string(i) + " name=kkkkkkkkkk n=" + std::to_string(i) + ".00");
    }
    expected.emplace_back("c public.t id=5 name=end n=5.00");
    expected.emplace_back("c public.t id=6 name=six n=6.00");
    EXPECT_THAT(seen.Texts(), testing::ElementsAreArray(expected)) << name;
  }
}

TEST_F(PgoutputDecoderTest, WhatIsNotAskedForIsRefused) {
  bool is_refused = false;
  for (const CapturedMessage& message : Captured("18-streamed")) is_refused |= !Feed(message.bytes, message.lsn);
  EXPECT_TRUE(is_refused);
}

std::string PreparedMessage(char type, uint64_t lsn, uint64_t end_lsn, uint32_t xid) {
  MessageWriter message(type);
  if (type != 'b') message.Byte(0);
  message.Int64(lsn).Int64(end_lsn).Int64(0);
  if (type == 'r') message.Int64(0);
  return message.Int32(xid).Text("gid").bytes();
}

// A transaction that is sent while it is in progress, in one block.
std::vector<std::string> StreamedTransaction(uint32_t xid, const std::vector<std::string>& messages) {
  std::vector<std::string> block = {MessageWriter('S').Int32(xid).Byte(1).bytes()};
  for (const std::string& message : messages) {
    block.push_back(MessageWriter(message[0]).Int32(xid).bytes() + message.substr(1));
  }
  block.push_back(MessageWriter('E').bytes());
  return block;
}
std::string StreamCommitMessage(uint32_t xid, uint64_t lsn, uint64_t end_lsn) {
  return MessageWriter('c').Int32(xid).Byte(0).Int64(lsn).Int64(end_lsn).Int64(0).bytes();
}

class PreparedTest : public PgoutputDecoderTest {
 protected:
  // A stream from its beginning, as after a restart.
  void Start(uint64_t from) {
    builder_ = std::make_unique<ChangeBuilder>();
    builder_->StartAt({from, 0});
    spool_ = std::make_unique<TransactionSpool>(TemporaryParent());
    decoder_ = std::make_unique<PgoutputDecoder>(&layouts_, builder_.get(), spool_.get(), &prepared_, from);
  }
  Status Feed(const std::string& message, uint64_t lsn = 1) {
    Status decoded = decoder_->Decode(message, lsn);
    while (decoded && decoder_->is_replaying()) decoded = decoder_->Replay();
    return decoded;
  }
  void FeedAll(const std::vector<std::string>& messages) {
    for (const std::string& message : messages) {
      Status decoded = Feed(message);
      ASSERT_TRUE(decoded) << decoded.error().ToString();
    }
  }
  std::vector<std::string> Texts() {
    SeenLog seen;
    AddChunk(FinishChunk(builder_->Take()), &seen);
    return seen.Texts();
  }
  static std::string Insert(const std::string& id) {
    return MessageWriter('I').Int32(1).Byte('N').Int16(1).Value(id).bytes();
  }
  const std::string relation_ = RelationMessage(1, "t", {{"id", oid::kInt4}});
  PreparedTransactions prepared_;
  std::unique_ptr<ChangeBuilder> builder_;
  std::unique_ptr<TransactionSpool> spool_;
  std::unique_ptr<PgoutputDecoder> decoder_;
};

TEST_F(PreparedTest, ReadsWhatPostgres15Sends) {
  Start(0);
  for (const CapturedMessage& message : Captured("15-prepared")) {
    Status decoded = Feed(message.bytes, message.lsn);
    ASSERT_TRUE(decoded) << decoded.error().ToString();
  }
  EXPECT_THAT(Texts(), testing::Not(IsEmpty()));
}

TEST_F(PreparedTest, ComesWhenItIsCommittedAndHoldsTheSlotUntilThen) {
  Start(0);
  FeedAll({PreparedMessage('b', 100, 110, 7), relation_, Insert("1"), PreparedMessage('P', 100, 110, 7),
           BeginMessage(120, 8), Insert("2"), CommitMessage(120, 130)});
  EXPECT_THAT(Texts(), ElementsAre("c public.t id=2"));
  EXPECT_EQ(prepared_.Confirmable(90), 90U);
  EXPECT_EQ(prepared_.Confirmable(130), 100U);
  FeedAll({PreparedMessage('K', 140, 150, 7)});
  EXPECT_EQ(prepared_.Confirmable(130), 100U) << "the sink does not have it yet";
  EXPECT_THAT(Texts(), ElementsAre("c public.t id=1"));
  EXPECT_EQ(prepared_.Confirmable(150), 150U);
  FeedAll({PreparedMessage('b', 160, 170, 9), Insert("3"), PreparedMessage('P', 160, 170, 9),
           PreparedMessage('r', 170, 180, 9)});
  EXPECT_THAT(Texts(), IsEmpty());
  EXPECT_EQ(prepared_.Confirmable(180), 180U);
}

TEST_F(PreparedTest, WhatTheSinkHasIsPassedOverWhenTheStreamBeginsBeforeIt) {
  Start(150);
  FeedAll({PreparedMessage('b', 100, 110, 7), relation_, Insert("1"), PreparedMessage('P', 100, 110, 7),
           PreparedMessage('b', 111, 112, 9), Insert("4"), PreparedMessage('P', 111, 112, 9), BeginMessage(120, 8),
           Insert("2"), CommitMessage(120, 130), PreparedMessage('K', 140, 150, 7), BeginMessage(150, 10), Insert("3"),
           CommitMessage(150, 160), PreparedMessage('K', 170, 180, 9)});
  EXPECT_THAT(Texts(), ElementsAre("c public.t id=3", "c public.t id=4"));
  EXPECT_EQ(prepared_.Confirmable(180), 180U);
}

// The server describes a table once, in a transaction that the sink has already as well as in any other.
TEST_F(PreparedTest, TablesOfAStreamedTransactionThatIsPassedOverAreKnown) {
  Start(150);
  FeedAll(StreamedTransaction(7, {relation_, Insert("1")}));
  FeedAll({StreamCommitMessage(7, 120, 130), BeginMessage(150, 8), Insert("2"), CommitMessage(150, 160)});
  EXPECT_THAT(Texts(), ElementsAre("c public.t id=2"));
  FeedAll(StreamedTransaction(9, {relation_, Insert("3")}));
  FeedAll({StreamCommitMessage(9, 170, 180)});
  EXPECT_THAT(Texts(), ElementsAre("c public.t id=3"));
}

TEST_F(PreparedTest, OneWhoseChangesAreNotToldAgainIsTold) {
  Start(100);
  Status decoded = Feed(PreparedMessage('K', 140, 150, 7));
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().kind, ErrorKind::kData);
  EXPECT_THAT(decoded.error().message, HasSubstr("its changes are not told again"));
  Start(100);
  EXPECT_TRUE(Feed(PreparedMessage('r', 140, 150, 7))) << "nothing is missing";
  EXPECT_FALSE(Feed(PreparedMessage('P', 140, 150, 7))) << "not open";
  ASSERT_TRUE(Feed(PreparedMessage('b', 160, 170, 9)));
  EXPECT_FALSE(Feed(PreparedMessage('b', 160, 170, 9)));
  EXPECT_FALSE(Feed(BeginMessage(200)));
}

TEST(TransactionSpool, KeepsLargeTransactionsApartAndInOrder) {
  TransactionSpool spool(TemporaryParent());
  const std::string filling(1000, 'x');
  for (uint32_t i = 0; i < 2000; ++i) {
    ASSERT_TRUE(spool.Append(1 + i % 2, i % 2 == 1 && i % 3 == 0 ? 77 : 1 + i % 2, i, std::to_string(i) + filling));
  }
  ASSERT_TRUE(spool.Append(3, 3, 1, std::string(3 << 20, 'y')));  // larger than any buffer
  spool.Abort(2, 77);
  spool.Abort(9, 9);
  ASSERT_TRUE(spool.StartReplay(2));
  for (uint32_t i = 1; i < 2000; i += 2) {
    if (i % 3 == 0) continue;
    auto next = spool.Next();
    ASSERT_TRUE(next && *next);
    EXPECT_EQ((*next)->lsn, i);
    EXPECT_EQ((*next)->bytes, std::to_string(i) + filling);
  }
  auto end = spool.Next();
  ASSERT_TRUE(end);
  EXPECT_FALSE(*end);
  ASSERT_TRUE(spool.StartReplay(3));
  auto large = spool.Next();
  ASSERT_TRUE(large && *large);
  EXPECT_THAT((*large)->bytes, SizeIs(3 << 20));
  spool.Abort(1, 1);
  ASSERT_TRUE(spool.StartReplay(1));
  auto none = spool.Next();
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
}

TEST_F(PgoutputDecoderTest, ATransactionMayComeInPieces) {
  ASSERT_TRUE(Feed(BeginMessage(100)));
  ASSERT_TRUE(Feed(RelationMessage(1, "t", {{"id", oid::kInt4}})));
  ASSERT_TRUE(Feed(MessageWriter('I').Int32(1).Byte('N').Int16(1).Value("1").bytes()));
  SeenLog first = Taken();
  EXPECT_TRUE(first.ends_inside);
  EXPECT_EQ(first.complete.major, 0U);
  ASSERT_TRUE(Feed(MessageWriter('I').Int32(1).Byte('N').Int16(1).Value("2").bytes()));
  ASSERT_TRUE(Feed(CommitMessage(100, 150)));
  const SeenLog second = Taken();
  EXPECT_FALSE(second.ends_inside);
  EXPECT_EQ(second.complete.major, 150U);
  EXPECT_EQ(second.changes.at(0).sequence, 1);
  EXPECT_EQ(second.changes.at(0).position, (LogPosition{101, 0}));
}

TEST_F(PgoutputDecoderTest, WhatIsNotCapturedCountsOnly) {
  ASSERT_TRUE(Feed(BeginMessage(100)));
  ASSERT_TRUE(Feed(RelationMessage(1, "hidden", {{"id", oid::kInt4}})));
  ASSERT_TRUE(Feed(RelationMessage(2, "t", {{"id", oid::kInt4}})));
  ASSERT_TRUE(Feed(MessageWriter('I').Int32(1).Byte('N').Int16(1).Value("no number").bytes()));
  ASSERT_TRUE(Feed(MessageWriter('I').Int32(2).Byte('N').Int16(1).Value("7").bytes()));
  ASSERT_TRUE(Feed(MessageWriter('T').Int32(2).Byte(0).Int32(1).Int32(2).bytes()));
  ASSERT_TRUE(Feed(CommitMessage(100, 150)));
  const SeenLog seen = Taken();
  EXPECT_THAT(seen.Texts(), ElementsAre("c public.t id=7", "t public.t"));
  EXPECT_EQ(seen.changes[0].sequence, 1);
}

TEST_F(PgoutputDecoderTest, WhatComesOutOfTurnIsRefused) {
  EXPECT_FALSE(Feed(CommitMessage(100, 150)));
  EXPECT_FALSE(Feed(MessageWriter('I').Int32(1).Byte('N').Int16(0).bytes()));  // not described
  ASSERT_TRUE(Feed(RelationMessage(1, "t", {{"id", oid::kInt4}})));
  EXPECT_FALSE(Feed(MessageWriter('I').Int32(1).Byte('N').Int16(1).Value("1").bytes()));  // outside
  ASSERT_TRUE(Feed(BeginMessage(100)));
  EXPECT_FALSE(Feed(BeginMessage(200)));
  EXPECT_FALSE(Feed(CommitMessage(99, 150)));
  EXPECT_FALSE(Feed(CommitMessage(100, 100)));
  ASSERT_TRUE(Feed(CommitMessage(100, 150)));
  const Status backwards = Feed(BeginMessage(100));
  ASSERT_FALSE(backwards);
  EXPECT_THAT(backwards.error().message, HasSubstr("goes backwards"));
  EXPECT_FALSE(Feed(MessageWriter('E').bytes()));  // not asked for
  EXPECT_FALSE(Feed(""));
  EXPECT_FALSE(Feed("?"));
}

TEST_F(PgoutputDecoderTest, ValuesThatAreNoneNameTheirColumn) {
  ASSERT_TRUE(Feed(BeginMessage(100)));
  ASSERT_TRUE(Feed(RelationMessage(1, "t", {{"id", oid::kInt4}, {"d", oid::kDate}})));
  Status decoded = Feed(MessageWriter('I').Int32(1).Byte('N').Int16(2).Value("1").Value("secret").bytes());
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().kind, ErrorKind::kData);
  EXPECT_EQ(decoded.error().message, "table public.t, column d: 6 bytes of the log are no date value");
  decoded = Feed(MessageWriter('I').Int32(1).Byte('N').Int16(1).Value("1").bytes());
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().message, HasSubstr("1 columns, and its description 2"));
}

TEST_F(PgoutputDecoderTest, FlagsOfUnchangedValuesCountVariantColumnsToo) {
  ASSERT_TRUE(Feed(BeginMessage(100)));
  ASSERT_TRUE(Feed(RelationMessage(1, "t", {{"id", oid::kInt4}, {"d", oid::kDate}, {"big", oid::kText}})));
  ASSERT_TRUE(Feed(MessageWriter('U').Int32(1).Byte('N').Int16(3).Value("1").Value("infinity").Byte('u').bytes()));
  ASSERT_TRUE(Feed(CommitMessage(100, 150)));
  const ChangeChunk chunk = FinishChunk(builder_.Take());
  ASSERT_THAT(chunk.batches, SizeIs(1));
  ASSERT_EQ(chunk.batches[0].rows.schema()->size(), 4);
  ASSERT_TRUE(chunk.batches[0].unchanged.contains(3));
  EXPECT_EQ(chunk.batches[0].rows.schema()->fields[3].name, "big");
}

}  // namespace
}  // namespace nilus::postgres
