#include "nilus/manifest/load.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "nilus/manifest/forms.h"
#include "nilus/manifest/yaml_tree.h"

namespace nilus {
namespace {

constexpr std::string_view kDocumentTypes[] = {"nilus",  "workflow",        "service", "depot",
                                               "secret", "instance-secret", "volume"};
constexpr size_t kMostResourceFiles = 2000;

bool IsResource(std::string_view type) {
  return type == "depot" || type == "secret" || type == "instance-secret" || type == "volume";
}

std::string TypeOf(const YamlNode& document) {
  const YamlNode* type = document.Find("type");
  return type != nullptr && type->kind == YamlKind::kScalar ? type->text : std::string();
}

// The .yaml and .yml files of a folder and the folders below it, in order of name. Folders with a leading '.' are left
// out: that is where a mounted ConfigMap or Secret keeps the files that its links name (..data -> ..2026_01_31_…).
std::vector<std::string> ResourceFiles(const std::string& folder, Problems& problems) {
  std::vector<std::string> files;
  std::error_code error;
  auto options = std::filesystem::directory_options::skip_permission_denied;
  std::filesystem::recursive_directory_iterator entry(folder, options, error);
  if (error) {
    problems.push_back({{folder},
                        {},
                        "the resource folder cannot be read: " + error.message(),
                        "check --resources or NILUS_RESOURCES"});
    return files;
  }
  for (; entry != std::filesystem::recursive_directory_iterator(); entry.increment(error)) {
    if (entry->path().filename().native().starts_with('.')) entry.disable_recursion_pending();
    std::string extension = entry->path().extension();
    std::error_code ignored;
    if ((extension == ".yaml" || extension == ".yml") && entry->is_regular_file(ignored))
      files.push_back(entry->path().string());
    if (files.size() > kMostResourceFiles) {
      problems.push_back({{folder},
                          {},
                          "the resource folder holds more than " + std::to_string(kMostResourceFiles) + " files",
                          "choose a smaller one"});
      break;
    }
  }
  if (error) {  // which has also ended the loop
    problems.push_back({{folder},
                        {},
                        "the resource folder cannot be read to its end: " + error.message(),
                        "check the folders below it"});
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Collects documents, then reads resources before pipelines, because addresses name depots.
class Loader {
 public:
  explicit Loader(const LoadOptions& options) : options_(options) {}

  void AddFile(const std::string& file) { AddDocuments(ReadYamlFile(file, {}, findings_.problems), file); }
  void AddText(std::string_view text, const std::string& name) {
    AddDocuments(ParseYaml(text, name, {}, findings_.problems), name);
  }
  void AddDocument(YamlNode document) { documents_.push_back(std::move(document)); }

  void AddResourceFolder(std::span<const std::string> given_files) {
    std::string folder = options_.resource_folder;
    bool is_default = false;
    if (folder.empty()) {
      const char* from_environment = std::getenv("NILUS_RESOURCES");
      folder = from_environment != nullptr ? from_environment : "";
    }
    if (folder.empty()) {
      folder = "resources";
      is_default = true;
    }
    std::error_code error;
    if (is_default && !std::filesystem::is_directory(folder, error)) return;
    for (const std::string& file : ResourceFiles(folder, findings_.problems)) {
      bool is_given = std::any_of(given_files.begin(), given_files.end(), [&](const std::string& given) {
        return std::filesystem::equivalent(given, file, error);
      });
      if (is_given) continue;
      // Pipelines may stand there too; only resources are taken.
      for (YamlNode& document : ReadYamlFile(file, {}, findings_.problems)) {
        if (IsResource(TypeOf(document))) resource_documents_.push_back(std::move(document));
      }
    }
  }

  LoadedManifests Finish() {
    LoadedManifests loaded;
    ApplyOverrides();
    for (const YamlNode& document : documents_) {
      if (IsResource(TypeOf(document))) ReadResource(document, loaded.resources);
    }
    for (const YamlNode& document : resource_documents_) ReadResource(document, loaded.resources);
    FormContext context{findings_, options_, loaded.resources};
    std::map<std::string, SourcePlace> names;
    for (const YamlNode& document : documents_) {
      const size_t before = loaded.pipelines.size();
      ReadPipelines(document, context, loaded.pipelines);
      CheckNames(std::span(loaded.pipelines).subspan(before), names);
    }
    loaded.problems = std::move(findings_.problems);
    loaded.notices = std::move(findings_.notices);
    SortProblems(loaded.problems);
    SortProblems(loaded.notices);
    return loaded;
  }

 private:
  void AddDocuments(std::vector<YamlNode> documents, const std::string& name) {
    size_t problems = findings_.problems.size();
    if (documents.empty() && problems == 0)
      findings_.Add({name}, {}, "the file holds no document", "write one: nilus init");
    for (YamlNode& document : documents) documents_.push_back(std::move(document));
  }

  // --set applies to every pipeline document.
  void ApplyOverrides() {
    for (const std::string& text : options_.overrides) {
      size_t equals = text.find('=');
      SourcePlace origin{"--set " + text.substr(0, std::min<size_t>(equals, 200))};
      if (equals == std::string::npos || equals == 0) {
        findings_.Add(origin, {}, "this is no path=value", "write --set spec.source.options.sql_limit=10");
        continue;
      }
      for (YamlNode& document : documents_) {
        if (IsResource(TypeOf(document)) || document.kind != YamlKind::kMap) continue;
        SetYamlValue(document, std::string_view(text).substr(0, equals), std::string_view(text).substr(equals + 1),
                     origin, findings_.problems);
      }
    }
  }

  void ReadResource(const YamlNode& document, ResourceSet& resources) {
    std::string type = TypeOf(document);
    MapReader reader(document, {}, findings_);
    reader.Know("type");
    if (type == "depot") ReadDepot(reader, findings_, resources);
    if (type == "secret" || type == "instance-secret") ReadSecret(reader, findings_, resources);
    if (type == "volume") ReadVolume(reader, findings_, resources);
  }

  void ReadPipelines(const YamlNode& document, const FormContext& context, std::vector<Pipeline>& pipelines) {
    std::string type = TypeOf(document);
    if (IsResource(type)) return;
    if (document.kind != YamlKind::kMap) {
      findings_.Add(
          document.place, {},
          "a document is a map with name, version and type, but this is " + std::string(YamlKindName(document.kind)),
          "write name: my-pipeline in its first line");
      return;
    }
    bool is_older = type == "workflow" || type == "service";
    MapReader reader(document, {}, findings_, is_older ? KeyStyle::kFolded : KeyStyle::kExact);
    if (type == "nilus") return ReadNilusForm(reader, context, pipelines);
    if (type == "workflow") return ReadWorkflowForm(reader, context, pipelines);
    if (type == "service") return ReadServiceForm(reader, context, pipelines);
    if (type.empty()) {
      if (reader.Take("type") == nullptr)
        return findings_.Add(document.place, "type", "this key is required", "write type: nilus");
      return reader.Add("type", "a single value is expected here", "write type: nilus");
    }
    std::string_view nearest = NearestName(type, kDocumentTypes);
    reader.Add("type", "the type " + Shown(type) + " is not known",
               nearest.empty() ? "known: nilus, workflow, service, depot, secret, instance-secret, volume"
                               : "write " + std::string(nearest));
  }

  // `of_document`: the pipelines of one document, whose nodes have been compared with each other. `names`: those of the
  // documents before it.
  void CheckNames(std::span<const Pipeline> of_document, std::map<std::string, SourcePlace>& names) {
    for (const Pipeline& pipeline : of_document) {
      auto other = names.find(pipeline.Id());
      if (other == names.end() || pipeline.name.empty()) continue;
      std::string name = pipeline.node.empty() ? pipeline.name : pipeline.name + "/" + pipeline.node;
      findings_.Add(pipeline.place, "name",
                    "two pipelines are called " + Shown(name) + ", the other in " + other->second.ToString(),
                    "rename one of them: the name is the key of its state");
    }
    for (const Pipeline& pipeline : of_document) names.emplace(pipeline.Id(), pipeline.place);
  }

  const LoadOptions& options_;
  Findings findings_;
  std::vector<YamlNode> documents_;
  std::vector<YamlNode> resource_documents_;
};

}  // namespace

std::string_view PipelineTypeName(PipelineType type) {
  switch (type) {
    case PipelineType::kBatch:
      return "batch";
    case PipelineType::kCdc:
      return "cdc";
    case PipelineType::kStream:
      return "stream";
    case PipelineType::kMetadata:
      return "metadata";
  }
  return "batch";
}

std::string Pipeline::Id() const {
  std::string id = workspace + ":" + name;
  return node.empty() ? id : id + "/" + node;
}

LoadedManifests LoadManifests(std::span<const std::string> files, const LoadOptions& options) {
  Loader loader(options);
  for (const std::string& file : files) loader.AddFile(file);
  loader.AddResourceFolder(files);
  return loader.Finish();
}

LoadedManifests LoadManifestText(std::string_view text, const std::string& name, const LoadOptions& options) {
  Loader loader(options);
  loader.AddText(text, name);
  loader.AddResourceFolder({});
  return loader.Finish();
}

LoadedManifests LoadFromFlags(std::span<const FlagValue> values, const std::string& pipeline_name,
                              const LoadOptions& options) {
  SourcePlace origin{"flags"};
  YamlNode document = YamlNode::Map(origin);
  document.Set("name", YamlNode::Scalar(pipeline_name, origin));
  document.Set("version", YamlNode::Scalar("v1alpha", origin));
  document.Set("type", YamlNode::Scalar("nilus", origin));
  YamlNode spec = YamlNode::Map(origin);
  spec.Set("type", YamlNode::Scalar("batch", origin));
  document.Set("spec", std::move(spec));
  Problems problems;
  for (const FlagValue& value : values) SetYamlValue(document, value.path, value.text, {value.flag}, problems);
  Loader loader(options);
  loader.AddDocument(std::move(document));
  loader.AddResourceFolder({});
  LoadedManifests loaded = loader.Finish();
  loaded.problems.insert(loaded.problems.begin(), problems.begin(), problems.end());
  return loaded;
}

Status ProblemsToStatus(const Problems& problems) {
  if (problems.empty()) return {};
  std::string text = RenderProblems(problems);
  while (text.ends_with('\n')) text.pop_back();
  return Fail(ErrorKind::kInvalidInput, "{}", text);
}

}  // namespace nilus
