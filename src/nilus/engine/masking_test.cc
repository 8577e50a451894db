// Masks through whole runs: what reaches destination and position, which keys may be masked, and what a change of masks
// brings about.
#include "nilus/engine/masking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/base/encoding.h"
#include "nilus/engine/fakes_testing.h"

namespace nilus {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class MaskingTest : public testing::Test {
 protected:
  MaskingTest() {
    world_.source.table.schema = Schema{{Field{.name = "Id", .type = MakeType(TypeId::kInt64), .nullable = false},
                                         Field{.name = "At", .type = MakeType(TypeId::kInt64)},
                                         Field{.name = "EMail", .type = MakeType(TypeId::kText)}}};
    world_.source.table.primary_key = {"Id"};
    job_ = world_.MakeJob();
  }
  void Insert(int id, int at, const std::string& email) {
    world_.source.table.rows.push_back({std::to_string(id), std::to_string(at), email});
  }
  RunReport Run() { return RunJob(job_, QuickOptions()); }
  RunReport RunOk() {
    RunReport report = Run();
    EXPECT_TRUE(report.is_success) << (report.error ? report.error->message : "");
    return report;
  }
  std::string Failed() {
    RunReport report = Run();
    EXPECT_FALSE(report.is_success);
    return report.error ? fmt::format("{}: {}", ErrorKindName(report.error->kind), report.error->message) : "";
  }
  std::string Refused() {
    Status status = CheckMasks(job_);
    return status ? "allowed" : fmt::format("{}: {}", ErrorKindName(status.error().kind), status.error().message);
  }
  std::string Position() const { return world_.destination.states.begin()->second.position.json; }

  FakeWorld world_;
  BatchJob job_;
};

TEST_F(MaskingTest, RowsArriveMaskedUnderTheMasksType) {
  Insert(1, 10, "a@b.de");
  Insert(42, 20, "c@d.de");
  job_.masks = {{"e_mail", "hash", ""}, {"Id", "range", "10"}};
  RunOk();
  EXPECT_THAT(world_.Rows({"id", "e_mail"}),
              ElementsAre("0-10 " + Sha256Hex("a@b.de"), "40-50 " + Sha256Hex("c@d.de")));
  Result<PlanReport> plan = PlanJob(job_, QuickOptions());
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->columns[0].type, MakeType(TypeId::kText));
  EXPECT_EQ(plan->columns[2].note, "masked with hash");
}

TEST_F(MaskingTest, AMaskThatCannotBeAppliedLoadsNothing) {
  for (int i = 0; i < 8; ++i) Insert(i, i, i == 7 ? "canary" : "5");
  job_.masks = {{"EMail", "round", ""}};
  std::string message = Failed();
  EXPECT_THAT(message, AllOf(HasSubstr("`EMail` cannot be masked with round"), Not(HasSubstr("canary"))));
  EXPECT_THAT(world_.destination.states, IsEmpty());
  EXPECT_THAT(world_.Rows({"id"}), IsEmpty());
}

TEST_F(MaskingTest, AMissingColumnIsAnErrorAlsoWhereOnlyTheRowsTell) {
  Insert(1, 10, "a@b.de");
  job_.masks = {{"Emial", "hash", ""}};
  EXPECT_THAT(Failed(), HasSubstr("mask: `Emial` is no column"));
  world_.source.knows_schema = false;
  EXPECT_THAT(Failed(), HasSubstr("mask: `Emial` is no column"));
  EXPECT_THAT(world_.Rows({"id"}), IsEmpty());
  job_.masks = {{"EMail", "stars", ""}};
  RunOk();
  EXPECT_THAT(world_.Rows({"e_mail"}), ElementsAre("******"));
}

TEST_F(MaskingTest, BoundaryRowsAreKnownByTheirMaskedValues) {
  job_.strategy = WriteStrategy::kAppend;
  job_.incremental_key = "At";
  job_.masks = {{"EMail", "redact", ""}};
  Insert(1, 10, "canary-one");
  Insert(1, 10, "canary-two");
  RunOk();
  EXPECT_THAT(Position(), HasSubstr(R"("masks":{"e_mail":{"how":"redact"}})"));
  Insert(1, 10, "canary-three");  // the same once masked: one more of them
  RunOk();
  RunOk();
  EXPECT_EQ(world_.Rows({"e_mail"}).size(), 3U);
}

TEST_F(MaskingTest, NumbersGoOnAndStandInNoPosition) {
  job_.strategy = WriteStrategy::kAppend;
  job_.incremental_key = "At";
  job_.masks = {{"EMail", "sequential", ""}};
  Insert(1, 10, "canary-one");
  Insert(2, 20, "canary-two");
  RunOk();
  EXPECT_THAT(Position(), Not(HasSubstr("canary")));
  Insert(3, 30, "canary-one");
  Insert(4, 40, "canary-three");
  RunOk();
  EXPECT_THAT(world_.Rows({"id", "e_mail"}), ElementsAre("1 1", "2 2", "3 1", "4 3"));
  Result<StateReport> set = SetJobState(job_, QuickOptions(), "40");
  ASSERT_TRUE(set) << set.error().message;
  Insert(5, 50, "canary-two");
  world_.destination.tables.clear();
  RunOk();
  EXPECT_THAT(world_.Rows({"id", "e_mail"}), ElementsAre("4 3", "5 2")) << "state set keeps the numbers";
}

TEST_F(MaskingTest, AnAttemptThatFailedGivesNoNumbers) {
  job_.masks = {{"EMail", "sequential", ""}};
  Insert(1, 10, "a");
  Insert(2, 20, "b");
  RunOk();
  int64_t calls = world_.faults.calls();
  Insert(3, 5, "c");
  for (int64_t nth = calls; nth < calls + 30; ++nth) {
    world_.faults.Arm(nth, FakeFault::kTransient);
    Run();
  }
  world_.faults.Disarm();
  RunOk();
  EXPECT_THAT(world_.Rows({"id", "e_mail"}), ElementsAre("1 1", "2 2", "3 3"));
}

TEST_F(MaskingTest, KeysThatMustTellRowsApart) {
  job_.strategy = WriteStrategy::kMerge;
  job_.primary_key = {"id"};
  for (const char* good : {"hash", "sha256", "md5", "hmac", "uuid", "sequential"}) {
    job_.masks = {{"Id", good, good == std::string("hmac") ? "key" : ""}};
    EXPECT_EQ(Refused(), "allowed") << good;
  }
  job_.masks = {{"Id", "redact", ""}};
  EXPECT_THAT(Refused(), AllOf(HasSubstr("unsupported"), HasSubstr("`Id`"), HasSubstr("would become one")));
  job_.masks = {{"Id", "random", ""}};
  EXPECT_THAT(Refused(), HasSubstr("another key in every run"));
  job_.strategy = WriteStrategy::kReplace;
  EXPECT_EQ(Refused(), "allowed");
}

TEST_F(MaskingTest, AMaskedKeyFindsItsRowAgain) {
  job_.strategy = WriteStrategy::kMerge;
  job_.primary_key = {"Id"};
  job_.masks = {{"Id", "uuid", ""}};
  Insert(1, 10, "a");
  Insert(2, 20, "b");
  RunOk();
  world_.source.table.rows[1][2] = "changed";
  RunOk();
  EXPECT_THAT(world_.Rows({"e_mail"}), ElementsAre("a", "changed"));
}

TEST_F(MaskingTest, WhatComesOutOtherwiseEveryTimeIsNotComparedWithEarlierRows) {
  job_.masks = {{"EMail", "random", ""}};
  EXPECT_EQ(Refused(), "allowed");
  job_.strategy = WriteStrategy::kAppend;
  EXPECT_EQ(Refused(), "allowed");
  job_.incremental_key = "At";
  EXPECT_THAT(Refused(), AllOf(HasSubstr("`EMail`"), HasSubstr("without a primary_key")));
  job_.primary_key = {"Id"};
  EXPECT_EQ(Refused(), "allowed");
  job_.strategy = WriteStrategy::kScd2;
  EXPECT_THAT(Refused(), HasSubstr("scd2"));
  job_.strategy = WriteStrategy::kDeleteInsert;
  EXPECT_EQ(Refused(), "allowed");
  job_.null_keys = NullCursor::kInclude;
  EXPECT_THAT(Refused(), HasSubstr("delete+insert"));
}

// A run goes on from the raw highest key, which stands nowhere that others read.
class MaskedCursorTest : public MaskingTest, public testing::WithParamInterface<WriteStrategy> {};
INSTANTIATE_TEST_SUITE_P(Strategies, MaskedCursorTest, testing::Values(WriteStrategy::kAppend, WriteStrategy::kMerge));

TEST_P(MaskedCursorTest, IsSealedAndGoneOnFrom) {
  job_.strategy = GetParam();
  job_.primary_key = {"Id"};
  job_.incremental_key = "at";
  job_.cursor_secret = "a secret";
  job_.masks = {{"At", "range", "1000000"}};
  Insert(1, 770001, "a");
  Insert(2, 770002, "b");
  Insert(3, 770002, "c");
  EXPECT_EQ(RunOk().cursor_after, "(masked)");
  EXPECT_THAT(Position(), AllOf(HasSubstr("\"sealed\""), Not(HasSubstr("7700"))));
  EXPECT_EQ(ShowJobState(job_, QuickOptions())->cursor, "(masked)");
  Result<PlanReport> plan = PlanJob(job_, QuickOptions());
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_THAT(plan->range, AllOf(HasSubstr("At from (masked)"), Not(HasSubstr("7700"))));

  Insert(4, 770002, "d");   // at the cursor
  Insert(5, 770009, "e");   // behind it
  Insert(6, 769000, "no");  // before it
  EXPECT_EQ(RunOk().cursor_before, "(masked)");
  EXPECT_THAT(world_.Rows({"id", "at", "e_mail"}),
              ElementsAre("1 0-1000000 a", "2 0-1000000 b", "3 0-1000000 c", "4 0-1000000 d", "5 0-1000000 e"));

  job_.cursor_secret = "another";
  EXPECT_THAT(Failed(), AllOf(HasSubstr("invalid_input"), HasSubstr("sealed")));
  ASSERT_TRUE(SetJobState(job_, QuickOptions(), "770010"));
  EXPECT_THAT(Position(), AllOf(HasSubstr("\"sealed\""), Not(HasSubstr("7700"))));
  Insert(7, 770010, "f");
  RunOk();
  EXPECT_EQ(world_.Rows({"id"}).size(), 6U);
}

TEST_F(MaskingTest, ACursorOfAKeyThatIsNotMaskedAnyMoreIsOpened) {
  job_.strategy = WriteStrategy::kMerge;
  job_.primary_key = {"Id"};
  job_.incremental_key = "At";
  job_.masks = {{"At", "range", "1000000"}};
  Insert(1, 770001, "a");
  RunOk();
  job_.masks.clear();
  Insert(2, 769000, "no");
  const RunReport report = RunOk();
  EXPECT_EQ(report.cursor_before, "770001");
  EXPECT_EQ(world_.Rows({"id"}).size(), 1U);
}

TEST_F(MaskingTest, ACursorThatIsSealedWithTheAddressAloneIsTold) {
  job_.strategy = WriteStrategy::kMerge;
  job_.primary_key = {"Id"};
  job_.incremental_key = "At";
  job_.is_cursor_secret_weak = true;
  job_.masks = {{"At", "hash", ""}};
  Insert(1, 10, "a");
  EXPECT_THAT(RunOk().warnings, ElementsAre(HasSubstr("cursor_secret")));
}

TEST_F(MaskingTest, WhereTheDestinationNeedsItsOrderAnIncrementalKeyIsNotMasked) {
  job_.incremental_key = "at";
  job_.primary_key = {"Id"};
  job_.masks = {{"At", "round", "10"}};
  for (const WriteStrategy strategy : {WriteStrategy::kDeleteInsert, WriteStrategy::kScd2}) {
    job_.strategy = strategy;
    EXPECT_THAT(Refused(), AllOf(HasSubstr("unsupported"), HasSubstr("incremental_key `At`")));
  }
  job_.strategy = WriteStrategy::kAppend;
  EXPECT_EQ(Refused(), "allowed");
  job_.max_nesting = 1;
  EXPECT_THAT(Refused(), HasSubstr("versions of a row"));
  job_.masks = {{"At", "hash", ""}};
  EXPECT_EQ(Refused(), "allowed");
}

TEST_F(MaskingTest, AChangedMaskIsToldOrRefused) {
  job_.strategy = WriteStrategy::kMerge;
  job_.primary_key = {"Id"};
  Insert(1, 10, "a");
  RunOk();
  job_.masks = {{"EMail", "hmac", "canary-key"}};
  EXPECT_THAT(RunOk().warnings, ElementsAre(AllOf(HasSubstr("`e_mail` changed"), HasSubstr("was not masked"))));
  EXPECT_THAT(Position(), Not(HasSubstr("canary")));
  EXPECT_THAT(RunOk().warnings, IsEmpty());
  job_.masks = {{"EMail", "hmac", "another"}};
  EXPECT_THAT(RunOk().warnings, ElementsAre(HasSubstr("`e_mail` changed")));
  job_.masks.push_back({"Id", "hash", ""});
  EXPECT_THAT(Failed(), AllOf(HasSubstr("invalid_input"), HasSubstr("primary_key")));
  job_.full_refresh = true;
  RunOk();
  job_.full_refresh = false;
  EXPECT_THAT(RunOk().warnings, IsEmpty());
  EXPECT_EQ(world_.Rows({"id"}).size(), 1U);
}

TEST_F(MaskingTest, AChangedMaskWouldDoubleBoundaryRows) {
  job_.strategy = WriteStrategy::kAppend;
  job_.incremental_key = "At";
  job_.masks = {{"EMail", "hash", ""}};
  Insert(1, 10, "a");
  RunOk();
  job_.masks = {{"EMail", "stars", ""}};
  EXPECT_THAT(Failed(), HasSubstr("would be there twice"));
  EXPECT_EQ(world_.Rows({"id"}).size(), 1U);
  ASSERT_TRUE(ResetJobState(job_, QuickOptions()));
  RunOk();  // nothing is remembered any more: appended anew, as asked
}

TEST_F(MaskingTest, KeysStayUniqueOnlyUnderMasksThatKeepThemApart) {
  job_.masks = {{"Id", "hash", ""}};
  EXPECT_TRUE(MasksKeepUnique(**MakeMasking(job_, {}), {"Id", "At"}));
  for (const char* mask : {"md5", "stars", "random"}) {
    job_.masks = {{"Id", mask, ""}};
    EXPECT_FALSE(MasksKeepUnique(**MakeMasking(job_, {}), {"Id"})) << mask;
    EXPECT_TRUE(MasksKeepUnique(**MakeMasking(job_, {}), {"At"}));
  }
}

TEST_F(MaskingTest, ADamagedPositionIsRefused) {
  Checkpoint checkpoint;
  checkpoint.masks["e_mail"] = MaskRecord{.how = "sequential", .numbers = "damaged"};
  job_.masks = {{"EMail", "sequential", ""}};
  Result<std::shared_ptr<const Masking>> masking = MakeMasking(job_, checkpoint);
  ASSERT_FALSE(masking);
  EXPECT_EQ(masking.error().kind, ErrorKind::kInvalidInput);
  EXPECT_FALSE(ParseCheckpoint(nilus::Position{R"({"v":1,"masks":{"a":"hash"}})"}));
  EXPECT_FALSE(ParseCheckpoint(nilus::Position{R"({"v":1,"masks":{"a":{"how":"hash","more":1}}})"}));
  EXPECT_TRUE(ParseCheckpoint(nilus::Position{R"({"v":1,"masks":{"a":{"how":"hash"}}})"}));
}

}  // namespace
}  // namespace nilus
