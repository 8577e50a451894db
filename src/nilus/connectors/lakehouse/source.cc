#include "nilus/connectors/lakehouse/source.h"

#include <utility>

#include "nilus/base/fault.h"
#include "nilus/connectors/lakehouse/place.h"
#include "nilus/connectors/lakehouse/query_read.h"
#include "nilus/connectors/lakehouse/selection.h"
#include "nilus/connectors/lakehouse/table_read.h"

namespace nilus::lakehouse {
namespace {

constexpr std::string_view kQueryPrefix = "query:";

class LakehouseSource final : public Source {
 public:
  LakehouseSource(std::shared_ptr<const Session> session, const OpenContext& context)
      : session_(std::move(session)), options_(context.options), stop_(context.stop) {}

  Result<TableDescription> Describe(const ReadRequest& request) override {
    if (request.table.starts_with(kQueryPrefix)) {
      NILUS_ASSIGN(std::unique_ptr<QueryRead> query, OpenQuery(request));
      return TableDescription{.schema = query->schema()};
    }
    NILUS_ASSIGN(SelectedTable selected, SelectOf(request));
    return DescribeTable(selected, request);
  }

  Result<ReadPlan> Plan(const ReadRequest& request) override {
    NILUS_FAULT_POINT("lakehouse.source.plan");
    table_.reset();
    query_.reset();
    ReadPlan plan;
    if (request.table.starts_with(kQueryPrefix)) {
      NILUS_ASSIGN(query_, OpenQuery(request));
      plan.table.schema = query_->schema();
      if (request.range) {
        NILUS_ASSIGN(plan.upper, query_->HighestKey());
      }
      plan.splits.push_back(Split{.description = "the query", .payload = {}});
      return plan;
    }
    NILUS_ASSIGN(SelectedTable selected, SelectOf(request));
    NILUS_ASSIGN(plan.table, DescribeTable(selected, request));
    NILUS_ASSIGN(table_, PlanTableRead(selected, request, stop_));
    if (request.range) {
      NILUS_ASSIGN(duck::Connection connection, session_->Connect());
      NILUS_ASSIGN(plan.upper, HighestKey(*table_, connection, stop_));
    }
    for (size_t i = 0; i < table_->splits.size(); ++i) {
      plan.splits.push_back(Split{.description = fmt::format("{} part {} of {} ({} files)", request.table, i + 1,
                                                             table_->splits.size(), table_->splits[i].size()),
                                  .payload = std::to_string(i)});
    }
    plan.end = PositionOf(selected.snapshot);
    return plan;
  }

  Result<std::unique_ptr<Reader>> Open(const Split& split) override {
    NILUS_FAULT_POINT("lakehouse.source.open");
    if (query_ != nullptr) return query_->Open();
    const std::optional<int64_t> number = ParseInteger(split.payload);
    if (table_ == nullptr || !number || *number < 0 || *number >= static_cast<int64_t>(table_->splits.size()))
      return Fail(ErrorKind::kInternal, "a split of a lakehouse table was opened that is not of the last plan");
    return OpenTableReader(table_, static_cast<size_t>(*number), session_->database, stop_);
  }

  Result<std::vector<CheckItem>> Check() override {
    NILUS_ASSIGN(std::vector<std::string> schemas, session_->catalog->ListSchemas(stop_));
    return std::vector<CheckItem>{
        {.what = "catalog",
         .ok = true,
         .detail = fmt::format("{}: {} schemas", session_->catalog->description(), schemas.size())}};
  }

 private:
  Result<SelectedTable> SelectOf(const ReadRequest& request) {
    NILUS_ASSIGN(Selection selection, ParseSelection(request.table, session_->collection));
    NILUS_TRY(AddOptions(options_, &selection));
    return Select(*session_->catalog, selection, stop_);
  }

  static Result<TableDescription> DescribeTable(const SelectedTable& selected, const ReadRequest& request) {
    TableDescription description;
    NILUS_ASSIGN(description.schema, ReadSchema(selected.schema, request));
    for (int32_t id : selected.schema.identifier_field_ids) {
      if (const lake::IcebergField* field = selected.schema.FindById(id))
        description.primary_key.push_back(field->name);
    }
    if (selected.snapshot == nullptr) return description;
    const lake::Properties& summary = selected.snapshot->summary;
    if (auto rows = summary.find("total-records"); rows != summary.end())
      description.estimated_rows = ParseInteger(rows->second);
    if (auto bytes = summary.find("total-files-size"); bytes != summary.end())
      description.estimated_bytes = ParseInteger(bytes->second);
    return description;
  }

  Result<std::unique_ptr<QueryRead>> OpenQuery(const ReadRequest& request) {
    return QueryRead::Open(*session_, request, std::string_view(request.table).substr(kQueryPrefix.size()), stop_);
  }

  const std::shared_ptr<const Session> session_;
  const OptionValues options_;
  const std::stop_token stop_;

  // Of the last Plan.
  std::shared_ptr<const TableRead> table_;
  std::unique_ptr<QueryRead> query_;
};

}  // namespace

Result<std::unique_ptr<Source>> OpenSource(const Address& address, const OpenContext& context) {
  NILUS_ASSIGN(std::shared_ptr<const Session> session, OpenSession(address, context));
  return std::make_unique<LakehouseSource>(std::move(session), context);
}

}  // namespace nilus::lakehouse
