#include "nilus/cdc/seeded_bug.h"

#if NILUS_FAULT_POINTS

#include <cstdlib>
#include <string>
#include <utility>

namespace nilus {
namespace {

// Everything but what a bug changes goes to the source behind it.
class BuggySource : public ChangeSource {
 public:
  explicit BuggySource(std::unique_ptr<ChangeSource> source) : source_(std::move(source)) {}
  Result<CaptureStart> Start(const CaptureRequest& request, const std::optional<CommittedLog>& committed) override {
    request_ = request;
    return source_->Start(request, committed);
  }
  Result<std::unique_ptr<SnapshotView>> View() override { return source_->View(); }
  Result<std::unique_ptr<ChangeReader>> Stream(const LogPosition& from) override { return source_->Stream(from); }
  Status Acknowledge(const LogPosition& durable) override { return source_->Acknowledge(durable); }
  Status Undo() override { return source_->Undo(); }
  Result<CaptureStatus> AskStatus(const CaptureRequest& request,
                                  const std::optional<CommittedLog>& committed) override {
    return source_->AskStatus(request, committed);
  }
  Result<std::vector<CapturedTable>> Tables(const CaptureRequest& request) override { return source_->Tables(request); }
  Result<std::vector<CheckItem>> Check(const CaptureRequest& request) override { return source_->Check(request); }
  Status Drop(const CaptureRequest& request) override { return source_->Drop(request); }
  std::string Format(const LogPosition& position) const override { return source_->Format(position); }

 protected:
  std::unique_ptr<ChangeSource> source_;
  CaptureRequest request_;
};

class ConfirmBeforeCommit final : public BuggySource {
 public:
  using BuggySource::BuggySource;
  Result<std::unique_ptr<ChangeReader>> Stream(const LogPosition& from) override {
    NILUS_ASSIGN(std::unique_ptr<ChangeReader> reader, source_->Stream(from));
    return std::unique_ptr<ChangeReader>(std::make_unique<Hasty>(std::move(reader), source_.get()));
  }

 private:
  class Hasty final : public ChangeReader {
   public:
    Hasty(std::unique_ptr<ChangeReader> reader, ChangeSource* source) : reader_(std::move(reader)), source_(source) {}
    Result<ChangeChunk> Next(int64_t max_rows, int64_t max_bytes, std::chrono::milliseconds patience,
                             std::stop_token stop) override {
      NILUS_ASSIGN(ChangeChunk chunk, reader_->Next(max_rows, max_bytes, patience, std::move(stop)));
      NILUS_TRY(source_->Acknowledge(chunk.complete));
      return chunk;
    }

   private:
    std::unique_ptr<ChangeReader> reader_;
    ChangeSource* source_;
  };
};

class SnapshotGap final : public BuggySource {
 public:
  using BuggySource::BuggySource;
  Result<std::unique_ptr<SnapshotView>> View() override {
    NILUS_ASSIGN(std::unique_ptr<SnapshotView> view, source_->View());
    if (view == nullptr) return view;
    return std::unique_ptr<SnapshotView>(std::make_unique<Boaster>(std::move(view), this));
  }

 private:
  // What is committed between the view and the first question for its place is in neither.
  class Boaster final : public SnapshotView {
   public:
    Boaster(std::unique_ptr<SnapshotView> view, SnapshotGap* owner) : view_(std::move(view)), owner_(owner) {}
    LogPosition at() const override {
      if (!at_) {
        Result<CaptureStatus> status = owner_->source_->AskStatus(owner_->request_, std::nullopt);
        at_ = status ? std::max(status->head, view_->at()) : view_->at();
      }
      return *at_;
    }
    Result<CapturedTable> Describe(const std::string& schema, const std::string& table) override {
      return view_->Describe(schema, table);
    }
    Result<std::unique_ptr<Reader>> Open(const SnapshotChunk& chunk) override { return view_->Open(chunk); }
    Result<std::vector<SnapshotChunk>> Plan(const CapturedTable& table, const std::string& above,
                                            int64_t rows) override {
      return view_->Plan(table, above, rows);
    }

   private:
    std::unique_ptr<SnapshotView> view_;
    SnapshotGap* owner_;
    mutable std::optional<LogPosition> at_;
  };
};

}  // namespace

ChangeSourceOpener WithSeededBug(ChangeSourceOpener open) {
  const char* bug = std::getenv("NILUS_SEEDED_BUG");
  if (bug == nullptr) return open;
  return [open = std::move(open),
          name = std::string(bug)](std::stop_token stop) -> Result<std::unique_ptr<ChangeSource>> {
    NILUS_ASSIGN(std::unique_ptr<ChangeSource> source, open(std::move(stop)));
    if (name == "confirm_before_commit") {
      return std::unique_ptr<ChangeSource>(std::make_unique<ConfirmBeforeCommit>(std::move(source)));
    }
    if (name == "snapshot_gap") {
      return std::unique_ptr<ChangeSource>(std::make_unique<SnapshotGap>(std::move(source)));
    }
    return Fail(ErrorKind::kInvalidInput, "NILUS_SEEDED_BUG `{}` is none of confirm_before_commit, snapshot_gap", name);
  };
}

}  // namespace nilus

#else

namespace nilus {

ChangeSourceOpener WithSeededBug(ChangeSourceOpener open) { return open; }

}  // namespace nilus

#endif
