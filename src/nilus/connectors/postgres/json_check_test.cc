#include "nilus/connectors/postgres/json_check.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nilus/connectors/postgres/server_testing.h"

namespace nilus::postgres {
namespace {

const std::vector<std::string>& Texts() {
  static const auto* texts = new std::vector<std::string>{
      "null",
      "true",
      "false",
      "0",
      "-1.5e-3",
      "1E+5",
      "\"\"",
      "[]",
      "{}",
      " [ ] ",
      "[1,2 , 3]",
      "{\"a\":1}",
      "{\"a\":{\"b\":[{}]}}",
      "\"ü\\n\\u00fc\\ud83d\\ude00\\/\"",
      "\t{\n\"a\"\r: null }\n",
      // refused by both
      "",
      " ",
      "nul",
      "nulls",
      "True",
      "01",
      "1.",
      ".5",
      "+1",
      "1e",
      "1e+",
      "-",
      "\"",
      "\"a",
      "'a'",
      "\"\\x\"",
      "\"\\u12\"",
      "\"\\",
      "[",
      "]",
      "[1",
      "[1,]",
      "[,1]",
      "[1 2]",
      "{",
      "}",
      "{\"a\"}",
      "{\"a\":}",
      "{\"a\":1,}",
      "{a:1}",
      "{1:1}",
      "{,}",
      "[1}",
      "{\"a\":1]",
      "1 2",
      "\"a\"b",
      "\"\x01\"",
      "\"\n\"",
      "NaN",
      "Infinity",
      "[[]",
      "\xC2\xA0[]",
      "\v1",
      "// x\n1",
      // kept by json only
      "\"\\u0000\"",
      "\"\\ud800\"",
      "\"\\udc00\"",
      "\"\\ud800\\ud800\"",
      "\"\\ud800x\"",
      "\"\\ud83d\\n\"",
  };
  return *texts;
}

// The server is the authority.
TEST(AcceptsJsonTest, AgreesWithTheServer) {
  auto connection = Connection::Open(TestServer::Shared()->DatabaseAddress("postgres"), {});
  ASSERT_TRUE(connection);
  for (const std::string& text : Texts()) {
    for (bool for_jsonb : {false, true}) {
      const Connection::Parameter parameters[] = {text};
      bool server = (*connection)->Query(for_jsonb ? "SELECT $1::jsonb" : "SELECT $1::json", parameters).has_value();
      EXPECT_EQ(AcceptsJson(text, for_jsonb), server) << (for_jsonb ? "jsonb: " : "json: ") << text;
    }
  }
}

// The server takes these into jsonb and gives back other values.
TEST(AcceptsJsonTest, RefusesWhatJsonbWouldChange) {
  auto connection = Connection::Open(TestServer::Shared()->DatabaseAddress("postgres"), {});
  ASSERT_TRUE(connection);
  std::string many = "{";
  for (int i = 0; i < 20; ++i) many += "\"k" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  const std::vector<std::string> changed = {R"({"a":1,"a":2})",
                                            R"([{"b":{"a":1, "c":[{}], "a":2}}])",
                                            R"({"a":1,"\u0061":2})",
                                            R"({"\n":1,"b":{"\n":1},"\u000a":2})",
                                            R"({"":1,"":2})",
                                            many + R"("k7":20})",
                                            "-0",
                                            "[-0.00]",
                                            R"({"a":-0e7})"};
  for (const std::string& text : changed) {
    const Connection::Parameter parameters[] = {text};
    EXPECT_TRUE((*connection)->Query("SELECT $1::jsonb", parameters)) << text;
    EXPECT_FALSE(AcceptsJson(text, true)) << text;
    EXPECT_TRUE(AcceptsJson(text, false)) << text;
  }
  for (const std::string& text :
       {std::string(R"({"a":{"a":1,"b":2},"b":{"a":1,"b":2}})"), std::string(R"([{"a":1},{"a":2}])"),
        std::string(R"({"a":"a","A":"a","aa":1,"\\u0061":2})"), many + R"("k":0})", std::string("[-0.1,0,-1e0]")}) {
    EXPECT_TRUE(AcceptsJson(text, true)) << text;
  }
}

// Where ours are the narrower limits, the server takes what we take.
TEST(AcceptsJsonTest, LimitsLieInsideTheServers) {
  auto connection = Connection::Open(TestServer::Shared()->DatabaseAddress("postgres"), {});
  ASSERT_TRUE(connection);
  const std::vector<std::string> accepted = {std::string(1000, '[') + std::string(1000, ']'), "1e9999", "-1e-9990",
                                             std::string(10'000, '9'), "0." + std::string(9'999, '3')};
  for (const std::string& text : accepted) {
    EXPECT_TRUE(AcceptsJson(text, true)) << text.substr(0, 20);
    const Connection::Parameter parameters[] = {text};
    auto server = (*connection)->Query("SELECT $1::jsonb", parameters);
    EXPECT_TRUE(server) << text.substr(0, 20) << ": " << server.error().ToString();
  }
  EXPECT_FALSE(AcceptsJson(std::string(1001, '[') + std::string(1001, ']'), true));
  EXPECT_FALSE(AcceptsJson("1e10001", true));
  EXPECT_FALSE(AcceptsJson("1e99999999999999999999999", true));
  EXPECT_TRUE(AcceptsJson("1e10001", false));
}

}  // namespace
}  // namespace nilus::postgres
