#include "nilus/connectors/files/json_records.h"

namespace nilus::files {

uint32_t JsonKeys::Number(std::string_view name) {
  const auto known = numbers_.find(name);
  if (known != numbers_.end()) return known->second;
  const auto number = static_cast<uint32_t>(size());
  names_.emplace_back(name);
  keys_.push_back({.name = names_.back(), .next = number + 2});  // a guess: the next new one
  numbers_.emplace(names_.back(), number);
  return number;
}

Error DescribeProblem(const JsonChunk& chunk, const JsonProblem& problem) {
  ChunkPlaces place(chunk);
  place.MoveTo(std::min(problem.offset, chunk.text.size()));
  return Error{ErrorKind::kData,
               fmt::format("{}, line {}, column {}: {}", chunk.path, place.line(), place.column(), problem.what),
               problem.fix};
}

}  // namespace nilus::files
