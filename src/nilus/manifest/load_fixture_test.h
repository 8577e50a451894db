// What the tests of this folder share: loading text with a resource folder of their own.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "nilus/base/redact.h"
#include "nilus/manifest/load.h"
#include "nilus/manifest/resolve.h"

namespace nilus {

class LoadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = ::testing::TempDir() + "nilus-manifest-XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    folder_ = path;
    options_.resource_folder = folder_ + "/resources";
    std::filesystem::create_directory(options_.resource_folder);
  }
  void TearDown() override {
    std::filesystem::remove_all(folder_);
    ForgetSecretsForTesting();
  }

  std::string WriteFile(const std::string& name, std::string_view content) {
    std::string path = folder_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  LoadedManifests Load(std::string_view text) { return LoadManifestText(text, "m.yaml", options_); }
  // The only pipeline of a text without problems.
  Pipeline LoadOne(std::string_view text) {
    LoadedManifests loaded = Load(text);
    EXPECT_EQ(RenderProblems(loaded.problems), "");
    EXPECT_EQ(loaded.pipelines.size(), 1u);
    return loaded.pipelines.empty() ? Pipeline{} : loaded.pipelines[0];
  }
  std::string ProblemsOf(std::string_view text) { return RenderProblems(Load(text).problems); }
  std::string NoticesOf(std::string_view text) { return RenderProblems(Load(text).notices); }

  // A batch pipeline with these lines under source.options and sink.options (flow style), and after them under spec.
  static std::string Batch(const std::string& source_options, const std::string& sink_options = "dest_table: raw.t",
                           const std::string& spec = "") {
    return Document("batch", "postgresql://db/shop", source_options, sink_options, spec);
  }
  static std::string Document(const std::string& type, const std::string& address, const std::string& source_options,
                              const std::string& sink_options, const std::string& spec = "") {
    return "name: p\nversion: v1alpha\ntype: nilus\nspec:\n  type: " + type + "\n  source:\n    address: " + address +
           "\n    options: {" + source_options + "}\n  sink:\n    address: duckdb:///x.db\n    options: {" +
           sink_options + "}\n" + spec;
  }

  std::string folder_;
  LoadOptions options_;
};

}  // namespace nilus
