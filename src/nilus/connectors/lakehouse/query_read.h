// The user's SELECT over tables of the catalog: each table that it names is a view over its files.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/connector/source.h"
#include "nilus/connectors/lakehouse/query_text.h"
#include "nilus/connectors/lakehouse/session.h"
#include "nilus/duck/query_reader.h"
#include "nilus/lake/scan_plan.h"
#include "nilus/lake/scan_relation.h"

namespace nilus::lakehouse {

// All tables are read in the states they have at Open. One reader.
class QueryRead {
 public:
  static Result<std::unique_ptr<QueryRead>> Open(const Session& session, const ReadRequest& request,
                                                 std::string_view sql, std::stop_token stop);
  const Schema& schema() const { return schema_; }
  // Of the request's range.
  Result<std::optional<Scalar>> HighestKey();
  Result<std::unique_ptr<Reader>> Open();

 private:
  struct State;
  explicit QueryRead(std::shared_ptr<State> state) : state_(std::move(state)) {}

  std::shared_ptr<State> state_;
  Schema schema_;
};

}  // namespace nilus::lakehouse
