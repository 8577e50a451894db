// What a change looks like at the destination.
#include "nilus/cdc/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"

namespace nilus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

CapturedTable Items() {
  CapturedTable table{.schema = "public", .name = "items"};
  table.columns.fields = {
      Field{"Id", MakeType(TypeId::kInt64), false, {}}, Field{"eMail", MakeType(TypeId::kText), true, {}},
      Field{"price", MakeDecimal(10, 2), true, {}}, Field{"data", MakeType(TypeId::kJson), true, {}}};
  table.key = {"Id"};
  return table;
}

CdcJob Job(bool merges = true) {
  CdcJob job;
  job.schema = "raw";
  job.merges = merges;
  job.properties.prefix = "shop";
  return job;
}

ChangeBatch One(ChangeOp op, const std::vector<std::string>& values) {
  const CapturedTable table = Items();
  BatchBuilder rows(std::make_shared<Schema>(table.columns));
  for (int i = 0; i < 4; ++i) {
    const std::string& text = values[static_cast<size_t>(i)];
    if (text.empty() || !AppendParsed(text, &rows.column(i))) rows.column(i).AppendNull();
  }
  rows.FinishRow();
  return ChangeBatch{.schema = "public",
                     .table = "items",
                     .key = {"Id"},
                     .rows = rows.Finish(),
                     .ops = {op},
                     .positions = {{20, 0}},
                     .change_lsns = {17},
                     .transactions = {5},
                     .committed_at = {1'000'000},
                     .sequence = {3}};
}

std::string Cell(const RecordBatch& rows, std::string_view column, int64_t row = 0) {
  std::optional<int> at = rows.schema()->Find(column);
  if (!at) return "no column";
  return rows.column(*at).IsNull(row) ? "NULL" : ScalarAt(rows.column(*at), row).text;
}

std::unique_ptr<TableTarget> Target(const CdcJob& job, const CapturedTable& table = Items()) {
  Result<std::unique_ptr<TableTarget>> target =
      TableTarget::Create(job, table, TableName{.schema = "raw", .name = "shop_public_items"}, std::nullopt);
  EXPECT_TRUE(target) << target.error().message;
  return *std::move(target);
}

TEST(TableTarget, FlattenHasTheChangesOwnColumns) {
  const CdcJob job = Job();
  auto target = Target(job);
  Result<RecordBatch> rows = target->FromChanges(One(ChangeOp::kCreate, {"1", "a@b.c", "2.50", "{}"}), "load");
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(Cell(*rows, "id"), "1");
  EXPECT_EQ(Cell(*rows, "e_mail"), "a@b.c");
  EXPECT_EQ(Cell(*rows, "_op"), "c");
  EXPECT_EQ(Cell(*rows, "_deleted"), "false");
  EXPECT_EQ(Cell(*rows, "_source_ts"), "1970-01-01T00:00:01Z");
  EXPECT_EQ(Cell(*rows, "_lsn"), "20") << "where its transaction is committed";
  EXPECT_EQ(Cell(*rows, "_tx_id"), "5");
  EXPECT_EQ(Cell(*rows, "_seq"), "3");
  EXPECT_EQ(Cell(*rows, "_nilus_load_id"), "load");
  EXPECT_EQ(Cell(*rows, kRemovedColumn), "no column");
  const WriteRequest request = target->Request();
  EXPECT_THAT(request.primary_key, ElementsAre("id"));
  EXPECT_TRUE(request.is_changes);
  EXPECT_TRUE(request.schema->Find("_seq") && request.schema->Find("_nilus_id"));
}

TEST(TableTarget, DecimalsLandAsTheirModeSaysUnlessHinted) {
  CdcJob job = Job();
  job.properties.values.decimals = DecimalMode::kDouble;
  auto target = Target(job);
  ASSERT_TRUE(target->TakeColumns());
  const std::optional<int> price = target->Request().schema->Find("price");
  ASSERT_TRUE(price);
  EXPECT_EQ(target->Request().schema->fields[static_cast<size_t>(*price)].type, MakeType(TypeId::kFloat64))
      << "before any row";
  const ChangeBatch change = One(ChangeOp::kCreate, {"1", "a", "2.50", "{}"});
  EXPECT_EQ(Cell(*target->FromChanges(change, "load"), "price"), "2.5");
  EXPECT_EQ(Cell(*target->FromSnapshot(change.rows, {10, 0}, "load"), "price"), "2.5");
  EXPECT_TRUE(target->Truncation({30, 0}, "load"));

  job.changelog = true;
  EXPECT_THAT(Cell(*Target(job)->FromChanges(change, "load"), "after"), HasSubstr(R"("price":2.5,)"));
  job.properties.values.decimals = DecimalMode::kString;
  EXPECT_THAT(Cell(*Target(job)->FromChanges(change, "load"), "after"), HasSubstr(R"("price":"2.50",)"));

  job.changelog = false;
  job.hints = {PinnedType{"public.items.price", MakeDecimal(12, 3)}};
  EXPECT_EQ(Cell(*Target(job)->FromChanges(change, "load"), "price"), "2.500");
}

TEST(TableTarget, DeletesAndTruncatesRemove) {
  const CdcJob job = Job();
  auto target = Target(job);
  Result<RecordBatch> gone = target->FromChanges(One(ChangeOp::kDelete, {"1", "", "", ""}), "load");
  ASSERT_TRUE(gone);
  EXPECT_EQ(Cell(*gone, kRemovedColumn), "true");
  Result<RecordBatch> all = target->Truncation({30, 0}, "load");
  ASSERT_TRUE(all);
  EXPECT_EQ(Cell(*all, kRemovedColumn), "true");
  EXPECT_EQ(Cell(*all, "id"), "NULL");
}

TEST(TableTarget, ValuesThatTheLogLeavesOutAreNamed) {
  ChangeBatch batch = One(ChangeOp::kUpdate, {"1", "", "2.50", ""});
  batch.unchanged[1] = {1};
  batch.unchanged[3] = {1};
  const CdcJob merge = Job();
  EXPECT_EQ(Cell(*Target(merge)->FromChanges(batch, "load"), kUnchangedColumn), "e_mail\ndata");
  const CdcJob append = Job(false);
  Result<RecordBatch> rows = Target(append)->FromChanges(batch, "load");
  ASSERT_TRUE(rows);
  EXPECT_EQ(Cell(*rows, "_unchanged"), "e_mail,data");
  EXPECT_EQ(Cell(*rows, kUnchangedColumn), "no column");
}

TEST(TableTarget, SoftDeletesKeepWhatTheLogDoesNotTell) {
  CdcJob job = Job();
  job.properties.soft_deletes = true;
  Result<RecordBatch> rows = Target(job)->FromChanges(One(ChangeOp::kDelete, {"1", "", "", ""}), "load");
  ASSERT_TRUE(rows);
  EXPECT_EQ(Cell(*rows, kRemovedColumn), "no column");
  EXPECT_EQ(Cell(*rows, "_deleted"), "true");
  EXPECT_EQ(Cell(*rows, kUnchangedColumn), "e_mail\nprice\ndata");
}

TEST(TableTarget, MasksAndHintsAreOfTheirTables) {
  CdcJob job = Job(false);
  job.masks = {MaskRule{.column = "public.items.eMail", .algorithm = "redact", .parameter = {}},
               MaskRule{.column = "other.price", .algorithm = "redact", .parameter = {}}};
  job.hints = {PinnedType{.column = "items.price", .type = MakeType(TypeId::kText)}};
  Result<RecordBatch> rows = Target(job)->FromChanges(One(ChangeOp::kCreate, {"1", "a@b.c", "2.50", "{}"}), "load");
  ASSERT_TRUE(rows);
  EXPECT_EQ(Cell(*rows, "e_mail"), "REDACTED");
  EXPECT_EQ(Cell(*rows, "price"), "2.50");
  EXPECT_EQ(rows->column(*rows->schema()->Find("price")).type.id, TypeId::kText);
}

TEST(TableTarget, TheChangelogTellsBothSides) {
  CdcJob job = Job(false);
  job.changelog = true;
  ChangeBatch batch = One(ChangeOp::kUpdate, {"1", "say \"hi\"\n", "2.50", R"({"a":[1]})"});
  batch.old_rows = One(ChangeOp::kUpdate, {"1", "b", "1.00", ""}).rows;
  batch.old_of = {0};
  batch.unchanged[3] = {1};
  Result<RecordBatch> rows = Target(job)->FromChanges(batch, "load");
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(Cell(*rows, "operation"), "u");
  EXPECT_EQ(Cell(*rows, "before"), R"({"Id":1,"eMail":"b","price":1.00,"data":null})");
  EXPECT_EQ(Cell(*rows, "after"), R"({"Id":1,"eMail":"say \"hi\"\n","price":2.50})");
  EXPECT_THAT(
      Cell(*rows, "source"),
      HasSubstr(
          R"("db":"","schema":"public","table":"items","lsn":20,"seq":3,"ts_ms":1000,"snapshot":false,"txId":5)"));
  EXPECT_EQ(Cell(*rows, "id"), "1");
  EXPECT_EQ(Cell(*rows, "e_mail"), "no column");
}

TEST(TableTarget, WhatCannotBeToldApartIsRefused) {
  CapturedTable keyless = Items();
  keyless.key.clear();
  const TableName name{.schema = "raw", .name = "t"};
  Result<std::unique_ptr<TableTarget>> target = TableTarget::Create(Job(), keyless, name, std::nullopt);
  ASSERT_FALSE(target);
  EXPECT_THAT(target.error().fix, HasSubstr("table.exclude.list"));
  EXPECT_TRUE(TableTarget::Create(Job(false), keyless, name, std::nullopt));
  CapturedTable taken = Items();
  taken.columns.fields.push_back(Field{"_Op", MakeType(TypeId::kText), true, {}});
  Result<std::unique_ptr<TableTarget>> collides = TableTarget::Create(Job(), taken, name, std::nullopt);
  ASSERT_FALSE(collides);
  EXPECT_THAT(collides.error().fix, HasSubstr("column.exclude.list"));
  taken.columns.fields.back().name = "_nilus_from";  // a column of folded changes
  EXPECT_FALSE(TableTarget::Create(Job(), taken, name, std::nullopt));
  taken.columns.fields.back().name = "_nilus_parent_id";  // of a child table that Nilus has loaded
  EXPECT_TRUE(TableTarget::Create(Job(), taken, name, std::nullopt));
  CdcJob masked = Job();
  masked.masks = {MaskRule{.column = "Id", .algorithm = "first_letter", .parameter = {}}};
  EXPECT_FALSE(TableTarget::Create(masked, Items(), name, std::nullopt)) << "keys would become one";
}

CdcJob Discarding(bool merges) {
  CdcJob job = Job(merges);
  job.contract = Contract::kDiscardRow;
  job.hints = {PinnedType{.column = "eMail", .type = MakeType(TypeId::kInt64)}};
  return job;
}

TEST(TableTarget, ARowThatDoesNotFitIsALetterAndGoesFromTheMergedTable) {
  const CdcJob job = Discarding(true);
  auto target = Target(job);
  Result<RecordBatch> rows = target->FromChanges(One(ChangeOp::kUpdate, {"1", "seven", "2.50", "{}"}), "load");
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->num_rows(), 1);
  EXPECT_EQ(Cell(*rows, "id"), "1");
  EXPECT_EQ(Cell(*rows, "price"), "NULL");
  EXPECT_EQ(Cell(*rows, kRemovedColumn), "true");
  std::optional<RecordBatch> letters = target->TakeLetters();
  ASSERT_TRUE(letters);
  EXPECT_EQ(letters->num_rows(), 1);
  EXPECT_EQ(Cell(*letters, "column"), "eMail");
  EXPECT_THAT(Cell(*letters, "payload"), HasSubstr("seven"));
  EXPECT_FALSE(target->TakeLetters()) << "each is taken once";
  EXPECT_EQ(target->LetterRequest().table.ToString(), "raw.shop_public_items__dead_letters");

  rows = target->FromChanges(One(ChangeOp::kUpdate, {"1", "7", "2.50", "{}"}), "load");
  EXPECT_EQ(Cell(*rows, "e_mail"), "7");
  EXPECT_FALSE(target->TakeLetters());
}

TEST(TableTarget, ARowThatDoesNotFitIsNoRowOfTheLogOfChangesButItsDeleteIs) {
  const CdcJob job = Discarding(false);
  auto target = Target(job);
  Result<RecordBatch> rows = target->FromChanges(One(ChangeOp::kCreate, {"1", "seven", "2.50", "{}"}), "load");
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(rows->num_rows(), 0);
  EXPECT_TRUE(target->TakeLetters());
  rows = target->FromChanges(One(ChangeOp::kDelete, {"1", "seven", "2.50", "{}"}), "load");  // of a full identity
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->num_rows(), 1);
  EXPECT_EQ(Cell(*rows, "id"), "1");
  EXPECT_EQ(Cell(*rows, "e_mail"), "NULL");
  EXPECT_FALSE(target->TakeLetters());
}

TEST(TableTarget, ARowThatMovesToAKeyWhereItDoesNotFitLeavesItsOldOne) {
  const CdcJob job = Discarding(true);
  auto target = Target(job);
  ChangeBatch batch = One(ChangeOp::kUpdate, {"2", "seven", "", ""});
  batch.old_rows = One(ChangeOp::kUpdate, {"1", "", "", ""}).rows;
  batch.old_of = {0};
  batch.unchanged[3] = {1};
  Result<RecordBatch> rows = target->FromChanges(batch, "load");
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->num_rows(), 2);
  for (int64_t line = 0; line < 2; ++line) {
    EXPECT_EQ(Cell(*rows, "id", line), line == 0 ? "1" : "2");
    EXPECT_EQ(Cell(*rows, kRemovedColumn, line), "true");
    EXPECT_NE(Cell(*rows, kMovedColumn, line), "true");
    EXPECT_THAT(Cell(*rows, kUnchangedColumn, line), testing::AnyOf("NULL", "no column"));
  }
  ASSERT_TRUE(target->TakeLetters());
}

TEST(TableTarget, NumbersOfAMaskGoOn) {
  CdcJob job = Job();
  job.masks = {MaskRule{.column = "eMail", .algorithm = "sequential", .parameter = {}}};
  auto target = Target(job);
  EXPECT_EQ(Cell(*target->FromChanges(One(ChangeOp::kCreate, {"1", "a", "", ""}), "load"), "e_mail"), "1");
  EXPECT_EQ(Cell(*target->FromChanges(One(ChangeOp::kCreate, {"2", "b", "", ""}), "load"), "e_mail"), "2");
  TableTarget::Numbers numbers;
  numbers["e_mail"] = *MaskSequence::Parse(target->numbers().at("e_mail")->ToText());
  auto later = *TableTarget::Create(job, Items(), TableName{.schema = "raw", .name = "shop_public_items"}, std::nullopt,
                                    numbers);
  EXPECT_EQ(Cell(*later->FromChanges(One(ChangeOp::kCreate, {"3", "c", "", ""}), "load"), "e_mail"), "3");
  EXPECT_EQ(Cell(*later->FromChanges(One(ChangeOp::kUpdate, {"1", "a", "", ""}), "load"), "e_mail"), "1");
}

TEST(TableTarget, RoutesAreNormalized) {
  CdcJob job = Job();
  EXPECT_EQ(RouteTable(job, "Sales", "OrderItems")->ToString(), "raw.shop_sales_order_items");
  job.properties.routes = {RouteRule{.regex = R"(shop\.(.*)\.orders_\d+)", .replacement = R"(\1.orders)"}};
  EXPECT_EQ(RouteTable(job, "eu", "orders_7")->name, "eu_orders");
  EXPECT_EQ(RouteTable(job, "eu", "other")->name, "shop_eu_other");
}

}  // namespace
}  // namespace nilus
