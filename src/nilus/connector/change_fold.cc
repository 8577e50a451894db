#include "nilus/connector/change_fold.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "nilus/data/builder.h"

namespace nilus {
namespace {

constexpr size_t kFirstSlots = 1024;

bool IsMarker(std::string_view name) {
  return name == kRemovedColumn || name == kUnchangedColumn || name == kMovedColumn;
}

uint64_t Mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15U;
  return hash ^ hash >> 29;
}

uint64_t HashBytes(std::string_view bytes) {
  uint64_t hash = bytes.size();
  while (bytes.size() >= 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    hash = Mix(hash, word);
    bytes.remove_prefix(8);
  }
  uint64_t word = 0;
  if (!bytes.empty()) std::memcpy(&word, bytes.data(), bytes.size());
  return Mix(hash, word);
}

// 0 and -0 are one key, and so are all NaNs.
double Canonical(double value) { return std::isnan(value) ? std::nan("") : value + 0.0; }

// A key's fixed-width value as bytes that are equal when the values are.
std::string_view FixedBytes(const Column& column, int64_t row, char* scratch) {
  switch (column.type.id) {
    case TypeId::kBool:
      scratch[0] = column.BoolValue(row) ? 1 : 0;
      return {scratch, 1};
    case TypeId::kFloat32:
    case TypeId::kFloat64: {
      const double value = Canonical(column.type.id == TypeId::kFloat32 ? static_cast<double>(column.Value<float>(row))
                                                                        : column.Value<double>(row));
      std::memcpy(scratch, &value, sizeof(value));
      return {scratch, sizeof(value)};
    }
    default: {
      const auto width = static_cast<size_t>(FixedWidth(column.type.id));
      return {reinterpret_cast<const char*>(column.values.data()) + static_cast<size_t>(row) * width, width};
    }
  }
}

std::string_view KeyBytes(const Column& column, int64_t row, char* scratch) {
  return HasOffsets(column.type.id) ? column.BytesValue(row) : FixedBytes(column, row, scratch);
}

bool Flag(const Column* column, int64_t row) {
  return column != nullptr && !column->IsNull(row) && column->BoolValue(row);
}

template <typename T>
void AppendFixed(const Column& from, int64_t row, ColumnBuilder* out) {
  T value;  // copied: a batch from elsewhere may be aligned to 8 bytes only
  std::memcpy(&value, from.values.data() + static_cast<size_t>(row) * sizeof(T), sizeof(T));
  out->Append<T>(value);
}

void AppendCell(const Column& from, int64_t row, ColumnBuilder* out) {
  if (from.IsNull(row)) return out->AppendNull();
  if (HasOffsets(from.type.id)) return out->AppendBytes(from.BytesValue(row));
  if (from.type.id == TypeId::kBool) return out->AppendBool(from.BoolValue(row));
  switch (FixedWidth(from.type.id)) {
    case 2:
      return AppendFixed<int16_t>(from, row, out);
    case 4:
      return AppendFixed<int32_t>(from, row, out);
    case 8:
      return AppendFixed<int64_t>(from, row, out);
    default:
      return AppendFixed<Int128>(from, row, out);
  }
}

}  // namespace

std::vector<Field> MissingVariants(const Schema& columns, const Schema& existing) {
  constexpr std::string_view kMark = "__v_";  // VariantName
  std::vector<Field> missing;
  for (const Field& field : existing.fields) {
    const size_t mark = field.name.rfind(kMark);
    if (mark == std::string::npos || mark == 0 || columns.Find(field.name)) continue;
    if (!columns.Find(std::string_view(field.name).substr(0, mark))) continue;
    missing.push_back(field);
    missing.back().nullable = true;
    missing.back().variant_of = field.name.substr(0, mark);
  }
  return missing;
}

ChangeFold::ChangeFold(const WriteRequest& request, const Schema& columns)
    : table_(request.table),
      limit_bytes_(std::max<int64_t>(request.memory_bytes / 4, 1)),
      may_lack_rows_(request.may_lack_rows),
      key_names_(request.primary_key),
      slots_(kFirstSlots, -1) {
  AddColumns(columns.fields);
  for (const std::string& key : key_names_) key_columns_.push_back(AddField(Field{.name = key}));
}

int32_t ChangeFold::AddField(const Field& field) {
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (fields_[i].name == field.name) return static_cast<int32_t>(i);
  }
  const auto id = static_cast<int32_t>(fields_.size());
  fields_.push_back(field);
  base_.push_back(id);
  for (int32_t i = 0; i <= id; ++i) {  // a variant may come before its column, or behind it
    const Field& variant = fields_[static_cast<size_t>(i)];
    if (variant.variant_of.empty()) continue;
    for (int32_t j = 0; j <= id; ++j) {
      if (fields_[static_cast<size_t>(j)].name == variant.variant_of) base_[static_cast<size_t>(i)] = j;
    }
  }
  return id;
}

void ChangeFold::AddColumns(const std::vector<Field>& fields) {
  for (const Field& field : fields) {
    if (!IsMarker(field.name)) AddField(field);
  }
}

bool ChangeFold::MustTakeBefore(const RecordBatch& batch) const {
  if (bytes_ < limit_bytes_) return false;
  const std::optional<int> moved = batch.schema()->Find(kMovedColumn);
  return !moved || batch.num_rows() == 0 || batch.column(*moved).type.id != TypeId::kBool ||
         !Flag(&batch.column(*moved), 0);
}

Result<ChangeFold::Markers> ChangeFold::FindMarkers(const RecordBatch& batch) const {
  Markers markers;
  auto find = [&](std::string_view name, TypeId type, const Column** column) -> Status {
    const std::optional<int> at = batch.schema()->Find(name);
    if (!at) return {};
    if (batch.column(*at).type.id != type) {
      return Fail(ErrorKind::kInternal, "column {} of the changes of table {} is {}", name, table_.ToString(),
                  batch.column(*at).type.ToString());
    }
    *column = &batch.column(*at);
    return {};
  };
  NILUS_TRY(find(kRemovedColumn, TypeId::kBool, &markers.removed));
  NILUS_TRY(find(kUnchangedColumn, TypeId::kText, &markers.unchanged));
  NILUS_TRY(find(kMovedColumn, TypeId::kBool, &markers.moved));
  return markers;
}

std::vector<uint64_t> ChangeFold::HashKeys(const RecordBatch& batch) const {
  std::vector<uint64_t> hashes(static_cast<size_t>(batch.num_rows()), 0);
  char scratch[sizeof(double)];
  for (int32_t key : key_columns_) {
    const int32_t at = batch_columns_.back()[static_cast<size_t>(key)];
    if (at < 0) continue;
    const Column& column = batch.column(at);
    for (size_t row = 0; row < hashes.size(); ++row) {
      const auto index = static_cast<int64_t>(row);
      if (!column.IsNull(index)) hashes[row] = Mix(hashes[row], HashBytes(KeyBytes(column, index, scratch)));
    }
  }
  return hashes;
}

bool ChangeFold::SameKey(Place a, Place b) const {
  char left[sizeof(double)];
  char right[sizeof(double)];
  return std::all_of(key_columns_.begin(), key_columns_.end(), [&](int32_t key) {
    auto bytes = [&](Place place, char* scratch) {
      const auto batch = static_cast<size_t>(place.batch);
      return KeyBytes(batches_[batch].column(batch_columns_[batch][static_cast<size_t>(key)]), place.row, scratch);
    };
    return bytes(a, left) == bytes(b, right);
  });
}

void ChangeFold::GrowSlots() {
  slots_.assign(slots_.size() * 2, -1);
  const size_t mask = slots_.size() - 1;
  for (size_t i = 0; i < keys_.size(); ++i) {
    size_t slot = keys_[i].hash & mask;
    while (slots_[slot] >= 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<int32_t>(i);
  }
}

int32_t ChangeFold::FindKey(uint64_t hash, Place row, bool* is_new) {
  const size_t mask = slots_.size() - 1;
  size_t slot = hash & mask;
  for (; slots_[slot] >= 0; slot = (slot + 1) & mask) {
    const Key& key = keys_[static_cast<size_t>(slots_[slot])];
    if (key.hash != hash || !SameKey(key.last, row)) continue;
    *is_new = false;
    return slots_[slot];
  }
  *is_new = true;
  const auto index = static_cast<int32_t>(keys_.size());
  slots_[slot] = index;
  keys_.push_back(Key{.hash = hash, .last = row});
  if (keys_.size() * 2 > slots_.size()) GrowSlots();
  return index;
}

// A row without its whole key: a truncate, or an error.
Status ChangeFold::NullKey(const RecordBatch& batch, int64_t row, bool is_removed, bool* truncates) const {
  size_t nulls = 0;
  size_t first = 0;
  for (size_t i = 0; i < key_columns_.size(); ++i) {
    const int32_t at = batch_columns_.back()[static_cast<size_t>(key_columns_[i])];
    if (at >= 0 && !batch.column(at).IsNull(row)) continue;
    if (nulls++ == 0) first = i;
  }
  *truncates = is_removed && nulls == key_columns_.size();
  if (nulls == 0 || *truncates) return {};
  return FailWithFix(ErrorKind::kData,
                     "mend the rows at the source, leave the table out, or choose another primary_key",
                     "a change of table {} has NULL in the primary key column `{}`: no row can be found by it",
                     table_.ToString(), key_names_[first]);
}

void ChangeFold::Truncate() {
  truncates_ = true;
  keys_.clear();
  patches_.clear();
  slots_.assign(slots_.size(), -1);
}

ChangeFold::Before ChangeFold::BeforeOf(int32_t key, bool is_new) const {
  Before before{.key = key};
  if (is_new) {
    before.is_gone = truncates_;
    return before;
  }
  const Key& state = keys_[static_cast<size_t>(key)];
  before.is_known = true;
  before.is_gone = state.is_gone;
  before.last = state.last;
  if (state.patch >= 0) before.patch = patches_[static_cast<size_t>(state.patch)];
  return before;
}

Result<const std::vector<int32_t>*> ChangeFold::ColumnsNamed(std::string_view names) {
  if (auto known = named_.find(names); known != named_.end()) return &known->second;
  std::vector<int32_t> columns;
  for (std::string_view rest = names; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view name = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto at =
        std::find_if(fields_.begin(), fields_.end(), [&](const Field& field) { return field.name == name; });
    if (at == fields_.end()) {
      return Fail(ErrorKind::kInternal, "a change of table {} leaves `{}` as it is, which is no column of it",
                  table_.ToString(), name);
    }
    const int32_t column = BaseOf(static_cast<int32_t>(at - fields_.begin()));
    if (std::find(key_columns_.begin(), key_columns_.end(), column) != key_columns_.end()) continue;  // it is known
    columns.push_back(column);
  }
  std::sort(columns.begin(), columns.end());
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  constexpr size_t kRememberedSets = 1000;
  if (named_.size() >= kRememberedSets) named_.clear();
  return &named_.emplace(std::string(names), std::move(columns)).first->second;
}

Status ChangeFold::Put(int32_t key, Place place, const Before& before, const std::vector<int32_t>& unknown) {
  Patch patch;
  if (before.is_gone && !unknown.empty() && may_lack_rows_) {
    for (const std::string& column : NamesOf(unknown)) unknown_columns_.insert(column);
    return Put(key, place, {}, {});  // a change has NULL in what it does not know
  }
  if (before.is_gone && !unknown.empty()) {
    return FailWithFix(ErrorKind::kData, kRowIsGoneFix,
                       "a change of table {} leaves column `{}` as it was, but its row is not there any more",
                       table_.ToString(), fields_[static_cast<size_t>(unknown.front())].name);
  }
  for (int32_t column : unknown) {
    Cell cell{.column = column, .source = before.is_known ? before.last : Place{}};
    for (const Cell& earlier : before.patch.cells) {
      if (earlier.column == column) cell.source = earlier.source;
    }
    if (cell.source.batch < 0) patch.origin = before.is_known ? before.patch.origin : before.key;
    patch.cells.push_back(cell);
  }
  Key& state = keys_[static_cast<size_t>(key)];
  state.last = place;
  state.is_gone = false;
  if (patch.cells.empty()) {
    state.patch = -1;
    return {};
  }
  if (state.patch < 0) {
    state.patch = static_cast<int32_t>(patches_.size());
    patches_.emplace_back();
  }
  patches_[static_cast<size_t>(state.patch)] = std::move(patch);
  return {};
}

Status ChangeFold::Add(const RecordBatch& batch) {
  if (batch.num_rows() == 0) return {};
  AddColumns(batch.schema()->fields);
  NILUS_ASSIGN(const Markers markers, FindMarkers(batch));
  std::vector<int32_t> columns(fields_.size(), -1);
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (const std::optional<int> at = batch.schema()->Find(fields_[i].name)) columns[i] = *at;
  }
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (columns[i] >= 0) fields_[i].type = batch.column(columns[i]).type;
  }
  const auto number = static_cast<int32_t>(batches_.size());
  batches_.push_back(batch);
  batch_columns_.push_back(std::move(columns));
  bytes_ += batch.ByteSize();
  bool keys_may_be_null = false;
  for (int32_t key : key_columns_) {
    const int32_t at = batch_columns_.back()[static_cast<size_t>(key)];
    keys_may_be_null |= at < 0 || batch.column(at).null_count > 0;
  }
  const std::vector<uint64_t> hashes = HashKeys(batch);
  static const std::vector<int32_t> kAllKnown;
  for (int32_t row = 0; row < static_cast<int32_t>(batch.num_rows()); ++row) {
    const bool is_removed = Flag(markers.removed, row);
    bool truncates = false;
    if (keys_may_be_null) NILUS_TRY(NullKey(batch, row, is_removed, &truncates));
    if (truncates) {
      Truncate();
      removed_ = {};
      continue;
    }
    const Place place{number, row};
    bool is_new = false;
    const int32_t key = FindKey(hashes[static_cast<size_t>(row)], place, &is_new);
    if (is_removed) {
      removed_ = BeforeOf(key, is_new);
      Key& state = keys_[static_cast<size_t>(key)];
      state.last = place;
      state.patch = -1;
      state.is_gone = true;
      continue;
    }
    const std::vector<int32_t>* unknown = &kAllKnown;
    if (markers.unchanged != nullptr && !markers.unchanged->IsNull(row)) {
      NILUS_ASSIGN(unknown, ColumnsNamed(markers.unchanged->BytesValue(row)));
    }
    if (unknown->empty()) {
      NILUS_TRY(Put(key, place, {}, kAllKnown));
    } else if (Flag(markers.moved, row)) {
      if (removed_.key < 0) {
        return Fail(ErrorKind::kInternal, "a row of table {} has moved, but no row was removed right before it",
                    table_.ToString());
      }
      NILUS_TRY(Put(key, place, removed_, *unknown));
    } else {
      NILUS_TRY(Put(key, place, BeforeOf(key, is_new), *unknown));
    }
    removed_ = {};
  }
  return {};
}

std::vector<std::string> ChangeFold::NamesOf(const std::vector<int32_t>& columns) const {
  std::vector<std::string> names;
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (std::find(columns.begin(), columns.end(), base_[i]) != columns.end()) names.push_back(fields_[i].name);
  }
  return names;
}

ChangeFold::Place ChangeFold::SourceOf(const Key& key, int32_t column) const {
  if (key.patch >= 0) {
    const int32_t base = BaseOf(column);
    for (const Cell& cell : patches_[static_cast<size_t>(key.patch)].cells) {
      if (cell.column == base) return cell.source;
    }
  }
  return key.last;
}

Column ChangeFold::Gather(int32_t column, const std::vector<int32_t>& order) const {
  const bool is_key = std::find(key_columns_.begin(), key_columns_.end(), column) != key_columns_.end();
  ColumnBuilder builder(fields_[static_cast<size_t>(column)].type);
  for (int32_t index : order) {
    const Key& key = keys_[static_cast<size_t>(index)];
    const Place source = key.is_gone && !is_key ? Place{} : SourceOf(key, column);
    const auto batch = static_cast<size_t>(source.batch);
    const int32_t at = source.batch < 0 || static_cast<size_t>(column) >= batch_columns_[batch].size()
                           ? -1
                           : batch_columns_[batch][static_cast<size_t>(column)];
    if (at < 0) {
      builder.AppendNull();
    } else {
      AppendCell(batches_[batch].column(at), source.row, &builder);
    }
  }
  return builder.Finish();
}

FoldedChanges ChangeFold::Take() {
  FoldedChanges folded{.truncates = truncates_};
  folded.unknown_columns = std::exchange(unknown_columns_, {});
  std::vector<int32_t> order;
  std::vector<int64_t> number_of(keys_.size(), -1);
  for (size_t i = 0; i < keys_.size(); ++i) {
    if (keys_[i].is_gone && truncates_) continue;  // gone anyway
    number_of[i] = taken_rows_ + static_cast<int64_t>(order.size());
    order.push_back(static_cast<int32_t>(i));
  }
  ColumnBuilder groups(MakeType(TypeId::kInt32));
  ColumnBuilder from(MakeType(TypeId::kInt64));
  std::map<std::pair<std::vector<int32_t>, bool>, int32_t> known_groups;
  for (int32_t index : order) {
    const Key& key = keys_[static_cast<size_t>(index)];
    std::vector<int32_t> missing;
    int32_t origin = index;
    if (key.patch >= 0) {
      const Patch& patch = patches_[static_cast<size_t>(key.patch)];
      for (const Cell& cell : patch.cells) {
        if (cell.source.batch < 0) missing.push_back(cell.column);
      }
      if (!missing.empty()) origin = patch.origin;
    }
    int32_t group = key.is_gone ? -1 : 0;
    if (!missing.empty()) {
      const bool has_moved = origin != index;
      const auto [at, is_new] =
          known_groups.try_emplace(std::pair(missing, has_moved), static_cast<int32_t>(folded.groups.size()) + 1);
      if (is_new) folded.groups.push_back({.columns = NamesOf(missing), .has_moved = has_moved});
      group = at->second;
      ++folded.groups[static_cast<size_t>(group - 1)].rows;
    }
    ++(key.is_gone ? folded.removed : folded.kept);
    groups.Append<int32_t>(group);
    from.Append<int64_t>(number_of[static_cast<size_t>(origin)]);
  }
  auto schema = std::make_shared<Schema>();
  std::vector<Column> columns;
  for (size_t i = 0; i < fields_.size() && !order.empty(); ++i) {
    schema->fields.push_back(fields_[i]);
    columns.push_back(Gather(static_cast<int32_t>(i), order));
  }
  if (!order.empty()) {
    schema->fields.push_back(Field{.name = std::string(kGroupColumn), .type = MakeType(TypeId::kInt32)});
    schema->fields.push_back(Field{.name = std::string(kFromColumn), .type = MakeType(TypeId::kInt64)});
    columns.push_back(groups.Finish());
    columns.push_back(from.Finish());
  }
  folded.rows = RecordBatch(std::move(schema), std::move(columns), static_cast<int64_t>(order.size()));
  taken_rows_ += static_cast<int64_t>(order.size());
  Truncate();
  truncates_ = false;
  batches_.clear();
  batch_columns_.clear();
  bytes_ = 0;
  removed_ = {};
  return folded;
}

}  // namespace nilus
