// What a failing fsync may do to a load, in a model of power loss: of the state document, what was there at the last
// successful fsync of its folder survives; everything else survives as it stands. Whichever fsync fails, once, for
// good, or for good where the state is, the load is never reported as done while a power loss could undo it, and after
// a power loss the next run brings every row once.
#include <gmock/gmock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "nilus/connectors/files/publish.h"
#include "nilus/connectors/files/test_support.h"

namespace {

enum class Damage { kOnce, kForGood, kForGoodInStateFolder };

// What every fsync of this program passes, those of other tests untouched.
struct FsyncPlan {
  bool counts = false;
  std::vector<std::string> synced;  // paths
  int passed = 0;
  int fail_at = 0;  // 0: never
  Damage damage = Damage::kOnce;
  std::string state_folder;
  std::string state_path;
  std::optional<std::string> durable_state;  // the document's text as a power loss leaves it
  std::vector<std::string> failed;           // paths
  int first_failed = 0;

  bool Fails(const std::string& path) {
    if (!counts) return false;
    ++passed;
    if (fail_at == 0 || passed < fail_at) return false;
    if (damage == Damage::kForGoodInStateFolder) return path.starts_with(state_folder);
    return damage == Damage::kForGood || passed == fail_at;
  }
};
FsyncPlan plan;

std::string PathOf(int file) {
  std::string path(4096, '\0');
  ssize_t length = readlink(fmt::format("/proc/self/fd/{}", file).c_str(), path.data(), path.size());
  path.resize(length > 0 ? static_cast<size_t>(length) : 0);
  return path;
}

}  // namespace

extern "C" int fsync(int file) {
  if (plan.Fails(PathOf(file))) {
    if (plan.failed.empty()) plan.first_failed = plan.passed;
    plan.failed.push_back(PathOf(file));
    errno = EIO;
    return -1;
  }
  if (plan.counts) plan.synced.push_back(PathOf(file));
  if (plan.counts && PathOf(file) == plan.state_folder) {
    std::ifstream document(plan.state_path, std::ios::binary);
    std::ostringstream text;
    if (document) text << document.rdbuf();
    plan.durable_state = document ? std::optional(text.str()) : std::nullopt;
  }
  return static_cast<int>(syscall(SYS_fsync, file));
}

namespace nilus::files {
namespace {

using testing::ElementsAre;

class DurabilityTest : public FolderTest {
 protected:
  const PipelineId pipeline_{"work/pipeline", "shop"};

  std::string Folder() const { return Path("sink"); }

  // As the engine runs a load: what has an unknown outcome is looked for.
  Status RunLoad(WriteStrategy strategy, const std::string& load_id, const std::string& row) const {
    NILUS_ASSIGN(std::unique_ptr<Sink> sink, OpenSink(Folder(), {{"format", "csv"}}));
    NILUS_ASSIGN(std::optional<CommittedState> committed, sink->Committed(pipeline_));
    auto schema = MakeSchema({Field{"id", MakeType(TypeId::kInt64)}});
    WriteRequest request;
    request.pipeline = pipeline_;
    request.load_id = load_id;
    request.table = {"shop", "t"};
    request.schema = schema;
    request.strategy = strategy;
    NILUS_ASSIGN(std::unique_ptr<Writer> writer, sink->Open(request));
    NILUS_TRY(writer->Write(MakeBatch(schema, {{row}})));
    NILUS_TRY(writer->Finish());
    CommitRequest commit;
    commit.pipeline = pipeline_;
    commit.load_id = load_id;
    commit.expected_version = committed ? committed->version : 0;
    commit.position = {"{}"};
    auto done = sink->Commit(commit);
    if (done) return {};
    if (done.error().kind != ErrorKind::kUnknownOutcome) return Failure(std::move(done).error());
    NILUS_ASSIGN(bool was_committed, sink->WasCommitted(pipeline_, load_id));
    return was_committed ? Status() : Failure(std::move(done).error());
  }

  // Load 1 is there; load 2 runs with the plan's fault.
  Status RunSecondLoad(WriteStrategy strategy, int fail_at, Damage damage) const {
    std::filesystem::remove_all(Folder());
    plan = FsyncPlan();
    EXPECT_TRUE(RunLoad(strategy, "1", "1").has_value());
    SinkLayout layout(Folder());
    plan.state_folder = *layout.StateFolder(pipeline_);
    plan.state_path = *layout.StatePath(pipeline_);
    plan.durable_state = Contents(plan.state_path);
    plan.fail_at = fail_at;
    plan.damage = damage;
    plan.counts = true;
    auto done = RunLoad(strategy, "2", "2");
    plan.counts = false;
    return done;
  }

  static void LosePower() {
    std::filesystem::remove(plan.state_path);
    if (plan.durable_state) std::ofstream(plan.state_path, std::ios::binary) << *plan.durable_state;
  }

  std::vector<std::string> Ids() const {
    auto read = ReadAll(Folder(), "shop.t");
    if (!read) return {read.error().ToString()};
    std::vector<std::string> ids;
    for (const Row& row : read->rows) ids.push_back(row[0].value_or("NULL"));
    std::sort(ids.begin(), ids.end());
    return ids;
  }

  bool IsCommitted(const std::string& load_id) const {
    auto state = ReadState(SinkLayout(Folder()), pipeline_);
    return state && *state && (*state)->Remembers(load_id);
  }
};

TEST_F(DurabilityTest, NoFailingFsyncLosesOrDoublesRows) {
  for (WriteStrategy strategy : {WriteStrategy::kAppend, WriteStrategy::kReplace}) {
    ASSERT_OK(RunSecondLoad(strategy, 0, Damage::kOnce));
    const int steps = plan.passed;
    ASSERT_GT(steps, 8);
    for (Damage damage : {Damage::kOnce, Damage::kForGood, Damage::kForGoodInStateFolder}) {
      for (int step = 1; step <= steps; ++step) {
        auto done = RunSecondLoad(strategy, step, damage);
        if (plan.failed.empty()) continue;  // behind the last one in the state folder
        SCOPED_TRACE(fmt::format("{}: fsync {} of {} ({}) fails{}", WriteStrategyName(strategy), step, steps,
                                 plan.failed.front(), damage == Damage::kOnce ? "" : " and those behind it"));
        if (damage != Damage::kOnce) {
          EXPECT_FALSE(done.has_value()) << "a load that the disk did not take is reported as done";
        }
        LosePower();
        if (done) {
          EXPECT_TRUE(IsCommitted("2")) << "a power loss takes back what was reported as done";
        }
        // The next run, on a disk that works.
        ASSERT_OK((*OpenSink(Folder()))->Committed(pipeline_));
        if (!IsCommitted("2")) {
          ASSERT_OK(RunLoad(strategy, "2 again", "2"));
        }
        if (strategy == WriteStrategy::kAppend) {
          EXPECT_THAT(Ids(), ElementsAre("1", "2"));
        } else {
          EXPECT_THAT(Ids(), ElementsAre("2"));
        }
        if (HasFailure()) return;
      }
    }
  }
}

TEST_F(DurabilityTest, NothingIsMovedWhileTheCommitMayBeTakenBack) {
  ASSERT_OK(RunSecondLoad(WriteStrategy::kAppend, 0, Damage::kOnce));
  const int steps = plan.passed;
  int seen = 0;
  for (int step = 1; step <= steps; ++step) {
    auto done = RunSecondLoad(WriteStrategy::kAppend, step, Damage::kForGoodInStateFolder);
    if (plan.first_failed != step || plan.failed.front() != plan.state_folder) continue;
    EXPECT_TRUE(IsCommitted("2"));
    ++seen;
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().kind, ErrorKind::kExhausted) << done.error().ToString();
    if (seen == 1) {  // the commit's own; the second one is behind the moves
      EXPECT_THAT(Ids(), ElementsAre("1"));
    }
  }
  EXPECT_EQ(seen, 2);
}

// Whoever swapped the folders was cut off before the swap was durable: a power loss could still take it back.
TEST_F(DurabilityTest, ARecoveredReplaceIsDurableBeforeItIsSettled) {
  ASSERT_OK(RunSecondLoad(WriteStrategy::kReplace, 0, Damage::kOnce));
  const int steps = plan.passed;
  int recovered = 0;
  for (int step = 1; step <= steps; ++step) {
    auto done = RunSecondLoad(WriteStrategy::kReplace, step, Damage::kForGood);
    if (plan.failed.empty() || plan.failed.front() != Folder() + "/shop" || !IsCommitted("2")) continue;
    ++recovered;
    EXPECT_FALSE(done.has_value());
    EXPECT_THAT(Ids(), ElementsAre("2")) << "it is done, though not durably";
    plan = FsyncPlan{.counts = true, .state_folder = plan.state_folder, .state_path = plan.state_path};
    ASSERT_OK((*OpenSink(Folder()))->Committed(pipeline_));
    plan.counts = false;
    const auto table = std::find(plan.synced.begin(), plan.synced.end(), Folder() + "/shop");
    const auto last_state = std::find(plan.synced.rbegin(), plan.synced.rend(), plan.state_folder).base();
    EXPECT_LT(table, last_state) << fmt::format("{}", fmt::join(plan.synced, " "));
  }
  EXPECT_GT(recovered, 0);
}

}  // namespace
}  // namespace nilus::files
