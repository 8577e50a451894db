// Any bytes as a sequence of messages of pgoutput.
#include "nilus/connectors/postgres/cdc/log_fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nilus::postgres;  // NOLINT
  PlainLayouts layouts;
  ChangeBuilder builder;
  TransactionSpool spool("/tmp");
  PreparedTransactions prepared;
  // Captures of transactions in progress begin with one's block, and those of prepared ones with one's begin.
  const bool streams = size > 12 && data[12] == 'S';
  const bool is_two_phase = size > 12 && data[12] == 'b';
  PgoutputDecoder decoder(&layouts, &builder, streams || is_two_phase ? &spool : nullptr,
                          is_two_phase ? &prepared : nullptr);
  DecodeAny(data, size, &decoder, &builder);
  return 0;
}
