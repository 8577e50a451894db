#include "nilus/rows/children_hash.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"
#include "nilus/rows/unnest.h"

namespace nilus {
namespace {

constexpr const char* kNone = "none";

RecordBatch Documents(const std::vector<std::string>& documents, const std::string& id) {
  auto schema =
      std::make_shared<Schema>(Schema{{Field{.name = std::string(kRowIdColumn), .type = MakeType(TypeId::kText)},
                                       Field{.name = "doc", .type = MakeType(TypeId::kJson)}}});
  BatchBuilder builder(schema);
  for (size_t i = 0; i < documents.size(); ++i) {
    builder.column(0).AppendBytes(id + std::to_string(i));
    builder.column(1).AppendBytes(documents[i]);
    builder.FinishRow();
  }
  return builder.Finish();
}

UnnestOptions Options() { return {.table = "t", .max_nesting = 3, .with_positions = true}; }

// A batch's children as they come out, in batches of `page_rows`; and what they are, by root.
class Hashed {
 public:
  Hashed(const std::vector<std::string>& documents, const std::vector<std::string>& surveyed, int64_t page_rows = 1000,
         const std::string& id = "r") {
    UnnestOptions options = Options();
    NestingSurvey survey(options);
    if (!survey.Observe(Documents(documents, id)) || !survey.Observe(Documents(surveyed, id))) return;
    options.page_rows = page_rows;
    auto plan = UnnestPlan::Create(*Documents({}, id).schema(), survey, options);
    if (!plan) return;
    std::vector<std::string> names;
    for (const UnnestTable& table : (*plan)->tables()) names.push_back(table.name);
    contents_.resize(documents.size());
    std::map<std::string, int64_t, std::less<>> roots;
    for (size_t i = 0; i < documents.size(); ++i) roots.emplace(id + std::to_string(i), static_cast<int64_t>(i));
    ChildrenHasher hasher(names);
    Unnester unnester(*plan);
    const Status done = unnester.Unnest(Documents(documents, id), [&](int table, const RecordBatch& batch) {
      if (table > 0) Take(table, batch, roots, &hasher);
      return Status();
    });
    EXPECT_TRUE(done);
    const Column hashes = hasher.Finish(static_cast<int64_t>(documents.size()));
    for (int64_t row = 0; row < hashes.length; ++row)
      hashes_.push_back(hashes.IsNull(row) ? kNone : std::string(hashes.BytesValue(row)));
    for (std::vector<std::string>& rows : contents_) std::sort(rows.begin(), rows.end());
    is_good_ = true;
  }

  bool is_good() const { return is_good_; }
  const std::vector<std::string>& hashes() const { return hashes_; }
  // Sorted child rows of each document, with their place.
  const std::vector<std::vector<std::string>>& contents() const { return contents_; }

 private:
  void Take(int table, const RecordBatch& batch, const std::map<std::string, int64_t, std::less<>>& roots,
            ChildrenHasher* hasher) {
    auto schema = std::make_shared<Schema>(*batch.schema());
    EXPECT_EQ(schema->fields.back().name, kPositionColumn);
    std::vector<Column> columns = batch.columns();
    const Column positions = columns.back();
    schema->fields.pop_back();
    columns.pop_back();
    std::vector<int64_t> of;
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      of.push_back(roots.find(batch.column(2).BytesValue(row))->second);
      std::string text = std::to_string(table) + "@";
      for (char byte : positions.BytesValue(row)) text += std::to_string(byte) + ".";
      for (size_t i = 4; i < columns.size(); ++i) {
        text += columns[i].IsNull(row) ? "|-" : "|=";
        if (!columns[i].IsNull(row)) AppendCellText(columns[i], row, &text);
      }
      contents_[static_cast<size_t>(of.back())].push_back(std::move(text));
    }
    hasher->Add(table, RecordBatch(std::move(schema), std::move(columns), batch.num_rows()), positions, of);
  }

  bool is_good_ = false;
  std::vector<std::string> hashes_;
  std::vector<std::vector<std::string>> contents_;
};

std::string HashOf(const std::string& document, const std::vector<std::string>& surveyed = {}) {
  return Hashed({document}, surveyed).hashes().at(0);
}

// A fixed value: hashes are persisted, and must stay the same in every version.
TEST(ChildrenHash, IsTheSameInEveryVersion) {
  EXPECT_EQ(HashOf(R"({"lines":[{"sku":"a","n":1},{"sku":"b"}],"tags":["x"]})"), "ViqwGSuSz18-DSRE_H9uow");
}

TEST(ChildrenHash, ARowWithoutChildrenHasNone) {
  const std::string other = R"({"l":[1]})";
  for (const char* document : {"{}", R"({"l":[]})", R"({"l":null,"a":1})", "null"})
    EXPECT_EQ(HashOf(document, {other}), kNone) << document;
  EXPECT_NE(HashOf(R"({"l":[null]})", {other}), kNone) << "an element that is null is a row";
}

TEST(ChildrenHash, OnlyChildrenCount) {
  EXPECT_EQ(HashOf(R"({"a":1,"l":[1,2]})"), HashOf(R"({"a":2,"l":[1,2]})"));
  EXPECT_EQ(HashOf(R"({"l":[{"a":1,"b":2}]})"), HashOf(R"({ "l" : [ {"b":2, "a":1.0, "c":null} ] })"));
}

TEST(ChildrenHash, EveryChangeOfChildrenCounts) {
  const std::vector<std::string> documents = {R"({"l":[{"a":1},{"a":2}]})",          R"({"l":[{"a":2},{"a":1}]})",
                                              R"({"l":[{"a":1},{"b":2}]})",          R"({"l":[{"a":1}]})",
                                              R"({"l":[{"a":1},{"a":2},{}]})",       R"({"m":[{"a":1},{"a":2}]})",
                                              R"({"l":[{"t":["x"]},{}]})",           R"({"l":[{},{"t":["x"]}]})",
                                              R"({"l":[{"t":["x"]},{"t":[null]}]})", R"({"l":[{"t":["x","x"]},{}]})",
                                              R"({"l":[{"t":["x"]},{"t":["x"]}]})"};
  std::map<std::string, std::string> seen;
  for (const std::string& document : documents) {
    const auto [at, is_new] = seen.emplace(HashOf(document, documents), document);
    EXPECT_TRUE(is_new) << document << " and " << at->second;
  }
}

TEST(ChildrenHash, DoesNotDependOnTheRowNorOnTheOthers) {
  const std::string one = R"({"l":[{"a":1,"t":["x","y"]},{"a":2}],"m":[7]})";
  const std::string two = R"({"l":[{"a":3}]})";
  const Hashed together({two, one, "{}", one}, {}, 1000, "other");
  EXPECT_EQ(together.hashes()[1], together.hashes()[3]);
  EXPECT_EQ(together.hashes()[1], HashOf(one));
  EXPECT_EQ(together.hashes()[0], HashOf(two));
}

RC_GTEST_PROP(ChildrenHashProperties, EqualChildrenAndOnlyThoseHaveEqualHashes, ()) {
  std::vector<std::string> documents;
  const std::vector<std::string> parts = {"1",      "null",  "\"x\"",     "[]",        "[1]",
                                          "[null]", "[1,2]", "[[1],[2]]", "[[1,2],[]]"};
  for (int i = 0; i < 6; ++i) {
    const auto part = [&] { return *rc::gen::elementOf(parts); };
    std::string list;
    for (int n = *rc::gen::inRange(0, 3); n > 0; --n)
      list += (list.empty() ? "" : ",") + ("{\"a\":" + part() + ",\"t\":" + part() + "}");
    documents.push_back("{\"l\":[" + list + "],\"m\":" + part() + "}");
  }
  const Hashed whole(documents, {});
  RC_PRE(whole.is_good());
  for (size_t a = 0; a < documents.size(); ++a) {
    RC_ASSERT((whole.hashes()[a] == kNone) == whole.contents()[a].empty());
    for (size_t b = 0; b < a; ++b)
      RC_ASSERT((whole.hashes()[a] == whole.hashes()[b]) == (whole.contents()[a] == whole.contents()[b]));
  }
  RC_ASSERT(Hashed(documents, {}, *rc::gen::inRange(1, 5)).hashes() == whole.hashes());
}

}  // namespace
}  // namespace nilus
