// Puffin files: blobs with a JSON footer that says what they are. Deletion vectors lie in them. Source of the format:
// Apache Iceberg, puffin-spec.md. Bytes in, bytes out; no I/O.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"

namespace nilus::lake {

struct PuffinBlob {
  std::string type;             // "deletion-vector-v1", "apache-datasketches-theta-v1", …
  std::vector<int32_t> fields;  // ids of the columns it is about
  int64_t snapshot_id = -1;
  int64_t sequence_number = -1;
  int64_t offset = 0;  // in the file
  int64_t length = 0;
  std::string compression;  // empty: none; lz4, zstd
  std::map<std::string, std::string> properties;
  friend bool operator==(const PuffinBlob&, const PuffinBlob&) = default;
};

inline constexpr std::string_view kDeletionVectorBlob = "deletion-vector-v1";
// Property names of such a blob.
inline constexpr std::string_view kReferencedDataFile = "referenced-data-file";
inline constexpr std::string_view kCardinality = "cardinality";

// Files are written whole: Add, Add, …, Finish.
class PuffinWriter {
 public:
  PuffinWriter();
  // Offset and length are set here; `blob` is returned as the footer will name it.
  const PuffinBlob& Add(PuffinBlob blob, std::string_view bytes);
  // The file's bytes. The writer is done.
  std::string Finish();

 private:
  std::string bytes_;
  std::vector<PuffinBlob> blobs_;
};

// The last bytes of a file that ParsePuffinFooter wants to see at least, or all of a shorter file.
inline constexpr int64_t kPuffinTailBytes = 12;
// How many bytes the footer takes, from the file's last kPuffinTailBytes. kData: no Puffin file; kUnsupported: a
// compressed footer.
Result<int64_t> PuffinFooterSize(std::string_view tail);
// `footer`: the last PuffinFooterSize bytes of a file of `file_size` bytes. Blobs lie within the file.
Result<std::vector<PuffinBlob>> ParsePuffinFooter(std::string_view footer, int64_t file_size);

}  // namespace nilus::lake
