#include "nilus/engine/seeded_bug.h"

#if NILUS_FAULT_POINTS

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "nilus/base/fault.h"

namespace nilus {
namespace {

// Everything but what a bug changes goes to the sink behind it.
class BuggySink : public Sink {
 public:
  explicit BuggySink(std::unique_ptr<Sink> sink) : sink_(std::move(sink)) {}
  Result<std::optional<CommittedState>> Committed(const PipelineId& pipeline) override {
    return sink_->Committed(pipeline);
  }
  Result<bool> WasCommitted(const PipelineId& pipeline, const std::string& load_id) override {
    return sink_->WasCommitted(pipeline, load_id);
  }
  Result<std::optional<Schema>> Describe(const TableName& table) override { return sink_->Describe(table); }
  Result<FindRefused> RefusedBy(const TableName& table) override { return sink_->RefusedBy(table); }
  Result<std::vector<std::string>> Explain(const WriteRequest& request) override { return sink_->Explain(request); }
  Result<std::unique_ptr<Writer>> Open(const WriteRequest& request) override { return sink_->Open(request); }
  Result<CommitResult> Commit(const CommitRequest& request) override { return sink_->Commit(request); }
  Result<std::vector<CheckItem>> Check() override { return sink_->Check(); }

 protected:
  std::unique_ptr<Sink> sink_;
};

class UnknownIsFailed final : public BuggySink {
 public:
  using BuggySink::BuggySink;
  Result<std::optional<CommittedState>> Committed(const PipelineId& pipeline) override {
    NILUS_ASSIGN(std::optional<CommittedState> state, sink_->Committed(pipeline));
    if (state) state->load_id.clear();
    return state;
  }
  Result<bool> WasCommitted(const PipelineId&, const std::string&) override { return false; }
};

// Keeps the rows (tests have few) until the position stands.
class PositionBeforeRows final : public BuggySink {
 public:
  PositionBeforeRows(std::unique_ptr<Sink> sink, SinkOpener open)
      : BuggySink(std::move(sink)), open_(std::move(open)) {}

  Result<std::unique_ptr<Writer>> Open(const WriteRequest& request) override {
    loads_.push_back(std::make_unique<Load>(Load{.request = request, .batches = {}}));
    return std::unique_ptr<Writer>(std::make_unique<Keeper>(loads_.back().get()));
  }

  Result<CommitResult> Commit(const CommitRequest& request) override {
    if (loads_.empty()) return sink_->Commit(request);
    CommitRequest position = request;
    position.load_id += "-position";
    NILUS_TRY(sink_->Commit(position));
    NILUS_FAULT_POINT("engine.seeded_bug.between_position_and_rows");
    NILUS_ASSIGN(sink_, open_({}));
    for (const std::unique_ptr<Load>& load : loads_) {
      NILUS_ASSIGN(std::unique_ptr<Writer> writer, sink_->Open(load->request));
      for (RecordBatch& batch : load->batches) NILUS_TRY(writer->Write(std::move(batch)));
      NILUS_TRY(writer->Finish());
      writers_.push_back(std::move(writer));
    }
    CommitRequest rows = request;
    ++rows.expected_version;
    return sink_->Commit(rows);
  }

 private:
  struct Load {
    WriteRequest request;
    std::vector<RecordBatch> batches;
  };

  class Keeper final : public Writer {
   public:
    explicit Keeper(Load* load) : load_(load) {}
    Status Write(RecordBatch batch) override {
      load_->batches.push_back(std::move(batch));
      return {};
    }
    Result<Receipt> Finish() override { return Receipt{.table = load_->request.table}; }

   private:
    Load* load_;
  };

  SinkOpener open_;
  std::vector<std::unique_ptr<Load>> loads_;
  std::vector<std::unique_ptr<Writer>> writers_;
};

}  // namespace

SinkOpener WithSeededBug(SinkOpener open) {
  const char* bug = std::getenv("NILUS_SEEDED_BUG");
  if (bug == nullptr) return open;
  return [open = std::move(open), name = std::string(bug)](std::stop_token stop) -> Result<std::unique_ptr<Sink>> {
    NILUS_ASSIGN(std::unique_ptr<Sink> sink, open(std::move(stop)));
    if (name == "unknown_is_failed") return std::unique_ptr<Sink>(std::make_unique<UnknownIsFailed>(std::move(sink)));
    if (name == "position_before_rows") {
      return std::unique_ptr<Sink>(std::make_unique<PositionBeforeRows>(std::move(sink), open));
    }
    return Fail(ErrorKind::kInvalidInput, "NILUS_SEEDED_BUG `{}` is none of position_before_rows, unknown_is_failed",
                name);
  };
}

}  // namespace nilus

#else

namespace nilus {

SinkOpener WithSeededBug(SinkOpener open) { return open; }

}  // namespace nilus

#endif
