// What is worth telling of a capture's tables and of options that say something about them, at a start and in a plan.
#pragma once

#include <string>
#include <vector>

#include "nilus/cdc/job.h"

namespace nilus {

// Names that normalization changes, type hints of no captured table's column, expressions of
// snapshot.include.collection.list that match no captured table.
std::vector<std::string> StartNotices(const CdcJob& job, const std::vector<CapturedTable>& tables);

// From what to what the table's name changes; empty: it does not. The prefix counts as it is at the destination.
std::string NameNotice(const CdcJob& job, const CapturedTable& table);

}  // namespace nilus
