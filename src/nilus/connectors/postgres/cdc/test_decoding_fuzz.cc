// Any bytes as a sequence of messages of test_decoding.
#include "nilus/connectors/postgres/cdc/log_fuzzing.h"
#include "nilus/connectors/postgres/cdc/test_decoding_decoder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nilus::postgres;  // NOLINT
  PlainLayouts layouts;
  ChangeBuilder builder;
  TransactionSpool spool("/tmp");
  TestDecodingDecoder decoder(&layouts, &builder, &spool);
  DecodeAny(data, size, &decoder, &builder);
  return 0;
}
