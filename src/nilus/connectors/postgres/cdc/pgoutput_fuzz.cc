// Any bytes as a sequence of messages of pgoutput.
#include "nilus/connectors/postgres/cdc/log_fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nilus::postgres;  // NOLINT
  PlainLayouts layouts;
  ChangeBuilder builder;
  TransactionSpool spool("/tmp");
  // Captures of transactions in progress begin with one's block.
  const bool streams = size > 12 && data[12] == 'S';
  PgoutputDecoder decoder(&layouts, &builder, streams ? &spool : nullptr);
  DecodeAny(data, size, &decoder, &builder);
  return 0;
}
