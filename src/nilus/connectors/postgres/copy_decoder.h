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

  // The longest text that is kept in hex when it is no UTF-8: columns have 32-bit offsets, and a batch ends at half a
  // GiB of what came over the wire (reader.cc).
  static constexpr uint32_t kMaxHexedBytes = 512 << 20;

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
  struct Field {  // what the hot loop needs of a column
    Wire wire;
    uint8_t precision;
    uint8_t scale;
    bool with_zone;
  };
  static bool DecodeField(Field field, int index, const uint8_t* bytes, uint32_t length, BatchBuilder* builder);
  Failure BadValue(size_t column, uint32_t length) const;
  Failure CutShort(size_t column) const;

  std::vector<Column> columns_;
  std::vector<Field> fields_;
  const uint8_t* at_ = nullptr;
  const uint8_t* end_ = nullptr;
  bool saw_header_ = false;
  bool saw_trailer_ = false;
};

}  // namespace nilus::postgres
