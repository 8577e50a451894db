#include "nilus/cdc/start_notices.h"

#include <algorithm>

#include "nilus/base/nearest.h"
#include "nilus/connector/name_patterns.h"

namespace nilus {
namespace {

constexpr size_t kMostNames = 20;  // told one by one

std::string NameOf(const CapturedTable& table) { return table.schema + "." + table.name; }

std::string Normalized(const CdcJob& job, const std::string& name) {
  return NormalizeName(name, job.naming, job.identifier_limit);
}

std::string WithFix(std::string notice, std::string_view wrong, const std::vector<std::string>& known) {
  const std::string nearest = Nearest(wrong, std::vector<std::string_view>(known.begin(), known.end()));
  return nearest.empty() ? notice : std::move(notice) + ". Did you mean `" + nearest + "`?";
}

void TellNames(const CdcJob& job, const std::vector<CapturedTable>& tables, std::vector<std::string>* notices) {
  const std::string& prefix = job.properties.prefix;
  if (job.naming == NamingStyle::kDefault && Normalized(job, prefix) != prefix) {
    notices->push_back(fmt::format("topic.prefix `{}` becomes `{}` by normalization (SCHEMA_NAMING=direct keeps it)",
                                   prefix, Normalized(job, prefix)));
  }
  size_t count = 0;
  for (const CapturedTable& table : tables) {
    std::string notice = NameNotice(job, table);
    if (!notice.empty() && ++count <= kMostNames) notices->push_back(std::move(notice));
  }
  if (count > kMostNames) {
    notices->push_back(fmt::format("{} more tables' names change by normalization", count - kMostNames));
  }
}

void TellHints(const CdcJob& job, const std::vector<CapturedTable>& tables, std::vector<std::string>* notices) {
  for (const PinnedType& hint : job.hints) {
    CdcJob alone;
    alone.hints = {hint};
    alone.naming = job.naming;
    alone.identifier_limit = job.identifier_limit;
    if (std::any_of(tables.begin(), tables.end(), [&](const auto& table) { return !HintsOf(alone, table).empty(); }))
      continue;
    std::vector<std::string> known;
    for (const CapturedTable& table : tables) {
      for (const Field& field : table.columns.fields) known.push_back(field.name);
    }
    notices->push_back(
        WithFix(fmt::format("type_hints: `{}` is no column of any captured table", hint.column), hint.column, known));
  }
}

void TellSnapshotList(const CdcJob& job, const std::vector<CapturedTable>& tables, std::vector<std::string>* notices) {
  std::vector<std::string> names;
  for (const CapturedTable& table : tables) names.push_back(NameOf(table));
  for (const std::string& pattern : job.properties.snapshot_tables.MatchingNone(names)) {
    notices->push_back(WithFix(fmt::format("snapshot.include.collection.list: `{}` matches no captured table", pattern),
                               pattern, names));
  }
}

}  // namespace

std::string NameNotice(const CdcJob& job, const CapturedTable& table) {
  if (const Result<TableName> name = RouteTable(job, table.schema, table.name)) {
    std::string topic = TopicOf(job, table.schema, table.name);
    const std::string& prefix = job.properties.prefix;
    if (job.naming == NamingStyle::kDefault) {
      if (topic.starts_with(prefix + ".")) topic.replace(0, prefix.size(), Normalized(job, prefix));
      std::replace(topic.begin(), topic.end(), '.', '_');
    }
    if (name->name == topic) return "";
    return fmt::format("table {} becomes `{}` by normalization{}", NameOf(table), name->ToString(),
                       job.naming == NamingStyle::kDefault ? " (SCHEMA_NAMING=direct keeps it)" : "");
  }
  return "";  // which is an error of its own
}

std::vector<std::string> StartNotices(const CdcJob& job, const std::vector<CapturedTable>& tables) {
  std::vector<std::string> notices;
  if (tables.empty()) return notices;
  TellNames(job, tables, &notices);
  TellHints(job, tables, &notices);
  TellSnapshotList(job, tables, &notices);
  return notices;
}

}  // namespace nilus
