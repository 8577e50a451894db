#include "nilus/cli/fake_connector_testing.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <utility>

#include "nilus/cli/program.h"
#include "nilus/data/builder.h"

namespace nilus::cli::testing {
namespace {

std::mutex loaded_mutex;
std::vector<std::string> loaded_tables;

SchemaPtr FakeSchema() {
  return std::make_shared<Schema>(Schema{{{"id", MakeType(TypeId::kInt64)}, {"name", MakeType(TypeId::kText)}}});
}

class FakeReader final : public Reader {
 public:
  FakeReader(int64_t rows, int64_t page_rows) : rows_(rows), page_rows_(page_rows) {}

  Result<std::optional<Batch>> Next(std::stop_token stop) override {
    if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
    if (next_ > rows_) return std::nullopt;
    BatchBuilder builder(FakeSchema());
    for (int64_t i = 0; i < page_rows_ && next_ <= rows_; ++i, ++next_) {
      builder.column(0).Append<int64_t>(next_);
      if (next_ % 3 == 0) {
        builder.column(1).AppendNull();
      } else {
        builder.column(1).AppendBytes("name " + std::to_string(next_));
      }
      builder.FinishRow();
    }
    return Batch{.rows = builder.Finish()};
  }

 private:
  int64_t rows_;
  int64_t page_rows_;
  int64_t next_ = 1;
};

class FakeSource final : public Source {
 public:
  explicit FakeSource(int64_t rows) : rows_(rows) {}
  Result<TableDescription> Describe(const ReadRequest&) override { return TableDescription{.schema = *FakeSchema()}; }
  Result<ReadPlan> Plan(const ReadRequest& request) override {
    page_rows_ = request.page_rows;
    return ReadPlan{.table = {.schema = *FakeSchema(), .estimated_rows = rows_}, .splits = {{"all", ""}}};
  }
  Result<std::unique_ptr<Reader>> Open(const Split&) override {
    return std::make_unique<FakeReader>(rows_, page_rows_);
  }
  Result<std::vector<CheckItem>> Check() override { return std::vector<CheckItem>{{"connect", true, "always"}}; }

 private:
  int64_t rows_;
  int64_t page_rows_ = 1;
};

class FakeWriter final : public Writer {
 public:
  explicit FakeWriter(TableName table) : table_(std::move(table)) {}
  Status Write(RecordBatch batch) override {
    rows_ += batch.num_rows();
    return {};
  }
  Result<Receipt> Finish() override { return Receipt{.table = table_, .rows = rows_}; }

 private:
  TableName table_;
  int64_t rows_ = 0;
};

class FakeSink final : public Sink {
 public:
  explicit FakeSink(bool refuses) : refuses_(refuses) {}
  Result<std::optional<CommittedState>> Committed(const PipelineId&) override { return std::nullopt; }
  Result<bool> WasCommitted(const PipelineId&, const std::string&) override { return false; }
  Result<std::optional<Schema>> Describe(const TableName&) override { return std::nullopt; }
  Result<std::vector<std::string>> Explain(const WriteRequest& request) override {
    return std::vector<std::string>{"MAKE " + request.table.ToString()};
  }
  Result<std::unique_ptr<Writer>> Open(const WriteRequest& request) override {
    if (refuses_) {
      return FailWithFix(ErrorKind::kAuth, "grant it", "no right to write {}", request.table.ToString());
    }
    std::lock_guard lock(loaded_mutex);
    loaded_tables.push_back(request.table.ToString());
    return std::make_unique<FakeWriter>(request.table);
  }
  Result<CommitResult> Commit(const CommitRequest&) override { return CommitResult{.version = 1, .rows_inserted = 1}; }
  Result<std::vector<CheckItem>> Check() override { return std::vector<CheckItem>{{"write", !refuses_, "as asked"}}; }

 private:
  bool refuses_;
};

Result<std::unique_ptr<Source>> OpenSource(const Address& address, const OpenContext&) {
  if (address.path.ends_with("broken")) {
    return FailWithFix(ErrorKind::kAuth, "use another one", "the fake refuses password=hunter2-canary");
  }
  if (address.path.ends_with("unreadable")) return Fail(ErrorKind::kInvalidInput, "the fake has no such table");
  size_t slash = address.path.rfind('/');
  std::string digits = slash == std::string::npos ? address.path : address.path.substr(slash + 1);
  return std::make_unique<FakeSource>(ParseInteger(digits).value_or(0));
}

Result<std::unique_ptr<Sink>> OpenSink(const Address& address, const OpenContext&) {
  return std::make_unique<FakeSink>(address.path.ends_with("refuses"));
}

constexpr std::string_view kSchemes[] = {"fake", "fake2"};
constexpr OptionSpec kParams[] = {
    {"colour", OptionType::kChoice, "red", "which one it is | or not", "red|blue"},
    {"token", OptionType::kText, "", "lets one in", "", true},
};
constexpr WriteStrategy kStrategies[] = {WriteStrategy::kReplace, WriteStrategy::kAppend, WriteStrategy::kDeleteInsert};

}  // namespace

constexpr std::string_view kHonoured[] = {"loader_file_size"};

constinit const Connector kFakeConnector{.name = "fake",
                                         .schemes = kSchemes,
                                         .title = "Fake",
                                         .summary = "Nothing, for tests.",
                                         .address_example = "fake:///rows",
                                         .address_params = kParams,
                                         .honoured_sink_options = kHonoured,
                                         .strategies = kStrategies,
                                         .identifier_limit = 63,
                                         .open_source = OpenSource,
                                         .open_sink = OpenSink};

std::vector<std::string> TakeLoadedTables() {
  std::lock_guard lock(loaded_mutex);
  return std::exchange(loaded_tables, {});
}

TestProgram::TestProgram() { registry.Add(kFakeConnector); }

int TestProgram::Run(const std::vector<std::string>& arguments) {
  Context context{.out = out, .err = err, .registry = registry, .stop = stop.get_token()};
  return RunProgram(arguments, context);
}

TestFolder::TestFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "nilus-cli-XXXXXX").string();
  if (::mkdtemp(name.data()) != nullptr) path_ = name;
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

std::string TestFolder::Write(const std::string& name, const std::string& text) const {
  std::ofstream(Path(name)) << text;
  return Path(name);
}

std::string FakeManifest(const std::string& name, const std::string& source_path, const std::string& sink_path) {
  return fmt::format(
      "name: {0}\nversion: v1alpha\ntype: nilus\nspec:\n  type: batch\n"
      "  source: {{address: \"fake:///{1}\", options: {{source_table: main.{0}}}}}\n"
      "  sink: {{address: \"fake:///{2}\", options: {{dest_table: main.{0}}}}}\n",
      name, source_path, sink_path);
}

}  // namespace nilus::cli::testing
