#include "nilus/lake/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nilus::lake {
namespace {

nilus::Schema Columns(std::vector<Field> fields) { return nilus::Schema{std::move(fields)}; }

TEST(IcebergSchema, NumbersTheColumnsOfALoad) {
  const IcebergSchema schema = MakeIcebergSchema(Columns({{"id", MakeType(TypeId::kInt64), false, {}},
                                                          {"at", MakeType(TypeId::kTimestamp), true, {}},
                                                          {"wall", MakeType(TypeId::kTimestampNtz), true, {}},
                                                          {"doc", MakeType(TypeId::kJson), true, {}},
                                                          {"price", MakeDecimal(12, 2), true, {}}}));
  ASSERT_EQ(schema.fields.size(), 5U);
  EXPECT_EQ(schema.fields[0].id, 1);
  EXPECT_EQ(schema.fields[4].id, 5);
  EXPECT_FALSE(schema.fields[0].required);
  EXPECT_EQ(schema.fields[1].type.ToString(), "timestamptz");
  EXPECT_EQ(schema.fields[2].type.ToString(), "timestamp");
  EXPECT_EQ(schema.fields[3].type.ToString(), "string");
  EXPECT_EQ(ToNilusType(schema.fields[3]), MakeType(TypeId::kJson)) << "its doc tells";
  EXPECT_EQ(schema.fields[4].type.ToString(), "decimal(12, 2)");
}

TEST(IcebergSchema, ReadsTheSpecsExamples) {
  const auto schema = SchemaFromJson(R"json({"type":"struct","schema-id":3,"identifier-field-ids":[1],"fields":[
    {"id":1,"name":"id","required":true,"type":"uuid","initial-default":"0db3e2a8-9d1d-42b9-aa7b-74ebe558dceb"},
    {"id":2,"name":"tags","required":false,"type":{"type":"list","element-id":3,"element-required":true,
      "element":"string"}},
    {"id":4,"name":"m","required":false,"doc":"a map","type":{"type":"map","key-id":5,"key":"string","value-id":6,
      "value-required":false,"value":"double"}},
    {"id":7,"name":"s","required":false,"type":{"type":"struct","fields":[
      {"id":8,"name":"x","required":true,"type":"decimal(9,2)"}]}},
    {"id":9,"name":"f","required":false,"type":"fixed[16]"},
    {"id":10,"name":"g","required":false,"type":"geography(srid:4326, spherical)"}]})json");
  ASSERT_TRUE(schema) << schema.error().ToString();
  EXPECT_EQ(schema->schema_id, 3);
  EXPECT_EQ(schema->HighestId(), 10);
  EXPECT_EQ(schema->FindById(8)->name, "x");
  EXPECT_EQ(schema->FindById(8)->type.precision, 9);
  EXPECT_EQ(schema->FindById(99), nullptr);
  EXPECT_EQ(ToNilusSchema(*schema).fields[1].type, MakeType(TypeId::kJson));
  EXPECT_EQ(schema->fields[5].type.parameters, "srid:4326, spherical");
  const auto again = SchemaFromJson(SchemaToJson(*schema));
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_EQ(*again, *schema);
}

TEST(IcebergSchema, RefusesHostileTexts) {
  for (const std::string& text : {
           std::string("{"),
           std::string("[]"),
           std::string(R"({"fields":7})"),
           std::string(R"({"fields":[{"id":1,"name":"a","required":false,"type":"int"},
                                      {"id":1,"name":"b","required":false,"type":"int"}]})"),
           std::string(R"({"fields":[{"id":1,"name":"a","required":false,"type":"int"},
                                      {"id":2,"name":"a","required":false,"type":"int"}]})"),
           std::string(R"({"fields":[{"id":-1,"name":"a","required":false,"type":"int"}]})"),
           std::string(R"({"fields":[{"id":2147483647,"name":"a","required":false,"type":"int"}]})"),
           std::string(R"({"fields":[{"id":1.5,"name":"a","required":false,"type":"int"}]})"),
           std::string(R"json({"fields":[{"id":1,"name":"a","required":false,"type":"decimal(39,0)"}]})json"),
           std::string(R"({"fields":[{"id":1,"name":"a","required":false,"type":"fixed[0]"}]})"),
           std::string(R"({"fields":[{"id":1,"name":"a","required":false,"type":"hat"}]})"),
           std::string(R"({"identifier-field-ids":[9],"fields":[]})"),
           std::string(5000, '['),
       }) {
    EXPECT_FALSE(SchemaFromJson(text)) << text;
  }
}

TEST(IcebergSchema, EvolvesByAddingAndWidening) {
  const IcebergSchema current = MakeIcebergSchema(Columns({{"id", MakeType(TypeId::kInt32), false, {}},
                                                           {"ratio", MakeType(TypeId::kFloat32), true, {}},
                                                           {"price", MakeDecimal(10, 2), true, {}},
                                                           {"gone", MakeType(TypeId::kText), true, {}}}),
                                                  /*keep_required=*/true);
  int32_t last_id = 4;
  const auto next = EvolveSchema(current,
                                 Columns({{"extra", MakeType(TypeId::kDate), true, {}},
                                          {"price", MakeDecimal(14, 2), true, {}},
                                          {"ratio", MakeType(TypeId::kFloat64), true, {}},
                                          {"id", MakeType(TypeId::kInt64), true, {}}}),
                                 2, &last_id);
  ASSERT_TRUE(next) << next.error().ToString();
  EXPECT_EQ(last_id, 5);
  ASSERT_EQ(next->fields.size(), 5U);
  EXPECT_EQ(next->fields[0].type.ToString(), "long");
  EXPECT_FALSE(next->fields[0].required) << "the load may bring NULLs";
  EXPECT_EQ(next->fields[1].type.ToString(), "double");
  EXPECT_EQ(next->fields[2].type.ToString(), "decimal(14, 2)");
  EXPECT_EQ(next->fields[4].name, "extra");
  EXPECT_EQ(next->fields[4].id, 5);

  // The narrower load changes nothing any more.
  const auto same = EvolveSchema(*next, Columns({{"id", MakeType(TypeId::kInt32), true, {}}}), 2, &last_id);
  ASSERT_TRUE(same);
  EXPECT_TRUE(same->SameColumns(*next));
  EXPECT_EQ(last_id, 5);
}

TEST(IcebergSchema, NamesTheColumnThatCannotEvolve) {
  const IcebergSchema current = MakeIcebergSchema(Columns({{"price", MakeDecimal(10, 2), true, {}}}));
  int32_t last_id = 1;
  const auto next = EvolveSchema(current, Columns({{"price", MakeDecimal(10, 4), true, {}}}), 2, &last_id);
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(next.error().message, testing::HasSubstr("price is decimal(10, 2)"));
  EXPECT_EQ(last_id, 1);
}

TEST(IcebergSchema, RenamingKeepsTheId) {
  const IcebergSchema current =
      MakeIcebergSchema(Columns({{"a", MakeType(TypeId::kText), true, {}}, {"b", MakeType(TypeId::kText), true, {}}}));
  const auto next = RenameColumn(current, "a", "c");
  ASSERT_TRUE(next);
  EXPECT_EQ(next->FindByName("c")->id, 1);
  EXPECT_EQ(RenameColumn(current, "a", "b").error().kind, ErrorKind::kInvalidInput);
  EXPECT_EQ(RenameColumn(current, "x", "y").error().kind, ErrorKind::kNotFound);
}

TEST(NameMapping, MapsSeveralNamesToOneId) {
  const auto mapping = NameMappingFromJson(R"([{"field-id":1,"names":["id","record_id"]},{"names":["alien"]},
    {"field-id":3,"names":["location"],"fields":[{"field-id":4,"names":["lat"]}]}])");
  ASSERT_TRUE(mapping);
  EXPECT_EQ(MappedId(*mapping, "record_id"), 1);
  EXPECT_EQ(MappedId(*mapping, "alien"), std::nullopt);
  EXPECT_EQ(MappedId(*mapping, "lat"), std::nullopt) << "a name below another is not at the top";
  const auto again = NameMappingFromJson(NameMappingToJson(*mapping));
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)[2].fields[0].field_id, 4);
}

}  // namespace
}  // namespace nilus::lake
