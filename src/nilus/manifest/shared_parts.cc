// What the `nilus`, `workflow` and `service` forms have in common, but for source and sink.
#include <algorithm>
#include <cctype>

#include "nilus/base/memory_plan.h"
#include "nilus/base/redact.h"
#include "nilus/manifest/forms.h"
#include "nilus/manifest/values.h"

namespace nilus {
namespace {

constexpr size_t kLongestName = 128;
constexpr size_t kMostCrons = 100;

bool IsResourceName(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '.';
  });
}

void ReadQuantities(MapReader& resources, std::string_view name, std::optional<int64_t>* memory,
                    std::optional<double>* cpu) {
  MapReader part = resources.Child(name);
  if (auto text = part.Text("memory")) {
    auto bytes = ParseMemoryQuantity(*text);
    if (!bytes) {
      part.Add("memory", bytes.error().message, bytes.error().fix);
    } else {
      if (memory != nullptr) *memory = *bytes;
      if (memory != nullptr && *bytes < kSmallestMemoryLimit) {
        part.findings().Notice(part.PlaceOf("memory"), part.PathOf("memory"),
                               "the limit is raised to 64Mi, the least that a run needs");
      }
    }
  }
  if (auto text = part.Text("cpu")) {
    auto cpus = ParseCpuQuantity(*text);
    if (!cpus) {
      part.Add("cpu", cpus.error().message, cpus.error().fix);
    } else if (cpu != nullptr) {
      *cpu = *cpus;
    }
  }
  part.Finish();
}

DataosSecret ReadDataosSecret(MapReader& reader) {
  DataosSecret secret;
  secret.place = reader.place();
  secret.name = reader.TextOr("name");
  if (secret.name.empty()) reader.Missing("name");
  reader.Text("workspace");
  secret.keys = reader.TextList("keys");
  secret.all_keys = reader.Boolean("allKeys").value_or(secret.keys.empty());
  if (auto type = reader.Choice("consumptionType", {"envVars", "propFile"})) secret.as_files = *type == 1;
  reader.Finish();
  return secret;
}

}  // namespace

DocumentHead ReadHead(MapReader& document, std::initializer_list<std::string_view> versions) {
  DocumentHead head;
  head.name = document.TextOr("name");
  if (head.name.empty()) {
    document.Missing("name", "write a name of letters, digits, '-', '_' and '.'");
  } else if (!IsResourceName(head.name)) {
    document.Add("name", Shown(head.name) + " is not a name", "use at most 128 letters, digits, '-', '_' and '.'");
  }
  head.type = document.TextOr("type");
  if (!document.Take("version")) {
    document.Missing("version", "write version: " + std::string(*versions.begin()));
  } else if (document.Choice("version", versions)) {
    head.version = document.TextOr("version");
  }
  head.tags = document.TextList("tags");
  head.description = document.TextOr("description");
  head.workspace = document.TextOr("workspace", "public");
  if (!IsResourceName(head.workspace)) document.Add("workspace", Shown(head.workspace) + " is not a name");
  head.owner = document.TextOr("owner");
  document.Text("layer");
  return head;
}

Pipeline PipelineOf(const DocumentHead& head, const SourcePlace& place) {
  Pipeline pipeline;
  pipeline.name = head.name;
  pipeline.workspace = head.workspace;
  pipeline.description = head.description;
  pipeline.owner = head.owner;
  pipeline.tags = head.tags;
  pipeline.place = place;
  return pipeline;
}

void ReadRunSettings(MapReader& owner, Pipeline& pipeline) {
  if (auto level = owner.Choice("logLevel", {"DEBUG", "INFO", "WARNING", "ERROR"}))
    pipeline.log_level = static_cast<LogLevel>(*level);
  pipeline.run_as_user = owner.TextOr("runAsUser", pipeline.run_as_user);
  pipeline.compute = owner.TextOr("compute", pipeline.compute);
  MapReader resources = owner.Child("resources");
  ReadQuantities(resources, "requests", nullptr, nullptr);
  ReadQuantities(resources, "limits", &pipeline.memory_limit_bytes, &pipeline.cpu_limit);
  resources.Finish();
}

void ReadRepo(MapReader& owner, Pipeline& pipeline) {
  if (owner.Take("repo") == nullptr) return;
  MapReader repo = owner.Child("repo");
  RepoSpec spec;
  spec.url = repo.TextOr("url");
  if (spec.url.empty()) repo.Missing("url", "write the URL of a git repository, or a folder");
  spec.base_dir = repo.TextOr("baseDir");
  spec.secret_id = repo.TextOr("secretId");
  spec.sync_flags = repo.TextList("syncFlags");
  repo.Finish();
  pipeline.repo = std::move(spec);
}

void ReadOlderEnvironment(MapReader& owner, Pipeline& pipeline) {
  for (auto& [key, value] : owner.TextMap("envs")) {
    if (IsSecretName(key)) RegisterSecret(value);
    pipeline.envs.emplace_back(key, value);
  }
  const YamlNode* list = owner.Take("dataosSecrets");
  if (list == nullptr) return;
  if (list->kind != YamlKind::kSequence)
    return owner.Add("dataosSecrets", "a list is expected here", "write - name: my-secret");
  for (size_t i = 0; i < list->items.size(); ++i) {
    MapReader reader(list->items[i], owner.PathOf("dataosSecrets") + "[" + std::to_string(i) + "]", owner.findings(),
                     owner.style());
    if (list->items[i].kind == YamlKind::kMap) pipeline.dataos_secrets.push_back(ReadDataosSecret(reader));
  }
}

std::vector<std::string> ReadCrons(MapReader& schedule, std::string_view name) {
  std::vector<std::string> crons;
  if (schedule.Take(name) == nullptr) {
    schedule.Missing(name, "write five fields: minute hour day-of-month month day-of-week, such as '30 11 * * *'");
    return crons;
  }
  std::vector<std::string> texts = schedule.TextList(name);
  if (texts.size() > kMostCrons) {
    schedule.Add(
        name,
        std::to_string(texts.size()) + " cron expressions are more than the " + std::to_string(kMostCrons) + " allowed",
        "use lists and ranges inside one expression: '0,30 9-17 * * *'");
    return crons;
  }
  const YamlNode* node = schedule.Take(name);
  for (size_t i = 0; i < texts.size(); ++i) {
    auto cron = CheckCron(texts[i]);
    if (cron) {
      crons.push_back(*std::move(cron));
    } else if (node->kind == YamlKind::kSequence && i < node->items.size()) {
      schedule.findings().Add(node->items[i].place, schedule.PathOf(name) + "[" + std::to_string(i) + "]",
                              cron.error().message, cron.error().fix);
    } else {
      schedule.Add(name, cron.error().message, cron.error().fix);
    }
  }
  if (texts.empty()) schedule.Add(name, "the list is empty", "write at least one expression, or remove schedule");
  return crons;
}

void ReadScheduleRest(MapReader& schedule, Schedule& result) {
  result.timezone = schedule.TextOr("timezone", "UTC");
  if (auto status = CheckTimezone(result.timezone); !status)
    schedule.Add("timezone", status.error().message, status.error().fix);
  if (auto text = schedule.Text("endOn")) {
    auto end = ParseTimestamp(*text);
    if (end) {
      result.end_on = end->text;
    } else {
      schedule.Add("endOn", end.error().message, end.error().fix);
    }
  }
  if (auto policy = schedule.Choice("concurrencyPolicy", {"Allow", "Forbid", "Replace"})) {
    result.concurrency_policy = static_cast<ConcurrencyPolicy>(*policy);
  }
  schedule.Finish();
}

}  // namespace nilus
