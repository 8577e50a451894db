// For tests of tables: their live files, and catalogs that lose answers.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "nilus/lake/warehouse_testing.h"
#include "nilus/storage/matchers_testing.h"

namespace nilus::lake {

// The live files of a branch, read anew.
inline std::vector<ManifestEntry> LiveEntries(const Table& table, std::string_view branch = kMainBranch) {
  std::vector<ManifestEntry> live;
  const SnapshotPtr snapshot = table.metadata.SnapshotOf(branch);
  if (snapshot == nullptr) return live;
  const auto manifests = ReadManifestList(table, *snapshot, {});
  EXPECT_TRUE(manifests) << storage::ErrorText(manifests);
  if (!manifests) return live;
  for (const ManifestFile& manifest : *manifests) {
    const auto entries = ReadManifest(table, manifest, false, {});
    EXPECT_TRUE(entries) << storage::ErrorText(entries);
    if (entries) live.insert(live.end(), entries->begin(), entries->end());
  }
  return live;
}

inline std::multiset<std::string> LivePaths(const Table& table, std::string_view branch = kMainBranch) {
  std::multiset<std::string> paths;
  for (const ManifestEntry& entry : LiveEntries(table, branch)) {
    paths.insert(entry.file.path.substr(entry.file.path.rfind('/') + 1));
  }
  return paths;
}

// Another catalog's answers, some of which are lost.
class UnreliableCatalog final : public Catalog {
 public:
  enum class Fate {
    kFine,
    kAnswerLost,   // committed, but the caller is told that nobody knows
    kRequestLost,  // not committed, and the caller is told that nobody knows
    kConflict,     // somebody else was faster: `interloper` runs
  };
  explicit UnreliableCatalog(CatalogPtr inner) : inner_(std::move(inner)) {}

  void Plan(std::deque<Fate> fates) { fates_ = std::move(fates); }
  std::function<void()> interloper;

  Result<std::optional<TablePtr>> Load(const TableIdentifier& table, std::stop_token stop) override {
    NILUS_ASSIGN(const std::optional<TablePtr> loaded, inner_->Load(table, std::move(stop)));
    if (!loaded) return loaded;
    auto mine = std::make_shared<Table>(**loaded);
    mine->catalog = shared_from_this();
    return std::optional<TablePtr>(std::move(mine));
  }
  Result<TablePtr> Commit(const TableCommit& commit, std::stop_token stop) override {
    const Fate fate = fates_.empty() ? Fate::kFine : fates_.front();
    if (!fates_.empty()) fates_.pop_front();
    ++commits;
    if (fate == Fate::kRequestLost) return Fail(ErrorKind::kUnknownOutcome, "the request was lost");
    if (fate == Fate::kConflict) interloper();
    Result<TablePtr> committed = inner_->Commit(commit, std::move(stop));
    if (fate == Fate::kAnswerLost) return Fail(ErrorKind::kUnknownOutcome, "the answer was lost");
    return committed;
  }
  Result<std::vector<TableIdentifier>> List(const std::string& schema, std::stop_token stop) override {
    return inner_->List(schema, std::move(stop));
  }
  Result<std::vector<std::string>> ListSchemas(std::stop_token stop) override {
    return inner_->ListSchemas(std::move(stop));
  }
  Status Drop(const TableIdentifier& table, bool purge, std::stop_token stop) override {
    return inner_->Drop(table, purge, std::move(stop));
  }
  Result<std::string> NewTableLocation(const TableIdentifier& table, std::stop_token stop) override {
    return inner_->NewTableLocation(table, std::move(stop));
  }
  Result<StorePtr> StoreForLocation(const std::string& location, std::stop_token stop) override {
    return inner_->StoreForLocation(location, std::move(stop));
  }
  std::string description() const override { return "unreliable " + inner_->description(); }

  int commits = 0;

 private:
  CatalogPtr inner_;
  std::deque<Fate> fates_;
};

}  // namespace nilus::lake
