#include "nilus/rows/normalizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/rows/column_testing.h"

namespace nilus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Type kBigint = MakeType(TypeId::kInt64);
constexpr Type kDouble = MakeType(TypeId::kFloat64);
constexpr Type kText = MakeType(TypeId::kText);

std::unique_ptr<TableShape> Shape(const Schema& source, ShapeOptions options = {}) {
  options.table = "raw.t";
  Result<std::unique_ptr<TableShape>> shape = TableShape::Create(source, std::move(options));
  EXPECT_TRUE(shape) << (shape ? "" : shape.error().message);
  return shape ? *std::move(shape) : nullptr;
}

Schema Table(std::vector<Field> fields) { return Schema{std::move(fields)}; }

// The batch, normalized; a failure fails the test and gives nothing.
NormalizedBatch Normalized(Normalizer* normalizer, const RecordBatch& batch) {
  Result<NormalizedBatch> result = normalizer->Normalize(batch);
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  return result ? *std::move(result) : NormalizedBatch{};
}

TEST(Normalizer, RenamesWithoutCopying) {
  RecordBatch batch = OneColumn("UserId", kBigint, {"1", "2"});
  auto shape = Shape(*batch.schema());
  Normalizer normalizer(*shape);
  RecordBatch rows = Normalized(&normalizer, batch).rows;
  EXPECT_EQ(rows.schema()->fields[0].name, "user_id");
  EXPECT_EQ(rows.column(0).values.data(), batch.column(0).values.data());
}

TEST(Normalizer, ExistingColumnsKeepTheirType) {
  RecordBatch batch = OneColumn("Amount", MakeType(TypeId::kInt32), {"3", std::nullopt});
  auto shape = Shape(*batch.schema(), {.destination = Table({{.name = "amount", .type = MakeDecimal(20, 4)}})});
  EXPECT_EQ(shape->schema().fields[0].type, MakeDecimal(20, 4));
  Normalizer normalizer(*shape);
  EXPECT_THAT(CellsOf(Normalized(&normalizer, batch).rows, "amount"), ElementsAre("3.0000", std::nullopt));
}

TEST(Normalizer, ValuesThatDoNotFitGoToAVariantOfTheirOwnType) {
  RecordBatch batch = OneColumn("Discount", kDouble, {"1", "2.5", std::nullopt});
  auto shape = Shape(*batch.schema(), {.destination = Table({{.name = "discount", .type = kBigint}})});
  EXPECT_EQ(shape->schema().size(), 1) << "not before a value needs it";
  Normalizer normalizer(*shape);
  RecordBatch rows = Normalized(&normalizer, batch).rows;
  EXPECT_THAT(CellsOf(rows, "discount"), ElementsAre("1", std::nullopt, std::nullopt));
  EXPECT_THAT(CellsOf(rows, "discount__v_double"), ElementsAre(std::nullopt, "2.5", std::nullopt));
  EXPECT_EQ(rows.schema()->fields[1].variant_of, "discount");
  EXPECT_EQ((normalizer.variant_values().at({"discount", "discount__v_double"})), 1);
  EXPECT_EQ(shape->schema().size(), 2) << "the next writer is opened with it";
  RecordBatch fits = Normalized(&normalizer, OneColumn("Discount", kDouble, {"3"})).rows;
  EXPECT_EQ(fits.schema()->size(), 1);
}

TEST(Normalizer, VariantColumnsThatAreThereAreUsedAgain) {
  RecordBatch batch = OneColumn("n", MakeDecimal(10, 3), {"1.250", "2.125", "3.000"});
  auto shape = Shape(
      *batch.schema(),
      {.destination = Table({{.name = "n", .type = kBigint}, {.name = "n__v_decimal", .type = MakeDecimal(10, 2)}})});
  Normalizer normalizer(*shape);
  RecordBatch rows = Normalized(&normalizer, batch).rows;
  EXPECT_THAT(CellsOf(rows, "n"), ElementsAre(std::nullopt, std::nullopt, "3"));
  EXPECT_THAT(CellsOf(rows, "n__v_decimal"), ElementsAre("1.25", std::nullopt, std::nullopt));
  EXPECT_THAT(CellsOf(rows, "n__v_text"), ElementsAre(std::nullopt, "2.125", std::nullopt));
}

// Of a JSON file with 7 and "x" at one place: what becomes of them must not hang on their being together.
TEST(Normalizer, ScalarsOfJsonBecomeATextColumnOrGoByTheirKind) {
  const Field mixed{.name = "n", .type = MakeType(TypeId::kJson), .origin = JsonOrigin::kScalars};
  RecordBatch batch = BatchOf({{mixed, {R"("a\nb")", "7", "2.5", "true", std::nullopt}}});
  auto made = Shape(*batch.schema());
  EXPECT_EQ(made->schema().fields[0].type, kText);
  Normalizer fresh(*made);
  EXPECT_THAT(CellsOf(Normalized(&fresh, batch).rows, "n"), ElementsAre("a\nb", "7", "2.5", "true", std::nullopt));

  auto there = Shape(*batch.schema(), {.destination = Table({{.name = "n", .type = kBigint}})});
  Normalizer next(*there);
  RecordBatch rows = Normalized(&next, batch).rows;
  const std::optional<std::string> null;
  EXPECT_THAT(CellsOf(rows, "n"), ElementsAre(null, "7", null, null, null));
  EXPECT_THAT(CellsOf(rows, "n__v_text"), ElementsAre("a\nb", null, null, null, null));
  EXPECT_THAT(CellsOf(rows, "n__v_double"), ElementsAre(null, null, "2.5", null, null));
  EXPECT_THAT(CellsOf(rows, "n__v_bool"), ElementsAre(null, null, null, "true", null));

  auto pinned = Shape(*batch.schema(), {.hints = {{.column = "n", .type = MakeType(TypeId::kJson)}}});
  EXPECT_EQ(pinned->schema().fields[0].type, MakeType(TypeId::kJson));
}

TEST(Normalizer, StringsOfJsonStayStrings) {
  auto string_at = [](JsonOrigin origin, const std::vector<PinnedType>& hints) {
    RecordBatch batch = BatchOf({{Field{.name = "n", .type = kText, .origin = origin}, {R"({"a":1})"}}});
    auto shape = Shape(*batch.schema(),
                       {.destination = Table({{.name = "n", .type = MakeType(TypeId::kJson)}}), .hints = hints});
    Normalizer normalizer(*shape);
    return CellsOf(Normalized(&normalizer, batch).rows, "n");
  };
  EXPECT_THAT(string_at(JsonOrigin::kValues, {}), ElementsAre(R"("{\"a\":1}")"));
  EXPECT_THAT(string_at(JsonOrigin::kNone, {}), ElementsAre(R"({"a":1})")) << "of a database: a text that is JSON";
  EXPECT_THAT(string_at(JsonOrigin::kValues, {{.column = "n", .type = MakeType(TypeId::kJson)}}),
              ElementsAre(R"({"a":1})"))
      << "the hint says that there is JSON inside";
}

// Whether the strings stand by themselves or beside other values.
TEST(Normalizer, AHintOfJsonReadsWhatIsInsideOfStrings) {
  const std::vector<PinnedType> hints = {{.column = "n", .type = MakeType(TypeId::kJson)}};
  const std::optional<std::string> null;
  const Field mixed{.name = "n", .type = MakeType(TypeId::kJson), .origin = JsonOrigin::kValues};
  const Field texts{.name = "n", .type = kText, .origin = JsonOrigin::kValues};
  auto read = [&](const Field& field, std::vector<Cell> cells, const std::string& column) {
    RecordBatch batch = BatchOf({{field, std::move(cells)}});
    auto shape = Shape(*batch.schema(), {.keeps_origin = true, .hints = hints});
    Normalizer normalizer(*shape);
    RecordBatch rows = Normalized(&normalizer, batch).rows;
    // A further shape reads nothing once more.
    auto further = Shape(*rows.schema(), {.hints = hints});
    Normalizer next(*further);
    return CellsOf(Normalized(&next, rows).rows, column);
  };
  EXPECT_THAT(read(mixed, {R"("[1,2]")", R"({"x":1})", R"("plain")", R"("\"q\"")", null}, "n"),
              ElementsAre("[1,2]", R"({"x":1})", null, R"("q")", null));
  EXPECT_THAT(read(mixed, {R"("[1,2]")", R"({"x":1})", R"("plain")", "7", null}, "n__v_text"),
              ElementsAre(null, null, "plain", null, null));
  EXPECT_THAT(read(texts, {"[1,2]", "plain", R"("q")"}, "n"), ElementsAre("[1,2]", null, R"("q")"));
  EXPECT_THAT(read(texts, {"[1,2]", "plain", R"("q")"}, "n__v_text"), ElementsAre(null, "plain", null));
  const Field dates{.name = "n", .type = MakeType(TypeId::kDate), .origin = JsonOrigin::kValues};
  EXPECT_THAT(read(dates, {"2024-01-02"}, "n__v_text"), ElementsAre("2024-01-02")) << "as beside another text";
}

// 2024-03-15 is a string, and 7.0 the number 7, whatever else was in the column.
TEST(Normalizer, MisfitsOfJsonGoByTheirKind) {
  auto variants = [](const Type& type, Cell cell) {
    RecordBatch batch = BatchOf({{Field{.name = "n", .type = type, .origin = JsonOrigin::kValues}, {std::move(cell)}}});
    auto shape = Shape(*batch.schema(), {.destination = Table({{.name = "n", .type = MakeType(TypeId::kBool)}})});
    Normalizer normalizer(*shape);
    return Normalized(&normalizer, batch).rows.schema()->fields.back().name;
  };
  EXPECT_EQ(variants(MakeType(TypeId::kDate), "2024-03-15"), "n__v_text");
  EXPECT_EQ(variants(kDouble, "7"), "n__v_bigint");
  EXPECT_EQ(variants(kDouble, "7.5"), "n__v_double");
  EXPECT_EQ(variants(MakeType(TypeId::kJson), "7.0"), "n__v_bigint");
  EXPECT_EQ(variants(MakeType(TypeId::kJson), "[7]"), "n__v_json");
}

TEST(Normalizer, VariantColumnsOfTheSourceFollowTheirColumn) {
  auto schema = std::make_shared<Schema>(Schema{{Field{.name = "EndsAt", .type = MakeType(TypeId::kTimestamp)}}});
  auto shape = Shape(*schema);
  Normalizer normalizer(*shape);
  BatchBuilder builder(schema);
  builder.AppendVariant(0, "infinity");
  builder.FinishRow();
  RecordBatch rows = Normalized(&normalizer, builder.Finish()).rows;
  EXPECT_THAT(CellsOf(rows, "ends_at__v_text"), ElementsAre("infinity"));
  EXPECT_EQ(rows.schema()->fields[1].variant_of, "ends_at");
  EXPECT_EQ((normalizer.variant_values().at({"ends_at", "ends_at__v_text"})), 1);
}

TEST(Normalizer, TextsOfTheSourceAreThoseOfATextColumn) {
  const std::vector<Field> fields = {{.name = "ends_at", .type = MakeType(TypeId::kTimestamp)},
                                     {.name = "n", .type = kBigint}};
  auto schema = std::make_shared<Schema>(Schema{fields});
  auto shape = Shape(*schema, {.destination = Table({{.name = "n", .type = kText}}),
                               .hints = {{.column = "ends_at", .type = kText}},
                               .contract = Contract::kEvolve,
                               .must_fit = {"ends_at"},
                               .finds_rows = true});
  Normalizer normalizer(*shape);
  BatchBuilder builder(schema);
  builder.AppendVariant(0, "infinity");
  builder.column(1).Append<int64_t>(7);
  builder.FinishRow();
  builder.column(0).Append<int64_t>(0);
  builder.AppendVariant(1, "NaN");
  builder.FinishRow();
  RecordBatch rows = Normalized(&normalizer, builder.Finish()).rows;
  EXPECT_EQ(rows.schema()->size(), 2);
  EXPECT_THAT(CellsOf(rows, "ends_at"), ElementsAre("infinity", "1970-01-01T00:00:00Z"));
  EXPECT_THAT(CellsOf(rows, "n"), ElementsAre("7", "NaN"));
  EXPECT_THAT(normalizer.variant_values(), IsEmpty());
}

// Texts that are none as their column has them (bytes in hex) stay beside it.
TEST(Normalizer, WhatIsNoTextIsNotMadeOne) {
  RecordBatch batch = BatchOf({{Field{.name = "s", .type = kText}, {"x", std::nullopt}},
                               {Field{.name = "s__v_text", .type = kText, .variant_of = "s"}, {std::nullopt, "ff00"}}});
  auto shape = Shape(Table({{.name = "s", .type = kText}}));
  Normalizer normalizer(*shape);
  RecordBatch rows = Normalized(&normalizer, batch).rows;
  EXPECT_THAT(CellsOf(rows, "s"), ElementsAre("x", std::nullopt));
  EXPECT_THAT(CellsOf(rows, "s__v_text"), ElementsAre(std::nullopt, "ff00"));
}

TEST(Normalizer, KeysThatRowsAreFoundByHaveNoVariants) {
  auto schema = std::make_shared<Schema>(Schema{{Field{.name = "EndsAt", .type = MakeType(TypeId::kTimestamp)}}});
  BatchBuilder builder(schema);
  for (const char* text : {"infinity", "-infinity", "294277-01-01 secret"}) {
    builder.AppendVariant(0, text);
    builder.FinishRow();
  }
  const RecordBatch batch = builder.Finish();
  for (const bool finds_rows : {true, false}) {
    auto shape = Shape(*schema, {.must_fit = {"ends_at"}, .finds_rows = finds_rows});
    Normalizer normalizer(*shape);
    const Result<NormalizedBatch> result = normalizer.Normalize(batch);
    ASSERT_EQ(result.has_value(), !finds_rows);
    if (!finds_rows) continue;
    EXPECT_THAT(result.error().message,
                HasSubstr("3 values of key column `ends_at` of raw.t: its type here has no `-infinity`, no `infinity`, "
                          "no values beyond its range or digits"));
    EXPECT_THAT(result.error().message, testing::Not(HasSubstr("secret")));
    EXPECT_THAT(result.error().fix, HasSubstr("type_hints: {EndsAt: text}"));
  }
}

TEST(Normalizer, WhatTheSourceAndTheTableCannotHoldShareTheTextColumn) {
  RecordBatch batch = BatchOf(
      {{Field{.name = "n", .type = kText}, {"x", std::nullopt, "7"}},
       {Field{.name = "n__v_text", .type = kText, .variant_of = "n"}, {std::nullopt, "infinity", std::nullopt}}});
  auto shape = Shape(Table({{.name = "n", .type = kText}}), {.destination = Table({{.name = "n", .type = kBigint}})});
  Normalizer normalizer(*shape);
  RecordBatch rows = Normalized(&normalizer, batch).rows;
  EXPECT_THAT(CellsOf(rows, "n"), ElementsAre(std::nullopt, std::nullopt, "7"));
  EXPECT_THAT(CellsOf(rows, "n__v_text"), ElementsAre("x", "infinity", std::nullopt));
}

TEST(Normalizer, JsonMisfitsAreNamedByTheirOwnKind) {
  RecordBatch batch = OneColumn("x", MakeType(TypeId::kJson),
                                {"7", R"("abc")", R"({"f":1})", "1.5", "true", R"("42")", "[]", std::nullopt});
  auto shape = Shape(*batch.schema(), {.destination = Table({{.name = "x", .type = kBigint}})});
  Normalizer normalizer(*shape);
  RecordBatch rows = Normalized(&normalizer, batch).rows;
  const Cell none;
  EXPECT_THAT(CellsOf(rows, "x"), ElementsAre("7", none, none, none, none, "42", none, none));
  EXPECT_THAT(CellsOf(rows, "x__v_text"), ElementsAre(none, "abc", none, none, none, none, none, none));
  EXPECT_THAT(CellsOf(rows, "x__v_double"), ElementsAre(none, none, none, "1.5", none, none, none, none));
  EXPECT_THAT(CellsOf(rows, "x__v_bool"), ElementsAre(none, none, none, none, "true", none, none, none));
  EXPECT_THAT(CellsOf(rows, "x__v_json"), ElementsAre(none, none, R"({"f":1})", none, none, none, "[]", none));
}

TEST(Normalizer, HintsPinTypesBySourceOrDestinationName) {
  for (const char* name : {"CreatedAt", "created_at"}) {
    RecordBatch batch = OneColumn("CreatedAt", kText, {"2024-01-01 10:00", "soon"});
    auto shape = Shape(*batch.schema(), {.hints = {{.column = name, .type = MakeType(TypeId::kTimestamp)}}});
    EXPECT_EQ(shape->schema().fields[0].type, MakeType(TypeId::kTimestamp));
    Normalizer normalizer(*shape);
    RecordBatch rows = Normalized(&normalizer, batch).rows;
    EXPECT_THAT(CellsOf(rows, "created_at"), ElementsAre("2024-01-01T10:00:00Z", std::nullopt));
    EXPECT_THAT(CellsOf(rows, "created_at__v_text"), ElementsAre(std::nullopt, "soon"));
    EXPECT_THAT(shape->unused_hints(), IsEmpty());
  }
}

TEST(Normalizer, HintsWithoutAColumnAreNamed) {
  auto shape = Shape(Table({{.name = "a", .type = kText}}), {.hints = {{.column = "Nope", .type = kText}}});
  EXPECT_THAT(shape->unused_hints(), ElementsAre("Nope"));
  Result<std::unique_ptr<TableShape>> twice = TableShape::Create(
      Schema{}, {.hints = {{.column = "userId", .type = kText}, {.column = "user_id", .type = kBigint}}});
  ASSERT_FALSE(twice);
  EXPECT_THAT(twice.error().message, HasSubstr("`userId` and `user_id`"));
}

TEST(Contract, FreezeNamesTheColumnBeforeAnythingIsRead) {
  ShapeOptions options{
      .destination = Table({{.name = "a", .type = kText}}), .table = "raw.t", .contract = Contract::kFreeze};
  Result<std::unique_ptr<TableShape>> shape =
      TableShape::Create(Table({{.name = "a", .type = kText}, {.name = "NewOne", .type = kBigint}}), options);
  ASSERT_FALSE(shape);
  EXPECT_EQ(shape.error().kind, ErrorKind::kData);
  EXPECT_THAT(shape.error().message, HasSubstr("column `NewOne` (bigint)"));
}

TEST(Contract, ColumnsThatOnlyLookLikeOursAreNew) {
  ShapeOptions options;
  options.contract = Contract::kFreeze;
  options.destination = Table({{.name = "id", .type = kBigint}});
  for (const char* name : {"_nilus_load_id", "_nilus_id", "_nilus_root_id", "_nilus_parent_id", "_nilus_list_idx"})
    EXPECT_TRUE(TableShape::Create(Table({{.name = name, .type = kText}}), options)) << name;
  for (const char* name : {"_nilus_note", "_nilus_"})
    EXPECT_FALSE(TableShape::Create(Table({{.name = name, .type = kText}}), options)) << name;
}

TEST(Contract, FreezeEndsAtAValueThatDoesNotFitAndDoesNotShowIt) {
  auto shape = Shape(Table({{.name = "n", .type = kDouble}}),
                     {.destination = Table({{.name = "n", .type = kBigint}}), .contract = Contract::kFreeze});
  Normalizer normalizer(*shape);
  EXPECT_THAT(CellsOf(Normalized(&normalizer, OneColumn("n", kDouble, {"2"})).rows, "n"), ElementsAre("2"));
  Result<NormalizedBatch> result = normalizer.Normalize(OneColumn("n", kDouble, {"1", "2.75"}));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kData);
  EXPECT_THAT(result.error().message, HasSubstr("`n`"));
  EXPECT_THAT(result.error().message, HasSubstr("double"));
  EXPECT_THAT(result.error().message, testing::Not(HasSubstr("2.75")));
}

// What the source has in a variant column, its own or that of an earlier shape (with nesting).
TEST(Contract, TheReasonOfAVariantIsItsType) {
  RecordBatch batch =
      BatchOf({{Field{.name = "A", .type = kBigint}, {std::nullopt}},
               {Field{.name = "A__v_json", .type = MakeType(TypeId::kJson), .variant_of = "A"}, {R"({"x":1})"}}});
  auto shape = Shape(*batch.schema(), {.contract = Contract::kDiscardRow});
  Normalizer normalizer(*shape);
  NormalizedBatch result = Normalized(&normalizer, batch);
  ASSERT_EQ(result.dead.size(), 1U);
  EXPECT_EQ(result.dead[0].reason, "a value of type json cannot become bigint without loss");
}

TEST(Contract, DiscardRowTakesOutRowsWithNewColumnsAndMisfits) {
  RecordBatch batch = BatchOf({{Field{.name = "id", .type = kBigint}, {"1", "2", "3", "4"}},
                               {Field{.name = "n", .type = kText}, {"1", "x", std::nullopt, "y"}},
                               {Field{.name = "More", .type = kText}, {std::nullopt, "m", "m", std::nullopt}}});
  auto shape =
      Shape(*batch.schema(), {.destination = Table({{.name = "id", .type = kBigint}, {.name = "n", .type = kBigint}}),
                              .contract = Contract::kDiscardRow});
  EXPECT_EQ(shape->schema().size(), 2);
  Normalizer normalizer(*shape);
  NormalizedBatch result = Normalized(&normalizer, batch);
  EXPECT_THAT(CellsOf(result.rows, "id"), ElementsAre("1"));
  ASSERT_EQ(result.dead.size(), 3U);
  EXPECT_EQ(result.dead[0].row, 1);
  EXPECT_EQ(result.dead[0].column, "n") << "the first that made it dead";
  EXPECT_EQ(result.dead[1].row, 2);
  EXPECT_EQ(result.dead[1].column, "More");
  EXPECT_THAT(result.dead[1].reason, HasSubstr("no column `more`"));
  EXPECT_EQ(result.dead[2].row, 3);
}

TEST(Contract, DiscardRowTakesOutRowsWhoseValuesTheDestinationRefuses) {
  RecordBatch batch = BatchOf({{Field{.name = "Code", .type = kText}, {"ab", "abcd", std::nullopt}},
                               {Field{.name = "n", .type = kBigint}, {"1", "2", "3"}}});
  const FindRefused refused = [](const Field& field, const Column& column) -> std::optional<RefusedValues> {
    if (field.name != "code") return std::nullopt;
    return RefusedValues{.values = KeepRows(column, {0, 1, 0}, true), .type = "varchar(3)"};
  };
  auto shape =
      Shape(*batch.schema(), {.destination = Table({{.name = "code", .type = kText}, {.name = "n", .type = kBigint}}),
                              .contract = Contract::kDiscardRow,
                              .refused = refused});
  Normalizer normalizer(*shape);
  NormalizedBatch result = Normalized(&normalizer, batch);
  EXPECT_THAT(CellsOf(result.rows, "n"), ElementsAre("1", "3"));
  ASSERT_EQ(result.dead.size(), 1U);
  EXPECT_EQ(result.dead[0].row, 1);
  EXPECT_EQ(result.dead[0].column, "Code");
  EXPECT_THAT(result.dead[0].reason, HasSubstr("varchar(3) at the destination"));
}

TEST(Contract, DiscardValueCountsWhatBecomesNull) {
  RecordBatch batch = BatchOf({{Field{.name = "n", .type = kText}, {"1", "x", std::nullopt}},
                               {Field{.name = "more", .type = kText}, {std::nullopt, "m", "m"}}});
  auto shape = Shape(*batch.schema(),
                     {.destination = Table({{.name = "n", .type = kBigint}}), .contract = Contract::kDiscardValue});
  Normalizer normalizer(*shape);
  RecordBatch rows = Normalized(&normalizer, batch).rows;
  EXPECT_EQ(rows.schema()->size(), 1);
  EXPECT_THAT(CellsOf(rows, "n"), ElementsAre("1", std::nullopt, std::nullopt));
  EXPECT_EQ(normalizer.discarded_values().at("n"), 1);
  EXPECT_EQ(normalizer.discarded_values().at("more"), 2);
}

TEST(Contract, ATableThatIsMadeTakesEveryColumn) {
  auto shape = Shape(Table({{.name = "a", .type = kText}}), {.contract = Contract::kFreeze});
  EXPECT_EQ(shape->schema().size(), 1);
}

TEST(Normalizer, KeysMustFit) {
  auto shape = Shape(Table({{.name = "id", .type = kText}}),
                     {.destination = Table({{.name = "id", .type = kBigint}}), .must_fit = {"id"}});
  Normalizer normalizer(*shape);
  Result<NormalizedBatch> result = normalizer.Normalize(OneColumn("id", kText, {"1", "secret"}));
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("key column `id`"));
  EXPECT_THAT(result.error().message, testing::Not(HasSubstr("secret")));
}

TEST(Normalizer, DropsExcludedColumns) {
  Schema schema{{Field{.name = "Id", .type = kBigint}, Field{.name = "Secret", .type = kText}}};
  for (const char* name : {"Secret", "secret"}) {
    auto shape = Shape(schema, {.exclude = {name}});
    EXPECT_EQ(shape->schema().size(), 1);
  }
}

TEST(Normalizer, ColumnsThatComeLaterMustNotCollideEither) {
  auto shape = Shape(Schema{});
  Normalizer first(*shape);
  Normalizer second(*shape);
  EXPECT_TRUE(first.Normalize(OneColumn("userName", kText, {"a"})));
  Result<NormalizedBatch> result = second.Normalize(OneColumn("user_name", kText, {"b"}));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kInvalidInput);
  EXPECT_THAT(result.error().message, HasSubstr("`userName` and `user_name`"));
  EXPECT_THAT(result.error().fix, HasSubstr("sql_exclude_columns"));
  EXPECT_THAT(result.error().fix, HasSubstr("SCHEMA_NAMING=direct"));
}

TEST(Normalizer, NoColumnBecomesOneOfOurs) {
  for (const char* name : {"_nilusId", "_Nilus_Load_Id", "_nilus id"}) {
    auto shape = TableShape::Create(Schema{{Field{.name = name, .type = MakeType(TypeId::kText)}}}, {.table = "s.t"});
    ASSERT_FALSE(shape) << name;
    EXPECT_EQ(shape.error().kind, ErrorKind::kInvalidInput);
    EXPECT_THAT(shape.error().message, HasSubstr(name));
  }
  EXPECT_TRUE(TableShape::Create(Schema{{Field{.name = "_nilusId", .type = MakeType(TypeId::kText)}}},
                                 {.naming = NamingStyle::kDirect, .table = "s.t"}));
}

TEST(Normalizer, VariantColumnsMustNotTakeAnothersName) {
  Schema source{{Field{.name = "n", .type = kText}, Field{.name = "n__v_text", .type = kText}}};
  auto shape = Shape(source, {.naming = NamingStyle::kDirect, .destination = Table({{.name = "n", .type = kBigint}})});
  Normalizer normalizer(*shape);
  Result<NormalizedBatch> result =
      normalizer.Normalize(BatchOf({{source.fields[0], {"x"}}, {source.fields[1], {"mine"}}}));
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("n__v_text"));
}

TEST(Normalizer, TheSourcesOwnVariantColumnTakesWhatDoesNotFitHere) {
  const Schema source{{Field{.name = "n", .type = kText}, Field{.name = "n__v_text", .type = kText}}};
  auto shape = Shape(source, {.destination = Table({{.name = "n", .type = kBigint}})});
  Normalizer normalizer(*shape);
  RecordBatch rows = Normalized(&normalizer, BatchOf({{source.fields[0], {"x", std::nullopt, "7"}},
                                                      {source.fields[1], {std::nullopt, "mine", std::nullopt}}}))
                         .rows;
  EXPECT_EQ(rows.schema()->size(), 2);
  EXPECT_THAT(CellsOf(rows, "n"), ElementsAre(std::nullopt, std::nullopt, "7"));
  EXPECT_THAT(CellsOf(rows, "n__v_text"), ElementsAre("x", "mine", std::nullopt));
}

TEST(Normalizer, ColumnsBecomeWiderWhereTheSinkCan) {
  const RecordBatch batch = BatchOf({{Field{.name = "n", .type = kBigint}, {"1"}},
                                     {Field{.name = "d", .type = MakeDecimal(12, 2)}, {"1.25"}},
                                     {Field{.name = "t", .type = kText}, {"x"}}});
  const Schema there = Table({{.name = "n", .type = MakeType(TypeId::kInt32)},
                              {.name = "d", .type = MakeDecimal(6, 2)},
                              {.name = "t", .type = kBigint}});
  const auto only_n = [](const Field& column, const Type& to) -> Result<bool> {
    EXPECT_NE(column.name, "t") << "a text is no wide bigint";
    return column.name == "n" && to == kBigint;
  };
  auto shape = Shape(*batch.schema(), {.destination = there, .widens = only_n});
  EXPECT_THAT(shape->widened(), ElementsAre("n"));
  EXPECT_EQ(shape->schema().fields[0].type, kBigint);
  EXPECT_EQ(shape->schema().fields[1].type, MakeDecimal(6, 2));
  shape = Shape(*batch.schema(), {.destination = there, .contract = Contract::kFreeze, .widens = only_n});
  EXPECT_THAT(shape->widened(), IsEmpty());
}

TEST(Normalizer, LaterBatchesAreCoercedToTheFirstType) {
  auto shape = Shape(Schema{});
  Normalizer normalizer(*shape);
  Normalized(&normalizer, OneColumn("n", kDouble, {"1.5"}));
  EXPECT_EQ(Normalized(&normalizer, OneColumn("n", kBigint, {"2"})).rows.column(0).type, kDouble);
}

}  // namespace
}  // namespace nilus
