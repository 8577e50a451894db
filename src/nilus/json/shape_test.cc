#include "nilus/json/shape.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "nilus/json/column.h"
#include "nilus/json/random_json_test.h"

namespace nilus::json {
namespace {

// "bigint", or "json, text" of what is plain as text.
std::string TypeText(const Type& type, JsonOrigin origin) {
  return type.ToString() + (origin == JsonOrigin::kScalars ? ", text" : "");
}
std::string TypeOf(const ScalarShape& shape) { return TypeText(shape.Resolve(), shape.Origin()); }

// "{a:bigint,b:[text]|bool}": what the tests compare.
std::string Describe(const JsonShape& shape) {
  std::vector<std::string> parts;
  if (shape.has_objects()) {
    std::string text;
    for (const auto& [name, field] : shape.fields()) text += (text.empty() ? "" : ",") + name + ":" + Describe(field);
    parts.push_back("{" + text + "}");
  }
  if (shape.has_arrays())
    parts.push_back("[" + (shape.element() == nullptr ? std::string() : Describe(*shape.element())) + "]");
  if (shape.has_others()) parts.push_back(TypeText(shape.ResolveOthers(), shape.OthersOrigin()));
  EXPECT_EQ(shape.has_values(), !parts.empty());
  const bool is_nested = shape.has_objects() || shape.has_arrays();
  EXPECT_EQ(shape.Resolve().ToString(), is_nested ? "json" : shape.ResolveOthers().ToString());
  return parts.empty() ? "nothing" : fmt::format("{}", fmt::join(parts, "|"));
}

std::string ShapeOf(const std::vector<std::string>& values, const ShapeLimits& limits = {}) {
  JsonShape shape;
  for (const std::string& value : values) {
    if (Status status = shape.Observe(value, "t.c", limits); !status) return status.error().message;
  }
  return Describe(shape);
}

TEST(ScalarShape, KindsGiveTheType) {
  auto type = [](std::vector<std::pair<Kind, std::string>> values) {
    ScalarShape forward;
    ScalarShape backward;
    std::string scratch;
    for (const auto& [kind, text] : values) forward.Observe({.kind = kind, .text = text}, &scratch);
    std::reverse(values.begin(), values.end());
    for (const auto& [kind, text] : values) backward.Observe({.kind = kind, .text = text}, &scratch);
    EXPECT_EQ(TypeOf(forward), TypeOf(backward));
    return TypeOf(forward);
  };
  using enum Kind;
  EXPECT_EQ(type({{kNumber, "1"}, {kNumber, "2"}}), "bigint");
  EXPECT_EQ(type({{kNumber, "1"}, {kNumber, "2.5"}}), "double");
  EXPECT_EQ(type({{kNumber, "1e400"}}), "json");
  EXPECT_EQ(type({{kNumber, "300"}, {kString, "Braveheart"}}), "json, text");  // 300 can only have been the number
  EXPECT_EQ(type({{kNumber, "300"}, {kString, "Braveheart"}, {kString, "300"}}), "json");
  EXPECT_EQ(type({{kNumber, "1"}, {kBool, "true"}, {kString, "x"}}), "json, text");
  EXPECT_EQ(type({{kBool, "true"}, {kString, "false"}}), "json");
  EXPECT_EQ(type({{kNumber, "1"}, {kString, "null"}}), "json");
  EXPECT_EQ(type({{kNumber, "1"}, {kString, "x"}, {kArray, "[]"}}), "json");
  EXPECT_EQ(type({{kNumber, "1"}, {kString, "2024-01-01"}}), "json, text");
  EXPECT_EQ(type({{kNumber, "1.5"}, {kString, "NaN"}}), "double");
  EXPECT_EQ(type({{kString, "1"}, {kString, "2"}}), "text");  // a JSON string is no number
  EXPECT_EQ(type({{kString, "true"}}), "text");
  EXPECT_EQ(type({{kString, "2024-01-01"}}), "date");
  EXPECT_EQ(type({{kString, "2024-01-01T00:00:00Z"}, {kString, ""}}), "text");
  EXPECT_EQ(type({{kBool, "true"}, {kNumber, "1"}}), "json");
  EXPECT_EQ(type({{kArray, "[1]"}, {kArray, "{}"}}), "json");
}

TEST(JsonShape, IsAsNarrowAsItsValues) {
  EXPECT_EQ(ShapeOf({}), "nothing");
  EXPECT_EQ(ShapeOf({"null", " null "}), "nothing");
  EXPECT_EQ(ShapeOf({"1", "null", "2"}), "bigint");
  EXPECT_EQ(ShapeOf({"1", "2.5"}), "double");
  EXPECT_EQ(ShapeOf({"{\"b\":1,\"a\":[]}", "{\"a\":[true],\"c\":{}}"}), "{a:[bool],b:bigint,c:{}}");
  EXPECT_EQ(ShapeOf({"[1,null,\"x\"]", "[[]]"}), "[[]|json, text]");
  EXPECT_EQ(ShapeOf({"[{\"a\":1},null,{\"a\":\"x\",\"b\":null}]"}), "[{a:json, text,b:nothing}]");
}

TEST(JsonShape, EachValueGoesItsOwnWay) {
  EXPECT_EQ(ShapeOf({"{}", "1"}), "{}|bigint");
  EXPECT_EQ(ShapeOf({"[]", "{}"}), "{}|[]");
  EXPECT_EQ(ShapeOf({"[1]", "\"x\"", "{\"a\":true}", "2.5"}), "{a:bool}|[bigint]|json, text");
  EXPECT_EQ(ShapeOf({"{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}"}), "{a:{b:bigint}}");
  EXPECT_EQ(ShapeOf({"[[1],2,{\"a\":1}]", "[[[1]]]"}, {.deepest = 2}), "[{a:bigint}|[json]|bigint]");
}

TEST(JsonShape, ObjectsThatNameAKeyTwiceAreWhole) {
  EXPECT_EQ(ShapeOf({"{\"a\":1,\"a\":2}"}, {.looks_ahead = true}), "json");
  EXPECT_EQ(ShapeOf({"{\"b\":\"x\",\"a\":1,\"\\u0061\":2}", "{\"a\":1}"}, {.looks_ahead = true}), "{a:bigint}|json");
  EXPECT_EQ(ShapeOf({"[{\"a\":{\"b\":1,\"b\":1}}]"}, {.deepest = 2, .looks_ahead = true}), "[{a:json}]");
  EXPECT_EQ(ShapeOf({"{\"a\":{\"b\":1,\"b\":1}}"}, {.deepest = 1, .looks_ahead = true}), "{a:json}");
  JsonShape shape;
  ASSERT_TRUE(shape.Observe("{\"a\":{\"b\":1}}", "t.c"));
  EXPECT_FALSE(shape.looked_into_repeats());
  ASSERT_TRUE(shape.Observe("{\"a\":{\"b\":1,\"b\":2}}", "t.c"));
  EXPECT_TRUE(shape.looked_into_repeats());
}

TEST(JsonShape, WhatLiesDeeperStaysWhole) {
  const std::vector<std::string> values = {"{\"a\":{\"b\":[{\"c\":1}]},\"l\":[{\"x\":1,\"y\":[2]},{\"x\":2}]}"};
  EXPECT_EQ(ShapeOf(values, {.deepest = 1}), "{a:json,l:json}");
  EXPECT_EQ(ShapeOf(values, {.deepest = 2}), "{a:{b:json},l:[{x:bigint,y:json}]}");
  EXPECT_EQ(ShapeOf(values, {.deepest = 3}), "{a:{b:[{c:bigint}]},l:[{x:bigint,y:[bigint]}]}");
  EXPECT_EQ(ShapeOf({"[[1],[2]]"}, {.deepest = 1}), "[json]");
  EXPECT_EQ(ShapeOf({"[[1],[2]]"}, {.deepest = 2}), "[[bigint]]");
}

TEST(JsonShape, SaysWhatIsNotJson) {
  EXPECT_EQ(ShapeOf({"{\"a\":tru}"}), "t.c has a value that is not JSON: at byte 6 of it, a value was expected");
  EXPECT_EQ(ShapeOf({"1 2"}), "t.c has a value that is not JSON: at byte 3 of it, something follows the value");
  EXPECT_EQ(
      ShapeOf({std::string(20'000, '[')}),
      "t.c has a value that is not JSON: at byte 16385 of it, objects and arrays are nested more than 16384 deep");
  std::string mixed;
  for (int i = 0; i < 20'000; ++i) mixed += "[{\"a\":";
  EXPECT_NE(ShapeOf({mixed}).find("nested more than 16384 deep"), std::string::npos);
}

TEST(JsonShape, PathsHaveALimit) {
  std::vector<std::string> values;
  for (int i = 0; i < 20; ++i) values.push_back("{\"k" + std::to_string(i) + "\":{\"x\":1}}");
  EXPECT_EQ(ShapeOf(values, {.most_paths = 39}), "the JSON of t.c has more than 39 different paths");
  EXPECT_EQ(ShapeOf(values, {.most_paths = 40}).substr(0, 8), "{k0:{x:b");
  JsonShape left;
  JsonShape right;
  for (int i = 0; i < 20; ++i) ASSERT_TRUE((i < 10 ? left : right).Observe(values[static_cast<size_t>(i)], "t.c"));
  EXPECT_FALSE(left.Merge(right, "t.c", {.most_paths = 39}));
}

// Any order, any grouping, any tree of merges: one result.
RC_GTEST_PROP(JsonShape, DependsOnTheSetOfValuesAlone, ()) {
  std::vector<std::string> values;
  for (int i = *rc::gen::inRange(0, 8); i > 0; --i) values.push_back(AnyValue(3));
  const ShapeLimits limits{.deepest = *rc::gen::inRange(1, 4), .looks_ahead = true};
  const std::string expected = ShapeOf(values, limits);
  std::vector<JsonShape> shapes;
  for (const std::string& value : values) {
    if (shapes.empty() || *rc::gen::arbitrary<bool>()) shapes.emplace_back();
    RC_ASSERT(shapes.back().Observe(value, "t.c", limits).has_value());
  }
  while (shapes.size() > 1) {
    const auto from = static_cast<size_t>(*rc::gen::inRange<int>(0, static_cast<int>(shapes.size())));
    JsonShape taken = std::move(shapes[from]);
    shapes.erase(shapes.begin() + static_cast<ptrdiff_t>(from));
    const auto to = static_cast<size_t>(*rc::gen::inRange<int>(0, static_cast<int>(shapes.size())));
    RC_ASSERT(shapes[to].Merge(taken, "t.c", limits).has_value());
  }
  RC_ASSERT((shapes.empty() ? "nothing" : Describe(shapes[0])) == expected);
}

// What a shape resolves to takes every value that it saw, and keeps what it says.
RC_GTEST_PROP(JsonShape, TakesEveryValueThatItSaw, ()) {
  std::vector<std::string> values;
  const bool nested = *rc::gen::inRange(0, 4) == 0;
  for (int i = *rc::gen::inRange(1, 6); i > 0; --i) values.push_back(nested ? AnyValue(2) : AnyScalar());
  ScalarShape shape;
  std::string scratch;
  std::vector<Value> read;
  for (const std::string& text : values) {
    Scanner scanner(text);
    Value value;
    RC_ASSERT(scanner.ReadValue(&value));
    shape.Observe(value, &scratch);
    read.push_back(value);
  }
  ColumnBuilder builder(shape.Resolve());
  for (const Value& value : read) RC_ASSERT(AppendValue(value, &builder));
  const Column column = builder.Finish();
  for (size_t i = 0; i < read.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    RC_ASSERT(column.IsNull(row) == (read[i].kind == Kind::kNull));
    if (column.IsNull(row)) continue;
    if (column.type.id == TypeId::kJson) RC_ASSERT(column.BytesValue(row) == read[i].written());
    if (column.type.id == TypeId::kText)
      RC_ASSERT(column.BytesValue(row) == (read[i].kind == Kind::kString ? Meaning(read[i], &scratch) : read[i].text));
  }
}

}  // namespace
}  // namespace nilus::json
