// The state of a pgoutput stream: which relations it has described, and where in a transaction it is. Bytes in, changes
// into a ChangeBuilder; what a relation's columns become is asked of a LayoutSource. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "nilus/connectors/postgres/cdc/change_builder.h"
#include "nilus/connectors/postgres/cdc/log_decoder.h"
#include "nilus/connectors/postgres/cdc/pgoutput.h"
#include "nilus/connectors/postgres/cdc/prepared_transactions.h"
#include "nilus/connectors/postgres/cdc/transaction_spool.h"

namespace nilus::postgres {

class PgoutputDecoder : public LogDecoder {
 public:
  // `spool`: where transactions wait that come while they are in progress (protocol 2 and later, streaming), or when
  // they are prepared; null: there must be none. `prepared`: those that come when they are prepared (protocol 3,
  // two_phase); null: there must be none. Then the stream begins before `from`, and what was committed before it is
  // passed over.
  PgoutputDecoder(LayoutSource* layouts, ChangeBuilder* builder, TransactionSpool* spool = nullptr,
                  PreparedTransactions* prepared = nullptr, uint64_t from = 0)
      : layouts_(layouts), builder_(builder), spool_(spool), prepared_(prepared), from_(from) {}

  Status Decode(std::string_view bytes, uint64_t lsn) override;
  bool is_replaying() const override { return is_replaying_; }
  Status Replay() override;

 private:
  // What a relation is to be captured as is asked for with its first change: under publish_via_partition_root the
  // server describes the partition, too, whose changes come under the root's name.
  struct Known {
    std::string bytes;  // of the message Relation
    bool is_asked_for = false;
    LayoutPtr layout;
  };
  Status Apply(std::string_view bytes, uint64_t lsn);
  Status Stream(std::string_view bytes, uint64_t lsn);
  Status CommitSpooled();
  Result<bool> TwoPhase();
  Status Spool(std::string_view bytes, uint64_t lsn);
  bool IsPassed(uint64_t commit_lsn) const { return commit_lsn < from_; }
  void Relation(std::string_view bytes);
  Result<LayoutPtr> LayoutOf(uint32_t relation);
  Status Ask(Known* known);
  Status Row(ChangeOp op, uint64_t lsn);
  Status Truncate(uint64_t lsn);

  LayoutSource* const layouts_;
  ChangeBuilder* const builder_;
  TransactionSpool* const spool_;
  PreparedTransactions* const prepared_;
  const uint64_t from_;
  std::unordered_map<uint32_t, Known> relations_;
  PgoutputMessage message_;
  PgoutputMessage described_;     // one of relations_
  bool in_stream_ = false;        // between StreamStart and StreamStop
  uint32_t streamed_ = 0;         // the transaction of that block
  std::string stripped_;          // a message of it without its transaction's id
  bool is_passing_over_ = false;  // inside a transaction that lies before `from_`
  bool is_preparing_ = false;     // between BeginPrepare and Prepare
  uint32_t preparing_ = 0;        // the transaction of that
  bool is_replaying_ = false;
  uint64_t replayed_lsn_ = 0;  // of the commit record of what is replayed
  uint64_t replayed_end_ = 0;
};

}  // namespace nilus::postgres
