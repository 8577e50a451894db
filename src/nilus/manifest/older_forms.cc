// `type: workflow` and `type: service`, version v1, whose keys are hyphenated or underscored.
#include <algorithm>
#include <map>
#include <set>

#include "nilus/manifest/forms.h"

namespace nilus {
namespace {

constexpr size_t kMostNodes = 200;

struct FlowNode {
  Pipeline pipeline;
  std::vector<std::string> dependents;
  SourcePlace place;
  std::string path;
};

void ReadStack(MapReader& spec) {
  auto stack = spec.Text("stack");
  if (!stack) {
    if (spec.Take("stack") == nullptr) spec.Missing("stack", "write stack: nilus:1.0");
    return;
  }
  if (*stack != "nilus" && !stack->starts_with("nilus:") && !stack->starts_with("nilus+")) {
    spec.Add("stack", "the stack " + Shown(*stack) + " is not run here", "write stack: nilus:1.0");
  }
}

// What a workflow's node and a service have in common: `spec` holds stack, envs, …, stackSpec.
void ReadStackSpec(MapReader& spec, const FormContext& context, TypeRule rule, Pipeline& pipeline) {
  ReadStack(spec);
  ReadRunSettings(spec, pipeline);
  ReadOlderEnvironment(spec, pipeline);
  if (spec.Take("stackSpec") == nullptr)
    return spec.Missing("stackSpec", "write stackSpec: with source and sink below it");
  MapReader stack_spec = spec.Child("stackSpec");
  ReadRepo(stack_spec, pipeline);
  ReadEnds(stack_spec, context, rule, pipeline);
  stack_spec.Finish();
}

FlowNode ReadNode(MapReader& reader, const FormContext& context, const DocumentHead& head) {
  FlowNode node;
  node.pipeline = PipelineOf(head, reader.place());
  node.place = reader.place();
  node.path = reader.path();
  node.pipeline.node = reader.TextOr("name");
  if (node.pipeline.node.empty()) reader.Missing("name", "write the node's name");
  if (auto description = reader.Text("description")) node.pipeline.description = *description;
  reader.Text("title");
  for (const std::string& tag : reader.TextList("tags")) node.pipeline.tags.push_back(tag);
  node.pipeline.depends_on = reader.TextList("dependencies");
  node.dependents = reader.TextList("dependents");
  if (reader.Take("spec") == nullptr) {
    reader.Missing("spec", "write spec: with stack and stackSpec below it");
  } else {
    MapReader spec = reader.Child("spec");
    ReadStackSpec(spec, context, TypeRule::kGiven, node.pipeline);
    spec.Finish();
  }
  reader.Finish();
  return node;
}

// Turns dependents into depends_on and reports names that no node has.
void Connect(std::vector<FlowNode>& nodes, Findings& findings) {
  std::map<std::string, size_t> by_name;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!by_name.emplace(nodes[i].pipeline.node, i).second && !nodes[i].pipeline.node.empty()) {
      findings.Add(nodes[i].place, nodes[i].path + ".name", "two nodes are called " + Shown(nodes[i].pipeline.node),
                   "rename one of them");
    }
  }
  std::vector<std::string_view> names;
  for (const auto& [name, index] : by_name) names.push_back(name);
  auto unknown = [&](const FlowNode& node, std::string_view key, const std::string& name) {
    std::string_view nearest = NearestName(name, names);
    findings.Add(node.place, node.path + "." + std::string(key), "no node is called " + Shown(name),
                 nearest.empty() ? "" : "write " + std::string(nearest));
  };
  for (FlowNode& node : nodes) {
    std::erase_if(node.pipeline.depends_on, [&](const std::string& name) {
      if (by_name.contains(name)) return false;
      unknown(node, "dependencies", name);
      return true;
    });
    for (const std::string& dependent : node.dependents) {
      auto found = by_name.find(dependent);
      if (found == by_name.end()) {
        unknown(node, "dependents", dependent);
      } else {
        nodes[found->second].pipeline.depends_on.push_back(node.pipeline.node);
      }
    }
  }
  for (FlowNode& node : nodes) {
    auto& list = node.pipeline.depends_on;
    std::set<std::string> seen;
    std::erase_if(list, [&](const std::string& name) { return !seen.insert(name).second; });
  }
}

// Nodes in an order in which each comes after those it depends on; as written where that leaves a choice.
std::vector<Pipeline> Ordered(std::vector<FlowNode>& nodes, Findings& findings) {
  std::vector<Pipeline> ordered;
  std::set<std::string> done;
  std::vector<bool> taken(nodes.size(), false);
  bool moved = true;
  while (moved) {
    moved = false;
    for (size_t i = 0; i < nodes.size(); ++i) {
      const auto& needs = nodes[i].pipeline.depends_on;
      if (taken[i] || !std::all_of(needs.begin(), needs.end(), [&](const std::string& n) { return done.contains(n); }))
        continue;
      done.insert(nodes[i].pipeline.node);
      ordered.push_back(nodes[i].pipeline);
      taken[i] = moved = true;
    }
  }
  std::string waiting;
  const FlowNode* first = nullptr;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (taken[i]) continue;
    if (first == nullptr) first = &nodes[i];
    waiting += (waiting.empty() ? "" : ", ") + nodes[i].pipeline.node;
  }
  if (first != nullptr) {
    findings.Add(first->place, first->path + ".dependencies",
                 "the nodes wait for each other in a circle: " + waiting.substr(0, 500),
                 "remove one of the dependencies");
  }
  return ordered;
}

}  // namespace

void ReadWorkflowForm(MapReader& document, const FormContext& context, std::vector<Pipeline>& pipelines) {
  DocumentHead head = ReadHead(document, {"v1"});
  if (document.Take("workflow") == nullptr) {
    document.Missing("workflow", "write workflow: with dag below it");
    return document.Finish();
  }
  MapReader workflow = document.Child("workflow");
  workflow.Text("title");
  std::optional<Schedule> schedule;
  if (workflow.Take("schedule") != nullptr) {
    MapReader reader = workflow.Child("schedule");
    schedule.emplace();
    schedule->crons = ReadCrons(reader, reader.Has("crons") && !reader.Has("cron") ? "crons" : "cron");
    ReadScheduleRest(reader, *schedule);
  }
  const YamlNode* dag = workflow.Take("dag");
  std::vector<FlowNode> nodes;
  if (dag == nullptr || dag->kind != YamlKind::kSequence || dag->items.empty()) {
    workflow.Missing("dag", "write dag: with a list of nodes below it: - name: …, spec: …");
  } else if (dag->items.size() > kMostNodes) {
    workflow.Add("dag", "the list is longer than " + std::to_string(kMostNodes) + " nodes", "split the workflow");
  } else {
    for (size_t i = 0; i < dag->items.size(); ++i) {
      MapReader reader(dag->items[i], workflow.PathOf("dag") + "[" + std::to_string(i) + "]", context.findings,
                       document.style());
      if (dag->items[i].kind == YamlKind::kMap) nodes.push_back(ReadNode(reader, context, head));
    }
  }
  workflow.Finish();
  document.Finish();
  Connect(nodes, context.findings);
  for (Pipeline& pipeline : Ordered(nodes, context.findings)) {
    pipeline.schedule = schedule;
    pipelines.push_back(std::move(pipeline));
  }
}

void ReadServiceForm(MapReader& document, const FormContext& context, std::vector<Pipeline>& pipelines) {
  DocumentHead head = ReadHead(document, {"v1"});
  if (document.Take("service") == nullptr) {
    document.Missing("service", "write service: with stack and stackSpec below it");
    return document.Finish();
  }
  Pipeline pipeline = PipelineOf(head, document.place());
  MapReader service = document.Child("service");
  service.Text("title");
  service.Integer("servicePort", 1, 65535);
  if (auto replicas = service.Integer("replicas", 0, 1000); replicas && *replicas > 1) {
    context.findings.Notice(service.PlaceOf("replicas"), service.PathOf("replicas"),
                            "one process runs the service, whatever is written here");
  }
  ReadStackSpec(service, context, TypeRule::kEngineDecides, pipeline);
  service.Finish();
  document.Finish();
  pipelines.push_back(std::move(pipeline));
}

}  // namespace nilus
