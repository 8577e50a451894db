// What CSV and JSON files are read as, before ranges and limits.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"

namespace nilus::files {

struct TextColumns {
  std::vector<Field> fields;              // in order of first appearance
  std::vector<std::string> null_columns;  // JSON: keys that never had a value
  int64_t rows = 0;
};

// A value that its column's type does not allow: the file is another than the one the schema is of.
struct TextMisfit {
  std::string path;
  int64_t row = 0;  // of the file's rows, from 1
  int column = 0;   // of the schema
  size_t bytes = 0;
};

// One thread at a time; threads of its own end with it.
class TextBatches {
 public:
  virtual ~TextBatches() = default;
  // Nothing at the end. Batches are not empty. kInternal with misfit(): that value ended the reading.
  virtual Result<std::optional<RecordBatch>> Next(const std::stop_token& stop) = 0;
  const std::optional<TextMisfit>& misfit() const { return misfit_; }

 protected:
  Failure Misfit(TextMisfit misfit) {
    misfit_ = std::move(misfit);
    return Fail(ErrorKind::kInternal, "{}: a value is none of its column's type", misfit_->path);
  }

 private:
  std::optional<TextMisfit> misfit_;
};

}  // namespace nilus::files
