#include "nilus/connectors/files/source.h"

#include <algorithm>
#include <numeric>

#include "nilus/base/fault.h"
#include "nilus/base/nearest.h"
#include "nilus/connectors/files/duck_table.h"
#include "nilus/connectors/files/file_position.h"
#include "nilus/connectors/files/text_table.h"

namespace nilus::files {
namespace {

constexpr std::string_view kQueryPrefix = "query:";
constexpr std::string_view kWholePayload = "all";

Status CheckExcluded(const std::vector<std::string>& excluded, const Schema& schema) {
  for (const std::string& name : excluded) {
    if (schema.Find(name)) continue;
    std::vector<std::string_view> names;
    for (const Field& field : schema.fields) names.push_back(field.name);
    std::string nearest = Nearest(name, names);
    return FailWithFix(ErrorKind::kInvalidInput,
                       nearest.empty() ? "name a column of the source" : fmt::format("did you mean {}?", nearest),
                       "sql_exclude_columns names '{}', which the source does not have", name);
  }
  return {};
}

class FilesSource final : public Source {
 public:
  FilesSource(std::string path, FormatOptions format, ChangedFiles changed, OpenContext context)
      : path_(std::move(path)), format_(std::move(format)), changed_(changed), context_(std::move(context)) {}

  Result<TableDescription> Describe(const ReadRequest& request) override {
    Planned planned;
    NILUS_TRY(Prepare(request, &planned));
    return planned.table;
  }

  Result<ReadPlan> Plan(const ReadRequest& request) override {
    NILUS_FAULT_POINT("files.source.plan");
    plan_ = Planned{};
    request_ = request;
    NILUS_TRY(Prepare(request, &plan_));
    ReadPlan result{.table = plan_.table, .splits = {}, .upper = {}, .end = plan_.end};
    if (plan_.is_empty) return result;
    if (request.range) {
      NILUS_ASSIGN(result.upper, FindHighest(*request.range));
    }
    result.splits.push_back({.description = plan_.description, .payload = std::string(kWholePayload)});
    return result;
  }

  Result<std::unique_ptr<Reader>> Open(const Split& split) override {
    if (split.payload != kWholePayload || plan_.is_empty)
      return Fail(ErrorKind::kInternal, "no plan has the split '{}'", split.description);
    if (plan_.text != nullptr) {
      return OpenTextReader(plan_.text, TextReadOptions{.columns = plan_.columns,
                                                        .range = request_.range,
                                                        .limit = request_.limit,
                                                        .page_rows = request_.page_rows,
                                                        .batch_bytes = request_.batch_bytes,
                                                        .largest_row = largest_row(),
                                                        .threads = context_.threads});
    }
    return OpenDuckReader(plan_.database, Narrowed(plan_.select, plan_.columns, plan_.key, request_.limit),
                          ReaderOptions(request_), context_.stop);
  }

  Result<std::vector<CheckItem>> Check() override {
    std::vector<CheckItem> items;
    if (IsDirectory(path_)) {
      auto tables = ListFolderTables(path_);
      if (!tables) {
        items.push_back({.what = "list " + path_, .ok = false, .detail = tables.error().ToString()});
      } else {
        items.push_back(
            {.what = "list " + path_, .ok = true, .detail = fmt::format("{} tables and files", tables->size())});
      }
      return items;
    }
    auto set = ResolveInput(path_, "", format_, false);
    if (!set) {
      items.push_back({.what = "find " + path_, .ok = false, .detail = set.error().ToString()});
      return items;
    }
    items.push_back({.what = "find " + path_, .ok = true, .detail = fmt::format("{} files", set->files.size())});
    for (const InputFile& file : set->files) {
      auto opened = OpenForReading(file.path);
      if (!opened) items.push_back({.what = "read " + file.path, .ok = false, .detail = opened.error().ToString()});
    }
    return items;
  }

 private:
  struct Planned {
    TableDescription table;
    std::vector<std::string> columns;          // to read, in order
    std::shared_ptr<const TextTable> text;     // CSV, JSON
    std::shared_ptr<duck::Database> database;  // Parquet, queries
    DuckSelect select;
    std::optional<DuckKey> key;  // of select, when there is a range
    std::string description;
    Position end;
    bool is_empty = false;
  };

  size_t largest_row() const { return LargestRowBytes(context_.memory_bytes); }

  static duck::QueryReaderOptions ReaderOptions(const ReadRequest& request) {
    return {.page_rows = request.page_rows,
            .batch_bytes = request.batch_bytes,
            .keep_narrow = request.reflection == ReflectionLevel::kFullWithPrecision};
  }

  Status Prepare(const ReadRequest& request, Planned* planned) {
    if (request.table.starts_with(kQueryPrefix)) return PrepareSql(request, planned);
    std::vector<LoadedFile> loaded;
    if (request.only_new) {
      NILUS_ASSIGN(loaded, ParseFilePosition(request.from));
    }
    NILUS_ASSIGN(InputSet set, ResolveInput(path_, request.table, format_, !loaded.empty()));
    std::vector<InputFile> files = std::move(set.files);
    planned->description = set.description;
    if (request.only_new) {
      NILUS_ASSIGN(files, SelectNewFiles(files, loaded, changed_));
      planned->end = FormatFilePosition(MergeLoadedFiles(loaded, files));
    }
    if (files.empty()) {
      planned->is_empty = true;
      return {};
    }
    planned->table.estimated_bytes =
        std::accumulate(files.begin(), files.end(), int64_t{0},
                        [](int64_t sum, const InputFile& file) { return sum + file.stamp.size; });
    if (files.front().format == FileFormat::kParquet) {
      planned->select = SelectParquet(std::move(files));
      NILUS_TRY(OpenDatabase(planned));
      return DescribeSelect(request, planned);
    }
    set.files = std::move(files);
    return PrepareText(request, std::move(set), planned);
  }

  Status PrepareText(const ReadRequest& request, InputSet set, Planned* planned) {
    if (!IsInferred(set.files)) {
      NILUS_ASSIGN(TextTable table, set.schema_file.empty() ? InferTextTable(std::move(set.files), largest_row(),
                                                                             context_.threads, context_.stop)
                                                            : DeclaredTextTable(std::move(set)));
      if (!table.is_declared && request.as_text) PinTexts(request, &table);
      inferred_ = std::make_shared<const TextTable>(std::move(table));
    }
    planned->text = inferred_;
    planned->table.schema = *inferred_->schema;
    planned->table.null_columns = inferred_->null_columns;
    planned->table.estimated_rows = inferred_->rows;
    // Rows may be there where no column has a value: documents of NULLs, or `{}`.
    planned->is_empty = inferred_->rows.value_or(0) == 0 && planned->table.schema.fields.empty();
    return ChooseColumns(request, planned);
  }

  static void PinTexts(const ReadRequest& request, TextTable* table) {
    auto schema = std::make_shared<Schema>(*table->schema);
    for (Field& field : schema->fields) {
      if (field.type.id != TypeId::kJson && request.as_text(field.name)) field.type = MakeType(TypeId::kText);
    }
    table->schema = std::move(schema);
  }

  // Describe and then Plan look at the same files: read them once.
  bool IsInferred(const std::vector<InputFile>& files) const {
    return inferred_ != nullptr &&
           std::equal(files.begin(), files.end(), inferred_->files.begin(), inferred_->files.end(),
                      [](const InputFile& a, const InputFile& b) { return a.path == b.path && a.stamp == b.stamp; });
  }

  Status PrepareSql(const ReadRequest& request, Planned* planned) {
    planned->description = "query";
    NILUS_ASSIGN(BoundQuery query, BindQuery(std::string_view(request.table).substr(kQueryPrefix.size()), request));
    NILUS_TRY(OpenDatabase(planned));
    NILUS_ASSIGN(duck::Connection connection, duck::Connection::Open(planned->database));
    NILUS_ASSIGN(planned->select,
                 PrepareQuery(connection, path_, format_, query, {largest_row(), context_.threads}, context_.stop));
    return DescribeSelect(request, planned);
  }

  Status OpenDatabase(Planned* planned) const {
    NILUS_ASSIGN(planned->database, OpenMemoryDatabase(context_, true));
    return {};
  }

  Status DescribeSelect(const ReadRequest& request, Planned* planned) const {
    NILUS_ASSIGN(duck::Connection connection, duck::Connection::Open(planned->database));
    NILUS_ASSIGN(planned->table.schema, duck::DescribeQuery(connection, planned->select.sql, planned->select.params,
                                                            request.reflection == ReflectionLevel::kFullWithPrecision));
    return ChooseColumns(request, planned);
  }

  static Status ChooseColumns(const ReadRequest& request, Planned* planned) {
    NILUS_TRY(CheckExcluded(request.exclude_columns, planned->table.schema));
    if (request.range && !planned->is_empty) {
      std::optional<int> key = planned->table.schema.Find(request.range->column);
      // KeyFilter says that there is no such column, and names those there are.
      if (!key) NILUS_TRY(KeyFilter::Make(*request.range, planned->table.schema));
      planned->key = DuckKey{*request.range, planned->table.schema.fields[static_cast<size_t>(*key)].type};
    }
    std::vector<Field>& fields = planned->table.schema.fields;
    const bool had_columns = !fields.empty();
    std::erase_if(fields, [&](const Field& field) {
      return std::find(request.exclude_columns.begin(), request.exclude_columns.end(), field.name) !=
             request.exclude_columns.end();
    });
    for (const Field& field : fields) planned->columns.push_back(field.name);
    if (fields.empty() && had_columns && planned->table.null_columns.empty())
      return Fail(ErrorKind::kInvalidInput, "sql_exclude_columns leaves no column of {}", planned->description);
    return {};
  }

  Result<std::optional<Scalar>> FindHighest(const KeyRange& range) {
    HighestKey highest;
    std::unique_ptr<Reader> reader;
    if (plan_.text != nullptr) {
      NILUS_ASSIGN(reader, OpenTextReader(plan_.text, TextReadOptions{.columns = {range.column},
                                                                      .range = range,
                                                                      .limit = {},
                                                                      .largest_row = largest_row(),
                                                                      .threads = context_.threads}));
    } else {
      NILUS_ASSIGN(reader, OpenDuckReader(plan_.database, SelectHighest(plan_.select, *plan_.key),
                                          ReaderOptions(request_), context_.stop));
    }
    while (true) {
      NILUS_ASSIGN(std::optional<Batch> batch, reader->Next(context_.stop));
      if (!batch) return highest.value();
      highest.Observe(batch->rows.column(0));
    }
  }

  std::string path_;
  FormatOptions format_;
  ChangedFiles changed_;
  OpenContext context_;
  ReadRequest request_;
  Planned plan_;
  std::shared_ptr<const TextTable> inferred_;
};

}  // namespace

Result<std::unique_ptr<Source>> OpenFilesSource(const Address& address, const OpenContext& context) {
  NILUS_ASSIGN(FormatOptions format, ReadFormatOptions(address, context.options));
  std::string changed = Setting(address, context.options, "changed_files", "error");
  ChangedFiles policy = ChangedFiles::kError;
  if (changed == "reread") policy = ChangedFiles::kReread;
  if (changed == "skip") policy = ChangedFiles::kSkip;
  if (policy == ChangedFiles::kError && changed != "error") {
    return FailWithFix(ErrorKind::kInvalidInput, "write error, reread or skip", "changed_files '{}' is not known",
                       changed);
  }
  return std::make_unique<FilesSource>(address.path, std::move(format), policy, context);
}

}  // namespace nilus::files
