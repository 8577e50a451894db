#include <cstdlib>
#include <optional>

#include "nilus/cli/command.h"
#include "nilus/cli/manifests.h"
#include "nilus/cli/run_pipelines.h"

namespace nilus::cli {
namespace {

// A flag whose text goes to one place of the manifest that the flags stand for.
struct TextFlag {
  std::string_view flag;
  std::string_view value_name;
  std::string_view path;
  std::string_view help;
  std::string_view environment;  // read when the flag is absent; empty: nothing
};

constexpr TextFlag kTextFlags[] = {
    {"--source-uri", "URI", "spec.source.address", "where to read: an address or {NAME} (also $SOURCE_URI)",
     "SOURCE_URI"},
    {"--source-table", "TABLE", "spec.source.options.source_table", "schema.table, a view, or query:SELECT …", {}},
    {"--dest-uri", "URI", "spec.sink.address", "where to write: an address or {NAME} (also $DESTINATION_URI)",
     "DESTINATION_URI"},
    {"--dest-table", "TABLE", "spec.sink.options.dest_table", "schema.table (default: as the source table)", {}},
    {"--incremental-strategy",
     "NAME",
     "spec.sink.options.incremental_strategy",
     "replace, append, merge, delete+insert or scd2",
     {}},
    {"--incremental-key", "COLUMN", "spec.source.options.incremental_key", "reads what is new by this column", {}},
    {"--interval-start",
     "TIME",
     "spec.source.options.interval_start",
     "reads from here on, e.g. 2024-01-31 or 2024-01-31T15:00:00Z",
     {}},
    {"--interval-end", "TIME", "spec.source.options.interval_end", "reads up to here, this not included", {}},
    {"--page-size", "ROWS", "spec.source.options.page_size", "rows a batch (default 50000)", {}},
    {"--loader-file-size", "ROWS", "spec.sink.options.loader_file_size", "rows a file (default 100000)", {}},
    {"--loader-file-format",
     "FORMAT",
     "spec.sink.options.loader_file_format",
     "parquet, csv, jsonl or insert_values",
     {}},
    {"--sql-limit", "ROWS", "spec.source.options.sql_limit", "reads at most so many rows", {}},
    {"--sql-exclude-columns",
     "COLUMNS",
     "spec.source.options.sql_exclude_columns",
     "leaves these out (comma-separated)",
     {}},
    {"--sql-reflection-level",
     "LEVEL",
     "spec.source.options.sql_reflection_level",
     "minimal, full or full_with_precision: how narrow types may be",
     {}},
    {"--sql-backend", "NAME", "spec.source.options.sql_backend", "accepted and ignored: there is one native path", {}},
    {"--yield-limit", "PAGES", "spec.source.options.yield_limit", "stops after so many pages", {}},
    {"--extract-parallelism", "COUNT", "spec.source.options.extract_parallelism", "parts read at once (default 5)", {}},
    {"--staging-bucket", "URI", "spec.sink.options.staging_bucket", "where destinations that need it stage files", {}},
};
constexpr size_t kTextFlagCount = std::size(kTextFlags);

class Ingest final : public Command {
 public:
  void Declare(Arguments& arguments) override {
    for (size_t i = 0; i < kTextFlagCount; ++i) {
      arguments.Text(kTextFlags[i].flag, kTextFlags[i].value_name, &texts_[i], kTextFlags[i].help);
    }
    arguments.TextList("--primary-key", "COLUMN", &primary_key_, "identifies a row");
    arguments.TextList("--mask", "COLUMN:HOW", &masks_, "masks a column in flight, e.g. email:hash");
    arguments.TextList("--partition-by", "COLUMN[:HOW]", &partition_by_,
                       "partitions the destination; HOW is identity, year, month, day, …");
    arguments.TextList("--cluster-by", "COLUMN", &cluster_by_, "sorts the destination");
    arguments.TextList("--columns", "NAME:TYPE", &columns_, "refused: types are pinned by `type_hints` of a manifest");
    arguments.Flag("--full-refresh", &full_refresh_, "forgets cursor and table for this run");
    arguments.Choice("--schema-naming", "default|direct", &schema_naming_, "snake_case names, or names as they are");
    arguments.TextList("--set", "PATH=VALUE", &overrides_, "sets any other option, e.g. spec.source.options.x=1");
    arguments.Text("--resources", "DIR", &resources_,
                   "folder of depots and secrets (default $NILUS_RESOURCES, ./resources)");
    arguments.Choice("--progress", "interactive|log", &progress_, "redrawn lines on a terminal, or plain ones");
    arguments.Text("--pipelines-dir", "DIR", &pipelines_dir_, "accepted and ignored: state lies with the data");
    arguments.Flag("--dry-run", &settings_.dry_run, "shows what would be done");
    arguments.Flag("-y,--yes", &yes_, "accepted: nothing is asked");
    arguments.Flag("--json", &settings_.json, "writes one JSON object at the end, for machines");
    arguments.Flag("--quiet", &settings_.quiet, "shows nothing but errors");
    arguments.Flag("--debug", &settings_.debug, "logs every step");
  }

  int Run(Context& context) override {
    if (!columns_.empty()) {
      return AnswerError(
          context,
          Error{ErrorKind::kInvalidInput, "--columns is not taken: it would only rename what `type_hints` does",
                "write a manifest (`nilus init`) and pin types there: "
                "spec.source.options.type_hints: {amount: \"decimal(12,2)\"}"},
          settings_.json);
    }
    if (schema_naming_ == "direct") {
      // The engine takes the naming from its environment (spec 03), where a manifest's own variables may set it too.
      ::setenv("SCHEMA_NAMING", "direct", 1);
    }
    if (pipelines_dir_ && !settings_.quiet) {
      Note(context, "--pipelines-dir has no effect: state lies at the destination, with the rows. Fix: leave it out");
    }
    std::vector<FlagValue> values;
    if (Status status = CollectValues(values); !status) return AnswerError(context, status.error(), settings_.json);
    settings_.progress = ChooseProgress(context, settings_.quiet);
    if (progress_ == "log" && settings_.progress == ProgressMode::kLive) settings_.progress = ProgressMode::kPlain;
    LoadedManifests loaded = LoadFromFlags(values, "ingest", MakeLoadOptions(context.registry, overrides_, resources_));
    // Without a name the engine keys the state by a hash of addresses and tables: two sources of one table stay apart.
    for (Pipeline& pipeline : loaded.pipelines) pipeline.name.clear();
    return RunPipelines(context, ResolveAll(std::move(loaded), context.registry, FilesOf(settings_)), settings_);
  }

 private:
  Status CollectValues(std::vector<FlagValue>& values) {
    auto add = [&](std::string path, std::string text, std::string_view flag) {
      values.push_back({std::move(path), std::move(text), std::string(flag)});
    };
    bool has_dest_table = false;
    std::string source_table;
    for (size_t i = 0; i < kTextFlagCount; ++i) {
      const TextFlag& flag = kTextFlags[i];
      if (!texts_[i] && !flag.environment.empty()) {
        // The variable is left to the address's own placeholders, so that its value is treated as a secret.
        if (std::getenv(flag.environment.data()) != nullptr) texts_[i] = fmt::format("{{{}}}", flag.environment);
      }
      if (!texts_[i]) continue;
      if (flag.flag == "--dest-table") has_dest_table = true;
      if (flag.flag == "--source-table") source_table = *texts_[i];
      // A value that begins with a brace would be read as a map: the other spelling of a placeholder is none.
      bool is_placeholder = flag.path.ends_with(".address") && texts_[i]->starts_with('{');
      add(std::string(flag.path), is_placeholder ? "$" + *texts_[i] : *texts_[i], flag.flag);
    }
    if (!has_dest_table && !source_table.empty()) {
      if (source_table.starts_with("query:")) {
        return FailWithFix(ErrorKind::kInvalidInput, "add --dest-table schema.table",
                           "a query has no name to load it under");
      }
      add("spec.sink.options.dest_table", source_table, "--source-table");
    }
    std::string primary_key;
    for (const std::string& column : primary_key_) primary_key += (primary_key.empty() ? "" : ",") + column;
    if (!primary_key.empty()) add("spec.source.options.primary_key", primary_key, "--primary-key");
    for (const std::string& mask : masks_) {
      size_t colon = mask.find(':');
      if (colon == 0 || colon == std::string::npos) {
        return FailWithFix(ErrorKind::kInvalidInput, "write it as --mask email:hash",
                           "--mask needs a column and how to mask it");
      }
      add("spec.source.options.mask." + mask.substr(0, colon), mask.substr(colon + 1), "--mask");
    }
    for (size_t i = 0; i < partition_by_.size(); ++i) {
      size_t colon = partition_by_[i].find(':');
      std::string path = fmt::format("spec.sink.options.partition_by.{}.", i);
      add(path + "column", partition_by_[i].substr(0, colon), "--partition-by");
      add(path + "type", colon == std::string::npos ? "identity" : partition_by_[i].substr(colon + 1),
          "--partition-by");
    }
    for (size_t i = 0; i < cluster_by_.size(); ++i) {
      add(fmt::format("spec.sink.options.cluster_by.{}", i), cluster_by_[i], "--cluster-by");
    }
    if (full_refresh_) add("spec.sink.options.full_refresh", "true", "--full-refresh");
    return {};
  }

  std::optional<std::string> texts_[kTextFlagCount];
  std::vector<std::string> primary_key_;
  std::vector<std::string> masks_;
  std::vector<std::string> partition_by_;
  std::vector<std::string> cluster_by_;
  std::vector<std::string> columns_;
  std::vector<std::string> overrides_;
  std::optional<std::string> pipelines_dir_;
  std::optional<std::string> resources_;
  std::string schema_naming_ = "default";
  std::string progress_ = "interactive";
  bool full_refresh_ = false;
  bool yes_ = false;
  RunSettings settings_;
};

constexpr std::string_view kExamples[] = {
    "nilus ingest --source-uri duckdb:///:memory: --source-table 'query:SELECT 1 AS id' "
    "--dest-uri duckdb:///demo.duckdb --dest-table main.numbers",
    "nilus ingest --source-uri 'postgresql://app:{PGPASSWORD}@db:5432/shop' --source-table public.orders "
    "--dest-uri file:///data/lake --incremental-key updated_at --incremental-strategy append",
};

}  // namespace

constinit const CommandEntry kIngestCommand{
    "ingest", "moves one table without a manifest, with ingestr's flags",
    "Passwords are best given as {NAME}, filled from the environment: what stands on a command line is seen by others\n"
    "until the program has started.",
    kExamples, [] { return std::unique_ptr<Command>(new Ingest); }};

}  // namespace nilus::cli
