// The records of a chunk, field by field: along its structure where that is plain, by the strict scanner from the first
// record on that is not, so that what is wrong is told with its place and nothing wrong is taken.
#pragma once

#include <cstring>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/files/json_chunks.h"
#include "nilus/connectors/files/row_block.h"
#include "nilus/json/record_walk.h"

namespace nilus::files {

// The keys of records, numbered in order of first appearance. Keys mostly come in the order of the record before, so
// each knows the one that came behind it last. A thread's own.
class JsonKeys {
 public:
  JsonKeys() : keys_(1) {}

  void StartRecord() {
    last_ = 0;
    ++record_;
  }
  // The key's number, and whether it stood in this record before.
  struct Found {
    uint32_t number;
    bool is_twice;
  };
  Found Find(const json::Value& key) {
    uint32_t at = keys_[last_].next;
    if (at >= keys_.size() || key.escaped || !IsSame(keys_[at].name, key.text)) {
      at = Number(json::Meaning(key, &scratch_)) + 1;
      keys_[last_].next = at;
    }
    last_ = at;
    return {at - 1, std::exchange(keys_[at].record, record_) == record_};
  }
  uint32_t Number(std::string_view name);  // a new one when it is not known
  size_t size() const { return keys_.size() - 1; }
  std::string_view name(size_t number) const { return keys_[number + 1].name; }

 private:
  struct Key {
    std::string_view name;
    uint32_t next = 1;    // index of the key that came behind this one
    uint64_t record = 0;  // that it stood in last
  };

  static bool IsSame(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    const size_t size = a.size();
    if (size >= 8) {
      for (size_t at = 0; at + 8 < size; at += 8) {
        if (!IsSameWord<uint64_t>(a.data() + at, b.data() + at)) return false;
      }
      return IsSameWord<uint64_t>(a.data() + size - 8, b.data() + size - 8);
    }
    if (size >= 4) {
      return IsSameWord<uint32_t>(a.data(), b.data()) && IsSameWord<uint32_t>(a.data() + size - 4, b.data() + size - 4);
    }
    for (size_t at = 0; at < size; ++at) {
      if (a[at] != b[at]) return false;
    }
    return true;
  }
  template <typename Word>
  static bool IsSameWord(const char* a, const char* b) {
    Word left = 0;
    Word right = 0;
    std::memcpy(&left, a, sizeof left);
    std::memcpy(&right, b, sizeof right);
    return left == right;
  }

  std::vector<Key> keys_;  // [0]: the beginning of a record
  std::deque<std::string> names_;
  std::unordered_map<std::string_view, uint32_t> numbers_;
  uint32_t last_ = 0;
  uint64_t record_ = 0;
  std::string scratch_;
};

struct JsonProblem {
  size_t offset = 0;  // in the chunk's text
  std::string what;
  std::string fix = "correct the file there";
};

// kData with file, line and column.
Error DescribeProblem(const JsonChunk& chunk, const JsonProblem& problem);

namespace internal {

// From byte `offset` of the chunk on, by the scanner.
template <typename Sink>
std::optional<JsonProblem> ScanRecords(const JsonChunk& chunk, size_t offset, bool is_first, Sink* sink) {
  json::Scanner scanner(chunk.text, offset);
  bool array_ended = chunk.array_ended;
  while (true) {
    scanner.SkipSpace();
    if (array_ended) {
      if (scanner.AtEnd()) return std::nullopt;
      return JsonProblem{.offset = scanner.offset(), .what = "something follows the end of the array"};
    }
    if (chunk.in_array && scanner.Take(']')) {
      array_ended = true;
      continue;
    }
    if (scanner.AtEnd()) {
      if (!chunk.in_array || !chunk.ends_file) return std::nullopt;
      return JsonProblem{.offset = scanner.offset(), .what = "the array is never closed: the file is cut off"};
    }
    if (chunk.in_array && !is_first) {
      if (!scanner.Take(','))
        return JsonProblem{.offset = scanner.offset(), .what = "',' or ']' was expected behind an object"};
      scanner.SkipSpace();
    }
    const size_t open = scanner.offset();
    if (scanner.Peek() != '{') {
      return JsonProblem{.offset = open,
                         .what = "an object was expected here",
                         .fix = "write rows as objects, {\"column\": value, …}: one after another, or in one array"};
    }
    is_first = false;
    sink->OnRecord();
    const bool ok = json::ReadFields(&scanner, [&](const json::Value& key) {
      json::Value value;
      return scanner.ReadValue(&value) && sink->OnField(key, value);
    });
    if (!ok && sink->problem) return std::move(sink->problem);
    if (!ok && chunk.ends_file && scanner.error().offset >= chunk.text.size())
      return JsonProblem{.offset = open, .what = "the object that opens here is never closed: the file is cut off"};
    if (!ok) return JsonProblem{.offset = scanner.error().offset, .what = scanner.error().message};
    if (!sink->OnRecordEnd()) return std::move(sink->problem);
  }
}

}  // namespace internal

// Hands every field of every record to the sink:
//   void OnRecord()            forget what was given of a record that did not end
//   bool OnField(key, value)   false with `problem`: the walk ends
//   bool OnRecordEnd()         the same
//   std::optional<JsonProblem> problem
// `trusted`: the file was read before without a problem. Nothing: all is well.
template <typename Sink>
std::optional<JsonProblem> ReadRecords(const JsonChunk& chunk, bool trusted, Sink* sink) {
  if (!chunk.has_structure || chunk.array_ended) return internal::ScanRecords(chunk, 0, chunk.is_first, sink);
  json::RecordWalk walk(chunk.text, chunk.offsets, trusted);
  bool is_first = chunk.is_first;
  size_t offset = 0;  // where the scanner would take over
  while (!walk.AtEnd()) {
    offset = walk.offset();
    if (chunk.in_array && !is_first) {
      if (walk.Peek() != ',') break;
      walk.Skip();
    }
    sink->OnRecord();
    if (!walk.ReadRecord([&](const json::Value& key, const json::Value& value) { return sink->OnField(key, value); }))
      break;
    if (!sink->OnRecordEnd()) return std::move(sink->problem);
    is_first = false;
    offset = walk.offset();
  }
  if (sink->problem) return std::move(sink->problem);
  return internal::ScanRecords(chunk, offset, is_first, sink);
}

}  // namespace nilus::files
