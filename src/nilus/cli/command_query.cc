#include <algorithm>
#include <optional>

#include "nilus/cli/command.h"
#include "nilus/cli/manifests.h"
#include "nilus/cli/row_output.h"

namespace nilus::cli {
namespace {

class Query final : public Command {
 public:
  void Declare(Arguments& arguments) override {
    arguments.Operand("ADDRESS", &address_, true,
                      "an address or a depot (dataos://name); {NAME} comes from the environment");
    arguments.Operand("SQL", &sql_, true, "a SELECT in the system's own SQL");
    arguments.Choice("--format", "table|jsonl|csv", &format_, "how rows are written");
    arguments.Text("--resources", "DIR", &resources_,
                   "folder of depots and secrets (default $NILUS_RESOURCES, ./resources)");
  }

  int Run(Context& context) override {
    Result<OpenAddress> found = FindAddress(context, address_, resources_);
    if (!found) return ReportError(context, found.error());
    Status status = Stream(context, *found);
    if (context.stop.stop_requested()) return ReportError(context, Error{ErrorKind::kCancelled, {}, {}});
    return status ? kDone : ReportError(context, status.error());
  }

 private:
  Status Stream(Context& context, const OpenAddress& found) const {
    if (found.connector->open_source == nullptr) {
      return Fail(ErrorKind::kUnsupported, "{} cannot be read from", found.connector->title);
    }
    NILUS_ASSIGN(std::unique_ptr<Source> source, found.connector->open_source(found.address, MakeOpenContext(context)));
    ReadRequest request;
    request.table = "query:" + sql_;
    request.page_rows = 2048;  // the first rows are shown soon
    request.reflection = ReflectionLevel::kFullWithPrecision;
    NILUS_ASSIGN(ReadPlan plan, source->Plan(request));

    RowOutputOptions options;
    options.format = format_ == "jsonl" ? RowFormat::kJsonLines
                     : format_ == "csv" ? RowFormat::kCsv
                                        : RowFormat::kTable;
    options.to_terminal = context.out_is_terminal;
    constexpr int kWidthOfFiles = 200;
    options.columns = context.out_is_terminal ? context.columns : kWidthOfFiles;
    std::unique_ptr<RowOutput> rows;
    if (!plan.table.schema.fields.empty()) {
      rows = MakeRowOutput(std::make_shared<Schema>(plan.table.schema), options, context.out);
    }
    for (const Split& split : plan.splits) {
      NILUS_ASSIGN(std::unique_ptr<Reader> reader, source->Open(split));
      while (true) {
        NILUS_ASSIGN(std::optional<Batch> batch, reader->Next(context.stop));
        if (!batch) break;
        if (!rows) rows = MakeRowOutput(batch->rows.schema(), options, context.out);
        rows->Write(batch->rows);
        if (!context.out.status()) return {};  // nobody reads on; RunProgram tells
      }
    }
    if (rows) rows->Finish();
    return {};
  }

  std::string address_;
  std::string sql_;
  std::string format_ = "table";
  std::optional<std::string> resources_;
};

constexpr std::string_view kExamples[] = {
    "nilus query duckdb:///:memory: 'SELECT 42 AS answer'",
    "nilus query sqlite:///shop.db 'SELECT * FROM orders' --format csv > orders.csv",
};

}  // namespace

constinit const CommandEntry kQueryCommand{"query", "runs SQL on a database or on files, and shows the rows",
                                           "Rows are written while they arrive. In tables NULL is a word and text is "
                                           "cut to fit; csv and jsonl keep all of it.",
                                           kExamples, [] { return std::unique_ptr<Command>(new Query); }};

}  // namespace nilus::cli
