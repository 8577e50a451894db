#include "nilus/connectors/postgres/cdc/prepared_transactions.h"

#include <algorithm>

namespace nilus::postgres {

void PreparedTransactions::Prepare(uint32_t xid, uint64_t lsn) {
  std::lock_guard lock(mutex_);
  transactions_[xid] = {lsn, 0};
}

bool PreparedTransactions::End(uint32_t xid, uint64_t lsn) {
  std::lock_guard lock(mutex_);
  auto found = transactions_.find(xid);
  if (found == transactions_.end() || found->second.ended != 0) return false;
  found->second.ended = lsn;
  return true;
}

uint64_t PreparedTransactions::Confirmable(uint64_t durable) {
  std::lock_guard lock(mutex_);
  // A change's place is behind the first byte of its commit record (change_builder.h).
  std::erase_if(transactions_,
                [&](const auto& entry) { return entry.second.ended != 0 && entry.second.ended < durable; });
  uint64_t confirmable = durable;
  for (const auto& [xid, transaction] : transactions_) confirmable = std::min(confirmable, transaction.prepared);
  return confirmable;
}

}  // namespace nilus::postgres
