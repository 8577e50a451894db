// Folder names and patterns.
#include <gmock/gmock.h>

#include "nilus/connectors/files/disk_name.h"
#include "nilus/connectors/files/glob.h"
#include "nilus/connectors/files/input_files.h"
#include "nilus/connectors/files/test_support.h"

namespace nilus::files {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(DiskName, HostileNamesBecomeOneHarmlessFolderEach) {
  const std::vector<std::string> names = {
      "orders", "..",   ".",   "a/b",     "../../etc/passwd",    "_nilus_state", ".hidden",
      "a%2Fb",  "a b ", "x.",  "naïve ☃", "'; DROP TABLE x; --", "a\nb",         "a\\b",
      "~",      "*?[{", "CON", "a\x7f"};
  std::set<std::string> seen;
  for (const std::string& name : names) {
    auto disk = EncodeDiskName(name);
    ASSERT_OK(disk);
    EXPECT_EQ(disk->find('/'), std::string::npos) << name;
    EXPECT_NE(disk->front(), '.') << name;
    EXPECT_FALSE(disk->starts_with("_nilus")) << name;
    EXPECT_TRUE(seen.insert(*disk).second) << name;
    EXPECT_EQ(DecodeDiskName(*disk), name);
  }
}

TEST(DiskName, LongNamesAreCutAndStayDifferent) {
  std::string a(300, 'a');
  std::string b = a + "b";
  std::string snow;
  for (int i = 0; i < 100; ++i) snow += "☃";
  for (const std::string& name : {a, b, snow}) {
    auto disk = EncodeDiskName(name);
    ASSERT_OK(disk);
    EXPECT_LE(disk->size(), kLongestDiskName);
    EXPECT_FALSE(DecodeDiskName(*disk).has_value());
  }
  EXPECT_NE(*EncodeDiskName(a), *EncodeDiskName(b));
}

TEST(DiskName, RefusesWhatIsNoName) {
  EXPECT_FALSE(EncodeDiskName("").has_value());
  EXPECT_FALSE(EncodeDiskName(std::string_view("a\0b", 3)).has_value());
  EXPECT_FALSE(EncodeDiskName("\xff").has_value());
}

TEST(Glob, MatchesNames) {
  struct Case {
    std::string_view pattern, name;
    bool matches;
  };
  for (const Case& test : {Case{"*.csv", "a.csv", true},
                           {"*.csv", "a.csv.gz", false},
                           {"*", ".hidden", false},
                           {".*", ".hidden", true},
                           {"?.csv", "é.csv", true},
                           {"?.csv", "ab.csv", false},
                           {"[a-c]x", "bx", true},
                           {"[!a-c]x", "bx", false},
                           {"[!a-c]x", "dx", true},
                           {"[]]", "]", true},
                           {"[a", "[a", true},
                           {"a\\*", "a*", true},
                           {"a\\*", "ab", false},
                           {"*a*b*c", "xxaxxbxxc", true},
                           {"*a*b*c", "xxaxxbxx", false},
                           {"", "", true},
                           {"**", "anything", true},
                           {"[☃-☄]", "☃", true},
                           {"a[b-]c", "a-c", true}}) {
    EXPECT_EQ(MatchesName(test.pattern, test.name), test.matches) << test.pattern << " against " << test.name;
  }
}

TEST(Glob, ManyStarsAreNotSlow) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  EXPECT_FALSE(MatchesName(pattern + "b", std::string(5000, 'a')));
}

TEST(Glob, ExpandsBraces) {
  auto expand = [](std::string_view pattern) {
    return ExpandBraces(pattern).value_or(std::vector<std::string>{"error"});
  };
  EXPECT_THAT(expand("a{b,c}d"), ElementsAre("abd", "acd"));
  EXPECT_THAT(expand("{a,b{c,d}}"), ElementsAre("a", "bc", "bd"));
  EXPECT_THAT(expand("{a,}x"), ElementsAre("ax", "x"));
  EXPECT_THAT(expand("{a}"), ElementsAre("{a}"));
  EXPECT_THAT(expand("{a"), ElementsAre("{a"));
  EXPECT_THAT(expand("a\\{b,c}"), ElementsAre("a\\{b,c}"));
  std::string bomb;
  for (int i = 0; i < 40; ++i) bomb += "{a,b}";
  EXPECT_THAT(expand(bomb), ElementsAre("error"));
}

using GlobFolder = FolderTest;

TEST_F(GlobFolder, FindsFilesSortedAndOnce) {
  for (const char* name : {"b.csv", "a.csv", "x/c.csv", "x/y/d.csv", ".hidden/e.csv", "_nilus_state/f.csv", "a.json"})
    Put(name, "x");
  auto list = [&](const std::string& pattern) {
    auto found = ListMatches(root(), pattern);
    EXPECT_TRUE(found.has_value()) << found.error().ToString();
    std::vector<std::string> names;
    for (const std::string& path : *found) names.push_back(path.substr(root().size() + 1));
    return names;
  };
  EXPECT_THAT(list("*.csv"), ElementsAre("a.csv", "b.csv"));
  EXPECT_THAT(list("**/*.csv"), ElementsAre("a.csv", "b.csv", "x/c.csv", "x/y/d.csv"));
  EXPECT_THAT(list("**"), ElementsAre("a.csv", "a.json", "b.csv", "x/c.csv", "x/y/d.csv"));
  EXPECT_THAT(list("{a,a,b}.csv"), ElementsAre("a.csv", "b.csv"));
  EXPECT_THAT(list("*/*.csv"), ElementsAre("x/c.csv"));
  EXPECT_THAT(list("a.{csv,json}"), ElementsAre("a.csv", "a.json"));
  EXPECT_FALSE(ListMatches(root(), "nowhere/*.csv").has_value());
}

TEST_F(GlobFolder, DoesNotWalkInCircles) {
  Put("x/a.csv", "x");
  std::filesystem::create_directory_symlink(root(), Path("x/loop"));
  auto found = ListMatches(root(), "**/*.csv");
  ASSERT_OK(found);
  EXPECT_EQ(found->size(), 1U);
}

using SourceTable = FolderTest;

TEST_F(SourceTable, StaysInsideItsFolder) {
  Put("in/a.csv", "a\n1\n");
  Put("out/secret.csv", "a\n2\n");
  std::filesystem::create_symlink(Path("out/secret.csv"), Path("in/link.csv"));
  std::filesystem::create_directory_symlink(Path("out"), Path("in/linked"));
  std::filesystem::create_symlink(Path("in/a.csv"), Path("in/inner.csv"));
  EXPECT_EQ(ReadError(Path("in"), "a.csv"), "");
  EXPECT_EQ(ReadError(Path("in"), "inner.csv"), "");
  for (std::string table :
       {std::string("../out/secret.csv"), std::string("x/../../out/secret.csv"), std::string("link.csv"),
        std::string("link*.csv"), std::string("linked/secret.csv"), std::string("linked"), std::string("linked/*.csv"),
        Path("out/secret.csv"), std::string("a.csv\0b", 7)}) {
    EXPECT_THAT(ReadError(Path("in"), table), HasSubstr("invalid")) << table;
  }
}

// Without any data file in it: what describes the table would be all that is read.
TEST_F(SourceTable, ReadsNoTableSchemaOutsideItsFolder) {
  Put("out/.nilus_schema.json", R"({"version": 1, "format": "csv", "columns": [{"name": "secret", "type": "text"}]})");
  Put("in/shop/inner/.nilus_schema.json",
      R"({"version": 1, "format": "csv", "columns": [{"name": "a", "type": "text"}]})");
  std::filesystem::create_directory_symlink(Path("out"), Path("in/shop/linked"));
  std::filesystem::create_directories(Path("in/shop/own"));
  std::filesystem::create_symlink(Path("out/.nilus_schema.json"), Path("in/shop/own/.nilus_schema.json"));
  Put("in/shop/own/a.csv", "secret\nx\n");
  EXPECT_THAT(ReadError(Path("in"), "shop.own"), HasSubstr("by a symbolic link"));
  for (bool may_be_empty : {false, true}) {
    auto linked = ResolveInput(Path("in"), "shop.linked", {}, may_be_empty);
    ASSERT_FALSE(linked.has_value());
    EXPECT_EQ(linked.error().kind, may_be_empty ? ErrorKind::kInvalidInput : ErrorKind::kNotFound);
  }
  auto inner = ResolveInput(Path("in"), "shop.inner", {}, true);
  ASSERT_OK(inner);
  EXPECT_FALSE(inner->schema_file.empty());
}

TEST_F(SourceTable, AFolderIsNoPattern) {
  for (const char* folder : {"[prod]", "a*b", "{x,y}", "w?", "back\\slash"}) {
    Put(fmt::format("{}/in/1.csv", folder), "a\n1\n");
    for (const char* table : {"*.csv", "in/*.csv", "**", "in/[1].csv"}) {
      SCOPED_TRACE(fmt::format("{} in {}", table, folder));
      const bool is_inside = !std::string_view(table).starts_with("*.");
      auto read = ReadAll(Path(is_inside ? folder : fmt::format("{}/in", folder)), table);
      ASSERT_OK(read);
      EXPECT_EQ(read->rows, (std::vector<Row>{{"1"}}));
    }
  }
  // The files of others, which a folder read as a pattern would find.
  Put("p/secret.csv", "a\n9\n");
  std::filesystem::create_directories(Path("[prod]/empty"));
  EXPECT_THAT(ReadError(Path("[prod]"), "*.csv"), HasSubstr("holds nothing"));
}

TEST_F(SourceTable, NamesAFolderAFileOrAStem) {
  Put("shop/orders/part-1.csv", "a\n1\n");
  Put("shop/orders/.nilus_hidden.csv", "a\n9\n");
  Put("shop/a%2Fb/x.csv", "a\n7\n");
  Put("flat.csv", "a\n2\n");
  Put("two.csv", "a\n3\n");
  Put("two.json", "{\"a\":3}");
  auto first = [&](const std::string& table) {
    auto read = ReadAll(root(), table);
    return read && !read->rows.empty() ? read->rows[0][0].value_or("NULL") : ReadError(root(), table);
  };
  EXPECT_EQ(first("shop.orders"), "1");
  EXPECT_EQ(first("shop/orders"), "1");
  EXPECT_EQ(first("shop/orders/*.csv"), "1");
  EXPECT_EQ(first("shop.a/b"), "7");
  EXPECT_EQ(first("flat"), "2");
  EXPECT_EQ(first("flat.csv"), "2");
  EXPECT_THAT(first("two"), HasSubstr("several files"));
  EXPECT_THAT(first("shop.order"), HasSubstr("did you mean shop.orders?"));
  EXPECT_THAT(first("*.csvx"), HasSubstr("holds nothing"));
  EXPECT_THAT(first("*"), HasSubstr("mixes formats"));
  EXPECT_THAT(first(""), HasSubstr("source_table is empty"));
}

TEST_F(SourceTable, IsAnyNameWhereTheAddressNamesTheFiles) {
  Put("a.csv", "x\n1\n");
  Put("b.csv", "x\n2\n");
  auto read = ReadAll(Path("*.csv"), "whatever.I like");
  ASSERT_OK(read);
  EXPECT_EQ(read->rows, (std::vector<Row>{{"1"}, {"2"}}));
  EXPECT_THAT(ReadError(Path("nothing.csv"), "t"), HasSubstr("does not exist"));
  EXPECT_THAT(ReadError(Path("x*.csv"), "t"), HasSubstr("no file matches"));
  EXPECT_THAT(ReadError(Put("data.bin", "x"), "t"), HasSubstr("?format="));
}

}  // namespace
}  // namespace nilus::files
