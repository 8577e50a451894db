// What suites of tests of the log share: a capture of a database of its own on a real server, and captured bytes.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "nilus/connectors/postgres/cdc/log_testing.h"
#include "nilus/connectors/postgres/cdc/pgoutput_fixture.h"
#include "nilus/connectors/postgres/server_testing.h"

namespace nilus::postgres {

// The parameter is one of kLogServers; skipped where it is not here.
class LogTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    which_ = LogServer::Parse(GetParam());
    server_ = which_.Find();
    if (server_ == nullptr) GTEST_SKIP() << "PostgreSQL " << GetParam() << " is not here";
    address_ = server_->NewDatabase();
  }
  void TearDown() override {
    capture_ = {};
    if (server_ != nullptr) EndCaptures(*server_);
  }

  CaptureRequest Request(std::map<std::string, std::string> properties = {}, bool needs_keys = false) const {
    properties.try_emplace("plugin.name", which_.plugin);
    return Requested(std::move(properties), needs_keys);
  }
  void Stream(std::map<std::string, std::string> properties = {}, bool needs_keys = false) {
    auto capture = StreamCapture(address_, Request(std::move(properties), needs_keys));
    ASSERT_TRUE(capture) << capture.error().ToString();
    capture_ = *std::move(capture);
  }
  SeenLog Read(int64_t max_rows = 2048) {
    if (capture_.reader == nullptr) return {};
    auto seen = ReadUpToNow(address_, *capture_.reader, max_rows);
    EXPECT_TRUE(seen) << seen.error().ToString();
    return seen ? *std::move(seen) : SeenLog{};
  }
  // The error that the stream ends with, when it may take a while.
  Error StreamError() {
    if (capture_.reader == nullptr) return {};
    for (int i = 0; i < 300; ++i) {
      auto chunk = capture_.reader->Next(100, 1 << 20, std::chrono::milliseconds(100), {});
      if (!chunk) return chunk.error();
    }
    ADD_FAILURE() << "the stream goes on";
    return {};
  }
  void Run(const std::string& sql) { MustExecute(address_, sql); }

  LogServer which_;
  TestServer* server_ = nullptr;
  Address address_;
  Capture capture_;
};

// What a decoder has put into the builder so far.
inline SeenLog TakeSeen(ChangeBuilder* builder) {
  SeenLog seen;
  AddChunk(FinishChunk(builder->Take()), &seen);
  return seen;
}

// The messages of a file of the connector's corpus, such as "pgoutput_fuzz/15-text".
inline std::vector<CapturedMessage> CapturedFile(const std::string& name) {
  std::ifstream file(std::string(NILUS_SOURCE_DIR) + "/src/nilus/connectors/postgres/corpus/" + name, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return SplitCapture(bytes.str());
}

}  // namespace nilus::postgres
