#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "nilus/lake/deletes_file.h"
#include "nilus/lake/scan_relation.h"

namespace nilus::lake {

Result<std::vector<RowBitmap>> ReadDeletedRows(duck::Connection& connection, const ScanPlan& plan,
                                               std::span<const size_t> files, LocalFiles* local, std::stop_token stop) {
  std::vector<RowBitmap> deleted(files.size());
  // A delete file may be about many data files, with other sets of them in force: each is read once.
  std::set<size_t> delete_files;
  std::map<std::string, size_t, std::less<>> by_path;
  for (size_t i = 0; i < files.size(); ++i) {
    const ScanFile& file = plan.files[files[i]];
    if (file.vector) {
      NILUS_ASSIGN(deleted[i], ReadDeletionVector(*plan.table->store, plan.deletes[*file.vector].file,
                                                  file.file().record_count, stop));
    }
    if (file.position_deletes.empty()) continue;
    by_path[file.file().path] = i;
    delete_files.insert(file.position_deletes.begin(), file.position_deletes.end());
  }
  for (size_t index : delete_files) {
    const auto rows_of = [&](std::string_view path) -> std::optional<int64_t> {
      auto at = by_path.find(path);
      if (at == by_path.end()) return std::nullopt;
      const ScanFile& file = plan.files[files[at->second]];
      const bool applies =
          std::find(file.position_deletes.begin(), file.position_deletes.end(), index) != file.position_deletes.end();
      return applies ? std::optional<int64_t>(file.file().record_count) : std::nullopt;
    };
    DeletesByPath found;
    NILUS_ASSIGN(std::string path, local->PathOf(plan.deletes[index].file.path, stop));
    NILUS_TRY(ReadPositionDeletes(connection, path, rows_of, stop, &found));
    for (auto& [data_path, rows] : found) deleted[by_path.find(data_path)->second].Union(rows);
  }
  return deleted;
}

}  // namespace nilus::lake
