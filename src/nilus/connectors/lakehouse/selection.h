// Which table, and which of its states, a read is about.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "nilus/base/option_spec.h"
#include "nilus/base/result.h"
#include "nilus/lake/catalog.h"

namespace nilus::lakehouse {

// A state of a table, as it was asked for; nothing given: the current one. One of them at most.
struct Version {
  std::optional<int64_t> snapshot_id;
  std::string ref;                  // a branch or tag
  std::optional<int64_t> as_of_ms;  // what readers saw at that time, since 1970

  bool is_current() const { return !snapshot_id && ref.empty() && !as_of_ms; }
};

struct Selection {
  lake::TableIdentifier table;
  Version version;
};

// "schema.table", "schema.table@branch", "schema.table@123456789" (a snapshot's id); quotes around a part that holds a
// dot or an '@'. A table without a schema is one of `collection`, unless that is empty. kInvalidInput shows how to
// write it.
Result<Selection> ParseSelection(std::string_view text, std::string_view collection = {});
// From the options branch, snapshot_id and as_of, where `selection` says nothing. kInvalidInput: two of them at once.
Status AddOptions(const OptionValues& options, Selection* selection);
// "2026-11-26 10:00:00", with an offset or Z; UTC without.
Result<int64_t> ParseTimeMs(std::string_view text);

// What the selection stands for now.
struct SelectedTable {
  lake::TablePtr table;
  lake::SnapshotPtr snapshot;  // null: no rows yet
  lake::IcebergSchema schema;  // of that state
};
// kNotFound names the table (with the nearest name), branch, snapshot or time that is not there.
Result<SelectedTable> Select(lake::Catalog& catalog, const Selection& selection, const std::stop_token& stop);

}  // namespace nilus::lakehouse
