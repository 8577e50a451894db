#include "nilus/connectors/files/database_ahead.h"

#include <system_error>

#include "nilus/connectors/files/duck_table.h"

namespace nilus::files {

void DatabaseAhead::Begin() {
  std::lock_guard lock(mutex_);
  if (database_ != nullptr || opening_.valid()) return;
  try {
    opening_ = std::async(std::launch::async, [this] { return OpenMemoryDatabase(context_, false); });
  } catch (const std::system_error&) {
    // No thread to be had: whoever needs the database opens it.
  }
}

Result<std::shared_ptr<duck::Database>> DatabaseAhead::Get() {
  std::lock_guard lock(mutex_);
  if (database_ != nullptr) return database_;
  NILUS_ASSIGN(database_, opening_.valid() ? opening_.get() : OpenMemoryDatabase(context_, false));
  return database_;
}

}  // namespace nilus::files
