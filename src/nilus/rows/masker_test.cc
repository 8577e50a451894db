#include "nilus/rows/masker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/base/encoding.h"
#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"

namespace nilus {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr Type kText = MakeType(TypeId::kText);
constexpr Type kBigint = MakeType(TypeId::kInt64);

struct Cells {
  std::string name;
  Type type;
  std::vector<std::optional<std::string>> texts;
  std::string variant_of = {};
};

RecordBatch BatchOf(const std::vector<Cells>& cells) {
  auto schema = std::make_shared<Schema>();
  std::vector<Column> columns;
  for (const Cells& c : cells) {
    schema->fields.push_back(Field{.name = c.name, .type = c.type, .variant_of = c.variant_of});
    ColumnBuilder builder(c.type);
    for (const auto& text : c.texts) {
      if (!text) {
        builder.AppendNull();
      } else {
        EXPECT_TRUE(AppendParsed(*text, &builder)) << *text;
      }
    }
    columns.push_back(builder.Finish());
  }
  return RecordBatch(schema, std::move(columns), static_cast<int64_t>(cells.front().texts.size()));
}

Result<std::shared_ptr<const Masking>> MaskingOf(std::vector<MaskRule> rules) {
  return Masking::Create(MaskingOptions{.rules = std::move(rules), .table = "public.people"});
}

std::string CellOf(const RecordBatch& batch, std::string_view column, int64_t row = 0) {
  const Column& cells = batch.column(*batch.schema()->Find(column));
  return cells.IsNull(row) ? "NULL" : ScalarAt(cells, row).text;
}

TEST(Masker, MasksByTheSourcesNameOrTheDestinations) {
  for (const char* name : {"EMail", "e_mail"}) {
    std::shared_ptr<const Masking> masking = *MaskingOf({{name, "redact", ""}});
    Masker masker(masking);
    RecordBatch masked = *masker.Apply(BatchOf({{"id", kBigint, {"1"}}, {"EMail", kText, {"a@b.de"}}}));
    EXPECT_EQ(CellOf(masked, "EMail"), "REDACTED");
    EXPECT_EQ(CellOf(masked, "id"), "1");
  }
}

TEST(Masker, LeavesOtherColumnsAsTheyAre) {
  Masker masker(*MaskingOf({{"email", "hash", ""}}));
  RecordBatch batch = BatchOf({{"id", kBigint, {"1"}}, {"email", kText, {"a@b.de"}}});
  RecordBatch masked = *masker.Apply(batch);
  EXPECT_EQ(masked.column(0).values.data(), batch.column(0).values.data()) << "shared, not copied";
}

TEST(Masker, TypesFollowTheMasks) {
  std::shared_ptr<const Masking> masking = *MaskingOf({{"age", "range", "10"}, {"name", "sequential", ""}});
  Schema schema =
      *masking->MaskedSchema(Schema{{Field{.name = "age", .type = kBigint}, Field{.name = "name", .type = kText}}});
  EXPECT_EQ(schema.fields[0].type, kText);
  EXPECT_EQ(schema.fields[1].type, kBigint);
  Masker masker(masking);
  RecordBatch masked = *masker.Apply(BatchOf({{"age", kBigint, {"42"}}, {"name", kText, {"Ann"}}}));
  EXPECT_EQ(*masked.schema(), schema);
  EXPECT_EQ(CellOf(masked, "age"), "40-50");
  EXPECT_EQ(CellOf(masked, "name"), "1");
}

TEST(Masker, VariantColumnsAreMaskedAlong) {
  std::vector<Cells> cells = {{"amount", kBigint, {"5", std::nullopt}},
                              {"amount__v_text", kText, {std::nullopt, "canary"}, "amount"}};
  for (const char* algorithm : {"hash", "stars", "redact", "random"}) {
    Masker masker(*MaskingOf({{"amount", algorithm, ""}}));
    RecordBatch masked = *masker.Apply(BatchOf(cells));
    EXPECT_EQ(CellOf(masked, "amount__v_text"), "NULL");
    EXPECT_THAT(CellOf(masked, "amount__v_text", 1), Not(HasSubstr("canary")));
    EXPECT_EQ(CellOf(masked, "amount", 1), "NULL");
  }
  // What is none of the type cannot be rounded; a variant column without any value is no harm.
  Masker masker(*MaskingOf({{"amount", "round", ""}}));
  Result<RecordBatch> refused = masker.Apply(BatchOf(cells));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kData);
  EXPECT_THAT(refused.error().message,
              AllOf(HasSubstr("`amount` cannot be masked with round"), Not(HasSubstr("canary"))));
  cells[1].texts = {std::nullopt, std::nullopt};
  EXPECT_TRUE(masker.Apply(BatchOf(cells)));
}

TEST(Masker, ColumnsThatComeLaterAreMaskedToo) {
  Masker masker(*MaskingOf({{"email", "redact", ""}}));
  EXPECT_TRUE(masker.Apply(BatchOf({{"id", kBigint, {"1"}}})));
  RecordBatch masked = *masker.Apply(BatchOf({{"id", kBigint, {"2"}}, {"email", kText, {"a@b.de"}}}));
  EXPECT_EQ(CellOf(masked, "email"), "REDACTED");
  EXPECT_EQ(masker.columns_seen(), (std::set<std::string>{"email", "id"}));
}

TEST(Masker, AColumnThatOnlyEverWasNullIsThere) {
  const std::vector<std::string> null_columns = {"Nick"};
  const Schema schema{{Field{.name = "id", .type = kBigint}}};
  EXPECT_EQ(*(*MaskingOf({{"nick", "hash", ""}}))->MaskedSchema(schema, null_columns), schema);
  EXPECT_FALSE((*MaskingOf({{"nick", "hash", ""}}))->MaskedSchema(schema));
}

// One value of JSON in columns of several types, as other values of a load have it.
TEST(Masker, AValueOfJsonIsMaskedByItself) {
  auto masked = [](const Type& type, const std::string& text, const std::set<std::string>& texts = {}) {
    MaskingOptions options{.rules = {{"id", "hash", ""}}, .table = "t", .sequences = {}, .texts = texts};
    Masker masker(*Masking::Create(std::move(options)));
    const Field field{.name = "id", .type = type, .origin = JsonOrigin::kValues};
    ColumnBuilder builder(type);
    EXPECT_TRUE(AppendParsed(text, &builder));
    auto schema = std::make_shared<Schema>(Schema{{field}});
    return CellOf(*masker.Apply(RecordBatch(schema, {builder.Finish()}, 1)), "id");
  };
  const Type json = MakeType(TypeId::kJson);
  const std::string hundred = Sha256Hex("100");
  EXPECT_EQ(masked(kBigint, "100"), hundred);
  EXPECT_EQ(masked(MakeType(TypeId::kFloat64), "100"), hundred);
  EXPECT_EQ(masked(MakeDecimal(20, 3), "100"), hundred);
  EXPECT_EQ(masked(json, "100.0"), hundred);
  const std::string instant = Sha256Hex("2024-01-01T08:00:00Z");
  EXPECT_EQ(masked(MakeType(TypeId::kTimestamp), "2024-01-01T10:00:00+02:00"), instant);
  EXPECT_EQ(masked(kText, "2024-01-01 10:00:00+02:00"), instant);
  EXPECT_EQ(masked(json, R"("2024-01-01 10:00:00+02:00")"), instant);
  EXPECT_EQ(masked(kText, "10:00:00.5"), Sha256Hex("10:00:00.500000"));
  EXPECT_EQ(masked(kText, "10:00"), Sha256Hex("10:00")) << "inference takes it for a text";
  // A hint of text: as they are written.
  EXPECT_EQ(masked(kText, "2024-01-01 10:00:00+02:00", {"id"}), Sha256Hex("2024-01-01 10:00:00+02:00"));
  EXPECT_EQ(masked(kText, "100.0", {"id"}), Sha256Hex("100.0"));
  EXPECT_EQ(masked(json, "100.0", {"id"}), Sha256Hex("100.0"));
  EXPECT_EQ(masked(json, R"("A7")", {"id"}), Sha256Hex("A7"));
}

TEST(Masker, AMissingColumnIsAnErrorThatNamesTheNearest) {
  std::shared_ptr<const Masking> masking = *MaskingOf({{"emial", "hash", ""}});
  Result<Schema> schema = masking->MaskedSchema(Schema{{Field{.name = "email", .type = kText}}});
  ASSERT_FALSE(schema);
  EXPECT_EQ(schema.error().kind, ErrorKind::kInvalidInput);
  EXPECT_EQ(schema.error().message, "mask: `emial` is no column of public.people");
  EXPECT_EQ(schema.error().fix, "did you mean `email`?");
  EXPECT_TRUE(masking->MaskedSchema(Schema{})) << "only the values will tell";
  EXPECT_FALSE(masking->CheckAllFound({"email"}));
  EXPECT_TRUE((*MaskingOf({{"email", "hash", ""}}))->CheckAllFound({"id", "Email"}));
}

// A load may have no document that has the column, or none in which it is an object.
TEST(Masker, WhatLiesInsideMayBeMissingInJson) {
  std::shared_ptr<const Masking> masking = *MaskingOf({{"n.s", "hash", ""}});
  const Field of_json{.name = "n", .type = kText, .origin = JsonOrigin::kValues};
  const Field other{.name = "b", .type = kBigint, .origin = JsonOrigin::kValues};
  for (const Schema& schema : {Schema{{of_json}}, Schema{{other}}}) {
    EXPECT_EQ(*masking->MaskedSchema(schema), schema);
    EXPECT_FALSE(masking->MaskedSchema(Schema{{Field{.name = schema.fields[0].name, .type = kText}}}))
        << "a database says which columns there are";
  }
  EXPECT_FALSE((*MaskingOf({{"emial", "hash", ""}}))->MaskedSchema(Schema{{of_json}}));
}

TEST(Masker, TwoMasksForOneColumnAreRefused) {
  Result<std::shared_ptr<const Masking>> masking = MaskingOf({{"E-Mail", "hash", ""}, {"e_mail", "stars", ""}});
  ASSERT_FALSE(masking);
  EXPECT_THAT(masking.error().message, AllOf(HasSubstr("`E-Mail`"), HasSubstr("`e_mail`")));
}

TEST(Masker, ATypeThatCannotBeMaskedIsToldBeforeAnyRow) {
  Result<Schema> schema = (*MaskingOf({{"born", "round", ""}}))
                              ->MaskedSchema(Schema{{Field{.name = "born", .type = MakeType(TypeId::kDate)}}});
  ASSERT_FALSE(schema);
  EXPECT_THAT(schema.error().message, HasSubstr("`born`"));
}

TEST(Masker, NumbersGoOnWhereAnEarlierRunStopped) {
  std::shared_ptr<MaskSequence> earlier = *MaskSequence::Create();
  earlier->NumberOf("Ann");
  earlier->NumberOf("Bob");
  std::shared_ptr<const Masking> masking = *Masking::Create(
      MaskingOptions{.rules = {{"Name", "sequential", ""}}, .table = "t", .sequences = {{"name", earlier}}});
  Masker one(masking);
  Masker other(masking);
  EXPECT_EQ(CellOf(*one.Apply(BatchOf({{"Name", kText, {"Cid"}}})), "Name"), "3");
  EXPECT_EQ(CellOf(*other.Apply(BatchOf({{"Name", kText, {"Bob"}}})), "Name"), "2");
  EXPECT_EQ(CellOf(*other.Apply(BatchOf({{"Name", kText, {"Cid"}}})), "Name"), "3") << "threads share the numbers";
}

}  // namespace
}  // namespace nilus
