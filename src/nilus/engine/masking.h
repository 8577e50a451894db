// Masks in a run: which ones a job may have, and what its position remembers of them.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "nilus/engine/checkpoint.h"
#include "nilus/engine/job.h"
#include "nilus/manifest/options.h"
#include "nilus/rows/masker.h"

namespace nilus {

std::vector<MaskRule> ToMaskRules(const std::vector<MaskSpec>& masks);

// Columns that a type hint wants as text, by the destination's names (MaskingOptions::texts).
std::set<std::string> HintedTexts(const BatchJob& job);

// kUnsupported where a mask would make rows lose or double themselves: keys that must tell rows apart after masking, or
// have an order at the destination, and columns that come out otherwise every time where rows are compared with earlier
// ones.
Status CheckMasks(const BatchJob& job);

// The order of its raw values is the source's to know: the position is sealed (cursor_seal.h), and no text that people
// read shows one of them.
bool MasksIncrementalKey(const BatchJob& job);

// The job's masks, their numbers going on from `committed`.
Result<std::shared_ptr<const Masking>> MakeMasking(const BatchJob& job, const Checkpoint& committed);

// Rows at the destination that were loaded under other masks stay as they are: `warnings` say so. kInvalidInput where
// rows that are loaded already would not be known again, and so be there twice. For a load that keeps the table.
Status CheckMaskChanges(const BatchJob& job, const Checkpoint& committed, std::vector<std::string>* warnings);

// What the position remembers of the masks, by the destination's names of their columns.
Result<std::map<std::string, MaskRecord>> MaskRecordsOf(const Masking& masking);

// No two keys of the source come out as one: rows that are unique by these (source's) columns stay so.
bool MasksKeepUnique(const Masking& masking, const std::vector<std::string>& key);

}  // namespace nilus
