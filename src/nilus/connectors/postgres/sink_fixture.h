// What the tests of the sink share: loads in one line, over sessions of their own. Each test has a database of its own,
// on each server version that is there.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nilus/connector/conformance_testing.h"
#include "nilus/connectors/postgres/server_testing.h"
#include "nilus/connectors/postgres/sink.h"

namespace nilus::postgres {

using conformance::MakeBatch;
using conformance::MakeField;
using conformance::MakeSchema;
using conformance::Row;

inline OpenContext SinkContext(const std::string& lock_timeout = "10") {
  OpenContext context;
  context.options.Set("lock_timeout", lock_timeout);
  return context;
}

inline WriteRequest MakeRequest(SchemaPtr schema, WriteStrategy strategy, std::string load_id = "load-1",
                                std::string table = "t") {
  WriteRequest request;
  request.pipeline = PipelineId{"tests/pipeline", "public"};
  request.load_id = std::move(load_id);
  request.table = TableName{"public", std::move(table)};
  request.schema = std::move(schema);
  request.strategy = strategy;
  request.load_time = WallTime{std::chrono::seconds{1'700'000'000}};
  if (strategy == WriteStrategy::kMerge || strategy == WriteStrategy::kScd2) request.primary_key = {"id"};
  if (strategy == WriteStrategy::kDeleteInsert) request.incremental_key = "id";
  return request;
}

inline CommitRequest CommitOf(const WriteRequest& request, int64_t expected_version) {
  CommitRequest commit;
  commit.pipeline = request.pipeline;
  commit.load_id = request.load_id;
  commit.expected_version = expected_version;
  commit.position.json = R"({"load":")" + request.load_id + "\"}";
  return commit;
}

inline Status Stage(Sink* sink, const WriteRequest& request, const std::vector<RecordBatch>& batches) {
  NILUS_ASSIGN(std::unique_ptr<Writer> writer, sink->Open(request));
  for (const RecordBatch& batch : batches) NILUS_TRY(writer->Write(batch));
  return writer->Finish().map([](const Receipt&) {});
}

class SinkTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    server_ = TestServer::Shared(GetParam());
    if (server_ == nullptr) GTEST_SKIP() << "no PostgreSQL " << GetParam() << " is here";
    database_ = server_->NewDatabase();
  }

  std::unique_ptr<Sink> OpenSink(const std::string& lock_timeout = "10") {
    return *OpenPostgresSink(database_, SinkContext(lock_timeout));
  }
  Result<CommitResult> Load(const WriteRequest& request, const std::vector<RecordBatch>& batches) {
    std::unique_ptr<Sink> sink = OpenSink();
    NILUS_ASSIGN(std::optional<CommittedState> state, sink->Committed(request.pipeline));
    NILUS_TRY(Stage(sink.get(), request, batches));
    return sink->Commit(CommitOf(request, state ? state->version : 0));
  }
  Result<CommitResult> Load(const WriteRequest& request, const std::vector<Row>& rows) {
    return Load(request, std::vector<RecordBatch>{MakeBatch(request.schema, rows)});
  }
  void Execute(const std::string& sql) { MustExecute(database_, sql); }
  std::string Select(const std::string& sql) { return MustSelect(database_, sql); }
  // All rows as text: one line each, sorted.
  std::string Rows(const std::string& table = "t", const std::string& columns = "t.*") {
    return Select("SELECT coalesce(string_agg(line, ' ' ORDER BY line), '') FROM (SELECT (" + columns +
                  ")::text AS line FROM " + table + " AS t) AS lines");
  }
  std::string Tables() {
    return Select(
        "SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class WHERE relkind IN ('r', 'i') AND "
        "relnamespace = 'public'::regnamespace");
  }

  TestServer* server_ = nullptr;
  Address database_;
};

inline SchemaPtr IdText() { return MakeSchema({MakeField("id", TypeId::kInt64), MakeField("v", TypeId::kText)}); }

// "" for success: a failure shows its message.
template <typename T>
std::string ErrorOf(const Result<T>& result) {
  return result.has_value() ? "" : result.error().ToString();
}
#define ASSERT_OK(expression) ASSERT_EQ(ErrorOf(expression), "")

}  // namespace nilus::postgres
