// A dead letter as somebody may have changed it: the first line is its position, the rest its payload. Nothing crashes,
// and what reads as rows is written and read again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "nilus/rows/dead_letters.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = text.find('\n');
  nilus::Result<nilus::DeadLetterOrigin> origin = nilus::ReadOrigin(text.substr(0, end));
  if (!origin) return 0;
  nilus::DeadLetter letter{.payload = std::string(end == std::string_view::npos ? "{}" : text.substr(end + 1))};
  nilus::Result<nilus::RecordBatch> batch = nilus::ReadPayloads({letter}, *origin);
  if (!batch) return 0;
  nilus::RecordBatch written =
      nilus::WriteDeadLetters(*batch, {nilus::DeadRow{.row = 0, .column = "c", .reason = "r"}}, "fuzz",
                              nilus::LetterNotes{.masks = origin->masks, .key = {}, .cursor = {}, .cursor_type = {}});
  if (written.num_rows() != 1) std::abort();
  origin = nilus::ReadOrigin(written.column(3).BytesValue(0));
  if (!origin) std::abort();
  letter.payload = written.column(0).BytesValue(0);
  if (!nilus::ReadPayloads({letter}, *origin)) std::abort();
  return 0;
}
