// Loads of changes (WriteRequest::is_changes), load after load on one Sink as change data capture makes them.
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "nilus/connector/conformance_testing.h"

namespace nilus::conformance {

int LinkChangeTests() { return 0; }

namespace {

// The table's columns, and behind them the three of changes.
SchemaPtr WithMarkers(const SchemaPtr& table) {
  Schema schema = *table;
  schema.fields.push_back(MakeField(std::string(kRemovedColumn), TypeId::kBool));
  schema.fields.push_back(MakeField(std::string(kUnchangedColumn), TypeId::kText));
  schema.fields.push_back(MakeField(std::string(kMovedColumn), TypeId::kBool));
  return std::make_shared<Schema>(std::move(schema));
}

Row Change(Row row, Cell removed, Cell unchanged, Cell moved) {
  row.push_back(std::move(removed));
  row.push_back(std::move(unchanged));
  row.push_back(std::move(moved));
  return row;
}
// One row of each kind of change.
Row Put(Row row) { return Change(std::move(row), "false", std::nullopt, std::nullopt); }
Row PutSome(Row row, std::string unchanged) {
  return Change(std::move(row), std::nullopt, std::move(unchanged), std::nullopt);
}
Row Removed(Row row) { return Change(std::move(row), "true", std::nullopt, std::nullopt); }
Row Moved(Row row, std::string unchanged) { return Change(std::move(row), "false", std::move(unchanged), "true"); }

SchemaPtr SmallSchema() {
  return MakeSchema({MakeField("id", TypeId::kInt64), MakeField("a", TypeId::kText), MakeField("b", TypeId::kText)});
}

// One Sink that takes load after load.
struct ChangeLoads {
  Sink* sink;
  WriteRequest request;
  int64_t version = 0;
  int number = 0;

  Status Stage(const std::vector<RecordBatch>& batches) {
    request.load_id = fmt::format("{}-{}", request.pipeline.value, ++number);
    NILUS_ASSIGN(auto writer, sink->Open(request));
    for (const RecordBatch& batch : batches) NILUS_TRY(writer->Write(batch));
    return writer->Finish().map([](const Receipt&) {});
  }
  Result<CommitResult> Commit() {
    CommitRequest commit;
    commit.pipeline = request.pipeline;
    commit.load_id = request.load_id;
    commit.expected_version = version;
    commit.position = {fmt::format(R"({{"cursor":"{}"}})", number)};
    auto committed = sink->Commit(commit);
    if (committed) version = committed->version;
    return committed;
  }
  Result<CommitResult> Load(const std::vector<RecordBatch>& batches) {
    NILUS_TRY(Stage(batches));
    return Commit();
  }
  Result<CommitResult> Load(const Rows& changes) {
    return Load(std::vector<RecordBatch>{MakeBatch(WithMarkers(request.schema), changes)});
  }
};

}  // namespace

#define START_CHANGES(loads, schema, key)                                                                        \
  if (!Supports(WriteStrategy::kMerge) || !quirks().merges_changes) GTEST_SKIP() << "the sink takes no changes"; \
  const std::unique_ptr<Sink> sink_of_##loads = OpenSink();                                                      \
  ASSERT_NE(sink_of_##loads, nullptr);                                                                           \
  ChangeLoads loads{sink_of_##loads.get(), Request("t", schema, WriteStrategy::kMerge)};                         \
  loads.request.is_changes = true;                                                                               \
  loads.request.primary_key = key;                                                                               \
  loads.request.incremental_key.clear()

using Names = std::vector<std::string>;

TEST_P(ConformanceTest, OfAllChangesOfAKeyTheLastOneCounts) {
  START_CHANGES(loads, SmallSchema(), Names{"id"});
  ASSERT_NILUS_OK(loads.Load({Put({"1", "a", "b"}), Put({"2", "a", "b"}), Put({"3", "a", "b"})}));
  EXPECT_EQ(ReadTable("t").Sorted(), (Rows{{"1", "a", "b"}, {"2", "a", "b"}, {"3", "a", "b"}}));
  EXPECT_EQ(ReadTable("t").schema.size(), 3) << "no column of ours is loaded";
  auto counts =
      loads.Load({Put({"1", "a2", std::nullopt}), Removed({"2", std::nullopt, std::nullopt}), Put({"4", "new", "b"}),
                  Removed({"4", "x", "y"}), Put({"4", "again", "b"}), Put({"5", "a", "b"}),
                  Removed({"5", std::nullopt, std::nullopt}), Removed({"6", std::nullopt, std::nullopt}),
                  Put({"2", "a3", "b3"}), Removed({"3", std::nullopt, std::nullopt})});
  ASSERT_NILUS_OK(counts);
  EXPECT_EQ(ReadTable("t").Sorted(), (Rows{{"1", "a2", std::nullopt}, {"2", "a3", "b3"}, {"4", "again", "b"}}));
  EXPECT_EQ(counts->rows_inserted, 1);
  EXPECT_EQ(counts->rows_updated, 2);
  EXPECT_EQ(counts->rows_deleted, 1);
  // Nothing but removals, and nothing at all.
  ASSERT_NILUS_OK(loads.Load({Removed({"1", std::nullopt, std::nullopt})}));
  ASSERT_NILUS_OK(loads.Load(Rows{}));
  EXPECT_EQ(ReadTable("t").Sorted(), (Rows{{"2", "a3", "b3"}, {"4", "again", "b"}}));
}

TEST_P(ConformanceTest, ATruncateTakesWhatCameBefore) {
  START_CHANGES(loads, SmallSchema(), Names{"id"});
  ASSERT_NILUS_OK(loads.Load({Put({"1", "a", "b"}), Put({"2", "a", "b"})}));
  const Row truncate = Removed({std::nullopt, std::nullopt, std::nullopt});
  ASSERT_NILUS_OK(loads.Load({Put({"3", "a", "b"}), Put({"1", "x", "x"}), truncate, Put({"1", "new", "b"}),
                              Put({"4", "a", "b"}), Removed({"4", std::nullopt, std::nullopt})}));
  EXPECT_EQ(ReadTable("t").Sorted(), (Rows{{"1", "new", "b"}}));
  ASSERT_NILUS_OK(loads.Load({truncate}));
  EXPECT_EQ(ReadTable("t").Sorted(), Rows{});
  ASSERT_NILUS_OK(loads.Load({Put({"1", "last", "b"}), truncate, truncate, Put({"2", "last", "b"})}));
  EXPECT_EQ(ReadTable("t").Sorted(), (Rows{{"2", "last", "b"}}));
}

TEST_P(ConformanceTest, UnknownValuesComeFromEarlierChangesOrFromTheTable) {
  START_CHANGES(loads, SmallSchema(), Names{"id"});
  ASSERT_NILUS_OK(loads.Load({Put({"1", "a1", "b1"}), Put({"2", "a2", "b2"}), Put({"3", "a3", std::nullopt})}));
  ASSERT_NILUS_OK(loads.Load({
      PutSome({"1", "a1x", std::nullopt}, "b"),  // from the table
      PutSome({"2", "a2x", std::nullopt}, "b"),
      Put({"2", "a2y", "b2y"}),                  // known again
      PutSome({"2", "a2z", std::nullopt}, "b"),  // from the load
      PutSome({"3", "a3x", std::nullopt}, "b"),  // a NULL that stays
      Put({"4", "a4", "b4"}),
      PutSome({"4", std::nullopt, "b4x"}, "a"),            // a row that came with the load
      PutSome({"4", std::nullopt, std::nullopt}, "a\nb"),  // both, by way of two changes
      PutSome({"1", std::nullopt, std::nullopt}, "a\nb"),
  }));
  EXPECT_EQ(ReadTable("t").Sorted(),
            (Rows{{"1", "a1x", "b1"}, {"2", "a2z", "b2y"}, {"3", "a3x", std::nullopt}, {"4", "a4", "b4x"}}));
}

TEST_P(ConformanceTest, UnknownValuesMoveWithTheirRow) {
  START_CHANGES(loads, SmallSchema(), Names{"id"});
  ASSERT_NILUS_OK(loads.Load({Put({"1", "a1", "b1"}), Put({"2", "a2", "b2"}), Put({"3", "a3", "b3"})}));
  const auto removed = [](const char* id) { return Removed({id, std::nullopt, std::nullopt}); };
  const auto moved = [](const char* id, const char* a) { return Moved({id, a, std::nullopt}, "b"); };
  ASSERT_NILUS_OK(loads.Load({
      removed("1"), moved("11", "a"), removed("11"), moved("12", "b"),  // twice, from the table
      removed("2"), moved("1", "c"), Put({"2", "new", "new"}),          // to where another was; its old key again
      PutSome({"3", "d", std::nullopt}, "b"), removed("3"), moved("13", "e"),  // a chain that begins before the move
      removed("13"), Moved({"14", std::nullopt, "known"}, "a"), Put({"20", "f", "f"}), removed("20"),
      moved("21", "g"),  // within the load
  }));
  EXPECT_EQ(ReadTable("t").Sorted(),
            (Rows{{"1", "c", "b2"}, {"12", "b", "b1"}, {"14", "e", "known"}, {"2", "new", "new"}, {"21", "g", "f"}}));
}

TEST_P(ConformanceTest, UnknownValuesOfRowsThatAreNotThereAreAnError) {
  START_CHANGES(loads, SmallSchema(), Names{"id"});
  ASSERT_NILUS_OK(loads.Load({Put({"1", "a", "b"})}));
  EXPECT_EQ(KindOf(loads.Load({PutSome({"2", "a", std::nullopt}, "b")})), "data");
  EXPECT_EQ(KindOf(loads.Load({Removed({"1", std::nullopt, std::nullopt}), PutSome({"1", "x", std::nullopt}, "b")})),
            "data");
  EXPECT_EQ(KindOf(loads.Load({Put({std::nullopt, "a", "b"})})), "data");
  EXPECT_EQ(ReadTable("t").Sorted(), (Rows{{"1", "a", "b"}}));
  ASSERT_NILUS_OK(loads.Load({Put({"1", "goes", "on"})}));
  EXPECT_EQ(ReadTable("t").Sorted(), (Rows{{"1", "goes", "on"}}));
}

// Of tables that were not loaded as a whole.
TEST_P(ConformanceTest, UnknownValuesOfRowsThatAreNotThereMayBeNull) {
  START_CHANGES(loads, SmallSchema(), Names{"id"});
  loads.request.may_lack_rows = true;
  const auto removed = [](const char* id) { return Removed({id, std::nullopt, std::nullopt}); };
  for (const int64_t memory_bytes : {int64_t{64} << 20, int64_t{1}}) {  // at once, or every batch a part of its own
    loads.request.memory_bytes = memory_bytes;
    ASSERT_NILUS_OK(loads.Load(
        {Removed({std::nullopt, std::nullopt, std::nullopt}), Put({"1", "a1", "b1"}), Put({"2", "a2", "b2"})}));
    const auto batch = [&](const Rows& rows) { return MakeBatch(WithMarkers(loads.request.schema), rows); };
    const auto counts = loads.Load(std::vector<RecordBatch>{
        batch({PutSome({"1", "x", std::nullopt}, "b"), PutSome({"5", "x", std::nullopt}, "b"), removed("6")}),
        batch({removed("2"), removed("7")}),
        batch({removed("6"), Moved({"8", "moved", std::nullopt}, "b")}),
        batch({PutSome({"2", "back", std::nullopt}, "b"), PutSome({"5", "y", std::nullopt}, "b")}),
    });
    ASSERT_NILUS_OK(counts);
    EXPECT_EQ(
        ReadTable("t").Sorted(),
        (Rows{{"1", "x", "b1"}, {"2", "back", std::nullopt}, {"5", "y", std::nullopt}, {"8", "moved", std::nullopt}}));
    EXPECT_EQ(counts->unknown_columns, std::set<std::string>{"b"});
    EXPECT_EQ(counts->tables.at(loads.request.table.ToString()).unknown_columns, std::set<std::string>{"b"});
    const auto known = loads.Load({PutSome({"1", "known", std::nullopt}, "b")});
    ASSERT_NILUS_OK(known);
    EXPECT_TRUE(known->unknown_columns.empty());
  }
  ASSERT_NILUS_OK(loads.Load({PutSome({"1", "z", std::nullopt}, "b"), PutSome({"9", std::nullopt, "z"}, "a")}));
  EXPECT_EQ(ReadTable("t").Sorted({"id", "a", "b"}).front(), (Row{"1", "z", "b1"}));
  EXPECT_EQ(ReadTable("t").Sorted({"id", "a", "b"}).back(), (Row{"9", std::nullopt, "z"}));
}

// A table that somebody dropped does not come back with the rows of one load alone.
TEST_P(ConformanceTest, ATableThatMustExistIsNotMadeAgain) {
  if (!Supports(WriteStrategy::kMerge) || !quirks().merges_changes) GTEST_SKIP() << "the sink takes no changes";
  for (const WriteStrategy strategy : {WriteStrategy::kMerge, WriteStrategy::kAppend}) {
    const bool is_changes = strategy == WriteStrategy::kMerge;
    SCOPED_TRACE(WriteStrategyName(strategy));
    const std::unique_ptr<Sink> sink = OpenSink();
    ASSERT_NE(sink, nullptr);
    WriteRequest request = Request(is_changes ? "merged" : "appended", SmallSchema(), strategy);
    request.pipeline = Pipeline("conformance/" + request.table.name);
    request.is_changes = is_changes;
    request.incremental_key.clear();
    if (is_changes) request.primary_key = {"id"};
    ChangeLoads loads{sink.get(), request};
    const std::vector<RecordBatch> rows = {MakeBatch(request.schema, {{"1", "a", "b"}})};
    loads.request.must_exist = true;
    EXPECT_EQ(KindOf(loads.Load(rows)), "conflict");
    EXPECT_FALSE(sink->Describe(request.table)->has_value());
    loads.request.must_exist = false;
    ASSERT_NILUS_OK(loads.Load(rows));
    loads.request.must_exist = true;
    ASSERT_NILUS_OK(loads.Load({MakeBatch(request.schema, {{"2", "a", "b"}})}));
    EXPECT_EQ(ReadTable(request.table.name).Sorted({"id"}), (Rows{{"1"}, {"2"}}));
  }
}

TEST_P(ConformanceTest, ChangesAreFoundByCompositeAndTextKeys) {
  START_CHANGES(
      loads,
      MakeSchema({MakeField("k", TypeId::kText), MakeField("id", TypeId::kInt64), MakeField("v", TypeId::kText)}),
      (Names{"id", "k"}));
  ASSERT_NILUS_OK(loads.Load({Put({"", "1", "empty"}), Put({"A", "1", "upper"}), Put({"a", "1", "lower"}),
                              Put({"a", "2", "other"}), Put({"ä'\n", "2", "odd"})}));
  ASSERT_NILUS_OK(loads.Load({Removed({"", "1", std::nullopt}), Put({"a", "1", "lower2"}),
                              PutSome({"ä'\n", "2", std::nullopt}, "v"), Removed({"a", "2", std::nullopt}),
                              Moved({"b", "2", std::nullopt}, "v")}));
  EXPECT_EQ(ReadTable("t").Sorted(),
            (Rows{{"A", "1", "upper"}, {"a", "1", "lower2"}, {"b", "2", "other"}, {"ä'\n", "2", "odd"}}));
  // Half a key is no truncate.
  EXPECT_EQ(KindOf(loads.Load({Removed({std::nullopt, "1", std::nullopt})})), "data");
}

TEST_P(ConformanceTest, NewAndVariantColumnsOfChanges) {
  if (!quirks().adds_columns) GTEST_SKIP() << "the sink adds no columns";
  START_CHANGES(loads, SmallSchema(), Names{"id"});
  loads.request.memory_bytes = 1;  // every batch is a part of its own
  const SchemaPtr before = WithMarkers(loads.request.schema);
  Field variant = MakeField("b__v_text", TypeId::kText);
  variant.variant_of = "b";
  const SchemaPtr wider =
      WithMarkers(MakeSchema({MakeField("id", TypeId::kInt64), MakeField("a", TypeId::kText),
                              MakeField("b", TypeId::kText), variant, MakeField("c", TypeId::kInt64)}));
  ASSERT_NILUS_OK(loads.Load(
      {MakeBatch(before, {Put({"1", "a", "b"}), Put({"2", "a", "b"}), Put({"3", "a", "b"}), Put({"4", "a", "b"})}),
       MakeBatch(wider, {Put({"1", "x", std::nullopt, "v1", "10"}), Put({"2", "x", std::nullopt, "v2", "20"}),
                         PutSome({"3", "x", std::nullopt, std::nullopt, "30"}, "b"),
                         PutSome({"4", "x", "b4", std::nullopt, std::nullopt}, "c")})}));
  const Names names = {"id", "a", "b", "b__v_text", "c"};
  EXPECT_EQ(ReadTable("t").Sorted(names), (Rows{{"1", "x", std::nullopt, "v1", "10"},
                                                {"2", "x", std::nullopt, "v2", "20"},
                                                {"3", "x", "b", std::nullopt, "30"},
                                                {"4", "x", "b4", std::nullopt, std::nullopt}}));
  // Loads that know nothing of the variant: it goes when the column gets a value, and stays when that is not known.
  ASSERT_NILUS_OK(loads.Load({MakeBatch(before, {Put({"1", "y", "known"}), PutSome({"2", "y", std::nullopt}, "b")})}));
  const Table table = ReadTable("t");
  EXPECT_EQ(table.Sorted({"id", "a", "b", "b__v_text"}), (Rows{{"1", "y", "known", std::nullopt},
                                                               {"2", "y", std::nullopt, "v2"},
                                                               {"3", "x", "b", std::nullopt},
                                                               {"4", "x", "b4", std::nullopt}}));
}

TEST_P(ConformanceTest, ColumnsOfChangesComeWithoutARow) {
  if (!quirks().adds_columns) GTEST_SKIP() << "the sink adds no columns";
  START_CHANGES(loads, SmallSchema(), Names{"id"});
  ASSERT_NILUS_OK(loads.Load({Put({"1", "a", "b"})}));
  Schema wider = *loads.request.schema;
  wider.fields.push_back(MakeField("c", TypeId::kInt64));
  loads.request.schema = std::make_shared<Schema>(wider);
  ASSERT_NILUS_OK(loads.Load({Removed({std::nullopt, std::nullopt, std::nullopt, std::nullopt})}));
  EXPECT_TRUE(ReadTable("t").rows.empty());
  EXPECT_TRUE(ReadTable("t").schema.Find("c"));
  wider.fields.push_back(MakeField("d", TypeId::kText));
  loads.request.schema = std::make_shared<Schema>(wider);
  ASSERT_NILUS_OK(loads.Load(std::vector<RecordBatch>{}));
  EXPECT_TRUE(ReadTable("t").schema.Find("d"));
  ASSERT_NILUS_OK(loads.Load({Put({"2", "a", "b", "3", "d"})}));
  EXPECT_EQ(ReadTable("t").Sorted({"id", "a", "b", "c", "d"}), (Rows{{"2", "a", "b", "3", "d"}}));
}

// A table is read anew under a key of another type.
TEST_P(ConformanceTest, ChangesMakeATableAnew) {
  START_CHANGES(loads, SmallSchema(), Names{"id"});
  ASSERT_NILUS_OK(loads.Load({Put({"1", "a", "b"}), Put({"2", "a", "b"})}));
  loads.request.schema = MakeSchema({MakeField("id", TypeId::kText), MakeField("a", TypeId::kText)});
  loads.request.full_refresh = true;
  ASSERT_NILUS_OK(loads.Load({Removed({std::nullopt, std::nullopt}), Put({"x", "a"}), Put({"y", "a"})}));
  EXPECT_EQ(ReadTable("t").Sorted({"id", "a"}), (Rows{{"x", "a"}, {"y", "a"}}));
  loads.request.full_refresh = false;
  ASSERT_NILUS_OK(loads.Load({Put({"y", "a2"}), Removed({"x", std::nullopt}), Put({"z", "a"})}));
  EXPECT_EQ(ReadTable("t").Sorted({"id", "a"}), (Rows{{"y", "a2"}, {"z", "a"}}));
}

TEST_P(ConformanceTest, ChangesAreVisibleWithTheirPositionAndOnce) {
  START_CHANGES(loads, SmallSchema(), Names{"id"});
  ASSERT_NILUS_OK(loads.Load({Put({"1", "a", "b"})}));
  ASSERT_NILUS_OK(loads.Stage({MakeBatch(WithMarkers(loads.request.schema), {Put({"2", "a", "b"})})}));
  if (quirks().readers_see_old_rows_during_load) {
    EXPECT_EQ(ReadTable("t").Sorted({"id"}), (Rows{{"1"}}));
  }
  ASSERT_NILUS_OK(loads.Commit());
  loads.version = 1;
  auto again = loads.Commit();
  ASSERT_NILUS_OK(again);
  EXPECT_EQ(again->version, 2);
  EXPECT_EQ(ReadTable("t").Sorted({"id"}), (Rows{{"1"}, {"2"}}));
  auto state = loads.sink->Committed(loads.request.pipeline);
  ASSERT_NILUS_OK(state);
  EXPECT_EQ((*state)->version, 2);
  EXPECT_EQ((*state)->position.json, R"({"cursor":"2"})");
}

namespace {

// Rows by key, and the changes that made them: what every sink has to come to.
class ChangeModel {
 public:
  explicit ChangeModel(unsigned seed) : random_(seed) {}

  // A transaction's changes behind those in `out`.
  void Step(Rows* out) {
    const int kind = Pick(20);
    const std::string id = fmt::format("{}", Pick(12));
    auto row = rows_.find(id);
    if (kind == 0 && Pick(4) == 0) {
      rows_.clear();
      out->push_back(Removed({std::nullopt, std::nullopt, std::nullopt}));
    } else if (kind < 5 && row != rows_.end()) {
      out->push_back(Removed({id, std::nullopt, std::nullopt}));
      rows_.erase(row);
    } else if (kind < 9 && row != rows_.end()) {
      Move(id, out);
    } else {
      Update(id, row == rows_.end(), out);
    }
  }

  Rows Sorted() const {
    Rows rows;
    for (const auto& [id, values] : rows_) rows.push_back({id, values.first, values.second});
    std::sort(rows.begin(), rows.end());
    return rows;
  }
  int Pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

 private:
  using Values = std::pair<Cell, Cell>;
  Cell NewValue() { return Pick(6) == 0 ? Cell() : Cell(fmt::format("v{}", ++last_value_)); }

  // The change to these values; what it does not know it does not bring.
  Row ChangeTo(const std::string& id, Values* values, std::string* unchanged) {
    Row row = {id, std::nullopt, std::nullopt};
    for (int i = 1; i <= 2; ++i) {
      Cell& value = i == 1 ? values->first : values->second;
      if (unchanged != nullptr && Pick(2) == 0) {
        *unchanged += fmt::format("{}{}", unchanged->empty() ? "" : "\n", i == 1 ? "a" : "b");
      } else {
        value = NewValue();
        row[static_cast<size_t>(i)] = value;
      }
    }
    return row;
  }

  void Update(const std::string& id, bool is_new, Rows* out) {
    std::string unchanged;
    Row row = ChangeTo(id, &rows_[id], is_new ? nullptr : &unchanged);
    out->push_back(unchanged.empty() ? Put(std::move(row)) : PutSome(std::move(row), unchanged));
  }

  void Move(const std::string& id, Rows* out) {
    const std::string to = fmt::format("{}", 12 + Pick(6));
    if (rows_.contains(to)) return;
    Values values = rows_.at(id);
    rows_.erase(id);
    std::string unchanged;
    Row row = ChangeTo(to, &values, &unchanged);
    out->push_back(Removed({id, std::nullopt, std::nullopt}));
    out->push_back(Moved(std::move(row), unchanged));
    rows_[to] = std::move(values);
  }

  std::mt19937 random_;
  std::map<std::string, Values> rows_;
  int last_value_ = 0;
};

}  // namespace

TEST_P(ConformanceTest, RandomChangesInRandomLoadsComeToTheSameRows) {
  START_CHANGES(first, SmallSchema(), Names{"id"});
  for (unsigned seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::unique_ptr<Sink> sink = OpenSink();
    ASSERT_NE(sink, nullptr);
    ChangeLoads loads{sink.get(), first.request};
    loads.request.table.name = fmt::format("t{}", seed);
    loads.request.pipeline = Pipeline(fmt::format("conformance/{}", seed));
    ChangeModel model(seed);
    for (int load = 0; load < 12; ++load) {
      loads.request.memory_bytes = load % 3 == 0 ? 1 : 64 << 20;  // in parts, or at once
      std::vector<RecordBatch> batches;
      for (int batch = model.Pick(4); batch >= 0; --batch) {
        Rows changes;
        for (int step = model.Pick(15); step >= 0; --step) model.Step(&changes);
        batches.push_back(MakeBatch(WithMarkers(loads.request.schema), changes));
      }
      if (load % 4 == 3) {  // a crash before the commit, and once more
        ASSERT_NILUS_OK(loads.Stage(batches));
        const int64_t version = loads.version;
        sink.reset();
        sink = OpenSink();
        ASSERT_NE(sink, nullptr);
        loads.sink = sink.get();
        auto state = sink->Committed(loads.request.pipeline);
        ASSERT_NILUS_OK(state);
        ASSERT_EQ((*state)->version, version);
      }
      ASSERT_NILUS_OK(loads.Load(batches));
      ASSERT_EQ(ReadTable(loads.request.table.name).Sorted({"id", "a", "b"}), model.Sorted()) << "load " << load;
    }
  }
}

}  // namespace nilus::conformance
