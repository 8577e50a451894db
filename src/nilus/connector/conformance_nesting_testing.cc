// A table with a child table (nesting): both are committed in one step, and rows of the child go with the row that they
// belong to.
#include <map>

#include "nilus/connector/conformance_testing.h"

namespace nilus::conformance {

int LinkNestingTests() { return 0; }

namespace {

SchemaPtr ParentSchema() {
  return MakeSchema({MakeField("id", TypeId::kInt64), MakeField("updated", TypeId::kInt64),
                     MakeField(std::string(kRowIdColumn), TypeId::kText)});
}

// A parent with this key; its row id is of the key.
Row Parent(int id, int updated = 0) {
  return {fmt::format("{}", id), fmt::format("{}", updated), fmt::format("r{}", id)};
}

SchemaPtr ChildSchema(bool numbered) {
  std::vector<Field> fields = {MakeField(std::string(kRootIdColumn), TypeId::kText), MakeField("v", TypeId::kText)};
  if (numbered) fields.push_back(MakeField(std::string(kRootNumberColumn), TypeId::kInt64));
  return MakeSchema(std::move(fields));
}

// A child of the parent `id`, which is the `number`th of its load.
Row Child(int id, const char* value, std::optional<int> number = std::nullopt) {
  Row row = {fmt::format("r{}", id), value};
  if (number) row.emplace_back(fmt::format("{}", *number));
  return row;
}

}  // namespace

// One load of parents "p" and their children "c".
#define LOAD_FAMILY(strategy, load, unique, parents, children, range)                                               \
  do {                                                                                                              \
    WriteRequest parent = Request("p", ParentSchema(), strategy, load);                                             \
    parent.key_is_unique = unique;                                                                                  \
    parent.has_children = true;                                                                                     \
    parent.is_complete = (strategy) == WriteStrategy::kScd2;                                                        \
    if ((strategy) == WriteStrategy::kAppend || (strategy) == WriteStrategy::kReplace) parent.incremental_key = ""; \
    const bool numbered = (strategy) == WriteStrategy::kMerge && !(unique);                                         \
    WriteRequest member = parent;                                                                                   \
    member.table.name = "c";                                                                                        \
    member.schema = ChildSchema(numbered);                                                                          \
    member.primary_key.clear();                                                                                     \
    member.incremental_key.clear();                                                                                 \
    member.has_children = false;                                                                                    \
    member.root = std::make_shared<WriteRequest>(parent);                                                           \
    std::unique_ptr<Sink> sink = OpenSink();                                                                        \
    ASSERT_NE(sink, nullptr);                                                                                       \
    auto state = sink->Committed(parent.pipeline);                                                                  \
    ASSERT_NILUS_OK(state);                                                                                         \
    const bool parent_first = (strategy) == WriteStrategy::kScd2;                                                   \
    std::map<bool, std::unique_ptr<Writer>> writers; /* of the parent: true */                                      \
    for (bool of_parent : {parent_first, !parent_first}) {                                                          \
      auto writer = sink->Open(of_parent ? parent : member);                                                        \
      ASSERT_NILUS_OK(writer);                                                                                      \
      writers[of_parent] = *std::move(writer);                                                                      \
    }                                                                                                               \
    ASSERT_NILUS_OK(writers[true]->Write(MakeBatch(parent.schema, parents)));                                       \
    const std::vector<Row> child_rows = children;                                                                   \
    if (!child_rows.empty()) ASSERT_NILUS_OK(writers[false]->Write(MakeBatch(member.schema, child_rows)));          \
    ASSERT_NILUS_OK(writers[false]->Finish());                                                                      \
    ASSERT_NILUS_OK(writers[true]->Finish());                                                                       \
    CommitRequest commit;                                                                                           \
    commit.pipeline = parent.pipeline;                                                                              \
    commit.load_id = parent.load_id;                                                                                \
    commit.expected_version = *state ? (*state)->version : 0;                                                       \
    commit.position = {R"({"cursor":"1"})"};                                                                        \
    commit.interval = range;                                                                                        \
    ASSERT_NILUS_OK(sink->Commit(commit));                                                                          \
  } while (false)

const std::optional<KeyRange> kNoInterval;
const std::vector<std::string> kChildColumns = {"_nilus_root_id", "v"};

TEST_P(ConformanceTest, ChildRowsAreReplacedAndAppendedWithTheirTable) {
  LOAD_FAMILY(WriteStrategy::kReplace, "a", false, (Rows{Parent(1), Parent(2)}),
              (Rows{Child(1, "x"), Child(1, "y"), Child(2, "z")}), kNoInterval);
  EXPECT_EQ(ReadTable("c").Sorted(kChildColumns), (Rows{{"r1", "x"}, {"r1", "y"}, {"r2", "z"}}));
  LOAD_FAMILY(WriteStrategy::kAppend, "b", false, (Rows{Parent(3)}), (Rows{Child(3, "w")}), kNoInterval);
  EXPECT_EQ(ReadTable("c").Sorted(kChildColumns), (Rows{{"r1", "x"}, {"r1", "y"}, {"r2", "z"}, {"r3", "w"}}));
  LOAD_FAMILY(WriteStrategy::kReplace, "c", false, (Rows{Parent(4)}), (Rows{}), kNoInterval);
  EXPECT_EQ(ReadTable("c").Sorted(kChildColumns), Rows{});
  EXPECT_EQ(ReadTable("p").Sorted({"id"}), (Rows{{"4"}}));
}

TEST_P(ConformanceTest, MergeReplacesTheChildrenOfReplacedRows) {
  if (!Supports(WriteStrategy::kMerge)) GTEST_SKIP() << "the sink has no such strategy";
  for (const bool unique : {true, false}) {
    auto child = [&](int id, const char* value, int number) {
      return unique ? Child(id, value) : Child(id, value, number);
    };
    const std::string load = unique ? "u" : "n";
    LOAD_FAMILY(WriteStrategy::kReplace, load + "0", false, (Rows{Parent(9)}), (Rows{}), kNoInterval);
    LOAD_FAMILY(WriteStrategy::kMerge, load + "1", unique, (Rows{Parent(1), Parent(2), Parent(3)}),
                (Rows{child(1, "x", 0), child(2, "y", 1), child(3, "z", 2)}), kNoInterval);
    EXPECT_EQ(ReadTable("c").Sorted(kChildColumns), (Rows{{"r1", "x"}, {"r2", "y"}, {"r3", "z"}}));
    // 1 has other children now, 2 none, 3 is not in the load.
    LOAD_FAMILY(WriteStrategy::kMerge, load + "2", unique, (Rows{Parent(1, 1), Parent(2, 1)}),
                (Rows{child(1, "x2", 0)}), kNoInterval);
    EXPECT_EQ(ReadTable("c").Sorted(kChildColumns), (Rows{{"r1", "x2"}, {"r3", "z"}})) << load;
    EXPECT_EQ(ReadTable("p").Sorted({"id"}), (Rows{{"1"}, {"2"}, {"3"}, {"9"}}));
    EXPECT_FALSE(ReadTable("c").schema.Find(kRootNumberColumn));
  }
}

TEST_P(ConformanceTest, OfTwoVersionsInALoadOnlyTheLastOnesChildrenStay) {
  if (!Supports(WriteStrategy::kMerge)) GTEST_SKIP() << "the sink has no such strategy";
  LOAD_FAMILY(WriteStrategy::kMerge, "a", false, (Rows{Parent(1, 5), Parent(2, 5), Parent(1, 7), Parent(1, 6)}),
              (Rows{Child(1, "first", 0), Child(2, "two", 1), Child(1, "highest", 2), Child(1, "late", 3)}),
              kNoInterval);
  EXPECT_EQ(ReadTable("c").Sorted(kChildColumns), (Rows{{"r1", "highest"}, {"r2", "two"}}));
}

TEST_P(ConformanceTest, DeleteInsertTakesChildrenAlong) {
  if (!Supports(WriteStrategy::kDeleteInsert)) {
    GTEST_SKIP() << "the sink has no such strategy";
  }
  const Type type = MakeType(TypeId::kInt64);
  const KeyRange all{.column = "updated", .lower = Scalar{type, "0"}, .upper = Scalar{type, "9"}};
  LOAD_FAMILY(WriteStrategy::kDeleteInsert, "a", false, (Rows{Parent(1, 1), Parent(2, 2), Parent(3, 9)}),
              (Rows{Child(1, "x"), Child(2, "y"), Child(3, "z")}), all);
  const KeyRange part{.column = "updated", .lower = Scalar{type, "0"}, .upper = Scalar{type, "2"}};
  LOAD_FAMILY(WriteStrategy::kDeleteInsert, "b", false, (Rows{Parent(2, 2)}), (Rows{Child(2, "y2")}), part);
  EXPECT_EQ(ReadTable("p").Sorted({"id"}), (Rows{{"2"}, {"3"}}));
  EXPECT_EQ(ReadTable("c").Sorted(kChildColumns), (Rows{{"r2", "y2"}, {"r3", "z"}}));
}

// Parents of one version each: row ids tell them apart.
Row Version(const char* id, int key, int updated) { return {fmt::format("{}", key), fmt::format("{}", updated), id}; }

TEST_P(ConformanceTest, VersionsKeepTheirChildren) {
  if (!Supports(WriteStrategy::kScd2)) GTEST_SKIP() << "the sink has no such strategy";
  LOAD_FAMILY(WriteStrategy::kScd2, "a", false, (Rows{Version("a1", 1, 1), Version("a2", 2, 1), Version("a3", 3, 1)}),
              (Rows{{"a1", "x"}, {"a1", "x2"}, {"a2", "y"}, {"a3", "z"}}), kNoInterval);
  // 1 is as it was, 2 has changed, 3 is gone, 4 is new, and comes twice.
  LOAD_FAMILY(WriteStrategy::kScd2, "b", false,
              (Rows{Version("b1", 1, 1), Version("b2", 2, 2), Version("b4", 4, 2), Version("b5", 4, 1)}),
              (Rows{{"b1", "x"}, {"b1", "x2"}, {"b2", "y2"}, {"b4", "new"}, {"b5", "older"}}), kNoInterval);
  const std::vector<Row> children = {{"a1", "x"}, {"a1", "x2"}, {"a2", "y"}, {"a3", "z"}, {"b2", "y2"}, {"b4", "new"}};
  const std::vector<std::string> columns = {"id", "updated", "_nilus_id"};
  EXPECT_EQ(ReadTable("c").Sorted(kChildColumns), children);
  EXPECT_EQ(ReadTable("p").Sorted(columns),
            (Rows{{"1", "1", "a1"}, {"2", "1", "a2"}, {"2", "2", "b2"}, {"3", "1", "a3"}, {"4", "2", "b4"}}));
  EXPECT_FALSE(ReadTable("c").schema.Find("_nilus_valid_to"));
  // The next version of 2 has no children; with unique keys it is the same.
  LOAD_FAMILY(WriteStrategy::kScd2, "c", true, (Rows{Version("c1", 1, 1), Version("c2", 2, 3), Version("c4", 4, 2)}),
              (Rows{{"c1", "x"}, {"c1", "x2"}, {"c4", "new"}}), kNoInterval);
  EXPECT_EQ(ReadTable("c").Sorted(kChildColumns), children);
  EXPECT_EQ(ReadTable("p").Sorted(columns).size(), 6U);
  // Without a row at all every version ends, and the children stay.
  LOAD_FAMILY(WriteStrategy::kScd2, "d", true, (Rows{}), (Rows{}), kNoInterval);
  EXPECT_EQ(ReadTable("c").Sorted(kChildColumns), children);
}

#undef LOAD_FAMILY

}  // namespace nilus::conformance
