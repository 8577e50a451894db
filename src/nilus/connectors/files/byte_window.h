// A growing view into a ByteStream: what a tokenizer looks at. Counts lines for messages.
#pragma once

#include <cstring>
#include <memory>
#include <string>

#include "nilus/connectors/files/byte_stream.h"

namespace nilus::files {

class ByteWindow {
 public:
  explicit ByteWindow(std::unique_ptr<ByteStream> bytes) : bytes_(std::move(bytes)), buffer_(kReadBytes, '\0') {}

  const char* begin() const { return buffer_.data() + begin_; }
  const char* end() const { return buffer_.data() + end_; }
  size_t size() const { return end_ - begin_; }
  bool at_end() const { return at_end_; }

  // Forgets the first `count` bytes.
  void Consume(size_t count) { begin_ += count; }

  // Reads on, behind what is there. False at the end of the stream. Pointers into the window become invalid.
  Result<bool> More() {
    if (at_end_) return false;
    if (buffer_.size() > 16 * kReadBytes && size() < kReadBytes / 2) {  // a huge record is over
      std::string small(kReadBytes, '\0');
      std::memcpy(small.data(), begin(), size());
      buffer_ = std::move(small);
      end_ = size();
      begin_ = 0;
    } else if (begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (end_ == buffer_.size()) buffer_.resize(buffer_.size() * 2);
    NILUS_ASSIGN(size_t got, bytes_->Read(buffer_.data() + end_, buffer_.size() - end_));
    end_ += got;
    at_end_ = got == 0;
    return got != 0;
  }

 private:
  static constexpr size_t kReadBytes = 256 * 1024;

  std::unique_ptr<ByteStream> bytes_;
  std::string buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  bool at_end_ = false;
};

}  // namespace nilus::files
