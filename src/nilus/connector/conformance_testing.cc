#include "nilus/connector/conformance_testing.h"

#include <algorithm>

namespace nilus::conformance {

// Each lives in a file of tests, so that the linker takes the file along.
int LinkTypeTests();
int LinkStrategyTests();
int LinkCommitTests();
int LinkReadTests();
int LinkNameTests();
int LinkNestingTests();
int LinkChangeTests();

int LinkConformanceTests() {
  return LinkTypeTests() + LinkStrategyTests() + LinkCommitTests() + LinkReadTests() + LinkNameTests() +
         LinkNestingTests() + LinkChangeTests();
}

// The library is linked into the boundary's own tests too, which run no connector.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ConformanceTest);

std::vector<Row> Table::Sorted(const std::vector<std::string>& columns) const {
  std::vector<Row> sorted;
  for (const Row& row : rows) {
    Row picked;
    for (const std::string& column : columns) {
      std::optional<int> index = schema.Find(column);
      picked.push_back(index ? row[static_cast<size_t>(*index)] : std::nullopt);
    }
    sorted.push_back(std::move(picked));
  }
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

std::vector<Row> Table::Sorted() const {
  std::vector<std::string> names;
  for (const Field& field : schema.fields) names.push_back(field.name);
  return Sorted(names);
}

SchemaPtr MakeSchema(std::vector<Field> fields) { return std::make_shared<Schema>(Schema{std::move(fields)}); }

Field MakeField(std::string name, Type type) { return Field{.name = std::move(name), .type = type}; }

Field MakeField(std::string name, TypeId type) { return MakeField(std::move(name), MakeType(type)); }

RecordBatch MakeBatch(const SchemaPtr& schema, const std::vector<Row>& rows) {
  BatchBuilder builder(schema);
  for (const Row& row : rows) {
    EXPECT_EQ(row.size(), schema->fields.size());
    for (int i = 0; i < schema->size(); ++i) {
      const Cell& cell = row[static_cast<size_t>(i)];
      if (!cell) {
        builder.column(i).AppendNull();
      } else if (Status status = AppendParsed(*cell, &builder.column(i)); !status) {
        ADD_FAILURE() << status.error().ToString();
        builder.column(i).AppendNull();
      }
    }
    builder.FinishRow();
  }
  return builder.Finish();
}

void ConformanceTest::SetUp() {
  quirks_ = GetParam()();
  if (!quirks_.source_table) quirks_.source_table = [](const TableName& table) { return table.ToString(); };
  if (!quirks_.reads_as) quirks_.reads_as = [](const Type& type) { return std::optional(type); };
  if (!quirks_.value_reads_as) {
    quirks_.value_reads_as = [](const Type&, const std::string& text) { return std::optional(text); };
  }
  place_ = quirks_.make_place();
  if (place_.sink_address.empty() || place_.source_address.empty()) {
    GTEST_SKIP() << "the connector is not both source and sink";
  }
}

bool ConformanceTest::Supports(WriteStrategy strategy) const {
  const auto& all = quirks_.connector->strategies;
  return std::find(all.begin(), all.end(), strategy) != all.end();
}

std::unique_ptr<Sink> ConformanceTest::OpenSink() {
  auto address = ParseAddress(place_.sink_address, ProcessEnvironment());
  if (!address) {
    ADD_FAILURE() << address.error().ToString();
    return nullptr;
  }
  OpenContext context;
  context.options = quirks_.sink_options;
  auto sink = quirks_.connector->open_sink(*address, context);
  if (!sink) {
    ADD_FAILURE() << sink.error().ToString();
    return nullptr;
  }
  return *std::move(sink);
}

std::unique_ptr<Source> ConformanceTest::OpenSource() {
  auto address = ParseAddress(place_.source_address, ProcessEnvironment());
  if (!address) {
    ADD_FAILURE() << address.error().ToString();
    return nullptr;
  }
  OpenContext context;
  context.options = quirks_.source_options;
  auto source = quirks_.connector->open_source(*address, context);
  if (!source) {
    ADD_FAILURE() << source.error().ToString();
    return nullptr;
  }
  return *std::move(source);
}

PipelineId ConformanceTest::Pipeline(std::string name) const { return PipelineId{std::move(name), quirks_.schema}; }

WriteRequest ConformanceTest::Request(const std::string& name, SchemaPtr schema, WriteStrategy strategy,
                                      std::string load_id) const {
  WriteRequest request;
  request.pipeline = Pipeline();
  request.load_id = std::move(load_id);
  request.table = TableName{quirks_.schema, name};
  request.strategy = strategy;
  if (strategy == WriteStrategy::kMerge || strategy == WriteStrategy::kScd2) request.primary_key = {"id"};
  if (schema->Find("updated")) request.incremental_key = "updated";
  request.schema = std::move(schema);
  request.load_time = WallTime{std::chrono::microseconds{1'700'000'000'000'000}};
  return request;
}

Status ConformanceTest::Stage(Sink* sink, const WriteRequest& request, const std::vector<RecordBatch>& batches) {
  NILUS_ASSIGN(auto writer, sink->Open(request));
  int64_t rows = 0;
  for (const RecordBatch& batch : batches) {
    rows += batch.num_rows();
    NILUS_TRY(writer->Write(batch));
  }
  NILUS_ASSIGN(Receipt receipt, writer->Finish());
  EXPECT_EQ(receipt.rows, rows);
  EXPECT_EQ(receipt.table, request.table);
  return {};
}

Result<CommitResult> ConformanceTest::Load(const WriteRequest& request, const std::vector<RecordBatch>& batches,
                                           std::optional<KeyRange> interval, Position position) {
  std::unique_ptr<Sink> sink = OpenSink();
  if (sink == nullptr) return Fail(ErrorKind::kInternal, "no sink");
  NILUS_ASSIGN(std::optional<CommittedState> state, sink->Committed(request.pipeline));
  NILUS_TRY(Stage(sink.get(), request, batches));
  CommitRequest commit;
  commit.pipeline = request.pipeline;
  commit.load_id = request.load_id;
  commit.expected_version = state ? state->version : 0;
  commit.position = std::move(position);
  commit.interval = std::move(interval);
  return sink->Commit(commit);
}

Result<CommitResult> ConformanceTest::Load(const WriteRequest& request, const std::vector<Row>& rows) {
  return Load(request, std::vector<RecordBatch>{MakeBatch(request.schema, rows)});
}

ReadRequest ConformanceTest::ReadOf(const std::string& table) const {
  ReadRequest request;
  request.table = quirks_.source_table(TableName{quirks_.schema, table});
  request.reflection = ReflectionLevel::kFullWithPrecision;
  return request;
}

Result<Table> ConformanceTest::Read(const ReadRequest& request, std::optional<Scalar>* upper) {
  std::unique_ptr<Source> source = OpenSource();
  if (source == nullptr) return Fail(ErrorKind::kInternal, "no source");
  NILUS_ASSIGN(ReadPlan plan, source->Plan(request));
  if (upper != nullptr) *upper = plan.upper;
  Table table;
  table.schema = plan.table.schema;
  for (const Split& split : plan.splits) {
    NILUS_ASSIGN(auto reader, source->Open(split));
    while (true) {
      NILUS_ASSIGN(std::optional<Batch> batch, reader->Next(std::stop_token{}));
      if (!batch) break;
      const RecordBatch& rows = batch->rows;
      EXPECT_GT(rows.num_rows(), 0) << "an empty batch";
      EXPECT_LE(rows.num_rows(), request.page_rows);
      std::vector<size_t> places;
      for (const Field& field : rows.schema()->fields) {
        if (!table.schema.Find(field.name)) table.schema.fields.push_back(field);
        places.push_back(static_cast<size_t>(*table.schema.Find(field.name)));
      }
      for (int64_t i = 0; i < rows.num_rows(); ++i) {
        Row row(table.schema.fields.size());
        for (size_t c = 0; c < places.size(); ++c) {
          const Column& column = rows.columns()[c];
          if (!column.IsNull(i)) AppendCellText(column, i, &row[places[c]].emplace());
        }
        table.rows.push_back(std::move(row));
      }
    }
  }
  for (Row& row : table.rows) row.resize(table.schema.fields.size());
  return table;
}

Table ConformanceTest::ReadTable(const std::string& table) {
  auto read = Read(ReadOf(table));
  if (!read) {
    ADD_FAILURE() << read.error().ToString();
    return {};
  }
  return *std::move(read);
}

std::vector<std::string> ConformanceTest::Objects() const {
  return quirks_.list_objects ? quirks_.list_objects(place_) : std::vector<std::string>{};
}

}  // namespace nilus::conformance
