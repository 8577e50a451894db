#include "nilus/connectors/lakehouse/key_finder.h"

#include <algorithm>
#include <utility>

#include "nilus/duck/query_reader.h"
#include "nilus/duck/quote.h"
#include "nilus/lake/scan_relation.h"

namespace nilus::lakehouse {
namespace {

std::string IdentityOf(const lake::DataFile& file) {
  return file.content_offset ? fmt::format("{}@{}", file.path, *file.content_offset) : file.path;
}

bool IsFloat(const lake::IcebergField* field) {
  if (field == nullptr) return true;
  const TypeId id = lake::ToNilusType(field->type).id;
  return id == TypeId::kFloat32 || id == TypeId::kFloat64;
}

}  // namespace

void KeyFinder::Reset() {
  index_.Clear();
  snapshot_id_.reset();
  deletes_.clear();
  has_repeated_keys_ = false;
}

bool KeyFinder::IsOfTable(const lake::ScanPlan& plan, const std::vector<int32_t>& key) const {
  return table_uuid_ == plan.table->metadata.uuid && key_ == key;
}

// Whether the plan's snapshot came out of the one that the index is of. The pending load took place if it is on the
// way.
bool KeyFinder::FollowHistory(const lake::ScanPlan& plan) {
  const std::optional<Pending> pending = std::exchange(pending_, std::nullopt);
  if (!snapshot_id_) return false;
  bool took_place = false;
  for (lake::SnapshotPtr at = plan.snapshot; at->id != *snapshot_id_;) {
    const auto load = at->summary.find("nilus.load-id");
    took_place |= pending && load != at->summary.end() && load->second == pending->load_id;
    if (!at->parent_id) return false;
    at = plan.table->metadata.FindSnapshot(*at->parent_id);
    if (at == nullptr) return false;
  }
  if (took_place) {
    for (const KeyHash& key : pending->removed) index_.Erase(key);
    deletes_.insert(pending->deletes.begin(), pending->deletes.end());
  }
  return true;
}

// Files that left the table, and those of which rows were deleted by others.
void KeyFinder::DropOutdated(const lake::ScanPlan& plan) {
  std::vector<bool> is_known(plan.deletes.size());
  for (size_t i = 0; i < plan.deletes.size(); ++i) is_known[i] = deletes_.contains(IdentityOf(plan.deletes[i].file));
  std::set<std::string, std::less<>> current;
  for (const lake::ScanFile& file : plan.files) {
    const bool fits = file.equality_deletes.empty() && (!file.vector || is_known[*file.vector]) &&
                      std::all_of(file.position_deletes.begin(), file.position_deletes.end(),
                                  [&](size_t index) { return is_known[index]; });
    if (fits) current.insert(file.file().path);
  }
  std::vector<std::string> outdated;
  for (const auto& [path, number] : index_.files()) {
    if (!current.contains(path)) outdated.push_back(path);
  }
  for (const std::string& path : outdated) index_.DropFile(path);
  deletes_.clear();  // files that are read from here on are read with all deletes there are
  for (const lake::ManifestEntry& entry : plan.deletes) deletes_.insert(IdentityOf(entry.file));
}

Status KeyFinder::Sync(duck::Connection& connection, const lake::ScanPlan& plan, const std::vector<int32_t>& key,
                       const std::stop_token& stop) {
  if (!IsOfTable(plan, key) || !FollowHistory(plan)) Reset();
  if (has_repeated_keys_) Reset();
  table_uuid_ = plan.table->metadata.uuid;
  key_ = key;
  snapshot_id_ = plan.snapshot->id;
  // 0 and -0 are equal, and so are all NaNs, but not as bytes.
  if (std::any_of(key.begin(), key.end(), [&](int32_t id) { return IsFloat(plan.schema.FindById(id)); })) return {};
  DropOutdated(plan);
  // The newest rows are the likeliest to change.
  std::vector<size_t> files;
  for (size_t i = 0; i < plan.files.size(); ++i) {
    if (plan.files[i].equality_deletes.empty() && !index_.FileNumber(plan.files[i].file().path)) files.push_back(i);
  }
  std::sort(files.begin(), files.end(), [&](size_t a, size_t b) {
    return plan.files[a].entry.sequence_number > plan.files[b].entry.sequence_number;
  });
  std::vector<size_t> fitting;
  int64_t rows = 0;
  for (size_t file : files) {
    const int64_t more = rows + plan.files[file].file().record_count;
    while (!index_.HasRoomFor(more) && finders_.ForgetIdle()) {
    }
    if (!index_.HasRoomFor(more)) break;
    rows = more;
    fitting.push_back(file);
  }
  index_.Reserve(rows);
  for (std::vector<size_t>& group : BoundedGroups(plan, fitting))
    NILUS_TRY(ReadFiles(connection, plan, std::move(group), stop));
  if (has_repeated_keys_) index_.Clear();
  return {};
}

Status KeyFinder::ReadFiles(duck::Connection& connection, const lake::ScanPlan& plan, std::vector<size_t> files,
                            const std::stop_token& stop) {
  NILUS_ASSIGN(
      lake::ScanRelation relation,
      lake::ScanRelation::Open(
          connection, {.plan = &plan, .files = std::move(files), .columns = key_, .with_rows = true, .stop = stop}));
  std::vector<uint32_t> numbers;
  for (size_t file : relation.files()) numbers.push_back(index_.AddFile(plan.files[file].file().path));
  NILUS_ASSIGN(auto reader, duck::QueryReader::Open(connection, relation.sql(), {}, {.keep_narrow = true}, stop));
  const auto width = static_cast<int>(key_.size());
  for (;;) {
    NILUS_ASSIGN(std::optional<RecordBatch> batch, reader->Next(stop));
    if (!batch) return {};
    const std::vector<std::optional<KeyHash>> keys = index_.Hash(*batch, width);
    const Column& places = batch->column(*batch->schema()->Find(lake::kRowColumn));
    for (int64_t i = 0; i < batch->num_rows(); ++i) {
      const std::optional<KeyHash>& key = keys[static_cast<size_t>(i)];
      const auto place = places.Value<int64_t>(i);
      const auto row = static_cast<uint32_t>(place & ((int64_t{1} << lake::kRowBits) - 1));
      if (key) has_repeated_keys_ |= !index_.Put(*key, numbers[static_cast<size_t>(place >> lake::kRowBits)], row);
    }
  }
}

std::vector<size_t> KeyFinder::UnknownFiles(const lake::ScanPlan& plan) const {
  std::vector<size_t> files;
  for (size_t i = 0; i < plan.files.size(); ++i) {
    if (!index_.FileNumber(plan.files[i].file().path)) files.push_back(i);
  }
  return files;
}

Result<int64_t> KeyFinder::Find(duck::Connection& connection, const std::string& sql, const lake::ScanPlan& plan,
                                const std::string& load_id, const std::stop_token& stop, RowChanges* changes) {
  pending_ = Pending{.load_id = load_id};
  std::map<uint32_t, size_t> plan_files;
  for (size_t i = 0; i < plan.files.size(); ++i) {
    const std::optional<uint32_t> number = index_.FileNumber(plan.files[i].file().path);
    if (!number) continue;
    plan_files[*number] = i;
    changes->live_rows[i] = index_.LiveRows(*number);
  }
  NILUS_ASSIGN(auto reader, duck::QueryReader::Open(connection, sql, {}, {.keep_narrow = true}, stop));
  const auto width = static_cast<int>(key_.size());
  int64_t kept = 0;
  for (;;) {
    NILUS_ASSIGN(std::optional<RecordBatch> batch, reader->Next(stop));
    if (!batch) return kept;
    const std::vector<std::optional<KeyHash>> keys = index_.Hash(*batch, width);
    for (int64_t i = 0; i < batch->num_rows(); ++i) {
      const std::optional<KeyHash>& key = keys[static_cast<size_t>(i)];
      const KeyIndex::Place* place = key ? index_.Find(*key) : nullptr;
      if (place == nullptr) continue;
      const auto file = plan_files.find(place->file);
      if (file == plan_files.end()) return Fail(ErrorKind::kInternal, "the key index names a file that is not there");
      changes->Add(file->second, place->row);
      pending_->removed.push_back(*key);
      kept += batch->column(width).BoolValue(i) ? 1 : 0;
    }
  }
}

void KeyFinder::NoteDeletes(const std::vector<lake::DataFile>& files) {
  if (!pending_) return;
  for (const lake::DataFile& file : files) pending_->deletes.push_back(IdentityOf(file));
}

std::shared_ptr<KeyFinder> KeyFinders::Of(const lake::TableIdentifier& table) {
  Known& known = finders_[table.ToString()];
  if (known.finder == nullptr) known.finder = std::make_shared<KeyFinder>(*this, memory_);
  known.asked = ++asked_;
  return known.finder;
}

bool KeyFinders::ForgetIdle() {
  auto oldest = finders_.end();
  for (auto at = finders_.begin(); at != finders_.end(); ++at) {
    if (at->second.finder.use_count() > 1) continue;  // a load has it
    if (oldest == finders_.end() || at->second.asked < oldest->second.asked) oldest = at;
  }
  const int64_t of_late = 4 * std::ssize(finders_);  // tables that are asked for in turn do not drive each other out
  if (oldest == finders_.end() || oldest->second.asked > asked_ - of_late) return false;
  finders_.erase(oldest);
  return true;
}

}  // namespace nilus::lakehouse
