// Where a command writes: a file descriptor, or a string in tests. The first failure sticks, so that a command may
// check once, at its end.
#pragma once

#include <string>
#include <string_view>

#include "nilus/base/result.h"

namespace nilus::cli {

class TextOutput {
 public:
  virtual ~TextOutput() = default;
  virtual void Write(std::string_view text) = 0;
  virtual void Flush() = 0;
  // The first failure so far. kCancelled: the reader went away (closed pipe), of which nobody needs to be told.
  virtual const Status& status() const = 0;
};

// Not thread-safe. Buffers up to 64 KiB; does not own the descriptor.
class FdOutput final : public TextOutput {
 public:
  FdOutput(int fd, std::string name, bool buffered);
  ~FdOutput() override { Flush(); }
  void Write(std::string_view text) override;
  void Flush() override;
  const Status& status() const override { return status_; }

 private:
  void WriteAll(std::string_view text);

  int fd_;
  std::string name_;  // "standard output", for errors
  bool buffered_;
  std::string buffer_;
  Status status_;
};

class StringOutput final : public TextOutput {
 public:
  void Write(std::string_view text) override { text_.append(text); }
  void Flush() override {}
  const Status& status() const override { return status_; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  Status status_;
};

}  // namespace nilus::cli
