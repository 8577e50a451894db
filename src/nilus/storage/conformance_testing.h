// What every object store must do, as tests that each store's own test program registers for itself.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "nilus/storage/object_store.h"

namespace nilus::storage {

struct StoreUnderTest {
  std::string name;  // of the test suite
  // A store whose root is empty and not used by any other test. Called once a test.
  std::function<std::shared_ptr<ObjectStore>()> open;
  // Another way in to the same root, for writers that race; by default the same object.
  std::function<std::shared_ptr<ObjectStore>(const std::shared_ptr<ObjectStore>&)> reopen;
  int64_t large_bytes = 1 << 20;  // a file above the size that goes up in parts
  int writers = 8;                // that race for one key
  bool loses_answers = false;     // then a Put whose condition does not hold may not know whether it held at first
};

// Registers the suite; call it during static initialization.
bool RegisterStoreConformance(StoreUnderTest store);

}  // namespace nilus::storage
