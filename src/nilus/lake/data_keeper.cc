#include "nilus/lake/data_keeper.h"

#include <exception>
#include <filesystem>
#include <utility>

#include "nilus/base/fault.h"
#include "nilus/lake/data_footer.h"
#include "nilus/lake/data_metrics.h"
#include "nilus/lake/data_writer.h"
#include "nilus/storage/object_store.h"

namespace nilus::lake {
namespace {

constexpr int64_t kWaitingFiles = 4;

}  // namespace

FileKeeper::FileKeeper(StorePtr store, std::stop_token stop)
    : store_(std::move(store)), stop_(std::move(stop)), queue_(kWaitingFiles) {
  thread_ = std::jthread([this] { Run(); });
}

FileKeeper::~FileKeeper() {
  queue_.Close();
  if (thread_.joinable()) thread_.join();
  RemoveFiles(*store_, files_);
}

std::optional<Error> FileKeeper::error() {
  std::lock_guard lock(mutex_);
  return error_;
}

void FileKeeper::Run() {
  while (std::optional<Task> task = queue_.Pop({})) {
    if (error()) continue;  // what waits is dropped
    Status kept;
    try {
      kept = Keep(*std::move(task));
    } catch (const std::exception& problem) {
      kept = Fail(ErrorKind::kExhausted, "storing a data file: {}", problem.what());
    }
    if (kept) continue;
    std::lock_guard lock(mutex_);
    error_ = std::move(kept).error();
  }
}

Status FileKeeper::Keep(Task task) {
  NILUS_FAULT_POINT("lake.data_file.before_put");
  if (stop_.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  NILUS_TRY(duck::MakeDurable(&task.written));
  DataFile& file = task.file;
  file.file_size = task.written.bytes;
  NILUS_ASSIGN(ParquetFooter footer, ReadParquetFooter(task.written.path));
  FillMetrics(footer, task.schema, task.written.nan_counts, &file);
  NILUS_ASSIGN(std::string key, store_->KeyOf(file.path));
  files_.push_back(std::move(file));  // first: what of it is there after a failure is removed
  NILUS_TRY(WithoutDoubt(store_->PutFile(key, task.written.path, stop_)));
  NILUS_FAULT_POINT("lake.data_file.put");
  std::error_code ignored;
  std::filesystem::remove(task.written.path, ignored);  // a store that copies leaves it
  return {};
}

Status FileKeeper::Add(duck::WrittenFile written, DataFile file, IcebergSchema schema) {
  if (std::optional<Error> problem = error()) return Failure(*std::move(problem));
  if (!queue_.Push(Task{std::move(written), std::move(file), std::move(schema)}, 1, stop_))
    return Fail(ErrorKind::kCancelled, "stopped");
  return {};
}

Result<std::vector<DataFile>> FileKeeper::Finish() {
  queue_.Close();
  thread_.join();
  if (std::optional<Error> problem = error()) return Failure(*std::move(problem));
  return std::exchange(files_, {});
}

}  // namespace nilus::lake
