// The state of a test_decoding stream. Only a transaction's end says where and when it was committed, and nothing can
// be told of its changes before: so they wait in a TransactionSpool, the first part in memory and the rest in a file.
//
// Its place is the end of its commit record (the message has that of its beginning nowhere): for the server the same as
// what change_builder.h has.
#pragma once

#include <cstdint>
#include <string_view>

#include "nilus/connectors/postgres/cdc/log_decoder.h"
#include "nilus/connectors/postgres/cdc/named_tables.h"
#include "nilus/connectors/postgres/cdc/test_decoding.h"
#include "nilus/connectors/postgres/cdc/transaction_spool.h"

namespace nilus::postgres {

class TestDecodingDecoder : public LogDecoder {
 public:
  TestDecodingDecoder(LayoutSource* layouts, ChangeBuilder* builder, TransactionSpool* spool)
      : tables_(layouts, builder), builder_(builder), spool_(spool) {}

  Status Decode(std::string_view bytes, uint64_t lsn) override;
  bool is_replaying() const override { return is_replaying_; }
  Status Replay() override;

 private:
  Status Commit(std::string_view bytes, uint64_t end_lsn);
  Status Apply(uint64_t lsn);

  NamedTables tables_;
  ChangeBuilder* const builder_;
  TransactionSpool* const spool_;
  TestDecodingMessage message_;
  bool is_inside_ = false;
  uint32_t xid_ = 0;
  bool is_replaying_ = false;
  uint64_t end_lsn_ = 0;  // of the transaction that is replayed
};

}  // namespace nilus::postgres
