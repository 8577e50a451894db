#include "nilus/engine/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nilus {
namespace {

using testing::HasSubstr;

RowHash HashOf(int n) {
  RowHash hash;
  hash.bytes[0] = static_cast<uint8_t>(n);
  return hash;
}

std::string MessageOf(const std::string& json) {
  Result<Checkpoint> checkpoint = ParseCheckpoint(Position{json});
  if (checkpoint) return "accepted";
  EXPECT_EQ(checkpoint.error().kind, ErrorKind::kInvalidInput);
  EXPECT_THAT(checkpoint.error().fix, HasSubstr("nilus state"));
  return checkpoint.error().message;
}

TEST(Checkpoint, EmptyPositionIsTheBeginning) {
  Result<Checkpoint> checkpoint = ParseCheckpoint(Position{});
  ASSERT_TRUE(checkpoint);
  EXPECT_FALSE(checkpoint->cursor);
  EXPECT_FALSE(checkpoint->boundary);
  EXPECT_EQ(ToPosition(*checkpoint)->json, R"({"v":1})");
}

TEST(Checkpoint, RoundTripsEverything) {
  Checkpoint checkpoint;
  checkpoint.table = "public.\"orders\"";
  checkpoint.has_table = true;
  checkpoint.children = {"orders__items"};
  checkpoint.columns = {"id", "note \"ü\""};
  checkpoint.loaded = {{.key = "k", .start = "1", .end = "2"}, {.key = "", .start = "", .end = "3"}};
  checkpoint.cursor = Cursor{.column = "updated \"at\" ü",
                             .value = Scalar{MakeType(TypeId::kTimestamp), "2024-03-15T10:20:30.123456Z"},
                             .until = "2024-03-16T00:00:00Z"};
  checkpoint.boundary = RowSet{.by = {"id", "n"},
                               .columns = {{"id", 'l'}, {"n", 't'}},
                               .counts = {{HashOf(1), 1}, {HashOf(2), 3}, {HashOf(3), 1}}};
  checkpoint.nulls = RowSet{.by = {}, .columns = {}, .counts = {{HashOf(9), 1}}};
  checkpoint.masks = {{"e_mail", {.how = "hash", .numbers = {}}}, {"name", {.how = "sequential", .numbers = "ab:cd"}}};
  checkpoint.source.json = R"({"files": [1.50, "a,b}"], "n": 123456789012345678901234567890})";
  Position position = *ToPosition(checkpoint);
  Result<Checkpoint> back = ParseCheckpoint(position);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->table, checkpoint.table);
  EXPECT_TRUE(back->has_table);
  EXPECT_EQ(back->children, checkpoint.children);
  EXPECT_EQ(back->columns, checkpoint.columns);
  EXPECT_EQ(back->loaded, checkpoint.loaded);
  EXPECT_EQ(back->cursor->column, checkpoint.cursor->column);
  EXPECT_EQ(back->cursor->value, checkpoint.cursor->value);
  EXPECT_EQ(back->cursor->until, checkpoint.cursor->until);
  EXPECT_EQ(back->boundary->by, checkpoint.boundary->by);
  EXPECT_EQ(back->boundary->columns, checkpoint.boundary->columns);
  EXPECT_EQ(back->boundary->counts, checkpoint.boundary->counts);
  EXPECT_EQ(back->boundary->size(), 5);
  EXPECT_EQ(back->nulls->counts, checkpoint.nulls->counts);
  EXPECT_EQ(back->masks["e_mail"].how, "hash");
  EXPECT_EQ(back->masks["name"].numbers, "ab:cd");
  EXPECT_EQ(back->source, checkpoint.source) << "the source's part is kept to the letter";
  EXPECT_EQ(*ToPosition(*back), position);
}

TEST(Checkpoint, KnownEmptyBoundaryDiffersFromAnUnknownOne) {
  Checkpoint checkpoint;
  checkpoint.boundary = RowSet{};
  Result<Checkpoint> back = ParseCheckpoint(*ToPosition(checkpoint));
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->boundary);
  EXPECT_FALSE(ParseCheckpoint(Position{R"({"v":1})"})->boundary);
}

TEST(Checkpoint, RefusesWhatItDoesNotUnderstand) {
  EXPECT_THAT(MessageOf("nonsense"), HasSubstr("no JSON object"));
  EXPECT_THAT(MessageOf("[]"), HasSubstr("no JSON object"));
  EXPECT_THAT(MessageOf("{}"), HasSubstr("no version"));
  EXPECT_THAT(MessageOf(R"({"v":2})"), HasSubstr("version is 2"));
  EXPECT_THAT(MessageOf(R"({"v":"1"})"), HasSubstr("no version"));
  EXPECT_THAT(MessageOf(R"({"v":1,"future":0})"), HasSubstr("`future`"));
  EXPECT_THAT(MessageOf(R"({"v":1,"table":3})"), HasSubstr("`table`"));
  EXPECT_THAT(MessageOf(R"({"v":1,"has_table":1})"), HasSubstr("`has_table`"));
  Result<Checkpoint> older = ParseCheckpoint(Position{R"({"v":1,"interval":{"key":"k","start":"1","end":"2"}})"});
  ASSERT_TRUE(older) << older.error().message;
  EXPECT_EQ(older->loaded, (std::vector<LoadedRange>{{.key = "k", .start = "1", .end = "2"}}));
  EXPECT_THAT(MessageOf(R"({"v":1,"loaded":{}})"), HasSubstr("`loaded`"));
  EXPECT_THAT(MessageOf(R"({"v":1,"loaded":[{"key":"k","start":"1"}]})"), HasSubstr("`end`"));
  EXPECT_THAT(MessageOf(R"({"v":1,"cursor":3})"), HasSubstr("`cursor` is not an object"));
  EXPECT_THAT(MessageOf(R"({"v":1,"cursor":{"column":"a","type":"bigint"}})"), HasSubstr("`value`"));
  EXPECT_THAT(MessageOf(R"({"v":1,"cursor":{"column":"a","type":"nope","value":"1"}})"), HasSubstr("nope"));
  EXPECT_THAT(MessageOf(R"({"v":1,"cursor":{"column":"a","type":"bigint","value":"x"}})"), HasSubstr("`x`"));
  EXPECT_THAT(MessageOf(R"({"v":1,"boundary":{"by":[],"rows":"abc"}})"), HasSubstr("boundary.rows"));
  EXPECT_THAT(MessageOf(R"({"v":1,"boundary":{"by":[1],"rows":""}})"), HasSubstr("column names"));
  EXPECT_THAT(MessageOf(R"({"v":1,"boundary":{"columns":{"a":"long"},"rows":""}})"), HasSubstr("no kind for `a`"));
  EXPECT_THAT(MessageOf(R"({"v":1,"boundary":{"columns":[],"rows":""}})"), HasSubstr("boundary.columns"));
  EXPECT_THAT(MessageOf(R"({"v":1,"boundary":{"rows":"0123456789abcdef0123456789abcdeg"}})"), HasSubstr("damaged"));
  EXPECT_THAT(MessageOf(R"({"v":1,"boundary":{"rows":"","repeated":{"00000000000000000000000000000000":1}}})"),
              HasSubstr("damaged"));
  EXPECT_THAT(
      MessageOf(
          R"({"v":1,"boundary":{"rows":"","repeated":{"00000000000000000000000000000000":18446744073709551615}}})"),
      HasSubstr("damaged"));
  EXPECT_THAT(MessageOf(R"({"v":1,"source":5})"), HasSubstr("source"));
  EXPECT_THAT(MessageOf(R"({"v":1,"source":5,"s\u006furce":{}})"), HasSubstr("source"));
}

TEST(Checkpoint, BytesThatAreNoTextAreRefusedNotReplaced) {
  Checkpoint checkpoint;
  checkpoint.cursor = Cursor{.column = "k", .value = Scalar{MakeType(TypeId::kText), "a\xff"}, .until = std::nullopt};
  Result<Position> position = ToPosition(checkpoint);
  ASSERT_FALSE(position);
  EXPECT_EQ(position.error().kind, ErrorKind::kData);
  EXPECT_THAT(position.error().message, HasSubstr("61ff"));
}

TEST(Checkpoint, HostileCountsDoNotOverflow) {
  std::string repeated;
  for (int i = 0; i < 2000; ++i) repeated += fmt::format("{}\"{:032x}\":9007199254740992", i == 0 ? "" : ",", i);
  Result<Checkpoint> checkpoint =
      ParseCheckpoint(Position{R"({"v":1,"boundary":{"rows":"","repeated":{)" + repeated + "}}}"});
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->boundary->size(), int64_t{1} << 53);
}

TEST(Checkpoint, LimitsDepthAndSize) {
  EXPECT_THAT(MessageOf(R"({"v":1,"source":)" + std::string(100000, '[')), HasSubstr("too deeply"));
  EXPECT_THAT(MessageOf(R"({"v":1,"source":{"a":)" + std::string(40, '[') + std::string(40, ']') + "}}"),
              HasSubstr("too deeply"));
  EXPECT_THAT(MessageOf(std::string(kMaxCheckpointBytes + 1, ' ')), HasSubstr("bytes"));
}

TEST(Checkpoint, BracesInTextsAreNoNesting) {
  EXPECT_TRUE(ParseCheckpoint(Position{R"({"v":1,"source":{"a":"\"{{{{[[[[,}:","b":{}}})"}));
}

TEST(RowHasher, CountsWhatValuesSay) {
  auto hash = [](const std::vector<std::pair<Field, std::optional<std::string>>>& cells,
                 std::vector<std::string> by = {}) {
    Schema schema;
    std::vector<Column> columns;
    for (const auto& [field, text] : cells) {
      schema.fields.push_back(field);
      ColumnBuilder builder(field.type);
      text ? static_cast<void>(AppendParsed(*text, &builder)) : builder.AppendNull();
      columns.push_back(builder.Finish());
    }
    Result<RowHasher> hasher = RowHasher::Create(schema, by);
    EXPECT_TRUE(hasher);
    return ToHex(hasher->Hash(RecordBatch(std::make_shared<Schema>(schema), columns, 1), 0));
  };
  Field a{.name = "a", .type = MakeType(TypeId::kInt64)};
  Field a32{.name = "a", .type = MakeType(TypeId::kInt32)};
  Field b{.name = "b", .type = MakeType(TypeId::kText)};
  Field c{.name = "c", .type = MakeDecimal(10, 2)};
  Field c4{.name = "c", .type = MakeDecimal(20, 4)};
  std::string plain = hash({{a, "1"}, {b, "x"}});
  EXPECT_EQ(hash({{b, "x"}, {a, "1"}}), plain) << "the order of columns is of no account";
  EXPECT_EQ(hash({{a32, "1"}, {b, "x"}}), plain) << "nor is the width of an integer";
  EXPECT_EQ(hash({{a, "1"}, {b, "x"}, {c, std::nullopt}}), plain) << "nor a new column that is NULL";
  EXPECT_EQ(hash({{c, "1.50"}}), hash({{c4, "1.5000"}}));
  Field a_decimal{.name = "a", .type = MakeDecimal(20, 2)};
  Field a_double{.name = "a", .type = MakeType(TypeId::kFloat64)};
  EXPECT_EQ(hash({{a_decimal, "1.00"}, {b, "x"}}), plain);
  EXPECT_EQ(hash({{a_double, "1"}, {b, "x"}}), plain);
  EXPECT_NE(hash({{a_double, "-0"}}), hash({{a_double, "0"}}));
  EXPECT_NE(hash({{a, "1"}, {b, "y"}}), plain);
  EXPECT_NE(hash({{a, std::nullopt}, {b, "x"}}), hash({{a, "0"}, {b, "x"}}));
  EXPECT_NE(hash({{b, ""}}), hash({{b, std::nullopt}}));
  EXPECT_EQ(hash({{a, "1"}, {b, "x"}}, {"a"}), hash({{a, "1"}, {b, "other"}}, {"a"}));
  EXPECT_EQ(*RowHashFromHex(plain), *RowHashFromHex(plain));
  EXPECT_EQ(ToHex(*RowHashFromHex(plain)), plain);
  EXPECT_FALSE(RowHashFromHex("xyz"));
}

TEST(Checkpoint, ASealedCursorIsReadWithItsSecretAlone) {
  Checkpoint checkpoint;
  checkpoint.table = "t";
  checkpoint.cursor = Cursor{.column = "at", .value = Scalar{MakeType(TypeId::kInt64), "770001"}, .until = "770005"};
  checkpoint.loaded = {{.key = "at", .start = "770000", .end = "770005"}};
  const Checkpoint before = checkpoint;
  const CursorSeal seal("secret", "a/pipeline");
  ASSERT_TRUE(SealCursor(seal, &checkpoint));
  EXPECT_FALSE(checkpoint.cursor);
  EXPECT_FALSE(checkpoint.IsReset());
  const std::string text = ToPosition(checkpoint)->json;
  EXPECT_THAT(text, testing::Not(HasSubstr("7700")));
  Result<Checkpoint> read = ParseCheckpoint(Position{text});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(ToPosition(*read)->json, text);  // whoever has no secret keeps it as it is

  for (const CursorSeal& other : {CursorSeal("another", "a/pipeline"), CursorSeal("secret", "b/pipeline")}) {
    Status opened = OpenCursor(other, &*read);
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().fix, HasSubstr("cursor_secret"));
  }
  Checkpoint damaged = *read;
  damaged.sealed[damaged.sealed.size() / 2] ^= 1;
  EXPECT_FALSE(OpenCursor(seal, &damaged));
  damaged.sealed = "AAAA";
  EXPECT_FALSE(OpenCursor(seal, &damaged));

  ASSERT_TRUE(OpenCursor(seal, &*read));
  EXPECT_EQ(ToPosition(*read)->json, ToPosition(before)->json);
  EXPECT_THAT(MessageOf(R"({"v":1,"sealed":"x","cursor":{"column":"a","type":"bigint","value":"1"}})"),
              HasSubstr("sealed"));
}

TEST(Checkpoint, WhatIsSealedTwiceLooksOtherwise) {
  const CursorSeal seal("secret", "p");
  EXPECT_NE(*seal.Seal("770001"), *seal.Seal("770001"));
  EXPECT_EQ(*seal.Open(*seal.Seal("")), "");
}

}  // namespace
}  // namespace nilus
