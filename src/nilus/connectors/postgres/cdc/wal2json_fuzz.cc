// Any bytes as a sequence of messages of wal2json.
#include "nilus/connectors/postgres/cdc/log_fuzzing.h"
#include "nilus/connectors/postgres/cdc/wal2json_decoder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nilus::postgres;  // NOLINT
  PlainLayouts layouts;
  ChangeBuilder builder;
  Wal2JsonDecoder decoder(&layouts, &builder, size % 2 == 0);
  DecodeAny(data, size, &decoder, &builder);
  return 0;
}
