// Reads one split: runs its COPY over a session of the snapshot and decodes rows into batches.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nilus/connector/source.h"
#include "nilus/connectors/postgres/copy_decoder.h"
#include "nilus/connectors/postgres/snapshot.h"

namespace nilus::postgres {

struct ReaderSettings {
  std::string table;  // for messages
  SchemaPtr schema;
  std::vector<CopyDecoder::Column> columns;
  int64_t page_rows = 0;
  int64_t batch_bytes = 0;
  bool is_large = false;  // worth a larger receive buffer
};

std::unique_ptr<Reader> MakeReader(std::shared_ptr<Sessions> snapshot, std::shared_ptr<const ReaderSettings> settings,
                                   std::string copy_sql);

}  // namespace nilus::postgres
