// The state of a wal2json stream.
#pragma once

#include <cstdint>
#include <string_view>

#include "nilus/connectors/postgres/cdc/log_decoder.h"
#include "nilus/connectors/postgres/cdc/named_tables.h"
#include "nilus/connectors/postgres/cdc/wal2json.h"

namespace nilus::postgres {

class Wal2JsonDecoder : public LogDecoder {
 public:
  // `has_exact_numbers`: see ParseWal2Json.
  Wal2JsonDecoder(LayoutSource* layouts, ChangeBuilder* builder, bool has_exact_numbers)
      : tables_(layouts, builder), builder_(builder), has_exact_numbers_(has_exact_numbers) {}

  Status Decode(std::string_view bytes, uint64_t lsn) override;

 private:
  NamedTables tables_;
  ChangeBuilder* const builder_;
  const bool has_exact_numbers_;
  Wal2JsonMessage message_;
};

}  // namespace nilus::postgres
