#include "nilus/connectors/discard/sink.h"

#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace nilus::discard {
namespace {

// What pipelines have committed, as long as the process lives: a service that tries again after an error goes on from
// there.
class CommittedStates {
 public:
  static CommittedStates& Shared() {
    static CommittedStates states;
    return states;
  }

  std::optional<CommittedState> Find(const std::string& pipeline) const {
    std::lock_guard lock(mutex_);
    auto found = states_.find(pipeline);
    return found == states_.end() ? std::nullopt : std::optional(found->second);
  }

  Result<int64_t> Commit(const CommitRequest& request) {
    std::lock_guard lock(mutex_);
    CommittedState& state = states_[request.pipeline.value];
    if (!request.load_id.empty() && state.load_id == request.load_id) return state.version;  // again
    if (state.version != request.expected_version) {
      return Fail(ErrorKind::kConflict, "another run of pipeline {} has committed version {} meanwhile",
                  request.pipeline.value, state.version);
    }
    state = CommittedState{
        .version = request.expected_version + 1, .load_id = request.load_id, .position = request.position};
    return state.version;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, CommittedState> states_;
};

// Rows of a table in the load.
struct Load {
  TableName table;
  std::string load_id;
  int64_t rows = 0;
  bool is_finished = false;
};

class DiscardWriter : public Writer {
 public:
  explicit DiscardWriter(std::shared_ptr<Load> load) : load_(std::move(load)) {}

  Status Write(RecordBatch batch) override {
    load_->rows += batch.num_rows();
    return {};
  }
  Result<Receipt> Finish() override {
    load_->is_finished = true;
    return Receipt{.table = load_->table, .rows = load_->rows, .files = 0, .bytes = 0, .misfits = {}};
  }

 private:
  const std::shared_ptr<Load> load_;
};

class DiscardSink : public Sink {
 public:
  Result<std::optional<CommittedState>> Committed(const PipelineId& pipeline) override {
    return CommittedStates::Shared().Find(pipeline.value);
  }
  Result<bool> WasCommitted(const PipelineId& pipeline, const std::string& load_id) override {
    const std::optional<CommittedState> state = CommittedStates::Shared().Find(pipeline.value);
    return state && state->load_id == load_id;
  }
  Result<std::optional<Schema>> Describe(const TableName&) override { return std::optional<Schema>(); }
  Result<std::vector<std::string>> Explain(const WriteRequest& request) override {
    return std::vector<std::string>{"rows of " + request.table.ToString() + " are thrown away"};
  }

  Result<std::unique_ptr<Writer>> Open(const WriteRequest& request) override {
    std::lock_guard lock(mutex_);
    if (!loads_.empty() && loads_.front()->load_id != request.load_id)
      loads_.clear();  // nobody will commit it any more
    for (const auto& load : loads_) {
      if (load->table == request.table)
        return Fail(ErrorKind::kInternal, "table {} is opened twice in one load", request.table.ToString());
    }
    loads_.push_back(std::make_shared<Load>(Load{.table = request.table, .load_id = request.load_id}));
    return std::make_unique<DiscardWriter>(loads_.back());
  }

  Result<CommitResult> Commit(const CommitRequest& request) override {
    std::lock_guard lock(mutex_);
    CommitResult result;
    for (const auto& load : loads_) {
      if (!load->is_finished) {
        return Fail(ErrorKind::kInternal, "commit of table {} before its writer has finished", load->table.ToString());
      }
      CommitResult counts;
      counts.rows_inserted = load->rows;
      result.Add(load->table, counts);
    }
    loads_.clear();
    NILUS_ASSIGN(result.version, CommittedStates::Shared().Commit(request));
    return result;
  }

  Result<std::vector<CheckItem>> Check() override {
    return std::vector<CheckItem>{{.what = "throw rows away", .ok = true, .detail = "nothing is kept"}};
  }

 private:
  std::mutex mutex_;  // writers of several tables are opened on threads of their own
  std::vector<std::shared_ptr<Load>> loads_;
};

}  // namespace

Result<std::unique_ptr<Sink>> OpenSink(const Address&, const OpenContext&) { return std::make_unique<DiscardSink>(); }

}  // namespace nilus::discard
