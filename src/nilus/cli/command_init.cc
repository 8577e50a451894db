#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "nilus/cli/command.h"
#include "nilus/cli/display.h"
#include "nilus/cli/run_summary.h"
#include "nilus/cli/starter_manifest.h"

namespace nilus::cli {
namespace {

class Init final : public Command {
 public:
  void Declare(Arguments& arguments) override {
    arguments.Operand("SOURCE", &source_, false, "a connector or an address to read from (default: made-up rows)");
    arguments.Operand("DEST", &destination_, false, "a connector or an address to write to (default: a DuckDB file)");
    arguments.Text("--output", "FILE", &output_, "where to write; - is standard output (default pipeline.yaml)");
    arguments.Flag("--force", &force_, "overwrites a file that is there");
  }

  int Run(Context& context) override {
    std::string file = output_.value_or("pipeline.yaml");
    bool to_stdout = file == "-";
    Result<std::string> manifest = StarterManifest(context.registry, source_, destination_,
                                                   to_stdout ? "pipeline.yaml" : ShellQuote(EscapeForTerminal(file)));
    if (!manifest) return ReportError(context, manifest.error());
    if (to_stdout) {
      context.out.Write(*manifest);
      return kDone;
    }
    if (Status status = WriteFile(file, *manifest); !status) return ReportError(context, status.error());
    context.out.Write(fmt::format("wrote {0}\nnext: nilus run {0}\n", ShellQuote(EscapeForTerminal(file))));
    return kDone;
  }

 private:
  Status WriteFile(const std::string& file, const std::string& text) const {
    constexpr mode_t kReadableMode = 0644;
    int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (force_ ? O_TRUNC : O_EXCL), kReadableMode);
    if (fd < 0 && errno == EEXIST) {
      return FailWithFix(ErrorKind::kInvalidInput, "choose another name with --output, or add --force",
                         "`{}` is there already", file);
    }
    if (fd < 0) return Fail(ErrorKind::kInvalidInput, "cannot write `{}`: {}", file, std::strerror(errno));
    FdOutput output(fd, file, /*buffered=*/false);
    output.Write(text);
    Status status = output.status();
    if (::close(fd) != 0 && status)
      status = Fail(ErrorKind::kExhausted, "cannot write `{}`: {}", file, std::strerror(errno));
    return status;
  }

  std::string source_;
  std::string destination_;
  std::optional<std::string> output_;
  bool force_ = false;
};

constexpr std::string_view kExamples[] = {
    "nilus init",
    "nilus init postgresql duckdb --output customers.yaml",
    "nilus init sqlite:///shop.db file:///data/lake --output -",
};

}  // namespace

constinit const CommandEntry kInitCommand{
    "init", "writes a commented manifest to start from",
    "Without arguments it runs as it is. Passwords are replaced by placeholders that the environment fills.", kExamples,
    [] { return std::unique_ptr<Command>(new Init); }};

}  // namespace nilus::cli
