// Binary COPY (docs: "COPY", section "Binary Format") into columns. Bytes in, columns out: no I/O, so it is tested from
// captured bytes, fuzzed and measured without a server. Every length is checked before it is believed.
//
//   CopyDecoder decoder(mappings…);
//   decoder.Feed(message);                       // one CopyData message: whole rows, the header before the first one
//   while (decoder.HasRow()) NILUS_TRY(decoder.DecodeRow(&builder));
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/postgres/column_values.h"
#include "nilus/connectors/postgres/types.h"
#include "nilus/data/builder.h"

namespace nilus::postgres {

class CopyDecoder {
 public:
  struct Column {
    std::string name;  // for messages
    Type type;         // the builder's column has it
    Wire wire;
  };
  explicit CopyDecoder(std::vector<Column> columns);

  // The next piece of the stream; must stay in place until HasRow() is false. Pieces are cut between rows (the protocol
  // sends one CopyData message per row). kData when the stream's header is wrong.
  Status Feed(std::string_view bytes);
  // There are more rows in what was fed.
  bool HasRow() const { return at_ < end_; }
  // Appends one row to the builder, whose schema has the decoder's columns. kData names the column whose value cannot
  // be; the builder is then of no more use. May find the trailer in place of a row: returns false.
  Result<bool> DecodeRow(BatchBuilder* builder);

  bool saw_trailer() const { return saw_trailer_; }

 private:
  Failure BadValue(size_t column, uint32_t length) const;
  Failure CutShort(size_t column) const;

  std::vector<Column> columns_;
  std::vector<WireField> fields_;
  const uint8_t* at_ = nullptr;
  const uint8_t* end_ = nullptr;
  bool saw_header_ = false;
  bool saw_trailer_ = false;
};

}  // namespace nilus::postgres
