#include "nilus/cli/progress_view.h"

#include <gmock/gmock.h>

#include "nilus/base/log.h"
#include "nilus/cli/display.h"
#include "nilus/cli/fake_connector_testing.h"

namespace nilus::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ProgressView, ShowsRowsRateBytesAndWhatRemains) {
  Progress::Table table{
      .name = "raw.orders", .rows_read = 500'000, .bytes_read = 40 << 20, .estimated_rows = 2'000'000};
  EXPECT_THAT(RenderProgress(RunPhase::kMoving, 1, {table}, 10, 120),
              ElementsAre("raw.orders  500,000 rows  50,000/s  40 MiB  10.0 s  25%, about 30.0 s left"));
}

TEST(ProgressView, SaysNothingOfWhatIsNotKnown) {
  Progress::Table table{.name = "raw.orders", .rows_read = 0, .bytes_read = 0, .estimated_rows = -1};
  EXPECT_THAT(RenderProgress(RunPhase::kMoving, 1, {table}, 0, 120),
              ElementsAre("raw.orders  0 rows  0/s  0 B  0.000 s"));
  table.rows_read = 3'000'000;
  table.estimated_rows = 2'000'000;  // an estimate may be wrong
  EXPECT_THAT(RenderProgress(RunPhase::kMoving, 1, {table}, 10, 120).front(), Not(HasSubstr("left")));
}

TEST(ProgressView, NamesThePhaseAndTheAttempt) {
  EXPECT_THAT(RenderProgress(RunPhase::kStarting, 1, {}, 1.5, 120), ElementsAre("starting  1.5 s"));
  EXPECT_THAT(RenderProgress(RunPhase::kStarting, 2, {}, 1.5, 120), ElementsAre("starting (attempt 2)  1.5 s"));
  Progress::Table done{.name = "a.b", .rows_read = 7, .bytes_read = 100, .done = true};
  EXPECT_THAT(RenderProgress(RunPhase::kCommitting, 1, {done}, 2, 120),
              ElementsAre(HasSubstr("committing"), "a.b  7 rows  100 B  done"));
}

TEST(ProgressView, LinesFitTheTerminalAndStayFew) {
  std::vector<Progress::Table> tables(100, Progress::Table{.name = "schema." + std::string(100, 'x') + "\x1b[2J"});
  std::vector<std::string> lines = RenderProgress(RunPhase::kMoving, 1, tables, 1, 60);
  EXPECT_EQ(lines.size(), 11U);
  for (const std::string& line : lines) {
    EXPECT_LT(DisplayWidth(line), 60);
    EXPECT_THAT(line, Not(HasSubstr("\x1b")));
  }
  EXPECT_THAT(lines.back(), HasSubstr("90 more tables"));
}

TEST(ProgressView, LogLinesPassThroughItAndItLeavesNoTrace) {
  testing::TestProgram program;
  Context context{.out = program.out, .err = program.err, .err_is_terminal = true, .registry = program.registry};
  Progress progress;
  LogLevel before = CurrentLogLevel();
  SetLogLevel(LogLevel::kWarning);
  {
    ProgressView view(context, progress, "orders", ProgressMode::kLive);
    LogWarning("something {}", "happened");
  }
  SetLogLevel(before);
  EXPECT_THAT(program.err.text(), HasSubstr("something happened\n"));
  // Whatever was drawn was erased: the text ends with the log line or with an erase.
  EXPECT_TRUE(program.err.text().ends_with("\n") || program.err.text().ends_with("\x1b[J")) << program.err.text();
}

TEST(ProgressView, ElsewhereThanOnATerminalLinesArePlain) {
  testing::TestProgram program;
  Context context{.out = program.out, .err = program.err, .registry = program.registry};
  Progress progress;
  { ProgressView view(context, progress, "orders", ProgressMode::kPlain); }
  EXPECT_EQ(program.err.text(), "orders: started\n");
  { ProgressView view(context, progress, "orders", ProgressMode::kNone); }
  EXPECT_EQ(program.err.text(), "orders: started\n");
}

}  // namespace
}  // namespace nilus::cli
