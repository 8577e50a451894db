// What takes the messages of an output plugin apart (output_plugin.h has the table of them): bytes in, changes into a
// ChangeBuilder; no I/O but a TransactionSpool's. One thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "nilus/base/result.h"

namespace nilus::postgres {

class LogDecoder {
 public:
  virtual ~LogDecoder() = default;
  // The next message of the plugin, which the server wrote for the log's place `lsn`. kData: it is none, or none that
  // may come here; the stream is then of no more use.
  virtual Status Decode(std::string_view bytes, uint64_t lsn) = 0;
  // A transaction that waited has been committed: Replay until it is no longer so, then Decode goes on.
  virtual bool is_replaying() const { return false; }
  virtual Status Replay() { return Fail(ErrorKind::kInternal, "there is no transaction to replay"); }
};

}  // namespace nilus::postgres
