// Where a pipeline's position stands in a lakehouse. It is part of the snapshot that holds the rows (lake/
// pipeline_state.h), in the table that the pipeline's id names ("workspace/name:schema.table"). Pipelines whose id
// names no table, or load others, leave a note of their table in the properties of <state schema>._nilus_state; so do
// positions without rows. docs/formats.md, "State in Iceberg tables"; docs/decisions/0014.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/connector/sink.h"
#include "nilus/lake/catalog.h"
#include "nilus/lake/pipeline_state.h"
#include "nilus/lake/transaction.h"

namespace nilus::lakehouse {

struct FoundState {
  lake::TablePtr home;  // that has it
  lake::PipelineState state;
};

// Thread-safe as far as its catalog is.
class StateFinder {
 public:
  explicit StateFinder(lake::CatalogPtr catalog) : catalog_(std::move(catalog)) {}

  // The state of the highest version among the tables that may have it.
  Result<std::optional<FoundState>> Find(const PipelineId& pipeline, const std::stop_token& stop) const;
  Result<bool> HasLoad(const PipelineId& pipeline, const std::string& load_id, const std::stop_token& stop) const;

  // Before a commit to a table that the pipeline's id does not name: Find will look there too.
  Status NoteHome(const PipelineId& pipeline, const lake::TableIdentifier& home, const std::stop_token& stop) const;
  // The table that the id names.
  static std::optional<lake::TableIdentifier> NamedTable(const PipelineId& pipeline);
  static lake::TableIdentifier StateTable(const PipelineId& pipeline);
  // A transaction that makes the state table, or changes it.
  Result<lake::Transaction> ChangeStateTable(const PipelineId& pipeline, const std::stop_token& stop) const;

 private:
  Result<std::vector<lake::TablePtr>> Candidates(const PipelineId& pipeline, const std::stop_token& stop) const;

  lake::CatalogPtr catalog_;
};

}  // namespace nilus::lakehouse
