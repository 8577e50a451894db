// A short story on the model's database: what a capture makes of it, run until everything is committed.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nilus/cdc/fakes_testing.h"
#include "nilus/cdc/run.h"

namespace nilus {

class CaptureStory : public ::testing::Test {
 protected:
  void SetUp() override {
    Schema schema;
    schema.fields = {Field{"id", MakeType(TypeId::kInt64), true, {}}, Field{"v", MakeType(TypeId::kText), true, {}}};
    world_.log.AddTable("items", schema);
    Write(1, 10, "old");
    world_.on_commit = [this] {
      if (on_commit_) on_commit_();
      if (world_.IsSnapshotDone() && world_.CommittedAt() == world_.log.end() && !holds_) stop_.request_stop();
    };
  }

  void Write(int first, int last, const std::string& value) {
    world_.log.Begin();
    for (int i = first; i <= last; ++i) world_.log.Insert("items", {std::to_string(i), value});
    world_.log.Commit();
  }
  void Remove(int id) {
    world_.log.Begin();
    world_.log.Delete("items", std::to_string(id));
    world_.log.Commit();
  }

  RunReport Run(std::map<std::string, std::string> properties = {}, bool merges = true) {
    stop_ = std::stop_source();
    CdcJob job = world_.MakeJob(std::move(properties));
    job.merges = merges;
    if (chunk_rows_ > 0) job.chunk_rows = chunk_rows_;
    RunOptions options = QuickOptions(3);
    options.stop = stop_.get_token();
    options.variables = [this](std::string_view name) -> std::optional<std::string> {
      if (name == "NILUS_STATE_DIR" && !folder_.empty()) return folder_;
      return std::nullopt;
    };
    return RunCdcJob(job, options);
  }

  void ExpectEqual() { EXPECT_EQ(world_.Merged("items"), world_.log.StateAt()["items"]); }
  std::vector<std::string> Operations() const {
    std::vector<std::string> operations;
    for (const auto& row : world_.store.tables.at("raw.shop_public_items").appended)
      operations.push_back(row.at("_op"));
    return operations;
  }

  FakeCapture world_;
  std::stop_source stop_;
  std::function<void()> on_commit_;
  bool holds_ = false;  // it goes on though all is committed
  std::string folder_;
  int64_t chunk_rows_ = 0;  // 0: as the job has it
};

}  // namespace nilus
