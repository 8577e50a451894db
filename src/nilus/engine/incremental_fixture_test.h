// What the tests of incremental extraction share: a source with a key, and runs of an append by it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "nilus/engine/fakes_testing.h"

namespace nilus {

class IncrementalTest : public testing::Test {
 protected:
  IncrementalTest() {
    world_.source.table.schema = Schema{{Field{.name = "Id", .type = MakeType(TypeId::kInt64)},
                                         Field{.name = "UpdatedAt", .type = MakeType(TypeId::kInt64)},
                                         Field{.name = "V", .type = MakeType(TypeId::kText)}}};
    job_ = world_.MakeJob();
    job_.strategy = WriteStrategy::kAppend;
    job_.incremental_key = "updated_at";  // by its normalized name: both are understood
  }

  void Insert(std::optional<int> id, std::optional<int> at, const std::string& value) {
    auto text = [](std::optional<int> number) {
      return number ? std::optional(std::to_string(*number)) : std::nullopt;
    };
    world_.source.table.rows.push_back({text(id), text(at), value});
  }
  RunReport Run() {
    RunReport report = RunJob(job_, QuickOptions());
    EXPECT_EQ(world_.destination.open_writers, 0);
    return report;
  }
  void RunOk() {
    RunReport report = Run();
    ASSERT_TRUE(report.is_success) << report.error->message;
    last_ = report;
  }
  std::vector<std::string> Values() const { return world_.Rows({"v"}); }

  FakeWorld world_;
  BatchJob job_;
  RunReport last_;
};

}  // namespace nilus
