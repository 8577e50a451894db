#include "nilus/cdc/service_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "nilus/base/clock.h"
#include "nilus/base/encoding.h"
#include "nilus/base/log.h"

namespace nilus {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kLargestFile = 1 << 20;

Status WriteFile(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".new";
  ::unlink(temporary.c_str());
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return Fail(ErrorKind::kExhausted, "{} cannot be written: {}", temporary, std::strerror(errno));
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = ::write(file, text.data() + written, text.size() - written);
    if (count <= 0) break;
    written += static_cast<size_t>(count);
  }
  const bool is_closed = ::close(file) == 0;
  if (written < text.size() || !is_closed || ::rename(temporary.c_str(), path.c_str()) != 0) {
    return Fail(ErrorKind::kExhausted, "{} cannot be written: {}", path, std::strerror(errno));
  }
  return {};
}

// One write, so that a line is there whole or not at all; a file that has become large makes room for the next one.
Status AddLine(const std::string& path, const std::string& line) {
  std::error_code none;
  if (fs::file_size(path, none) > kLargestFile && !none) fs::rename(path, path + ".1", none);
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return Fail(ErrorKind::kExhausted, "{} cannot be written: {}", path, std::strerror(errno));
  const bool is_written = ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  const int problem = errno;
  if (::close(file) == 0 && is_written) return {};
  return Fail(ErrorKind::kExhausted, "{} cannot be written: {}", path, std::strerror(problem));
}

Result<std::string> ReadFile(const fs::path& path) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  if (error || size > kLargestFile) return Fail(ErrorKind::kNotFound, "{} cannot be read", path.string());
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string StateFolder(const VariableLookup& variables) {
  const auto get = [&](std::string_view name) {
    return (variables ? variables(name) : ProcessEnvironment()(name)).value_or("");
  };
  if (std::string own = get("NILUS_STATE_DIR"); !own.empty()) return own;
  if (std::string state = get("XDG_STATE_HOME"); !state.empty()) return state + "/nilus";
  if (std::string home = get("HOME"); !home.empty()) return home + "/.local/state/nilus";
  return "";
}

}  // namespace

ServiceFolder ServiceFolder::Of(const std::string& pipeline, const std::string& sink, const VariableLookup& variables) {
  ServiceFolder folder;
  const std::string state = StateFolder(variables);
  if (state.empty()) return folder;
  constexpr size_t kDigits = 24;
  folder.path_ = state + "/cdc/" + Sha256Hex(pipeline + "\n" + sink).substr(0, kDigits);
  return folder;
}

Status ServiceFolder::Make() const {
  std::error_code error;
  fs::create_directories(path_ + "/requests", error);
  if (error) return Fail(ErrorKind::kExhausted, "the folder {} cannot be made: {}", path_, error.message());
  ::chmod(path_.c_str(), 0700);
  return {};
}

void ServiceFolder::WriteStatus(const std::string& json) {
  if (path_.empty() || is_broken_) return;
  Status written = Make();
  if (written) written = WriteFile(path_ + "/status.json", json);
  if (!written) Broken(written.error());
}

void ServiceFolder::Broken(const Error& error) {
  is_broken_ = true;
  LogInfo("the service's folder is not written any more: {}", error.message);
}

void ServiceFolder::AddSchema(const std::string& json) {
  if (path_.empty() || is_broken_) return;
  Status added = Make();
  if (added) added = AddLine(path_ + "/schemas.jsonl", json + "\n");
  if (!added) Broken(added.error());
}

Result<std::string> ServiceFolder::ReadStatus() const {
  if (path_.empty())
    return Fail(ErrorKind::kNotFound, "there is no folder for a service's status: set NILUS_STATE_DIR");
  return ReadFile(path_ + "/status.json");
}

std::vector<SnapshotRequest> ServiceFolder::Requests() {
  std::vector<SnapshotRequest> requests;
  if (path_.empty()) return requests;
  std::error_code error;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path_ + "/requests", error)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    Result<std::string> text = ReadFile(file);
    nlohmann::json json = nlohmann::json::parse(text.value_or(""), nullptr, /*allow_exceptions=*/false);
    SnapshotRequest request{.id = file.filename().string()};
    if (json.is_object() && json.contains("tables") && json["tables"].is_array()) {
      for (const nlohmann::json& table : json["tables"]) {
        if (table.is_string()) request.tables.push_back(table.get<std::string>());
      }
      request.anew = json.contains("anew") && json["anew"] == true;
    }
    if (request.tables.empty()) {
      LogWarning("the request {} cannot be read and is put aside", file.string());
      fs::rename(file, file.string() + ".bad", error);
      continue;
    }
    requests.push_back(std::move(request));
  }
  return requests;
}

void ServiceFolder::Remove(const SnapshotRequest& request) {
  std::error_code ignored;
  fs::remove(path_ + "/requests/" + request.id, ignored);
}

Status ServiceFolder::Ask(const std::vector<std::string>& tables, bool anew) {
  if (path_.empty()) {
    return FailWithFix(ErrorKind::kInvalidInput, "set NILUS_STATE_DIR to a folder that the service uses too",
                       "there is no folder to leave the request in");
  }
  NILUS_TRY(Make());
  const nlohmann::ordered_json json = {{"tables", tables}, {"anew", anew}};
  return WriteFile(path_ + "/requests/" + NewId() + ".json",
                   json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace nilus
