// Secrets as files: the older form's `consumptionType: propFile`.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "nilus/base/private_folder.h"
#include "nilus/base/result.h"
#include "nilus/manifest/resources.h"

namespace nilus {

// The run's private secret folder (mode 0700), removed with everything in it when this object goes; after a kill by
// SweepSecretFolders of a later run.
class SecretFolder {
 public:
  // `parent`: empty for $TMPDIR or /tmp.
  static Result<std::unique_ptr<SecretFolder>> Create(const std::string& parent);

  const std::string& path() const { return folder_.path(); }
  // `name` may not hold '/', NUL or be "." or "..". Mode 0600.
  Status WriteFile(std::string_view name, std::string_view content);

 private:
  explicit SecretFolder(PrivateFolder folder) : folder_(std::move(folder)) {}
  PrivateFolder folder_;
};

// Removes what killed runs of this user left in `parent` (as above).
void SweepSecretFolders(const std::string& parent);

// Writes into `folder` (made below `parent` when it is null): each file of the secret as `<secret>_<file>`, each value
// as
// `<secret>_<key>`, and all values as `key=value` lines in `<secret>.properties`. Only keys and files that `wanted`
// names. A file's path is taken relative to the resource file that names it; its content is registered as a secret.
Status WriteSecretFiles(const SecretResource& secret, const std::function<bool(const std::string&)>& wanted,
                        const std::string& parent, std::unique_ptr<SecretFolder>& folder);

}  // namespace nilus
