// The commit of a load: its tables in one atomic step where the catalog has one, else one after another, and the table
// whose snapshot holds the position last. docs/decisions/0014.
#pragma once

#include <span>
#include <vector>

#include "nilus/connector/sink.h"
#include "nilus/connectors/lakehouse/session.h"
#include "nilus/connectors/lakehouse/table_load.h"

namespace nilus::lakehouse {

// `loads` are finished, `main` is one of them. Adds each table's counts to *result. The tables as they are behind the
// commit, as far as they are known. kConflict: the tables do not fit the load any more, the pipeline has another
// version, or others were faster each time; kUnknownOutcome: files that the commit names stay; kUnsupported: a replay
// of dead letters, whose tables the catalog cannot commit in one step.
Result<std::vector<lake::TablePtr>> CommitTables(const Session& session, std::span<TableLoad* const> loads,
                                                 TableLoad* main, const CommitRequest& request, CommitResult* result);

}  // namespace nilus::lakehouse
