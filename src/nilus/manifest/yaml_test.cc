#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "nilus/manifest/yaml_tree.h"

namespace nilus {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Parsed {
  std::vector<YamlNode> documents;
  Problems problems;
};

Parsed Parse(std::string_view text, const YamlLimits& limits = {}) {
  Parsed parsed;
  parsed.documents = ParseYaml(text, "f.yaml", limits, parsed.problems);
  return parsed;
}

std::string FirstProblem(std::string_view text) {
  Parsed parsed = Parse(text);
  return parsed.problems.empty() ? "none" : parsed.problems[0].ToString();
}

TEST(Yaml, KeepsOrderAndPlaces) {
  Parsed parsed = Parse("b: 1\na:\n  - x\n  - \"2\"\n---\nc: ~\n");
  EXPECT_THAT(parsed.problems, IsEmpty());
  ASSERT_THAT(parsed.documents, SizeIs(2));
  const YamlNode& document = parsed.documents[0];
  ASSERT_THAT(document.entries, SizeIs(2));
  EXPECT_EQ(document.entries[0].key, "b");
  EXPECT_EQ(document.entries[0].value.place.ToString(), "f.yaml:1:4");
  EXPECT_EQ(document.entries[1].key_place.ToString(), "f.yaml:2:1");
  const YamlNode* list = document.Find("a");
  ASSERT_NE(list, nullptr);
  EXPECT_EQ(list->items[1].place.ToString(), "f.yaml:4:5");
  EXPECT_TRUE(list->items[1].quoted);
  EXPECT_FALSE(list->items[0].quoted);
  EXPECT_EQ(parsed.documents[1].Find("c")->kind, YamlKind::kNull);
}

TEST(Yaml, ExpandsAliasesAndMerges) {
  Parsed parsed = Parse(
      "base: &base {a: 1, b: 2}\nmore: &more {b: 3, c: 4}\n"
      "one: {<<: *base, b: own}\nmany: {<<: [*more, *base], d: 5}\ncopy: *base\n");
  EXPECT_THAT(parsed.problems, IsEmpty());
  const YamlNode& document = parsed.documents[0];
  EXPECT_EQ(document.Find("one")->Find("a")->text, "1");
  EXPECT_EQ(document.Find("one")->Find("b")->text, "own");
  EXPECT_EQ(document.Find("one")->Find("<<"), nullptr);
  EXPECT_EQ(document.Find("many")->Find("b")->text, "3");
  EXPECT_EQ(document.Find("many")->Find("a")->text, "1");
  EXPECT_EQ(document.Find("copy")->place.line, 5);
  EXPECT_THAT(FirstProblem("a: &a 1\nb: {<<: *a}"), HasSubstr("'<<' merges maps"));
  EXPECT_EQ(Parse("a: {'<<': 1}").documents[0].Find("a")->Find("<<")->text, "1");
}

TEST(Yaml, TheLastBlockOfAFileKeepsItsLineEnds) {
  const std::map<std::string, std::string> expected = {{"a: |\n  x\n  y\n", "x\ny\n"},
                                                       {"a: |\n  x\n  y", "x\ny"},
                                                       {"a: |\n  x\n\n\n", "x\n"},
                                                       {"a: |+\n  x\n\n\n", "x\n\n\n"},
                                                       {"a: |-\n  x\n", "x"},
                                                       {"a: >\n  x\n  y\n", "x y\n"},
                                                       {"a: |\n  x\n  ", "x\n"},
                                                       {"a: |\r\n  x\r\n", "x\n"},
                                                       {"a: |\n  x\nb: 1\n", "x\n"},
                                                       {"a: |\n  x\n# c\n", "x\n"},
                                                       {"a: |\n  x\n...\n", "x\n"},
                                                       {"a: |\n  x\n---\nb: 1\n", "x\n"},
                                                       {"a: x\n\n", "x"},
                                                       {"a: 'x\n\n  y'\n", "x\ny"},
                                                       {"a: x\n  y\n", "x y"}};
  for (const auto& [text, value] : expected) {
    Parsed parsed = Parse(text);
    EXPECT_THAT(parsed.problems, IsEmpty()) << text;
    ASSERT_FALSE(parsed.documents.empty()) << text;
    EXPECT_EQ(parsed.documents[0].Find("a")->text, value) << text;
  }
  EXPECT_THAT(Parse("\n \n").documents, IsEmpty());
  EXPECT_EQ(Parse("--- |\n  x\n").documents[0].text, "x\n");
}

TEST(Yaml, ReportsEveryDuplicateKey) {
  Parsed parsed = Parse("a: 1\nb: {x: 1, x: 2}\na: 3\n");
  ASSERT_THAT(parsed.problems, SizeIs(2));
  EXPECT_EQ(parsed.problems[0].ToString(), "f.yaml:2:11: the key 'x' stands twice in this map. Fix: keep one of them");
  EXPECT_EQ(parsed.problems[1].ToString(), "f.yaml:3:1: the key 'a' stands twice in this map. Fix: keep one of them");
}

TEST(Yaml, ExplainsTabs) {
  EXPECT_EQ(FirstProblem("a:\n\tb: 1\n"), "f.yaml:2:1: a tab is used to indent. Fix: indent with spaces");
  EXPECT_EQ(FirstProblem("a:\n  b: 1\n  \tc: 1\n"), "f.yaml:3:1: a tab is used to indent. Fix: indent with spaces");
  EXPECT_EQ(FirstProblem("a: 1\t# fine\n"), "none");
}

TEST(Yaml, SaysWhereTheSyntaxIsWrong) {
  EXPECT_THAT(FirstProblem("a: b: c\n"), HasSubstr("f.yaml:1:5: the YAML is not well-formed"));
  EXPECT_THAT(FirstProblem("a: [1, 2\n"), HasSubstr("not well-formed"));
  for (std::string_view unclosed :
       {"a: 'x", "a: 'x\n", "a: \"x\n\n", "a: 'x\n  ", "a: 'x\r\n\r\n", "a: 'x\r", "a: 'b\n  c: d\n"}) {
    EXPECT_THAT(FirstProblem(unclosed), HasSubstr("a quote is still open where the document ends")) << unclosed;
  }
  EXPECT_THAT(FirstProblem("a: *nowhere\n"), HasSubstr("anchor"));
  EXPECT_THAT(FirstProblem("? [a, b]\n: 1\n"), HasSubstr("a key is a list"));
  EXPECT_THAT(FirstProblem("a: !!python/object:os.system x\n"), HasSubstr("tags"));
  EXPECT_EQ(FirstProblem("a: !!str 5\n"), "none");
}

TEST(Yaml, RefusesBinaryAndOtherEncodings) {
  EXPECT_THAT(FirstProblem(std::string("a: 1\nb: \0x", 9)), HasSubstr("f.yaml:2:4: the file holds binary bytes"));
  EXPECT_THAT(FirstProblem("\x7f"
                           "ELF"),
              HasSubstr("binary"));
  EXPECT_THAT(FirstProblem("\xff\xfe\x61"), HasSubstr("not UTF-8"));
  EXPECT_THAT(FirstProblem("a: 1\nb: \xe4\n"), HasSubstr("f.yaml:2:4: here stands a byte that is not UTF-8"));
  EXPECT_EQ(FirstProblem("\xef\xbb\xbf"
                         "a: ü\n"),
            "none");
}

TEST(Yaml, RefusesTooMuch) {
  EXPECT_THAT(FirstProblem(std::string(2'000'000, 'a')), HasSubstr("larger than 1024 KiB"));
  EXPECT_THAT(FirstProblem(std::string(100'000, '[')), HasSubstr("deeper than 64"));
  EXPECT_THAT(FirstProblem(std::string(100'000, '{')), HasSubstr("deeper than 64"));
  std::string dashes;
  std::string documents;
  std::string steps;
  for (int i = 0; i < 100'000; ++i) {
    dashes += "- ";
    documents += "---\n";
  }
  for (int i = 0; i < 1000; ++i) steps += std::string(static_cast<size_t>(i), ' ') + "a:\n";
  EXPECT_THAT(FirstProblem(dashes + "x"), HasSubstr("deeper than 64"));
  EXPECT_THAT(FirstProblem(steps), HasSubstr("deeper than 64"));
  EXPECT_THAT(FirstProblem(documents), HasSubstr("more than 256 documents"));
  std::string wide = "[";
  for (int i = 0; i < 250'000; ++i) wide += "1,";
  std::string keys;
  for (int i = 0; i < 6000; ++i) keys += "k" + std::to_string(i) + ": 1\n";
  EXPECT_THAT(FirstProblem(keys), HasSubstr("more than 5000 keys"));
  EXPECT_THAT(FirstProblem(wide + "]"), HasSubstr("more than 200000 values"));
}

TEST(Yaml, RefusesBillionLaughs) {
  std::string text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (int i = 1; i < 10; ++i) {
    std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 8; ++j) text += ", " + before;
    text += "]\n";
  }
  EXPECT_THAT(FirstProblem(text), HasSubstr("once anchors and merges are expanded"));
  std::string merges = "a0: &a0 {";
  for (int i = 0; i < 1000; ++i) merges += "k" + std::to_string(i) + ": 1, ";
  merges += "}\n";
  for (int i = 1; i < 1000; ++i) merges += "m" + std::to_string(i) + ": {<<: *a0}\n";
  EXPECT_THAT(FirstProblem(merges), HasSubstr("once anchors and merges are expanded"));
  EXPECT_THAT(FirstProblem("a: &a [*a]\n"), HasSubstr("inside the value it names"));
}

TEST(Yaml, RefusesBillionLaughsOfFewValues) {
  const std::string long_text(500'000, 'x');
  std::string aliases = "a: &x \"" + long_text + "\"\nb: [*x";
  for (int i = 1; i < 100'000; ++i) aliases += ", *x";
  EXPECT_THAT(FirstProblem(aliases + "]\n"), HasSubstr("more than 16384 KiB of text once anchors"));
  std::string keys = "a0: &a0 {" + std::string(900, 'k') + ": " + std::string(100'000, 'x') + "}\n";
  for (int i = 1; i < 400; ++i) keys += "m" + std::to_string(i) + ": {<<: *a0}\n";
  EXPECT_THAT(FirstProblem(keys), HasSubstr("KiB of text once anchors"));
  std::string anchors;  // the copy that each anchor keeps
  for (int i = 0; i < 60; ++i) anchors += "&a" + std::to_string(i) + " [";
  EXPECT_THAT(FirstProblem(anchors + long_text + std::string(60, ']')), HasSubstr("KiB of text once anchors"));
  EXPECT_EQ(FirstProblem("a: &x \"" + long_text + "\"\nb: [*x, *x]\n"), "none");
}

TEST(Yaml, CountsDepthThroughAliases) {
  std::string text = "a0: &a0 {x: 1}\n";
  for (int i = 1; i < 80; ++i) {
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " {x: *a" + std::to_string(i - 1) + "}\n";
  }
  EXPECT_THAT(FirstProblem(text), HasSubstr("deeper than 64"));
}

TEST(YamlFile, IsReadWithinItsLimit) {
  std::string folder = ::testing::TempDir();
  std::string large = folder + "nilus-large.yaml";
  std::ofstream(large).close();
  std::filesystem::resize_file(large, 50'000'000);  // sparse: refused by its size, not read
  Problems problems;
  EXPECT_THAT(ReadYamlFile(large, {}, problems), IsEmpty());
  EXPECT_THAT(problems[0].ToString(), HasSubstr("larger than 1024 KiB"));
  std::filesystem::remove(large);

  problems.clear();
  ReadYamlFile(folder + "absent.yaml", {}, problems);
  EXPECT_THAT(problems[0].ToString(), HasSubstr("cannot be read: No such file"));
  problems.clear();
  ReadYamlFile(folder, {}, problems);
  EXPECT_THAT(problems[0].ToString(), HasSubstr("a folder"));
  problems.clear();
  ReadYamlFile("/dev/zero", {}, problems);
  EXPECT_THAT(problems[0].ToString(), HasSubstr("larger than"));
}

TEST(SetYamlValue, MakesAndReplaces) {
  Parsed parsed = Parse("spec: {a: 1, list: [x, y]}\n");
  YamlNode& root = parsed.documents[0];
  SourcePlace origin{"--set"};
  SetYamlValue(root, "spec.a", "2", origin, parsed.problems);
  SetYamlValue(root, "spec.b.c", "3", origin, parsed.problems);
  SetYamlValue(root, "spec.list.1", "z", origin, parsed.problems);
  SetYamlValue(root, "spec.list.2", "w", origin, parsed.problems);
  SetYamlValue(root, "spec.new.0", "n", origin, parsed.problems);
  SetYamlValue(root, "spec.flow", "{k: [1, 2]}", origin, parsed.problems);
  SetYamlValue(root, "spec.text", "a: b # c", origin, parsed.problems);
  EXPECT_THAT(parsed.problems, IsEmpty());
  const YamlNode* spec = root.Find("spec");
  EXPECT_EQ(spec->Find("a")->text, "2");
  EXPECT_EQ(spec->Find("a")->place.file, "--set");
  EXPECT_EQ(spec->Find("b")->Find("c")->text, "3");
  EXPECT_EQ(spec->Find("list")->items[1].text, "z");
  EXPECT_EQ(spec->Find("list")->items[2].text, "w");
  EXPECT_EQ(spec->Find("new")->items[0].text, "n");
  EXPECT_EQ(spec->Find("flow")->Find("k")->items[1].text, "2");
  EXPECT_EQ(spec->Find("text")->text, "a: b # c");
}

TEST(SetYamlValue, RefusesBadPaths) {
  Parsed parsed = Parse("spec: {a: 1, list: [x]}\n");
  for (std::string_view path :
       {"", "spec..a", ".spec", "spec.a.b", "spec.list.9", "spec.list.x", "spec.list.99999999999999999999"}) {
    Problems problems;
    SetYamlValue(parsed.documents[0], path, "1", {"--set"}, problems);
    EXPECT_THAT(problems, SizeIs(1)) << path;
  }
}

}  // namespace
}  // namespace nilus
