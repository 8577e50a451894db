// Manifests and manifest lists as bytes: Avro container files with Iceberg's field ids. No I/O.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nilus/lake/manifest.h"
#include "nilus/lake/partition.h"
#include "nilus/lake/schema.h"

namespace nilus::lake {

enum class AvroCodec { kNull, kDeflate };

// One manifest: all entries are of one spec and one content. Not thread-safe.
class ManifestWriter {
 public:
  ManifestWriter(int format_version, const IcebergSchema& schema, const PartitionSpec& spec, ManifestContent content,
                 int64_t snapshot_id, AvroCodec codec = AvroCodec::kDeflate);
  ~ManifestWriter();
  ManifestWriter(ManifestWriter&&) noexcept;
  ManifestWriter& operator=(ManifestWriter&&) noexcept;

  // A new file of this commit: its snapshot id and file sequence number are inherited when read, and so is the data's
  // unless `sequence_number` is given.
  void AddNew(const DataFile& file, std::optional<int64_t> sequence_number = std::nullopt);
  // A file that stays (kExisting) or that this commit removes (kDeleted); numbers as in the entry.
  void AddExisting(const ManifestEntry& entry);
  void AddDeleted(const ManifestEntry& entry);
  int64_t count() const;
  int64_t ByteSize() const;  // about

  // The file's bytes, and what the manifest list will say of it but path and sequence number: an added manifest's
  // sequence number is the commit's (-1 here until then, and min_sequence_number too when only new files decide it).
  struct Output {
    std::string bytes;
    ManifestFile manifest;
  };
  Output Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A manifest list. Manifests with sequence number -1 get `sequence_number`; v3: data manifests without first_row_id get
// theirs from *next_row_id on (moved along).
std::string WriteManifestList(int format_version, int64_t snapshot_id, std::optional<int64_t> parent_id,
                              int64_t sequence_number, std::vector<ManifestFile>* manifests, int64_t* next_row_id,
                              AvroCodec codec = AvroCodec::kDeflate);

}  // namespace nilus::lake
