#include "nilus/connectors/files/json_chunks.h"

#include <algorithm>
#include <cstring>

namespace nilus::files {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// Eight bytes at a time: every byte of every file passes here.
int64_t CountNewlines(std::string_view text) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kLow = 0x7F * kOnes;
  constexpr size_t kMostWords = 255;  // until a byte of the sum is full
  int64_t count = 0;
  size_t i = 0;
  while (i + 8 <= text.size()) {
    uint64_t sums = 0;  // a newline's count in each byte
    const size_t end = std::min(text.size() - 7, i + 8 * kMostWords);
    for (; i < end; i += 8) {
      uint64_t word = 0;
      std::memcpy(&word, text.data() + i, 8);
      word ^= kOnes * '\n';
      sums += ~(((word & kLow) + kLow) | word | kLow) >> 7;  // one for each byte that is zero now
    }
    constexpr uint64_t kPairs = 0x00FF00FF00FF00FF;
    count += static_cast<int64_t>((((sums & kPairs) + (sums >> 8 & kPairs)) * 0x0001000100010001) >> 48);
  }
  return count + std::count(text.begin() + static_cast<ptrdiff_t>(i), text.end(), '\n');
}

// Moves a place in the text, given by line and column, behind `text`.
void MoveBehind(std::string_view text, int64_t* line, int64_t* column) {
  const int64_t newlines = CountNewlines(text);
  *line += newlines;
  if (newlines > 0) *column = 1;
  *column += static_cast<int64_t>(newlines == 0 ? text.size() : text.size() - text.rfind('\n') - 1);
}

}  // namespace

void ChunkPlaces::MoveTo(size_t offset) {
  if (offset < at_) *this = ChunkPlaces(*chunk_);
  MoveBehind(chunk_->text.substr(at_, offset - at_), &line_, &column_);
  at_ = offset;
}

void JsonChunks::ByteCut::Scan(std::string_view text) {
  size_t i = scanned;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\' && i + 1 == text.size()) break;  // what it escapes comes later
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth > 0 && --depth == 0) end = i + 1;
    }
  }
  scanned = i;
}

Result<bool> JsonChunks::Next(JsonChunk* chunk) {
  if (chunk->buffer.size() > 4 * std::max(chunk_bytes_, JsonChunk::kLargeBytes)) std::string().swap(chunk->buffer);
  while (true) {
    if (bytes_ == nullptr) {
      NILUS_ASSIGN(std::optional<File> file, next_file_());
      if (!file) return false;
      bytes_ = std::move(file->bytes);
      path_ = std::move(file->path);
      NILUS_TRY(OpenNext(chunk));
    } else {
      if (chunk->buffer.size() < std::max(chunk_bytes_, rest_.size()))
        chunk->buffer.resize(std::max(chunk_bytes_, rest_.size()));
      std::memcpy(chunk->buffer.data(), rest_.data(), rest_.size());
      used_ = rest_.size();
      begin_ = 0;
    }
    NILUS_TRY(FindRecords(chunk));
    if (chunk->ends_file) bytes_.reset();
    if (!chunk->text.empty() || (in_array_ && !array_ended_)) return true;
  }
}

// Reads on until there is a whole record, or what stands there can never be one.
Status JsonChunks::FindRecords(JsonChunk* chunk) {
  ByteCut by_bytes;
  while (true) {
    NILUS_TRY(Fill(chunk));
    size_t size = Cut(chunk, &by_bytes);
    if (size == 0 && !at_end_) {
      const size_t begin = begin_;
      const bool has_room = SkipBetween(chunk);
      if (has_room || begin_ != begin) by_bytes = {};
      if (has_room) continue;
    }
    if (size == 0 && IsHopeless(*chunk)) size = used_ - begin_;
    if (size > 0 || at_end_) {
      Finish(chunk, size);
      return {};
    }
    if (used_ - begin_ > largest_row_) return TooLarge(*chunk);
    chunk->buffer.resize(std::min(chunk->buffer.size() * 2, begin_ + largest_row_ + chunk_bytes_));
  }
}

// What stands between records may be long: it is passed over, to make room. False: it is not worth it.
bool JsonChunks::SkipBetween(JsonChunk* chunk) {
  size_t at = begin_;
  auto skip_spaces = [&] {
    while (at < used_ && IsSpace(chunk->buffer[at])) ++at;
  };
  skip_spaces();
  if (in_array_ && !array_ended_ && at < used_ && chunk->buffer[at] == ']') {
    array_ended_ = true;
    ++at;
    skip_spaces();
  }
  Advance(std::string_view(chunk->buffer).substr(begin_, at - begin_));
  begin_ = at;
  if (begin_ == 0 || begin_ < chunk->buffer.size() / 2) return false;
  std::memmove(chunk->buffer.data(), chunk->buffer.data() + begin_, used_ - begin_);
  used_ -= begin_;
  begin_ = 0;
  return true;
}

// No record begins here; the reader says why.
bool JsonChunks::IsHopeless(const JsonChunk& chunk) const {
  if (begin_ == used_) return false;
  const char first = chunk.buffer[begin_];
  return array_ended_ || !(first == '{' || IsSpace(first) || (in_array_ && (first == ',' || first == ']')));
}

// Starts a file: its first bytes, behind a byte order mark, spaces and the bracket of an array.
Status JsonChunks::OpenNext(JsonChunk* chunk) {
  rest_.clear();
  used_ = begin_ = 0;
  at_end_ = in_array_ = array_ended_ = false;
  is_first_ = true;
  line_ = column_ = 1;
  const size_t least = std::max(chunk_bytes_, kHeadBytes);  // what tells a file's kind is there at once
  if (chunk->buffer.size() < least) chunk->buffer.resize(least);
  NILUS_TRY(Fill(chunk));
  return SkipFileHead(chunk);
}

Status JsonChunks::SkipFileHead(JsonChunk* chunk) {
  const std::string_view head(chunk->buffer.data(), std::min(used_, kHeadBytes));
  NILUS_TRY(CheckNotCompressed(head, path_));
  if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF"))
    return FailWithFix(ErrorKind::kData, "convert it: iconv -f UTF-16 -t UTF-8", "{} is UTF-16, not UTF-8", path_);
  if (head.starts_with("\xEF\xBB\xBF")) begin_ = 3;  // counts for no column
  while (true) {
    size_t at = begin_;
    while (at < used_ && IsSpace(chunk->buffer[at])) ++at;
    Advance(std::string_view(chunk->buffer).substr(begin_, at - begin_));
    begin_ = at;
    if (at < used_ || at_end_) break;
    used_ = begin_ = 0;
    NILUS_TRY(Fill(chunk));
  }
  if (begin_ < used_ && chunk->buffer[begin_] == '[') {
    in_array_ = true;
    Advance("[");
    ++begin_;
  }
  return {};
}

Status JsonChunks::Fill(JsonChunk* chunk) {
  while (!at_end_ && used_ < chunk->buffer.size()) {
    NILUS_ASSIGN(size_t got, bytes_->Read(chunk->buffer.data() + used_, chunk->buffer.size() - used_));
    used_ += got;
    at_end_ = got == 0;
  }
  return {};
}

// How many bytes from begin_ on are whole records; 0: none yet. At the end of the file: all.
size_t JsonChunks::Cut(JsonChunk* chunk, ByteCut* by_bytes) {
  const std::string_view text(chunk->buffer.data() + begin_, used_ - begin_);
  chunk->has_structure = false;
  if (text.size() <= JsonChunk::kLargeBytes && FindStructure(chunk, text)) {
    if (!at_end_) return LastRecordEnd(chunk, text);
    chunk->offsets = chunk->structure.offsets();
    return text.size();
  }
  chunk->has_structure = false;
  if (at_end_) return text.size();
  by_bytes->Scan(text);
  return by_bytes->end;
}

// Of as much of the text as ends outside strings.
bool JsonChunks::FindStructure(JsonChunk* chunk, std::string_view text) const {
  size_t size = text.size();
  if (!at_end_) {
    // A line's end stands in no string. In a file of one line, a bracket may: then before the quote in front of it.
    size_t last = text.rfind('\n');
    const bool has_lines = last != std::string_view::npos;
    if (!has_lines) last = text.rfind('}');
    if (last == std::string_view::npos) return false;
    size = last + 1;
    constexpr int kTries = 4;
    for (int i = 0; !has_lines && i < kTries && !chunk->structure.Find(text.substr(0, size)); ++i) {
      size = text.substr(0, size).rfind('"');
      if (size == std::string_view::npos) return false;
    }
  }
  chunk->has_structure = chunk->structure.Find(text.substr(0, size));
  return chunk->has_structure;
}

size_t JsonChunks::LastRecordEnd(JsonChunk* chunk, std::string_view text) const {
  const std::span<const uint32_t> offsets = chunk->structure.offsets();
  if (!in_array_) {
    // Nowhere but between two records does '{' follow upon '}'; where it does all the same, the reader stops there.
    for (size_t i = offsets.size(); i-- > 1;) {
      if (text[offsets[i]] != '{' || text[offsets[i - 1]] != '}') continue;
      chunk->offsets = offsets.first(i);
      return offsets[i];
    }
  }
  size_t end = 0;
  size_t count = 0;
  int depth = 0;
  for (size_t i = 0; i < offsets.size(); ++i) {
    const char c = text[offsets[i]];
    if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && depth > 0 && --depth == 0) {
      end = offsets[i] + 1;
      count = i + 1;
    }
  }
  chunk->offsets = offsets.first(count);
  return end;
}

// Gives the chunk its first `size` bytes and keeps the rest.
void JsonChunks::Finish(JsonChunk* chunk, size_t size) {
  chunk->text = std::string_view(chunk->buffer.data() + begin_, size);
  chunk->path = path_;
  chunk->line = line_;
  chunk->column = column_;
  chunk->in_array = in_array_;
  chunk->array_ended = array_ended_;
  chunk->is_first = is_first_;
  chunk->ends_file = at_end_ && begin_ + size == used_;
  rest_.assign(chunk->buffer, begin_ + size, used_ - begin_ - size);
  is_first_ = false;
  Advance(chunk->text);
}

void JsonChunks::Advance(std::string_view text) { MoveBehind(text, &line_, &column_); }

Failure JsonChunks::TooLarge(const JsonChunk& chunk) const {
  const std::string_view text(chunk.buffer.data() + begin_, used_ - begin_);
  const size_t open = std::min(text.find('{'), text.size());
  int64_t line = line_;
  int64_t column = column_;
  MoveBehind(text.substr(0, open), &line, &column);
  return FailWithFix(ErrorKind::kData, "correct the file there",
                     "{}, line {}, column {}: the object that opens here has more than {} bytes: is a quote or bracket "
                     "never closed? (more fits with a higher memory limit)",
                     path_, line, column, largest_row_);
}

}  // namespace nilus::files
