#include "nilus/connectors/files/json_table.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <unordered_map>

#include "nilus/connectors/files/json_records.h"
#include "nilus/connectors/files/json_workers.h"
#include "nilus/data/builder.h"
#include "nilus/json/column.h"
#include "nilus/json/shape.h"

namespace nilus::files {
namespace {

Failure Cancelled() { return Fail(ErrorKind::kCancelled, "stopped"); }

std::string TooManyKeys() { return fmt::format("the file has more than {} different keys", kMostColumns); }

// What is wrong with a key that stands twice in its object, or is one too many.
JsonProblem KeyProblem(const json::Value& key, bool is_twice, const JsonChunk& chunk) {
  std::string scratch;
  return {.offset = static_cast<size_t>(key.text.data() - chunk.text.data()) - 1,
          .what = is_twice ? fmt::format("the key \"{}\" stands twice in one object", json::Meaning(key, &scratch))
                           : TooManyKeys()};
}

struct NewKey {
  std::string name;
  int64_t line = 0;
  int64_t column = 0;
};

struct InferOutput {
  int64_t rows = 0;
  std::vector<NewKey> keys;  // that the thread had not seen before
  std::string path;
  std::optional<Error> error;
};

// One thread's view of the columns.
class InferWork {
 public:
  template <typename Push>
  bool operator()(const JsonChunk& chunk, const Push& push) {
    output_ = InferOutput{.path = chunk.path};
    chunk_ = &chunk;
    ChunkPlaces places(chunk);
    places_ = &places;
    problem.reset();
    const std::optional<JsonProblem> found = ReadRecords(chunk, false, this);
    if (found) output_.error = DescribeProblem(chunk, *found);
    return push(std::move(output_)) && !found;
  }

  void OnRecord() { keys_.StartRecord(); }
  bool OnField(const json::Value& key, const json::Value& value) {
    const JsonKeys::Found found = keys_.Find(key);
    if (found.is_twice || found.number >= kMostColumns) return Refuse(key, found.is_twice);
    if (found.number >= shapes_.size()) Add(key);
    shapes_[found.number].Observe(value, &scratch_);
    return true;
  }
  bool OnRecordEnd() {
    ++output_.rows;
    return true;
  }
  std::optional<JsonProblem> problem;

  std::string_view name(size_t index) const { return keys_.name(index); }
  const json::ScalarShape& shape(size_t index) const { return shapes_[index]; }
  size_t size() const { return shapes_.size(); }

 private:
  bool Refuse(const json::Value& key, bool is_twice) {
    problem = KeyProblem(key, is_twice, *chunk_);
    return false;
  }
  void Add(const json::Value& key) {
    shapes_.emplace_back();
    places_->MoveTo(static_cast<size_t>(key.text.data() - chunk_->text.data()) - 1);
    output_.keys.push_back({std::string(name(size() - 1)), places_->line(), places_->column()});
  }

  JsonKeys keys_;
  std::vector<json::ScalarShape> shapes_;
  std::string scratch_;
  InferOutput output_;
  const JsonChunk* chunk_ = nullptr;
  ChunkPlaces* places_ = nullptr;
};

// Columns by name, in the order of their first appearance.
class ColumnList {
 public:
  Status Add(const InferOutput& output) {
    for (const NewKey& key : output.keys) {
      const bool is_new = index_.emplace(key.name, names_.size()).second;
      if (!is_new) continue;
      if (names_.size() == kMostColumns) {
        return FailWithFix(ErrorKind::kData, "correct the file there", "{}, line {}, column {}: {}", output.path,
                           key.line, key.column, TooManyKeys());
      }
      names_.push_back(key.name);
    }
    return {};
  }

  void Resolve(const std::deque<InferWork>& work, TextColumns* table) const {
    std::vector<json::ScalarShape> shapes(names_.size());
    for (const InferWork& each : work) {
      for (size_t i = 0; i < each.size(); ++i) shapes[index_.at(std::string(each.name(i)))].Merge(each.shape(i));
    }
    for (size_t i = 0; i < names_.size(); ++i) {
      if (shapes[i].has_values()) {
        table->fields.push_back(Field{.name = names_[i],
                                      .type = shapes[i].Resolve(),
                                      .nullable = true,
                                      .variant_of = {},
                                      .origin = shapes[i].Origin()});
      } else {
        table->null_columns.push_back(names_[i]);
      }
    }
  }

 private:
  std::vector<std::string> names_;
  std::unordered_map<std::string, size_t> index_;
};

template <typename Work>
std::vector<Work*> Pointers(std::deque<Work>* work) {
  std::vector<Work*> pointers;
  for (Work& each : *work) pointers.push_back(&each);
  return pointers;
}

struct ReadOutput {
  std::optional<RecordBatch> batch;
  bool starts_file = false;
  std::optional<TextMisfit> misfit;  // its row counts from the chunk's output before
  std::optional<Error> error;
};

// One thread's decoder.
class ReadWork {
 public:
  explicit ReadWork(const JsonReadOptions& options)
      : options_(options),
        columns_(options.schema->fields.size()),
        most_keys_(columns_ + kMostColumns),
        builder_(options.schema) {
    for (const Field& field : options_.schema->fields) keys_.Number(field.name);
  }

  template <typename Push>
  bool operator()(const JsonChunk& chunk, const Push& push) {
    output_ = ReadOutput{.starts_file = chunk.is_first};
    chunk_ = &chunk;
    push_ = push;
    problem.reset();
    const std::optional<JsonProblem> found = ReadRecords(chunk, !options_.is_declared, this);
    if (stopped_) return false;
    if (!found) return (builder_.num_rows() == 0 && !output_.starts_file) || Flush();
    if (output_.misfit) output_.misfit->row = builder_.num_rows() + 1;
    if (!output_.misfit) output_.error = DescribeProblem(chunk, *found);
    push(std::move(output_));
    return false;
  }

  void OnRecord() { keys_.StartRecord(); }
  bool OnField(const json::Value& key, const json::Value& value) {
    const JsonKeys::Found found = keys_.Find(key);
    if (found.is_twice || found.number >= most_keys_) return Refuse(key, found.is_twice);
    if (found.number >= columns_) return true;
    ColumnBuilder& column = builder_.column(static_cast<int>(found.number));
    while (column.length() < builder_.num_rows()) column.AppendNull();
    if (column.length() > builder_.num_rows()) return true;  // the record is read a second time
    if (value.kind == json::Kind::kNull) {
      // Our sink leaves out what is NULL in a column of JSON values, and writes a JSON null as one.
      if (options_.is_declared && column.type().id == TypeId::kJson) column.AppendBytes("null");
      return true;
    }
    bytes_ += static_cast<int64_t>(value.text.size());
    return json::AppendValue(value, &column) || Misfit(found.number, value);
  }
  bool OnRecordEnd() {
    builder_.FinishRow();
    bytes_ += 8 * static_cast<int64_t>(columns_);
    return (builder_.num_rows() < options_.page_rows && bytes_ < options_.batch_bytes) || Flush();
  }
  std::optional<JsonProblem> problem;

 private:
  bool Flush() {
    if (builder_.num_rows() > 0) {
      for (int i = 0; i < options_.schema->size(); ++i) {
        while (builder_.column(i).length() < builder_.num_rows()) builder_.column(i).AppendNull();
      }
      output_.batch = builder_.Finish();
    }
    bytes_ = 0;
    stopped_ = !push_(std::move(output_));
    output_ = {};
    if (stopped_) problem = JsonProblem{};
    return !stopped_;
  }

  bool Refuse(const json::Value& key, bool is_twice) {
    problem = KeyProblem(key, is_twice, *chunk_);
    return false;
  }
  bool Misfit(uint32_t number, const json::Value& value) {
    output_.misfit =
        TextMisfit{.path = chunk_->path, .row = 0, .column = static_cast<int>(number), .bytes = value.text.size()};
    problem = JsonProblem{};
    return false;
  }

  JsonReadOptions options_;
  size_t columns_;
  size_t most_keys_;
  JsonKeys keys_;
  BatchBuilder builder_;
  int64_t bytes_ = 0;
  ReadOutput output_;
  const JsonChunk* chunk_ = nullptr;
  std::function<bool(ReadOutput)> push_;
  bool stopped_ = false;
};

class ThreadedBatches final : public TextBatches {
 public:
  ThreadedBatches(std::unique_ptr<JsonChunks> chunks, const JsonReadOptions& options) : chunks_(std::move(chunks)) {
    for (int i = 0; i < std::max(options.threads, 1); ++i) work_.emplace_back(options);
    workers_.emplace(chunks_.get(), Pointers(&work_));
  }

  Result<std::optional<RecordBatch>> Next(const std::stop_token& stop) override {
    while (true) {
      std::optional<ReadOutput> output = workers_->Pop(stop);
      if (stop.stop_requested()) return Cancelled();
      if (!output) return std::nullopt;
      if (output->starts_file) rows_ = 0;
      if (output->error) return Failure(*std::move(output->error));
      if (output->misfit) {
        output->misfit->row += rows_;
        return Misfit(*std::move(output->misfit));
      }
      if (!output->batch) continue;
      rows_ += output->batch->num_rows();
      return std::move(output->batch);
    }
  }

 private:
  std::unique_ptr<JsonChunks> chunks_;
  std::deque<ReadWork> work_;
  std::optional<JsonWorkers<ReadOutput, ReadWork>> workers_;
  int64_t rows_ = 0;  // of the file so far
};

}  // namespace

Result<TextColumns> InferJsonColumns(JsonChunks* chunks, int threads, const std::stop_token& stop) {
  std::deque<InferWork> work(static_cast<size_t>(std::max(threads, 1)));
  ColumnList columns;
  TextColumns table;
  {
    JsonWorkers<InferOutput, InferWork> workers(chunks, Pointers(&work));
    while (std::optional<InferOutput> output = workers.Pop(stop)) {
      NILUS_TRY(columns.Add(*output));
      if (output->error) return Failure(*std::move(output->error));
      table.rows += output->rows;
    }
  }
  if (stop.stop_requested()) return Cancelled();
  columns.Resolve(work, &table);
  return table;
}

std::unique_ptr<TextBatches> ReadJsonBatches(std::unique_ptr<JsonChunks> chunks, const JsonReadOptions& options) {
  return std::make_unique<ThreadedBatches>(std::move(chunks), options);
}

}  // namespace nilus::files
