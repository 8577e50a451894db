// Memory stays within the queue's bytes, however fast the source and however slow the sink.
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "nilus/engine/fakes_testing.h"

namespace nilus {
namespace {

// A source that makes batches as fast as it can and counts the bytes that are still held by somebody.
class FloodSource : public Source {
 public:
  static constexpr int64_t kBatchBytes = 64 * 1024;
  static constexpr int kBatches = 400;

  Result<TableDescription> Describe(const ReadRequest&) override { return Description(); }
  Result<ReadPlan> Plan(const ReadRequest&) override {
    ReadPlan plan;
    plan.table = Description();
    plan.splits = {Split{}, Split{}};
    return plan;
  }
  Result<std::unique_ptr<Reader>> Open(const Split&) override {
    std::lock_guard lock(mutex);
    ++opened;
    changed.notify_all();
    return std::unique_ptr<Reader>(std::make_unique<Flood>(this));
  }
  Result<std::vector<CheckItem>> Check() override { return std::vector<CheckItem>(); }

  std::mutex mutex;
  std::condition_variable changed;
  int64_t alive = 0;
  int64_t most_alive = 0;
  int made = 0;
  int opened = 0;

 private:
  class Flood : public Reader {
   public:
    explicit Flood(FloodSource* source) : source_(source) {}
    Result<std::optional<Batch>> Next(std::stop_token) override {
      {
        std::unique_lock lock(source_->mutex);
        // Nothing comes before the other reader is let in, which happens because nothing comes.
        source_->changed.wait(lock, [&] { return source_->opened == 2; });
        if (source_->made == kBatches) return std::optional<Batch>();
        ++source_->made;
        source_->alive += kBatchBytes;
        source_->most_alive = std::max(source_->most_alive, source_->alive);
        source_->changed.notify_all();
      }
      auto* bytes = static_cast<uint8_t*>(std::calloc(1, kBatchBytes));
      std::shared_ptr<const void> owner(bytes, [source = source_](const void* held) {
        std::free(const_cast<void*>(held));
        std::lock_guard lock(source->mutex);
        source->alive -= kBatchBytes;
        source->changed.notify_all();
      });
      Column column{
          .type = MakeType(TypeId::kInt64), .length = kBatchBytes / 8, .values = Buffer(owner, bytes, kBatchBytes)};
      auto schema = std::make_shared<Schema>(Description().schema);
      return std::optional<Batch>(
          Batch{.rows = RecordBatch(schema, {column}, kBatchBytes / 8), .table = {}, .position = {}});
    }

   private:
    FloodSource* source_;
  };
  static TableDescription Description() {
    TableDescription description;
    description.schema = Schema{{Field{.name = "n", .type = MakeType(TypeId::kInt64)}}};
    return description;
  }
};

// Takes nothing before the pipeline is as full as it can get.
class SlowSink : public Sink {
 public:
  SlowSink(FloodSource** source, int64_t wait_for) : source_(source), wait_for_(wait_for) {}
  Result<std::optional<CommittedState>> Committed(const PipelineId&) override {
    return std::optional<CommittedState>();
  }
  Result<bool> WasCommitted(const PipelineId&, const std::string&) override { return false; }
  Result<std::optional<Schema>> Describe(const TableName&) override { return std::optional<Schema>(); }
  Result<std::vector<std::string>> Explain(const WriteRequest&) override { return std::vector<std::string>(); }
  Result<std::unique_ptr<Writer>> Open(const WriteRequest&) override {
    return std::unique_ptr<Writer>(std::make_unique<Slow>(this));
  }
  Result<CommitResult> Commit(const CommitRequest&) override { return CommitResult{.version = 1}; }
  Result<std::vector<CheckItem>> Check() override { return std::vector<CheckItem>(); }

 private:
  class Slow : public Writer {
   public:
    explicit Slow(SlowSink* sink) : sink_(sink) {}
    Status Write(RecordBatch batch) override {
      FloodSource& source = **sink_->source_;
      std::unique_lock lock(source.mutex);
      source.changed.wait(lock,
                          [&] { return source.alive >= sink_->wait_for_ || source.made == FloodSource::kBatches; });
      lock.unlock();
      for (int i = 0; i < 200; ++i) std::this_thread::yield();  // room for a reader that would not wait
      rows_ += batch.num_rows();
      return {};
    }
    Result<Receipt> Finish() override {
      Receipt receipt;
      receipt.rows = rows_;
      return receipt;
    }

   private:
    SlowSink* sink_;
    int64_t rows_ = 0;
  };
  FloodSource** source_;
  int64_t wait_for_;
};

TEST(Backpressure, AFastSourceWaitsForASlowSink) {
  FakeWorld world;
  BatchJob job = world.MakeJob();
  FloodSource* source = nullptr;
  constexpr int64_t kBatch = FloodSource::kBatchBytes;
  constexpr int64_t kRows = kBatch / 8;
  constexpr int64_t kRowIds =
      kRows * (36 + 22) + 2 * (kRows + 1) * 4;  // what the queue holds beside the source's bytes
  job.memory.queue_bytes = 10 * (kBatch + kRowIds);
  job.parallelism = job.threads = 2;
  // In the queue, one in each reader's hands, and one in the writer's.
  constexpr int64_t kMost = 10 * kBatch + 2 * kBatch + kBatch;
  int64_t most = 0;
  job.open_source = [&](std::stop_token) -> Result<std::unique_ptr<Source>> {
    auto flood = std::make_unique<FloodSource>();
    source = flood.get();
    return std::unique_ptr<Source>(std::move(flood));
  };
  job.open_sink = [&](std::stop_token) -> Result<std::unique_ptr<Sink>> {
    return std::unique_ptr<Sink>(std::make_unique<SlowSink>(&source, kMost));
  };
  Progress progress;
  RunOptions options = QuickOptions();
  options.progress = &progress;
  // The source goes with the run: what it counted is kept by its acknowledgement, the last call it gets.
  job.open_source = [&, inner = job.open_source](std::stop_token stop) -> Result<std::unique_ptr<Source>> {
    class Watched : public Source {
     public:
      Watched(std::unique_ptr<Source> inner, int64_t* most) : inner_(std::move(inner)), most_(most) {}
      Result<TableDescription> Describe(const ReadRequest& request) override { return inner_->Describe(request); }
      Result<ReadPlan> Plan(const ReadRequest& request) override { return inner_->Plan(request); }
      Result<std::unique_ptr<Reader>> Open(const Split& split) override { return inner_->Open(split); }
      Status Acknowledge(const Position&) override {
        *most_ = static_cast<FloodSource*>(inner_.get())->most_alive;
        return {};
      }
      Result<std::vector<CheckItem>> Check() override { return inner_->Check(); }

     private:
      std::unique_ptr<Source> inner_;
      int64_t* most_;
    };
    NILUS_ASSIGN(std::unique_ptr<Source> flood, inner(stop));
    return std::unique_ptr<Source>(std::make_unique<Watched>(std::move(flood), &most));
  };
  RunReport report = RunJob(job, options);
  ASSERT_TRUE(report.is_success) << report.error->message;
  EXPECT_EQ(most, kMost);
  EXPECT_EQ(report.tables[0].rows_out, FloodSource::kBatches * kBatch / 8);
  ASSERT_EQ(progress.Tables().size(), 1U);
  Progress::Table seen = progress.Tables()[0];
  EXPECT_EQ(seen.rows_read, report.tables[0].rows_in);
  EXPECT_EQ(seen.rows_loaded, report.tables[0].rows_out);
  EXPECT_EQ(seen.splits_done, 2);
  EXPECT_TRUE(seen.done);
  EXPECT_EQ(progress.phase(), RunPhase::kDone);
}

}  // namespace
}  // namespace nilus
