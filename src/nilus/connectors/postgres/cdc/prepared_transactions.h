// Transactions that were prepared (PREPARE TRANSACTION) and told when they were, of which the sink does not have the
// end yet: the server does not tell their changes again once it is confirmed that their preparation was read. So
// nothing is confirmed beyond the place of the first of them. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>

namespace nilus::postgres {

class PreparedTransactions {
 public:
  // The record that prepares `xid` begins at `lsn`.
  void Prepare(uint32_t xid, uint64_t lsn);
  // It was committed or rolled back by the record at `lsn`. False: nobody has told that it was prepared.
  bool End(uint32_t xid, uint64_t lsn);
  // How far the server may forget its log, when the sink has everything up to `durable`.
  uint64_t Confirmable(uint64_t durable);

 private:
  struct Transaction {
    uint64_t prepared = 0;
    uint64_t ended = 0;  // 0: not yet
  };
  std::mutex mutex_;
  std::map<uint32_t, Transaction> transactions_;
};

}  // namespace nilus::postgres
