#include "nilus/cli/progress_view.h"

#include <algorithm>
#include <utility>

#include "nilus/base/clock.h"
#include "nilus/base/log.h"
#include "nilus/cli/display.h"

namespace nilus::cli {
namespace {

constexpr auto kRedrawEvery = std::chrono::milliseconds(100);
constexpr auto kPlainLineEvery = std::chrono::seconds(10);
constexpr size_t kMostTables = 10;

std::string TableText(const Progress::Table& table, double elapsed) {
  std::string text = fmt::format("{}  {}", table.name, FormatRows(table.rows_read));
  double rate = elapsed > 0 ? static_cast<double>(table.rows_read) / elapsed : 0;
  if (table.done) {
    text += fmt::format("  {}  done", FormatBytes(table.bytes_read));
    return text;
  }
  text += fmt::format("  {}/s  {}  {}", FormatCount(static_cast<int64_t>(rate)), FormatBytes(table.bytes_read),
                      FormatSeconds(elapsed));
  int64_t left = table.estimated_rows - table.rows_read;
  if (table.estimated_rows > 0 && left > 0 && rate > 0) {
    auto percent =
        static_cast<int64_t>(100.0 * static_cast<double>(table.rows_read) / static_cast<double>(table.estimated_rows));
    text += fmt::format("  {}%, about {} left", percent, FormatSeconds(static_cast<double>(left) / rate));
  }
  return text;
}

}  // namespace

std::vector<std::string> RenderProgress(RunPhase phase, int attempt, const std::vector<Progress::Table>& tables,
                                        double elapsed_seconds, int columns) {
  std::vector<std::string> lines;
  std::string again = attempt > 1 ? fmt::format(" (attempt {})", attempt) : "";
  if (tables.empty() || phase != RunPhase::kMoving) {
    lines.push_back(fmt::format("{}{}  {}", RunPhaseName(phase), again, FormatSeconds(elapsed_seconds)));
    again.clear();
  }
  for (const Progress::Table& table : tables) {
    if (lines.size() == kMostTables) {
      lines.push_back(fmt::format("and {} more tables", tables.size() - kMostTables));
      break;
    }
    lines.push_back(TableText(table, elapsed_seconds) + again);
    again.clear();
  }
  for (std::string& line : lines) line = FitWidth(EscapeForTerminal(line), std::max(10, columns - 3));
  return lines;
}

ProgressView::ProgressView(Context& context, const Progress& progress, std::string name, ProgressMode mode)
    : context_(context), progress_(progress), name_(std::move(name)), mode_(mode), started_(MonotonicSeconds()) {
  if (mode_ == ProgressMode::kNone) return;
  SetLogOutput(&ProgressView::WriteLogLine, this);
  if (mode_ == ProgressMode::kPlain) context_.err.Write(EscapeForTerminal(name_) + ": started\n");
  thread_ = std::jthread([this](const std::stop_token& stop) { Watch(stop); });
}

ProgressView::~ProgressView() {
  if (mode_ == ProgressMode::kNone) return;
  thread_.request_stop();
  thread_.join();
  SetLogOutput(nullptr, nullptr);
  Erase();
}

void ProgressView::Watch(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (mode_ == ProgressMode::kLive) {
      wake_.wait_for(lock, stop, kRedrawEvery, [] { return false; });
      if (!stop.stop_requested()) Draw();
      continue;
    }
    wake_.wait_for(lock, stop, kPlainLineEvery, [] { return false; });
    if (stop.stop_requested()) return;
    constexpr int kNoLimit = 1000;
    for (const std::string& line : RenderProgress(progress_.phase(), progress_.attempt(), progress_.Tables(),
                                                  MonotonicSeconds() - started_, kNoLimit)) {
      context_.err.Write(EscapeForTerminal(name_) + ": " + line + "\n");
    }
  }
}

void ProgressView::Draw() {
  std::vector<std::string> lines = RenderProgress(progress_.phase(), progress_.attempt(), progress_.Tables(),
                                                  MonotonicSeconds() - started_, context_.columns);
  lines.insert(lines.begin(), Styled(context_, Style::kBold, FitWidth(EscapeForTerminal(name_), context_.columns - 1)));
  std::string frame;  // one write, so that nothing flickers
  if (lines_drawn_ > 0) frame += fmt::format("\x1b[{}A", lines_drawn_);
  bool is_first = true;
  for (const std::string& line : lines) {
    frame += "\r\x1b[2K" + std::string(is_first ? "" : "  ") + line + "\n";
    is_first = false;
  }
  frame += "\x1b[J";  // lines of the frame before that this one has not
  context_.err.Write(frame);
  lines_drawn_ = static_cast<int>(lines.size());
}

void ProgressView::Erase() {
  if (lines_drawn_ > 0) context_.err.Write(fmt::format("\x1b[{}A\r\x1b[J", lines_drawn_));
  lines_drawn_ = 0;
}

void ProgressView::WriteLogLine(void* self, std::string_view line) {
  auto* view = static_cast<ProgressView*>(self);
  std::lock_guard lock(view->mutex_);
  bool redraw = view->lines_drawn_ > 0;
  view->Erase();
  view->context_.err.Write(EscapeForTerminal(line, true));
  if (redraw) view->Draw();
}

}  // namespace nilus::cli
