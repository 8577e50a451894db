#include "nilus/connectors/discard/sink.h"

#include <gmock/gmock.h>

#include "nilus/connectors/discard/connector.h"
#include "nilus/data/record_batch.h"

namespace nilus::discard {
namespace {

std::unique_ptr<Sink> Open() {
  auto sink = kDiscardConnector.open_sink(*ParseAddress("discard://", ProcessEnvironment()), OpenContext{});
  EXPECT_TRUE(sink);
  return *std::move(sink);
}

RecordBatch Rows(int count) {
  BatchBuilder rows(std::make_shared<Schema>(Schema{{Field{.name = "id", .type = MakeType(TypeId::kInt64)}}}));
  for (int i = 0; i < count; ++i) {
    rows.column(0).Append<int64_t>(i);
    rows.FinishRow();
  }
  return rows.Finish();
}

CommitRequest Request(const std::string& pipeline, const std::string& load, int64_t version) {
  CommitRequest request{.pipeline = {.value = pipeline, .state_schema = "s"}, .load_id = load, .position = {}};
  request.expected_version = version;
  return request;
}

WriteRequest Table(const std::string& pipeline, const std::string& load, const std::string& name) {
  return WriteRequest{.pipeline = {.value = pipeline, .state_schema = "s"},
                      .load_id = load,
                      .table = {.schema = "s", .name = name},
                      .schema = Rows(0).schema()};
}

TEST(DiscardSinkTest, CountsRowsAndKeepsThePositionForLaterSinksOfTheProcess) {
  auto sink = Open();
  EXPECT_FALSE(sink->Committed({.value = "a", .state_schema = "s"})->has_value());
  auto writer = *sink->Open(Table("a", "load1", "t"));
  ASSERT_TRUE(writer->Write(Rows(3)));
  ASSERT_TRUE(writer->Write(Rows(2)));
  EXPECT_EQ(writer->Finish()->rows, 5);
  EXPECT_EQ(sink->Commit(Request("a", "load1", 0))->rows_inserted, 5);

  auto later = Open();
  EXPECT_EQ((*later->Committed({.value = "a", .state_schema = "s"}))->version, 1);
  EXPECT_TRUE(*later->WasCommitted({.value = "a", .state_schema = "s"}, "load1"));
  EXPECT_FALSE(later->Committed({.value = "b", .state_schema = "s"})->has_value());
  EXPECT_FALSE(later->Describe({.schema = "s", .name = "t"})->has_value());
}

TEST(DiscardSinkTest, CommittingALoadAgainIsASuccessAndAnotherRunsCommitIsAConflict) {
  auto sink = Open();
  ASSERT_TRUE(sink->Commit(Request("again", "load1", 0)));
  EXPECT_EQ(sink->Commit(Request("again", "load1", 0))->version, 1);
  EXPECT_EQ(sink->Commit(Request("again", "load2", 0)).error().kind, ErrorKind::kConflict);
  EXPECT_EQ(sink->Commit(Request("again", "load2", 1))->version, 2);
}

TEST(DiscardSinkTest, ATableIsOpenedOnceInALoadAndCommittedOnlyOnceItIsFinished) {
  auto sink = Open();
  auto writer = *sink->Open(Table("once", "load1", "t"));
  EXPECT_EQ(sink->Open(Table("once", "load1", "t")).error().kind, ErrorKind::kInternal);
  EXPECT_EQ(sink->Commit(Request("once", "load1", 0)).error().kind, ErrorKind::kInternal);
  auto next = *sink->Open(Table("once", "load2", "t"));
  ASSERT_TRUE(next->Finish());
  EXPECT_TRUE(sink->Commit(Request("once", "load2", 0)));
}

}  // namespace
}  // namespace nilus::discard
