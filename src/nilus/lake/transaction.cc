#include "nilus/lake/transaction.h"

#include <algorithm>
#include <random>

#include "nilus/base/clock.h"
#include "nilus/base/encoding.h"
#include "nilus/lake/transaction_state.h"

namespace nilus::lake {
namespace {

// Positive and random: ids by time or by count would meet those of other writers.
int64_t NewSnapshotId(const TableMetadata& metadata) {
  std::random_device device;
  for (;;) {
    const uint64_t bits = static_cast<uint64_t>(device()) << 32 | device();
    const auto id = static_cast<int64_t>(bits & 0x7FFFFFFFFFFFFFFFU);
    if (id > 0 && metadata.FindSnapshot(id) == nullptr) return id;
  }
}

int64_t NowMs() { return std::chrono::floor<std::chrono::milliseconds>(Now()).time_since_epoch().count(); }

}  // namespace

Transaction::Transaction(std::unique_ptr<State> state) : state_(std::move(state)) {}
Transaction::~Transaction() = default;
Transaction::Transaction(Transaction&&) noexcept = default;
Transaction& Transaction::operator=(Transaction&&) noexcept = default;

namespace {

std::unique_ptr<Transaction::State> MakeState(CatalogPtr catalog, TableIdentifier identifier, StorePtr store,
                                              TablePtr base, TableMetadata metadata) {
  const int64_t snapshot_id = NewSnapshotId(metadata);
  std::string commit_id = NewId();
  auto state =
      std::make_unique<Transaction::State>(Transaction::State{.catalog = std::move(catalog),
                                                              .identifier = std::move(identifier),
                                                              .store = std::move(store),
                                                              .base = std::move(base),
                                                              .working = std::move(metadata),
                                                              .snapshot_id = snapshot_id,
                                                              .builder = SnapshotBuilder(snapshot_id, commit_id)});
  state->commit_id = std::move(commit_id);
  return state;
}

}  // namespace

Transaction::Transaction(TablePtr base)
    : state_(MakeState(base->catalog, base->identifier, base->store, base, base->metadata)) {}

Result<Transaction> Transaction::Create(CatalogPtr catalog, TableIdentifier identifier, NewTable table,
                                        std::stop_token stop) {
  if (table.location.empty()) {
    NILUS_ASSIGN(table.location, catalog->NewTableLocation(identifier, stop));
  }
  NILUS_ASSIGN(TableMetadata metadata, MakeTableMetadata(table));
  NILUS_ASSIGN(StorePtr store, catalog->StoreForLocation(metadata.location, stop));
  return Transaction(
      MakeState(std::move(catalog), std::move(identifier), std::move(store), nullptr, std::move(metadata)));
}

const TableMetadata& Transaction::metadata() const { return state_->working; }
const TableIdentifier& Transaction::identifier() const { return state_->identifier; }
const StorePtr& Transaction::store() const { return state_->store; }

std::string Transaction::NewDataFileUrl(std::string_view partition_path, std::string_view name) const {
  const TableMetadata& metadata = state_->working;
  std::string folder = JoinUrl(metadata.location, "data");
  if (const auto path = metadata.Property("write.data.path")) {
    const bool absolute = path->find("://") != std::string_view::npos || path->starts_with('/');
    folder = absolute ? std::string(*path) : JoinUrl(metadata.location, *path);
  }
  if (!partition_path.empty()) folder = JoinUrl(folder, partition_path);
  return JoinUrl(folder, name);
}

void Transaction::SetBranch(std::string branch) { state_->branch = std::move(branch); }
void Transaction::AddDataFile(DataFile file) { state_->changes.added_data.push_back(std::move(file)); }
void Transaction::AddDeleteFile(DataFile file) { state_->changes.added_deletes.push_back(std::move(file)); }
void Transaction::RemoveFile(ManifestEntry entry) { state_->changes.removed.push_back(std::move(entry)); }
void Transaction::RemoveAllFiles() { state_->changes.remove_all = true; }
void Transaction::MarkRewrite(int64_t sequence_number) {
  state_->is_rewrite = true;
  state_->changes.data_sequence_number = sequence_number;
}
void Transaction::SetIsolation(Isolation isolation) { state_->isolation = isolation; }
void Transaction::ForceSnapshot() { state_->force_snapshot = true; }
void Transaction::SetSummary(std::string name, std::string value) {
  state_->summary[std::move(name)] = std::move(value);
}
void Transaction::SetPipelineState(std::string pipeline, PipelineState state, int64_t expected_version) {
  state_->pipeline = PipelineChange{std::move(pipeline), std::move(state), expected_version};
}

namespace {

template <typename Items, typename Id>
int32_t NextId(const Items& items, Id id) {
  int32_t next = 0;
  for (const auto& item : items) next = std::max(next, id(item) + 1);
  return next;
}

}  // namespace

Status Transaction::SetSchema(IcebergSchema schema) {
  TableMetadata& working = state_->working;
  if (schema.SameColumns(working.schema())) return {};
  const int32_t before = working.last_column_id;
  for (const IcebergSchemaPtr& known : working.schemas) {
    if (known->SameColumns(schema)) {
      state_->requires_schema = true;
      return state_->Change(SetCurrentSchema{known->schema_id});
    }
  }
  schema.schema_id = NextId(working.schemas, [](const IcebergSchemaPtr& known) { return known->schema_id; });
  const int32_t schema_id = schema.schema_id;
  const int32_t last_column_id = std::max(before, schema.HighestId());
  state_->requires_schema = true;
  NILUS_TRY(state_->Change(AddSchema{std::make_shared<IcebergSchema>(std::move(schema)), last_column_id}));
  return state_->Change(SetCurrentSchema{schema_id});
}

Status Transaction::SetSpec(PartitionSpec spec) {
  TableMetadata& working = state_->working;
  if (spec.SameFields(working.spec())) return {};
  for (const SpecField& field : spec.fields) {
    if (field.transform.kind == Transform::Kind::kUnknown) {
      return Fail(ErrorKind::kUnsupported, "the partition transform {} is not known", field.transform.text);
    }
  }
  state_->requires_spec = true;
  for (const PartitionSpecPtr& known : working.specs) {
    if (known->SameFields(spec)) return state_->Change(SetDefaultSpec{known->spec_id});
  }
  spec.spec_id = NextId(working.specs, [](const PartitionSpecPtr& known) { return known->spec_id; });
  const int32_t spec_id = spec.spec_id;
  NILUS_TRY(state_->Change(AddSpec{std::make_shared<PartitionSpec>(std::move(spec))}));
  return state_->Change(SetDefaultSpec{spec_id});
}

Status Transaction::SetSortOrder(SortOrder order) {
  TableMetadata& working = state_->working;
  if (order.SameFields(working.sort_order())) return {};
  state_->requires_sort_order = true;
  for (const SortOrder& known : working.sort_orders) {
    if (known.SameFields(order)) return state_->Change(SetDefaultSortOrder{known.order_id});
  }
  order.order_id = std::max(1, NextId(working.sort_orders, [](const SortOrder& known) { return known.order_id; }));
  const int32_t order_id = order.order_id;
  NILUS_TRY(state_->Change(AddSortOrder{std::move(order)}));
  return state_->Change(SetDefaultSortOrder{order_id});
}

Status Transaction::SetProperties(Properties values) { return state_->Change(lake::SetProperties{std::move(values)}); }
Status Transaction::RemoveProperties(std::vector<std::string> names) {
  return state_->Change(lake::RemoveProperties{std::move(names)});
}
Status Transaction::UpgradeFormat(int version) {
  if (version == state_->working.format_version) return {};
  return state_->Change(UpgradeFormatVersion{version});
}
Status Transaction::SetRef(std::string name, SnapshotRef ref) {
  state_->requires_refs.insert(name);
  return state_->Change(SetSnapshotRef{std::move(name), ref});
}
Status Transaction::RemoveRef(std::string name) {
  if (name == kMainBranch) return Fail(ErrorKind::kInvalidInput, "the branch main cannot be removed");
  if (!state_->working.refs.contains(name)) return Fail(ErrorKind::kNotFound, "there is no branch or tag {}", name);
  state_->requires_refs.insert(name);
  return state_->Change(RemoveSnapshotRef{std::move(name)});
}
Status Transaction::RemoveSnapshots(std::vector<int64_t> ids) {
  return state_->Change(lake::RemoveSnapshots{std::move(ids)});
}

Status Transaction::State::Change(TableUpdate update) {
  NILUS_TRY(ApplyUpdate(update, NowMs(), &working));
  updates.push_back(std::move(update));
  return {};
}

RetryPolicy Transaction::CommitRetryPolicy() {
  RetryPolicy policy;
  policy.max_attempts = 200;  // eight writers take turns
  policy.first_delay = std::chrono::milliseconds(5);
  policy.max_delay = std::chrono::milliseconds(2'000);
  return policy;
}

}  // namespace nilus::lake
