// A folder for one test, removed at its end.
#pragma once

#include <filesystem>
#include <string>

#include "nilus/base/clock.h"

namespace nilus::duck {

class TempFolder {
 public:
  TempFolder() : path_((std::filesystem::temp_directory_path() / ("nilus-duck-test-" + NewId())).string()) {
    std::filesystem::create_directories(path_);
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace nilus::duck
