#include "nilus/connector/connector.h"

#include "nilus/base/nearest.h"

namespace nilus {

std::string_view WriteStrategyName(WriteStrategy strategy) {
  switch (strategy) {
    case WriteStrategy::kReplace:
      return "replace";
    case WriteStrategy::kAppend:
      return "append";
    case WriteStrategy::kMerge:
      return "merge";
    case WriteStrategy::kDeleteInsert:
      return "delete+insert";
    case WriteStrategy::kScd2:
      return "scd2";
  }
  return "unknown";
}

Error TableIsGone(const TableName& table) {
  return Error{ErrorKind::kConflict, fmt::format("table {} was dropped at the destination", table.ToString()),
               "run again: it starts from what is there now"};
}

Result<const Connector*> ConnectorRegistry::Find(std::string_view scheme) const {
  std::vector<std::string_view> known;
  for (const Connector* connector : connectors_) {
    for (std::string_view candidate : connector->schemes) {
      if (candidate == scheme) return connector;
      known.push_back(candidate);
    }
  }
  std::string nearest = Nearest(scheme, known);
  return FailWithFix(
      ErrorKind::kUnsupported,
      nearest.empty() ? "see `nilus connectors` for what there is" : fmt::format("did you mean `{}://`?", nearest),
      "no connector answers to addresses that begin with `{}://`", scheme);
}

}  // namespace nilus
