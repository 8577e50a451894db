#include "nilus/lake/snapshot_summary.h"

namespace nilus::lake {
namespace {

void Put(std::string_view name, int64_t value, Properties* summary) {
  if (value != 0) (*summary)[std::string(name)] = std::to_string(value);
}

void PutTotal(const std::string& name, int64_t added, int64_t removed, const Snapshot* parent, Properties* summary) {
  int64_t before = 0;
  if (parent != nullptr) {
    const auto found = parent->summary.find(name);
    const std::optional<int64_t> number =
        found == parent->summary.end() ? std::nullopt : ParsePropertyNumber(found->second);
    if (!number) return;
    before = *number;
  }
  const int64_t total = before + added - removed;
  if (total >= 0) (*summary)[name] = std::to_string(total);
}

}  // namespace

std::string_view OperationOf(const ChangeCounts& counts, bool is_rewrite) {
  if (is_rewrite) return "replace";
  const bool removes =
      counts.removed_data_files > 0 || counts.removed_delete_files > 0 || counts.added_delete_files > 0;
  if (!removes) return "append";
  return counts.added_data_files > 0 ? "overwrite" : "delete";
}

Properties MakeSummary(std::string_view operation, const ChangeCounts& counts, const Snapshot* parent) {
  Properties summary;
  summary["operation"] = operation;
  Put("added-data-files", counts.added_data_files, &summary);
  Put("deleted-data-files", counts.removed_data_files, &summary);
  Put("added-delete-files", counts.added_delete_files, &summary);
  Put("removed-delete-files", counts.removed_delete_files, &summary);
  Put("added-position-delete-files", counts.added_position_delete_files, &summary);
  Put("removed-position-delete-files", counts.removed_position_delete_files, &summary);
  Put("added-equality-delete-files", counts.added_equality_delete_files, &summary);
  Put("removed-equality-delete-files", counts.removed_equality_delete_files, &summary);
  Put("added-dvs", counts.added_vectors, &summary);
  Put("removed-dvs", counts.removed_vectors, &summary);
  Put("added-records", counts.added_rows, &summary);
  Put("deleted-records", counts.removed_rows, &summary);
  Put("added-files-size", counts.added_bytes, &summary);
  Put("removed-files-size", counts.removed_bytes, &summary);
  Put("added-position-deletes", counts.added_position_deletes, &summary);
  Put("removed-position-deletes", counts.removed_position_deletes, &summary);
  Put("added-equality-deletes", counts.added_equality_deletes, &summary);
  Put("removed-equality-deletes", counts.removed_equality_deletes, &summary);
  Put("manifests-created", counts.manifests_created, &summary);
  Put("manifests-kept", counts.manifests_kept, &summary);
  Put("manifests-replaced", counts.manifests_replaced, &summary);
  PutTotal("total-data-files", counts.added_data_files, counts.removed_data_files, parent, &summary);
  PutTotal("total-delete-files", counts.added_delete_files, counts.removed_delete_files, parent, &summary);
  PutTotal("total-records", counts.added_rows, counts.removed_rows, parent, &summary);
  PutTotal("total-files-size", counts.added_bytes, counts.removed_bytes, parent, &summary);
  PutTotal("total-position-deletes", counts.added_position_deletes, counts.removed_position_deletes, parent, &summary);
  PutTotal("total-equality-deletes", counts.added_equality_deletes, counts.removed_equality_deletes, parent, &summary);
  return summary;
}

}  // namespace nilus::lake
