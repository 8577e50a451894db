#include "nilus/connectors/files/file_position.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace nilus::files {
namespace {

using Json = nlohmann::json;
constexpr size_t kLargestPositionBytes = 256 << 20;

Failure Unreadable(std::string_view what) {
  return FailWithFix(ErrorKind::kData, "run with full_refresh: true, or set the state anew (nilus state reset)",
                     "the stored list of loaded files is damaged: {}", what);
}

}  // namespace

Result<std::vector<LoadedFile>> ParseFilePosition(const Position& position) {
  std::vector<LoadedFile> files;
  if (position.empty()) return files;
  if (position.json.size() > kLargestPositionBytes) return Unreadable("it is too large");
  Json document = Json::parse(position.json, nullptr, false);  // not recursive, and no exceptions
  if (!document.is_object()) return Unreadable("it is no JSON object");
  auto list = document.find("files");
  if (list == document.end()) return files;
  if (!list->is_array()) return Unreadable("\"files\" is no array");
  for (const Json& entry : *list) {
    auto text = [&](const char* key) { return entry.is_object() && entry.contains(key) ? &entry.at(key) : nullptr; };
    const Json* path = text("path");
    const Json* size = text("size");
    const Json* mtime = text("mtime_ns");
    if (path == nullptr || !path->is_string() || size == nullptr || !size->is_number_integer() || mtime == nullptr ||
        !mtime->is_number_integer()) {
      return Unreadable("an entry of \"files\" lacks path, size or mtime_ns");
    }
    files.push_back({path->get<std::string>(), size->get<int64_t>(), mtime->get<int64_t>()});
  }
  return files;
}

Position FormatFilePosition(std::vector<LoadedFile> files) {
  std::sort(files.begin(), files.end(), [](const LoadedFile& a, const LoadedFile& b) { return a.path < b.path; });
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const LoadedFile& file : files)
    list.push_back({{"path", file.path}, {"size", file.size}, {"mtime_ns", file.mtime_ns}});
  nlohmann::ordered_json document = {{"files", std::move(list)}};
  return Position{document.dump()};
}

Result<std::vector<InputFile>> SelectNewFiles(const std::vector<InputFile>& files,
                                              const std::vector<LoadedFile>& loaded, ChangedFiles changed) {
  std::map<std::string_view, const LoadedFile*> known;
  for (const LoadedFile& file : loaded) known[file.path] = &file;
  std::vector<InputFile> chosen;
  for (const InputFile& file : files) {
    auto found = known.find(file.path);
    if (found == known.end()) {
      chosen.push_back(file);
      continue;
    }
    bool same = found->second->size == file.stamp.size && found->second->mtime_ns == file.stamp.mtime_ns;
    if (same || changed == ChangedFiles::kSkip) continue;
    if (changed == ChangedFiles::kError) {
      return FailWithFix(ErrorKind::kData,
                         "load everything anew with full_refresh: true; or, with incremental_strategy: merge, set "
                         "changed_files: reread; or changed_files: skip",
                         "{} was loaded before and has changed since: its rows cannot be told from those loaded",
                         file.path);
    }
    chosen.push_back(file);
  }
  return chosen;
}

std::vector<LoadedFile> MergeLoadedFiles(const std::vector<LoadedFile>& loaded, const std::vector<InputFile>& read) {
  std::map<std::string, LoadedFile> merged;
  for (const LoadedFile& file : loaded) merged[file.path] = file;
  for (const InputFile& file : read) merged[file.path] = {file.path, file.stamp.size, file.stamp.mtime_ns};
  std::vector<LoadedFile> files;
  files.reserve(merged.size());
  for (auto& [path, file] : merged) files.push_back(std::move(file));
  return files;
}

}  // namespace nilus::files
