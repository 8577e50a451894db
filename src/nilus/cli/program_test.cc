#include "nilus/cli/program.h"

#include <gmock/gmock.h>

#include <fstream>
#include <set>
#include <sstream>

#include "nilus/cli/connectors.h"
#include "nilus/cli/fake_connector_testing.h"

namespace nilus::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::TestProgram;

// The words of a command line as a shell would split it: blanks, single and double quotes; up to a redirection.
std::vector<std::string> ShellWords(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (char c : line) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == ' ') {
      if (in_word) words.push_back(std::exchange(word, {}));
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (in_word) words.push_back(word);
  auto redirection = std::find(words.begin(), words.end(), ">");
  words.erase(redirection, words.end());
  return words;
}

TEST(Program, VersionIsOneLine) {
  TestProgram program;
  EXPECT_EQ(program.Run({"--version"}), kDone);
  EXPECT_EQ(program.out.text(), "nilus " + std::string(Version()) + "\n");
  EXPECT_THAT(program.err.text(), IsEmpty());
}

TEST(Program, HelpListsEveryCommand) {
  TestProgram program;
  EXPECT_EQ(program.Run({"--help"}), kDone);
  for (const CommandEntry* entry : Commands()) EXPECT_THAT(program.out.text(), HasSubstr(std::string(entry->name)));
}

TEST(Program, WithoutArgumentsTheHelpGoesToErr) {
  TestProgram program;
  EXPECT_EQ(program.Run({}), kWrongInput);
  EXPECT_THAT(program.out.text(), IsEmpty());
  EXPECT_THAT(program.err.text(), HasSubstr("Usage: nilus COMMAND"));
}

TEST(Program, AnUnknownCommandNamesTheNearest) {
  TestProgram program;
  EXPECT_EQ(program.Run({"rnu"}), kWrongInput);
  EXPECT_THAT(program.err.text(), HasSubstr("`nilus run`"));
  for (const char* later : {"server", "apply", "verify"}) {
    EXPECT_EQ(TestProgram().Run({later}), kWrongInput) << later << " is not there yet";
  }
}

TEST(Program, EveryCommandHasHelpAndAnExampleThatParses) {
  std::set<std::string_view> names;
  for (const CommandEntry* entry : Commands()) {
    EXPECT_TRUE(names.insert(entry->name).second) << entry->name << " is listed twice";
    for (std::vector<std::string> asked :
         {std::vector<std::string>{std::string(entry->name), "--help"}, {"help", std::string(entry->name)}}) {
      TestProgram program;
      EXPECT_EQ(program.Run(asked), kDone);
      EXPECT_THAT(program.out.text(), HasSubstr("\nExample")) << entry->name;
    }
    ASSERT_FALSE(entry->examples.empty()) << entry->name;
    for (std::string_view example : entry->examples) {
      std::vector<std::string> words = ShellWords(example);
      while (!words.empty() && words.front() != "nilus") {  // VARIABLE=value before the program
        ASSERT_THAT(words.front(), HasSubstr("=")) << example;
        words.erase(words.begin());
      }
      ASSERT_GE(words.size(), 2U) << example;
      EXPECT_EQ(words[1], entry->name) << example;
      std::unique_ptr<Command> command = entry->make();
      Arguments arguments(entry->name);
      command->Declare(arguments);
      auto outcome = arguments.Parse(std::span(words).subspan(2));
      EXPECT_TRUE(outcome) << example << ": " << outcome.error().message;
    }
  }
}

// The golden texts are what a person reads: a change to them is looked at. `UPDATE_GOLDEN=1` writes them anew.
TEST(Program, HelpTextsAreTheGoldenOnes) {
  std::string path = std::string(NILUS_SOURCE_DIR) + "/src/nilus/cli/golden/help.txt";
  std::string text = ProgramHelp();
  for (const CommandEntry* entry : Commands()) {
    text += fmt::format("\n---- nilus {} --help ----\n", entry->name) + CommandHelp(*entry);
  }
  if (const char* update = std::getenv("UPDATE_GOLDEN"); update != nullptr && *update == '1')
    std::ofstream(path) << text;
  std::stringstream golden;
  golden << std::ifstream(path).rdbuf();
  EXPECT_EQ(text, golden.str()) << "run with UPDATE_GOLDEN=1 and read the difference";
}

TEST(Program, HelpFitsATerminal) {
  for (const CommandEntry* entry : Commands()) {
    std::istringstream lines(CommandHelp(*entry));
    for (std::string line; std::getline(lines, line);) {
      if (line.find("nilus ") != std::string::npos) continue;  // an example is what it is
      EXPECT_LE(line.size(), 140U) << entry->name << ": " << line;
    }
  }
}

// A full standard output must not look like success.
class FailingOutput final : public TextOutput {
 public:
  explicit FailingOutput(ErrorKind kind) : status_(Fail(kind, "cannot write to standard output: no room")) {}
  void Write(std::string_view) override {}
  void Flush() override {}
  const Status& status() const override { return status_; }

 private:
  Status status_;
};

TEST(Program, OutputThatDoesNotArriveFailsTheCommand) {
  StringOutput err;
  FailingOutput full(ErrorKind::kExhausted);
  Context context{.out = full, .err = err, .registry = AllConnectors()};
  EXPECT_EQ(RunProgram({"connectors"}, context), kRunFailed);
  EXPECT_THAT(err.text(), HasSubstr("no room"));

  StringOutput quiet;
  FailingOutput closed(ErrorKind::kCancelled);
  Context piped{.out = closed, .err = quiet, .registry = AllConnectors()};
  EXPECT_EQ(RunProgram({"--help"}, piped), kRunFailed);
  EXPECT_THAT(quiet.text(), IsEmpty()) << "`| head` wants no message";
}

TEST(Program, ErrorsAreRedactedAndSafeForATerminal) {
  TestProgram program;
  EXPECT_EQ(program.Run({"check", "fake:///broken", "--as", "source"}), kRunFailed);
  EXPECT_EQ(program.Run({"query", "fake:///broken", "SELECT 1"}), kRunFailed);
  EXPECT_THAT(program.out.text() + program.err.text(), Not(HasSubstr("hunter2-canary")));
  EXPECT_THAT(program.err.text(), HasSubstr("fix:   use another one"));
  TestProgram hostile;
  EXPECT_EQ(hostile.Run({"\x1b[31mred"}), kWrongInput);
  EXPECT_THAT(hostile.err.text(), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace nilus::cli
