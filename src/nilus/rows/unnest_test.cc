#include "nilus/rows/unnest.h"

#include <gmock/gmock.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"
#include "nilus/rows/unnest_plan.h"

namespace nilus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Rows of (_nilus_id, n, doc): ids r0, r1, …; n is the row's number; "" is NULL.
RecordBatch Documents(const std::vector<std::string>& documents) {
  auto schema = std::make_shared<Schema>(Schema{{Field{.name = "_nilus_id", .type = MakeType(TypeId::kText)},
                                                 Field{.name = "doc", .type = MakeType(TypeId::kJson)},
                                                 Field{.name = "n", .type = MakeType(TypeId::kInt64)}}});
  BatchBuilder builder(schema);
  for (size_t i = 0; i < documents.size(); ++i) {
    builder.column(0).AppendBytes("r" + std::to_string(i));
    documents[i].empty() ? builder.column(1).AppendNull() : builder.column(1).AppendBytes(documents[i]);
    builder.column(2).Append<int64_t>(static_cast<int64_t>(i));
    builder.FinishRow();
  }
  return builder.Finish();
}

std::string Columns(const Schema& schema) {
  std::string text;
  for (const Field& field : schema.fields) text += (text.empty() ? "" : " ") + field.name + ":" + field.type.ToString();
  return text;
}

// "a|b|" per row, NULL as "-"; ids are left out but the parent's.
std::vector<std::string> Rows(const RecordBatch& batch) {
  std::vector<std::string> rows;
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    std::string& text = rows.emplace_back();
    for (int i = 0; i < batch.schema()->size(); ++i) {
      const std::string& name = batch.schema()->fields[static_cast<size_t>(i)].name;
      if (name == kRowIdColumn || name == kParentIdColumn) continue;
      batch.column(i).IsNull(row) ? void(text += "-") : AppendCellText(batch.column(i), row, &text);
      text += "|";
    }
  }
  return rows;
}

struct Unnested {
  std::string error;
  std::vector<std::string> tables;  // "name(columns)"
  std::vector<std::string> kept_whole;
  std::vector<std::vector<std::string>> rows;
  std::vector<RecordBatch> batches;
  std::vector<int> of_table;
  std::vector<std::vector<int32_t>> source_rows;
};

Unnested RunUnnest(const std::vector<std::string>& documents, UnnestOptions options = {},
                   const std::vector<std::string>& others = {}) {
  options.table = "t";
  Unnested out;
  NestingSurvey survey(options);
  auto fail = [&](const Error& error) {
    out.error = std::string(ErrorKindName(error.kind)) + ": " + error.ToString();
    return out;
  };
  const RecordBatch batch = Documents(documents);
  if (Status status = survey.Observe(others.empty() ? batch : Documents(others)); !status) return fail(status.error());
  auto plan = UnnestPlan::Create(*batch.schema(), survey, options);
  if (!plan) return fail(plan.error());
  for (const UnnestTable& table : (*plan)->tables())
    out.tables.push_back(table.name + "(" + Columns(table.schema) + ")");
  out.kept_whole = (*plan)->kept_whole();
  out.rows.resize(out.tables.size());
  Unnester unnester(*plan);
  Status status = unnester.Unnest(batch, [&](int table, RecordBatch part) {
    EXPECT_GT(part.num_rows(), 0);
    EXPECT_EQ(part.schema()->fields, (*plan)->tables()[static_cast<size_t>(table)].schema.fields);
    for (std::string& row : Rows(part)) out.rows[static_cast<size_t>(table)].push_back(std::move(row));
    out.batches.push_back(std::move(part));
    out.of_table.push_back(table);
    out.source_rows.push_back(unnester.source_rows());
    return Status();
  });
  return status ? out : fail(status.error());
}

constexpr const char* kIds = "_nilus_id:text _nilus_parent_id:text _nilus_root_id:text _nilus_list_idx:bigint";

TEST(Unnest, ObjectsBecomeColumns) {
  auto out = RunUnnest({R"({"a":1,"userName":"x"})", R"({"b":{"c":true},"a":null})", "", "null", "{}"});
  EXPECT_THAT(out.tables, ElementsAre("t(_nilus_id:text doc__a:bigint doc__b:json doc__user_name:text n:bigint)"));
  EXPECT_THAT(out.rows[0], ElementsAre("1|-|x|0|", "-|{\"c\":true}|-|1|", "-|-|-|2|", "-|-|-|3|", "-|-|-|4|"));
  out = RunUnnest({R"({"a":1})", R"({"b":{"c":true}})"}, {.max_nesting = 2});
  EXPECT_THAT(out.tables, ElementsAre("t(_nilus_id:text doc__a:bigint doc__b__c:bool n:bigint)"));
  EXPECT_THAT(out.rows[0], ElementsAre("1|-|0|", "-|true|1|"));
}

// What a type hint could not take is a misfit, and no column of objects.
TEST(Unnest, VariantColumnsStayWhole) {
  auto schema = std::make_shared<Schema>(
      Schema{{Field{.name = "_nilus_id", .type = MakeType(TypeId::kText)},
              Field{.name = "a", .type = MakeType(TypeId::kInt64)},
              Field{.name = "a__v_json", .type = MakeType(TypeId::kJson), .variant_of = "a"}}});
  BatchBuilder builder(schema);
  builder.column(0).AppendBytes("r0");
  builder.column(1).AppendNull();
  builder.column(2).AppendBytes(R"({"x":[1]})");
  builder.FinishRow();
  const UnnestOptions options{.table = "t", .max_nesting = 2};
  NestingSurvey survey(options);
  ASSERT_TRUE(survey.Observe(builder.Finish()));
  auto plan = UnnestPlan::Create(*schema, survey, options);
  ASSERT_TRUE(plan);
  ASSERT_EQ((*plan)->tables().size(), 1U);
  EXPECT_EQ((*plan)->tables()[0].schema, *schema);
}

TEST(Unnest, ArraysBecomeTables) {
  auto out = RunUnnest({"[1,null,3]", "[]", "", "null", "[4]"});
  EXPECT_THAT(out.tables, ElementsAre("t(_nilus_id:text n:bigint)", "t__doc(" + std::string(kIds) + " value:bigint)"));
  EXPECT_THAT(out.rows[0], ElementsAre("0|", "1|", "2|", "3|", "4|"));
  EXPECT_THAT(out.rows[1], ElementsAre("r0|0|1|", "r0|1|-|", "r0|2|3|", "r4|0|4|"));
}

TEST(Unnest, ObjectsInArraysAreOneLevelWithThem) {
  const std::vector<std::string> documents = {R"([{"sku":"a","tags":["x","y"],"o":{"z":1}},{"sku":"b"}])"};
  auto out = RunUnnest(documents);
  EXPECT_THAT(out.tables,
              ElementsAre("t(_nilus_id:text n:bigint)", "t__doc(" + std::string(kIds) + " o:json sku:text tags:json)"));
  EXPECT_THAT(out.rows[1], ElementsAre(R"(r0|0|{"z":1}|a|["x","y"]|)", "r0|1|-|b|-|"));
  out = RunUnnest(documents, {.max_nesting = 2});
  EXPECT_THAT(out.tables,
              ElementsAre("t(_nilus_id:text n:bigint)", "t__doc(" + std::string(kIds) + " o__z:bigint sku:text)",
                          "t__doc__tags(" + std::string(kIds) + " value:text)"));
  EXPECT_THAT(out.rows[1], ElementsAre("r0|0|1|a|", "r0|1|-|b|"));
  EXPECT_THAT(out.rows[2], ElementsAre("r0|0|x|", "r0|1|y|"));
}

TEST(Unnest, ArraysOfArraysAreTwoLevels) {
  auto out = RunUnnest({"[[1,2],[],null,[3]]"}, {.max_nesting = 2});
  EXPECT_THAT(out.tables, ElementsAre("t(_nilus_id:text n:bigint)", "t__doc(" + std::string(kIds) + ")",
                                      "t__doc__value(" + std::string(kIds) + " value:bigint)"));
  EXPECT_THAT(out.rows[1], ElementsAre("r0|0|", "r0|1|", "r0|2|", "r0|3|"));
  EXPECT_THAT(out.rows[2], ElementsAre("r0|0|1|", "r0|1|2|", "r0|0|3|"));
  EXPECT_THAT(RunUnnest({"[[1,2],[]]"}).rows[1], ElementsAre("r0|0|[1,2]|", "r0|1|[]|"));
}

TEST(Unnest, EachValueGoesItsOwnWay) {
  // The source itself says json of the column, of its places nobody does.
  auto out = RunUnnest({R"({"x":1})", "[1]", "7", R"("y")", "{}", "[]"});
  EXPECT_THAT(out.tables, ElementsAre("t(_nilus_id:text doc:json doc__x:bigint n:bigint)",
                                      "t__doc(" + std::string(kIds) + " value:bigint)"));
  EXPECT_THAT(out.rows[0], ElementsAre("-|1|0|", "-|-|1|", "7|-|2|", "\"y\"|-|3|", "-|-|4|", "-|-|5|"));
  EXPECT_THAT(out.rows[1], ElementsAre("r1|0|1|"));
  out = RunUnnest({R"({"a":{"x":1}})", R"({"a":[1]})", R"({"a":7})"}, {.max_nesting = 3});
  EXPECT_THAT(out.tables, ElementsAre("t(_nilus_id:text doc__a:bigint doc__a__x:bigint n:bigint)",
                                      "t__doc__a(" + std::string(kIds) + " value:bigint)"));
  EXPECT_THAT(out.rows[0], ElementsAre("-|1|0|", "-|-|1|", "7|-|2|"));
  EXPECT_THAT(out.rows[1], ElementsAre("r1|0|1|"));
  out = RunUnnest({R"([1,"x",{"a":[true]},[2]])"}, {.max_nesting = 2});
  EXPECT_THAT(out.tables, ElementsAre("t(_nilus_id:text n:bigint)", "t__doc(" + std::string(kIds) + " value:json)",
                                      "t__doc__a(" + std::string(kIds) + " value:bool)",
                                      "t__doc__value(" + std::string(kIds) + " value:bigint)"));
  EXPECT_THAT(out.rows[1], ElementsAre("r0|0|1|", "r0|1|\"x\"|", "r0|2|-|", "r0|3|-|"));
  EXPECT_THAT(out.rows[3], ElementsAre("r0|0|2|"));
  EXPECT_THAT(RunUnnest({"1", "\"x\""}).tables, ElementsAre("t(_nilus_id:text doc:json n:bigint)"));
}

TEST(Unnest, WhereKindsWouldComeToOneNameThePlaceStaysWhole) {
  auto out = RunUnnest({R"([1,{"value":2}])", "[]", "[[3]]"});
  EXPECT_THAT(out.tables, ElementsAre("t(_nilus_id:text n:bigint)", "t__doc(" + std::string(kIds) + " value:json)"));
  EXPECT_THAT(out.rows[1], ElementsAre("r0|0|1|", R"(r0|1|{"value":2}|)", "r2|0|[3]|"));
  // One element, or a list of them: their own lists would be one table.
  out = RunUnnest({R"({"a":{"l":[1]},"b":[5]})", R"({"a":[{"l":[2,3]}],"b":6})"}, {.max_nesting = 4});
  EXPECT_THAT(out.tables, ElementsAre("t(_nilus_id:text doc__a:json doc__b:bigint n:bigint)",
                                      "t__doc__b(" + std::string(kIds) + " value:bigint)"));
  EXPECT_THAT(out.rows[0], ElementsAre(R"({"l":[1]}|-|0|)", R"([{"l":[2,3]}]|6|1|)"));
  EXPECT_THAT(out.kept_whole, ElementsAre("t.doc.a"));
  out = RunUnnest({R"({"a":{"l":[1]}})", R"({"a":[{"l":[2,3]}]})"}, {.max_nesting = 2});
  EXPECT_THAT(out.kept_whole, testing::IsEmpty()) << "the inner lists are too deep to be a table";
}

TEST(Unnest, OnlyWhatKindsBringToOneNameIsKeptWhole) {
  // Two keys of one object stay an error, whatever else the place has.
  for (const std::vector<std::string>& documents :
       {std::vector<std::string>{R"({"userId":1,"user_id":2})"}, {R"({"userId":1,"user_id":2})", "\"x\"", "[1]"}}) {
    EXPECT_THAT(RunUnnest(documents).error, testing::AllOf(HasSubstr("t.doc.userId"), HasSubstr("t.doc.user_id")));
  }
  // Places of several kinds that people would write alike.
  auto out =
      RunUnnest({R"({"a.":{"b":1},"a":{".b":1}})", R"({"a.":{"b":{"c":1}},"a":{".b":{"c":1}}})"}, {.max_nesting = 4});
  EXPECT_THAT(out.error, HasSubstr("would both be named `doc__a___b`"));
  out = RunUnnest({R"({"a.b":{"l":[1]},"a":{"b":{"l":[1]}}})", R"({"a":{"b":[{"l":[1]}]}})"}, {.max_nesting = 6});
  EXPECT_THAT(out.kept_whole, ElementsAre("t.doc.a.b"));
  EXPECT_THAT(out.tables, ElementsAre("t(_nilus_id:text doc__a__b:json n:bigint)",
                                      "t__doc__a_b__l(" + std::string(kIds) + " value:bigint)"));
  // A place inside of one that is whole is none any more.
  out = RunUnnest({R"({"b":{"l":[1]},"m":[1]})", R"({"b":[{"l":[1]}]})", R"([{"m":[3]}])"}, {.max_nesting = 6});
  EXPECT_THAT(out.kept_whole, ElementsAre("t.doc"));
  EXPECT_THAT(out.tables, ElementsAre("t(_nilus_id:text doc:json n:bigint)"));
}

TEST(Unnest, ManyPlacesMayBeKeptWhole) {
  constexpr int kPlaces = 2000;
  std::string one = "{";
  std::string list = "{";
  for (int i = 0; i < kPlaces; ++i) {
    one += fmt::format(R"({}"f{}":{{"l":[1]}})", i == 0 ? "" : ",", i);
    list += fmt::format(R"({}"f{}":[{{"l":[1]}}])", i == 0 ? "" : ",", i);
  }
  auto out = RunUnnest({one + "}", list + "}"}, {.max_nesting = 4});
  EXPECT_EQ(out.kept_whole.size(), static_cast<size_t>(kPlaces)) << out.error;
  EXPECT_EQ(out.tables.size(), 1U);
}

TEST(Unnest, ANullOfJsonIsNull) {
  EXPECT_THAT(RunUnnest({"null", "5"}).rows[0], ElementsAre("-|0|", "5|1|"));
  EXPECT_THAT(RunUnnest({"null"}).tables, ElementsAre("t(_nilus_id:text doc:json n:bigint)"));
  EXPECT_THAT(RunUnnest({"null", R"({"x":null})"}).rows[0], ElementsAre("0|", "1|"));
}

// Whatever batch they stand in.
TEST(Unnest, KeysOfObjectsThatStayWholeAreNoPaths) {
  std::vector<std::string> documents = {R"({"k":1})"};
  for (const char* letter : {"a", "b"}) {
    std::string text = "{";
    for (int i = 0; i < 9000; ++i) text += fmt::format(R"("{}{}":1,)", letter, i);
    documents.push_back(text + fmt::format(R"("{}0":2}})", letter));
  }
  auto out = RunUnnest(documents);
  EXPECT_THAT(out.tables, ElementsAre("t(_nilus_id:text doc:json doc__k:bigint n:bigint)")) << out.error;
  documents[1].replace(documents[1].size() - 8, 7, R"(,"z":20)");
  documents[2].replace(documents[2].size() - 8, 7, R"(,"y":20)");
  EXPECT_THAT(RunUnnest(documents).error, HasSubstr("more than 16384 different paths"));
}

TEST(Unnest, ObjectsThatNameAKeyTwiceStayWhole) {
  auto out = RunUnnest({R"({"a":1,"a":"x","b":{"c":1}})", R"({"a":2})", R"({"\u0061":3,"a":3})"}, {.max_nesting = 3});
  EXPECT_THAT(out.tables, ElementsAre("t(_nilus_id:text doc:json doc__a:bigint n:bigint)"));
  EXPECT_THAT(out.rows[0], ElementsAre(R"({"a":1,"a":"x","b":{"c":1}}|-|0|)", "-|2|1|", R"({"\u0061":3,"a":3}|-|2|)"));
  out = RunUnnest({R"([{"a":1,"a":2},{"a":1}])"});
  EXPECT_THAT(out.rows[1], ElementsAre(R"(r0|0|{"a":1,"a":2}|-|)", "r0|1|-|1|"));
}

TEST(Unnest, EmptyObjectsMakeNoColumnAndEmptyArraysNoTable) {
  for (const char* text : {"{}", "[]", "{\"a\":null}"}) {
    auto out = RunUnnest({text, "null", ""});
    EXPECT_THAT(out.tables, ElementsAre("t(_nilus_id:text n:bigint)")) << text;
    EXPECT_THAT(out.rows[0], ElementsAre("0|", "1|", "2|"));
  }
  auto out = RunUnnest({"[null,null]"});
  EXPECT_THAT(out.tables, ElementsAre("t(_nilus_id:text n:bigint)", "t__doc(" + std::string(kIds) + ")"));
  EXPECT_THAT(out.rows[1], ElementsAre("r0|0|", "r0|1|"));
  out = RunUnnest({R"({"a":{},"b":[],"c":null,"d":1})"}, {.max_nesting = 5});
  EXPECT_THAT(out.tables, ElementsAre("t(_nilus_id:text doc__d:bigint n:bigint)"));
  EXPECT_THAT(out.rows[0], ElementsAre("1|0|"));
  EXPECT_THAT(RunUnnest({"[1]"}, {}, {"[]"}).error, HasSubstr("internal"));
}

TEST(Unnest, HintedPlacesThatAreOnlyEverNullAreColumns) {
  const Type decimal = MakeDecimal(12, 2);
  const UnnestOptions options{.max_nesting = 2,
                              .hinted = {{"doc__a", decimal},
                                         {"doc__l__price", decimal},
                                         {"doc__o__z", MakeType(TypeId::kDate)},
                                         {"doc__b", MakeType(TypeId::kBool)},
                                         {"doc__nowhere", decimal}}};
  auto out = RunUnnest({R"({"a":null,"b":1,"l":[{"price":null,"sku":"x"},{}],"o":{"z":null}})", "{}"}, options);
  EXPECT_THAT(out.tables, ElementsAre("t(_nilus_id:text doc__a:decimal(12,2) doc__b:bigint doc__o__z:date n:bigint)",
                                      "t__doc__l(" + std::string(kIds) + " price:decimal(12,2) sku:text)"));
  EXPECT_THAT(out.rows[0], ElementsAre("-|1|-|0|", "-|-|-|1|"));
  EXPECT_THAT(out.rows[1], ElementsAre("r0|0|-|x|", "r0|1|-|-|"));
  out = RunUnnest({"[null]"}, {.hinted = {{"doc", MakeType(TypeId::kText)}}});
  EXPECT_THAT(out.tables[1], HasSubstr(" value:text"));
}

TEST(Unnest, KeptColumnsStayWhole) {
  EXPECT_THAT(RunUnnest({"{\"a\":1}"}, {.keep = {"doc"}}).tables, ElementsAre("t(_nilus_id:text doc:json n:bigint)"));
  auto out = RunUnnest({R"({"a":{"b":1},"l":[{"m":{"k":1}}]})"}, {.max_nesting = 5, .keep = {"doc__a", "doc__l__m"}});
  EXPECT_THAT(out.rows[0], ElementsAre("{\"b\":1}|0|"));
  EXPECT_THAT(out.rows[1], ElementsAre("r0|0|{\"k\":1}|"));
}

TEST(Unnest, NamesThatCollideAreErrorsThatShowBoth) {
  EXPECT_THAT(RunUnnest({R"({"userName":1,"user_name":2})"}).error,
              testing::AllOf(HasSubstr("t.doc.userName"), HasSubstr("t.doc.user_name"), HasSubstr("doc__user_name")));
  EXPECT_THAT(RunUnnest({R"([{"_nilus_id":1}])"}).error, HasSubstr("t.doc[]._nilus_id"));
  EXPECT_THAT(RunUnnest({R"({"aB":[1],"a_b":[2]})"}, {.max_nesting = 2}).error,
              testing::AllOf(HasSubstr("t.doc.aB[]"), HasSubstr("t.doc.a_b[]"), HasSubstr("t__doc__a_b")));
}

TEST(Unnest, NamesFitTheDestination) {
  auto out = RunUnnest({"{\"" + std::string(80, 'k') + "\":[1]}"}, {.max_nesting = 2, .identifier_limit = 30});
  ASSERT_EQ(out.tables.size(), 2U);
  EXPECT_LE(out.tables[1].find('('), 30U);
}

TEST(Unnest, ChildrenKnowTheirParents) {
  auto out = RunUnnest({R"([{"l":[1]},{"l":[2,3]}])", R"([{"l":[4]}])"}, {.max_nesting = 2});
  std::map<std::string, std::string> parents = {{"r0", ""}, {"r1", ""}};
  for (int table : {1, 2}) {
    for (size_t i = 0; i < out.batches.size(); ++i) {
      if (out.of_table[i] != table) continue;
      const RecordBatch& batch = out.batches[i];
      for (int64_t row = 0; row < batch.num_rows(); ++row) {
        const std::string id(batch.column(0).BytesValue(row));
        const std::string parent(batch.column(1).BytesValue(row));
        EXPECT_EQ(id.size(), 22U);
        EXPECT_TRUE(parents.contains(parent));
        EXPECT_TRUE(parents.emplace(id, parent).second) << "an id stands twice";
        EXPECT_EQ(table == 1, parent.size() == 2);
      }
    }
  }
  EXPECT_EQ(parents.size(), 2U + 3U + 4U);
}

// A fixed value: ids are persisted, and must stay the same in every version.
TEST(Unnest, IdsDependOnParentPlaceAndIndexAlone) {
  ChildIds ids;
  const std::string path = ChildIds::ExtendPath(ChildIds::ExtendPath("", "doc"), "items");
  EXPECT_EQ(path, "3:doc5:items");
  auto text = [](const ChildIds::Id& id) { return std::string(id.data(), id.size()); };
  EXPECT_EQ(text(ids.Make("r0", path, 7)), "2ADDJ85W2QlFX69jmX81ig");
  EXPECT_NE(ids.Make("r0", path, 7), ids.Make("r0", path, 8));
  EXPECT_NE(ids.Make("r0", path, 7), ids.Make("r1", path, 7));
  EXPECT_NE(ids.Make("r0", path, 7), ids.Make("r0", ChildIds::ExtendPath(path, "x"), 7));
  EXPECT_NE(ids.Make("r03", ":doc", 7), ids.Make("r0", "3:doc", 7));
}

TEST(Unnest, TellsWhichRowOfTheBatchEachRowBelongsTo) {
  const std::vector<std::string> documents = {R"([{"l":[1,2]},{"l":[3]}])", "", R"([{"l":[4]}])", "[]", R"([{}])"};
  for (const int64_t page_rows : {2, 100}) {
    auto out = RunUnnest(documents, {.max_nesting = 2, .page_rows = page_rows});
    std::vector<std::vector<int32_t>> rows(3);
    for (size_t i = 0; i < out.batches.size(); ++i) {
      std::vector<int32_t>& all = rows[static_cast<size_t>(out.of_table[i])];
      EXPECT_EQ(static_cast<int64_t>(out.source_rows[i].size()), out.batches[i].num_rows());
      all.insert(all.end(), out.source_rows[i].begin(), out.source_rows[i].end());
    }
    EXPECT_THAT(rows, ElementsAre(ElementsAre(0, 1, 2, 3, 4), ElementsAre(0, 0, 2, 4), ElementsAre(0, 0, 0, 2)));
  }
}

TEST(Unnest, BatchesAreBounded) {
  std::string array = "[0";
  for (int i = 1; i < 1000; ++i) array += "," + std::to_string(i);
  auto out = RunUnnest({array + "]", "[7]", "[8]"}, {.page_rows = 100});
  EXPECT_EQ(out.rows[1].size(), 1002U);
  for (const RecordBatch& batch : out.batches) EXPECT_LE(batch.num_rows(), 100);
  out = RunUnnest({R"({"a":1,"b":"x"})", R"({"a":2})", "", R"({"a":4})"}, {.batch_bytes = 1});
  EXPECT_EQ(out.batches.size(), 4U);
  EXPECT_THAT(out.rows[0], ElementsAre("1|x|0|", "2|-|1|", "-|-|2|", "4|-|3|"));
}

TEST(Unnest, ValuesThatTheSurveyDidNotSeeAreErrors) {
  for (const char* text : {"[1]", "7", R"({"a":"x"})", R"({"b":1})", R"({"a":{}})", R"({"a":1,"a":true})", R"({"a")"}) {
    EXPECT_THAT(RunUnnest({text}, {}, {"{\"a\":1}"}).error, HasSubstr("internal")) << text;
  }
}

TEST(Unnest, SaysWhatIsNotJson) {
  EXPECT_THAT(RunUnnest({"{\"a\":}"}).error, HasSubstr("t.doc has a value that is not JSON"));
}

}  // namespace
}  // namespace nilus
