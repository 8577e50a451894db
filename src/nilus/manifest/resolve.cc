#include "nilus/manifest/resolve.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "nilus/base/redact.h"
#include "nilus/manifest/depot.h"
#include "nilus/manifest/map_reader.h"
#include "nilus/manifest/secret_fields.h"
#include "nilus/manifest/secret_files.h"
#include "nilus/manifest/template.h"

namespace nilus {
namespace {

constexpr std::string_view kSecretPathPrefix = "/etc/dataos/secret/";
constexpr std::string_view kSecretFolderVariable = "NILUS_SECRET_DIR";

std::string UnknownSecret(const ResourceSet& resources, std::string_view id) {
  std::vector<std::string_view> names;
  for (const SecretResource& secret : resources.secrets) names.push_back(secret.name);
  size_t colon = id.find(':');
  std::string_view nearest = NearestName(colon == std::string_view::npos ? id : id.substr(colon + 1), names);
  return nearest.empty() || nearest == id ? "put its resource into the resource folder (--resources DIR)"
                                          : "write " + std::string(nearest);
}

// The values of a depot's secrets, those for `purpose` ("r" or "rw") before others: the first value of a key wins.
Result<TextMap> DepotCredentials(const DepotResource& depot, const ResourceSet& resources, std::string_view purpose) {
  TextMap wanted;
  TextMap others;
  for (const DepotSecretRef& ref : depot.secrets) {
    const SecretResource* secret = resources.FindSecret(ref.name);
    if (secret == nullptr) {
      return FailWithFix(ErrorKind::kInvalidInput, UnknownSecret(resources, ref.name),
                         "the depot {} names the secret '{}', which is not known", depot.name, ref.name);
    }
    for (const auto& [key, value] : secret->data) {
      if (!ref.all_keys && std::find(ref.keys.begin(), ref.keys.end(), key) == ref.keys.end()) continue;
      (secret->acl == purpose || secret->acl.empty() ? wanted : others).emplace_back(key, value);
    }
  }
  for (auto& entry : others) wanted.push_back(std::move(entry));
  return wanted;
}

// r, ro → "r"; rw → "rw"; nothing written → `fallback`.
Result<std::string> PurposeOf(const Address& address, bool is_sink) {
  std::string purpose = address.Param("purpose", address.Param("acl"));
  if (purpose.empty()) return std::string(is_sink ? "rw" : "r");
  if (purpose == "ro") purpose = "r";
  if (purpose != "r" && purpose != "rw") {
    return FailWithFix(ErrorKind::kInvalidInput, "write purpose=r or purpose=rw", "{} is not a purpose",
                       Shown(purpose));
  }
  if (is_sink && purpose == "r") {
    return FailWithFix(ErrorKind::kInvalidInput, "write purpose=rw",
                       "a sink is written to, but the address asks to read only");
  }
  return purpose;
}

// `source_table`: of a source that names none, to be filled from dataos://depot:collection/dataset; else null.
Result<Address> ResolveText(std::string_view text, const VariableLookup& variables, const ResourceSet& resources,
                            bool is_sink, std::string* source_table) {
  NILUS_ASSIGN(Address address, ParseAddress(text, variables));
  if (address.scheme != "dataos") return address;
  const DepotResource* depot = resources.FindDepot(address.host);
  if (depot == nullptr) {
    std::vector<std::string_view> names;
    for (const DepotResource& other : resources.depots) names.push_back(other.name);
    std::string_view nearest = NearestName(address.host, names);
    return FailWithFix(ErrorKind::kInvalidInput,
                       nearest.empty() ? "put its resource into the resource folder (--resources DIR)"
                                       : "write dataos://" + std::string(nearest),
                       "the depot {} is not known", Shown(address.host));
  }
  NILUS_ASSIGN(std::string purpose, PurposeOf(address, is_sink));
  NILUS_ASSIGN(TextMap credentials, DepotCredentials(*depot, resources, purpose));
  if (source_table != nullptr) {
    if (std::optional<std::string> table = TakeDataset(*depot, &address)) *source_table = *std::move(table);
  }
  return DepotAddress(*depot, address, credentials);
}

void ReplaceSecretPath(std::string& text, const std::string& folder) {
  if (text.starts_with(kSecretPathPrefix)) text = folder + "/" + text.substr(kSecretPathPrefix.size());
}

// Projects variables and files of one pipeline.
class Projector {
 public:
  Projector(const Pipeline& pipeline, const ResourceSet& resources, const ResolveOptions& options, Problems& problems)
      : pipeline_(pipeline), resources_(resources), options_(options), problems_(problems) {}

  std::map<std::string, std::string, std::less<>> Project(std::unique_ptr<SecretFolder>& folder) {
    for (const auto& [key, value] : pipeline_.envs) variables_[key] = value;
    for (const DataosSecret& use : pipeline_.dataos_secrets) ProjectOlder(use, folder);
    CheckAliases();
    for (const EnvProjection& projection : pipeline_.projections) ProjectTemplate(projection);
    return std::move(variables_);
  }

 private:
  void Add(const SourcePlace& place, std::string path, std::string message, std::string fix) {
    problems_.push_back({place, std::move(path), std::move(message), std::move(fix)});
  }

  void CheckAliases() {
    for (const SecretProjection& projection : pipeline_.secrets) {
      if (resources_.FindSecret(projection.id) != nullptr) continue;
      Add(projection.place, "spec.use.projection.secrets", "the secret " + Shown(projection.id) + " is not known",
          UnknownSecret(resources_, projection.id));
    }
  }

  Result<std::optional<std::string>> SecretValue(std::string_view alias, std::string_view key) const {
    std::vector<std::string_view> aliases;
    for (const SecretProjection& projection : pipeline_.secrets) {
      aliases.push_back(projection.alias);
      if (projection.alias != alias) continue;
      const SecretResource* secret = resources_.FindSecret(projection.id);
      if (secret == nullptr) return std::optional<std::string>("");  // reported by CheckAliases
      for (const auto& [name, value] : secret->data) {
        if (name == key) return std::optional<std::string>(value);
      }
      return std::optional<std::string>();
    }
    std::string_view nearest = NearestName(alias, aliases);
    return FailWithFix(
        ErrorKind::kInvalidInput,
        nearest.empty() ? "bind it under spec.use.projection.secrets: {id: …, contextAlias: " + std::string(alias) + "}"
                        : "write secrets['" + std::string(nearest) + "']",
        "no secret has the alias {}", Shown(alias));
  }

  void ProjectTemplate(const EnvProjection& projection) {
    auto value = RenderTemplate(projection.template_text, [this](std::string_view alias, std::string_view key) {
      return SecretValue(alias, key);
    });
    if (!value)
      return Add(projection.place, "spec.use.projection.projections.envVars." + projection.key, value.error().message,
                 value.error().fix);
    if (projection.template_text.find("{{") != std::string::npos) RegisterSecretField(projection.key, *value);
    variables_[projection.key] = *std::move(value);
  }

  void ProjectOlder(const DataosSecret& use, std::unique_ptr<SecretFolder>& folder) {
    const SecretResource* secret = resources_.FindSecret(use.name);
    if (secret == nullptr)
      return Add(use.place, "dataosSecrets", "the secret " + Shown(use.name) + " is not known",
                 UnknownSecret(resources_, use.name));
    for (const std::string& key : use.keys) {
      auto has = [&](const auto& list) {
        return std::any_of(list.begin(), list.end(), [&](const auto& entry) { return entry.first == key; });
      };
      if (!has(secret->data) && !has(secret->files)) {
        Add(use.place, "dataosSecrets", "the secret " + Shown(use.name) + " has no key " + Shown(key),
            "write one of its keys, or allKeys: true");
      }
    }
    auto wanted = [&](const std::string& key) {
      return use.all_keys || std::find(use.keys.begin(), use.keys.end(), key) != use.keys.end();
    };
    if (!use.as_files) {
      for (const auto& [key, value] : secret->data) {
        if (wanted(key)) variables_[key] = value;
      }
      return;
    }
    if (!options_.write_files) return;
    if (auto status = WriteSecretFiles(*secret, wanted, options_.private_folder_parent, folder); !status) {
      Add(use.place, "dataosSecrets", status.error().message, status.error().fix);
    }
  }

  const Pipeline& pipeline_;
  const ResourceSet& resources_;
  const ResolveOptions& options_;
  Problems& problems_;
  std::map<std::string, std::string, std::less<>> variables_;
};

void ResolveEnd(Endpoint& end, bool is_sink, std::string* source_table, const VariableLookup& variables,
                const std::string& folder, const ResourceSet& resources, const ResolveOptions& options,
                Problems& problems) {
  if (end.address_text.empty()) return;  // reported when the manifest was loaded
  auto address = ResolveText(end.address_text, variables, resources, is_sink, source_table);
  if (!address) {
    problems.push_back({end.place, end.path, address.error().message, address.error().fix});
    return;
  }
  end.address = *std::move(address);
  ReplaceSecretPath(end.address.path, folder);
  for (auto& [key, value] : end.address.params) ReplaceSecretPath(value, folder);
  if (options.connector_options && !options.connector_options(end.address.scheme, is_sink)) {
    problems.push_back({end.place, end.path,
                        "no connector serves " + end.address.scheme + ":// as a " + (is_sink ? "sink" : "source"),
                        "see nilus connectors"});
  }
}

// `hmac:{KEY}`, the only mask whose parameter is a secret, and cursor_secret.
void ResolveMasks(Pipeline& pipeline, const VariableLookup& variables, Problems& problems) {
  std::string& secret = pipeline.source_options.cursor_secret;
  if (auto filled = FillPlaceholders(secret, variables)) {
    secret = *std::move(filled);
    if (!secret.empty()) RegisterSecret(secret);
  } else {
    problems.push_back(
        {pipeline.source.place, "spec.source.options.cursor_secret", filled.error().message, filled.error().fix});
  }
  for (MaskSpec& mask : pipeline.source_options.masks) {
    if (mask.algorithm != "hmac") continue;
    auto key = FillPlaceholders(mask.parameter, variables);
    if (!key) {
      problems.push_back(
          {pipeline.source.place, "spec.source.options.mask." + mask.column, key.error().message, key.error().fix});
      continue;
    }
    mask.parameter = *std::move(key);
    RegisterSecret(mask.parameter);
  }
}

void MakeVolumes(const Pipeline& pipeline, Problems& problems) {
  for (const VolumeUse& volume : pipeline.volumes) {
    if (volume.directory.empty()) continue;
    std::error_code error;
    std::filesystem::create_directories(volume.directory, error);
    if (error) {
      problems.push_back(
          {pipeline.place, "spec.use.volumes",
           "the volume's directory " + Shown(volume.directory) + " cannot be created: " + error.message(),
           "create it, or write one that may be written to"});
    }
  }
}

}  // namespace

ResolvedPipeline ResolvePipeline(Pipeline& pipeline, const ResourceSet& resources, const ResolveOptions& options,
                                 Problems& problems) {
  ResolvedPipeline resolved;
  VariableLookup process = options.process_environment ? options.process_environment : ProcessEnvironment();
  if (options.write_files) SweepSecretFolders(options.private_folder_parent);
  auto projected = Projector(pipeline, resources, options, problems).Project(resolved.secret_folder);
  std::string folder = resolved.secret_folder ? resolved.secret_folder->path()
                                              : std::string(kSecretPathPrefix.substr(0, kSecretPathPrefix.size() - 1));
  if (resolved.secret_folder || !options.write_files) projected.emplace(kSecretFolderVariable, folder);
  resolved.variables = [projected = std::move(projected),
                        process](std::string_view name) -> std::optional<std::string> {
    if (auto found = projected.find(name); found != projected.end()) return found->second;
    return process(name);
  };
  std::string& table = pipeline.source_options.source_table;
  ResolveEnd(pipeline.source, false, table.empty() ? &table : nullptr, resolved.variables, folder, resources, options,
             problems);
  if (pipeline.sink)
    ResolveEnd(*pipeline.sink, true, nullptr, resolved.variables, folder, resources, options, problems);
  ResolveMasks(pipeline, resolved.variables, problems);
  if (options.make_volumes) MakeVolumes(pipeline, problems);
  return resolved;
}

Result<Address> ResolveAddress(std::string_view text, const ResourceSet& resources, const ResolveOptions& options) {
  return ResolveText(text, options.process_environment ? options.process_environment : ProcessEnvironment(), resources,
                     false, nullptr);
}

}  // namespace nilus
