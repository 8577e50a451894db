// Hostile Parquet footers: refused or understood, with as many chunks as columns in each row group.
#include <cstdlib>
#include <string>

#include "nilus/lake/data_footer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string footer(reinterpret_cast<const char*>(data), size);
  for (int shift = 0; shift < 32; shift += 8) footer.push_back(static_cast<char>(size >> shift & 0xFF));
  footer += "PAR1";
  auto parsed = nilus::lake::ParseParquetFooter(footer);
  if (!parsed) return 0;
  for (const auto& group : parsed->row_groups) {
    if (group.chunks.size() != parsed->columns.size()) std::abort();
  }
  return 0;
}
