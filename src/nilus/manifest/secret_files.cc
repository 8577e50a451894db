#include "nilus/manifest/secret_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "nilus/base/redact.h"

namespace nilus {
namespace {

constexpr std::string_view kFolderPrefix = "nilus-secrets-";
constexpr size_t kLargestSecretFile = 1024 * 1024;

Result<std::string> ReadSecretFile(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return FailWithFix(ErrorKind::kInvalidInput, "check the path under files", "the secret's file {} is not there",
                       path.string());
  }
  std::ifstream file(path, std::ios::binary);
  std::string content(kLargestSecretFile + 1, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<size_t>(file.gcount()));
  if (file.bad() || content.size() > kLargestSecretFile) {
    return Fail(ErrorKind::kInvalidInput, "the secret's file {} cannot be read, or is larger than 1 MiB",
                path.string());
  }
  return content;
}

// As java.util.Properties reads it: line ends and backslashes in a value are escaped.
std::string PropertyLine(const std::string& key, const std::string& value) {
  std::string line = key + "=";
  for (char c : value) {
    if (c == '\n') {
      line += "\\n";
    } else if (c == '\r') {
      line += "\\r";
    } else if (c == '\\') {
      line += "\\\\";
    } else {
      line += c;
    }
  }
  return line + "\n";
}

}  // namespace

Result<std::unique_ptr<SecretFolder>> SecretFolder::Create(const std::string& parent) {
  auto folder = PrivateFolder::Make(parent.empty() ? TemporaryParent() : parent, kFolderPrefix);
  if (!folder) return Failure(InContext("making a private folder for secrets", std::move(folder).error()));
  return std::unique_ptr<SecretFolder>(new SecretFolder(*std::move(folder)));
}

void SweepSecretFolders(const std::string& parent) {
  SweepPrivateFolders(parent.empty() ? TemporaryParent() : parent, kFolderPrefix);
}

Status SecretFolder::WriteFile(std::string_view name, std::string_view content) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string_view::npos ||
      name.find('\0') != std::string_view::npos) {
    return Fail(ErrorKind::kInvalidInput, "a key of a secret cannot name a file");
  }
  std::string path = folder_.path() + "/" + std::string(name);
  int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (descriptor < 0) return Fail(ErrorKind::kExhausted, "{} cannot be written: {}", path, std::strerror(errno));
  int error = 0;
  while (!content.empty() && error == 0) {
    ssize_t count = write(descriptor, content.data(), content.size());
    if (count < 0 && errno != EINTR) error = errno;
    if (count > 0) content.remove_prefix(static_cast<size_t>(count));
  }
  if (close(descriptor) != 0 && error == 0) error = errno;
  if (error != 0) return Fail(ErrorKind::kExhausted, "{} cannot be written: {}", path, std::strerror(error));
  return {};
}

Status WriteSecretFiles(const SecretResource& secret, const std::function<bool(const std::string&)>& wanted,
                        const std::string& parent, std::unique_ptr<SecretFolder>& folder) {
  if (!folder) {
    NILUS_ASSIGN(folder, SecretFolder::Create(parent));
  }
  std::string properties;
  for (const auto& [key, value] : secret.data) {
    if (!wanted(key)) continue;
    properties += PropertyLine(key, value);
    NILUS_TRY(folder->WriteFile(secret.name + "_" + key, value));
  }
  if (!properties.empty()) NILUS_TRY(folder->WriteFile(secret.name + ".properties", properties));
  std::filesystem::path base = std::filesystem::path(secret.place.file).parent_path();
  for (const auto& [name, path] : secret.files) {
    if (!wanted(name)) continue;
    NILUS_ASSIGN(std::string content, ReadSecretFile(base / path));
    RegisterSecret(content);
    NILUS_TRY(folder->WriteFile(secret.name + "_" + name, content));
  }
  return {};
}

}  // namespace nilus
