// Transactions that the server sends while they are still in progress wait here until they are committed: the first
// part in memory, the rest in a file that has no name and is gone with the process. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "nilus/base/file_descriptor.h"
#include "nilus/base/result.h"

namespace nilus::postgres {

struct SpooledMessage {
  uint64_t lsn = 0;
  std::string_view bytes;  // until the next call
};

class TransactionSpool {
 public:
  // Files are made in `folder`.
  explicit TransactionSpool(std::string folder) : folder_(std::move(folder)) {}

  // A message of (sub)transaction `sub_xid` of transaction `xid`. kExhausted when the disk is full.
  Status Append(uint32_t xid, uint32_t sub_xid, uint64_t lsn, std::string_view message);
  // What `sub_xid` brought will not be told; equal to `xid`: the whole transaction is forgotten.
  void Abort(uint32_t xid, uint32_t sub_xid);

  // Tells a transaction from its beginning, which is then to be told to its end. One that brought nothing is empty.
  Status StartReplay(uint32_t xid);
  // The next message that was not aborted; nothing at the end, when the transaction is forgotten.
  Result<std::optional<SpooledMessage>> Next();

 private:
  struct Transaction {
    std::string buffer;   // records that are not in the file yet
    FileDescriptor file;  // none: all is in the buffer
    uint64_t file_bytes = 0;
    std::unordered_set<uint32_t> aborted;
  };
  struct Replay {
    std::unique_ptr<Transaction> transaction;
    std::string buffer;   // a part of the file, then the transaction's buffer
    size_t read = 0;      // of the buffer
    uint64_t loaded = 0;  // of the file
    bool has_tail = false;
  };
  Status Spill(Transaction& transaction) const;
  // There are `size` bytes in the replay's buffer. False: not so many are left.
  Result<bool> Need(size_t size);

  const std::string folder_;
  std::map<uint32_t, std::unique_ptr<Transaction>> transactions_;
  Replay replay_;
};

}  // namespace nilus::postgres
