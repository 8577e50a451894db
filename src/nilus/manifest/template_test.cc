#include "nilus/manifest/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace nilus {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Result<std::string> Render(std::string_view text) {
  static const std::map<std::string, std::string, std::less<>> values = {
      {"password", "p@ss"}, {"encoded", "cEBzcw=="}, {"url", "p%40ss"},    {"padded", " x \n"},
      {"empty", ""},        {"tls.crt", "C"},        {"canary", "canary!"}};
  return RenderTemplate(text, [](std::string_view alias, std::string_view key) -> Result<std::optional<std::string>> {
    if (alias != "pg") return Fail(ErrorKind::kInvalidInput, "no alias {}", alias);
    auto found = values.find(key);
    if (found == values.end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second);
  });
}

std::string Rendered(std::string_view text) {
  auto result = Render(text);
  return result ? *result : "error: " + result.error().ToString();
}

TEST(Template, ReadsKeysAndFilters) {
  EXPECT_EQ(Rendered("{{ secrets['pg'].password }}"), "p@ss");
  EXPECT_EQ(Rendered("{{secrets[\"pg\"][\"password\"]}}"), "p@ss");
  EXPECT_EQ(Rendered("{{ secrets['pg']['tls.crt'] }}"), "C");
  EXPECT_EQ(Rendered("{{ secrets['pg'].encoded | base64_decode }}"), "p@ss");
  EXPECT_EQ(Rendered("{{ secrets['pg'].password | base64_encode }}"), "cEBzcw==");
  EXPECT_EQ(Rendered("{{ secrets['pg'].password | urlencode }}"), "p%40ss");
  EXPECT_EQ(Rendered("{{ secrets['pg'].url | urldecode }}"), "p@ss");
  EXPECT_EQ(Rendered("{{ secrets['pg'].padded | trim }}"), "x");
  EXPECT_EQ(Rendered("{{ secrets['pg'].absent | default('a | b }} c') }}"), "a | b }} c");
  EXPECT_EQ(Rendered("{{ secrets['pg'].absent | default('IHg=') | base64_decode | trim() }}"), "x");
  EXPECT_EQ(Rendered("{{ secrets['pg'].empty | default(\"d\") }}"), "d");
  EXPECT_EQ(Rendered("a {{ secrets['pg'].password }}:{{ secrets['pg'].url }} b"), "a p@ss:p%40ss b");
  EXPECT_EQ(Rendered("no template { } at all"), "no template { } at all");
}

TEST(Template, SaysWhatIsWrong) {
  EXPECT_THAT(Rendered("{{ secrets['pg'].absent }}"), HasSubstr("the secret with the alias 'pg' has no key 'absent'"));
  EXPECT_THAT(Rendered("{{ secrets['xx'].a }}"), HasSubstr("no alias xx"));
  EXPECT_THAT(Rendered("{{ secrets['pg'].password | base64decode }}"), HasSubstr("write base64_decode"));
  EXPECT_THAT(Rendered("{{ secrets['pg'].canary | base64_decode }}"), HasSubstr("not base64"));
  EXPECT_THAT(Rendered("{{ secrets['pg'].canary | base64_decode }}"), Not(HasSubstr("canary!")));
  for (std::string_view text :
       {"{{", "{{ }}", "{{ env.X }}", "{{ secrets }}", "{{ secrets['pg }}", "{{ secrets['pg'] }}",
        "{{ secrets['pg']. }}", "{{ secrets['pg'].password | }}", "{{ secrets['pg'].password | default }}",
        "{{ secrets['pg'].password | default( }}", "{{ secrets['pg'].password | trim('x') }}",
        "{{ secrets['pg'].password x }}", "{{ secrets['pg'].password | default('x' }}"}) {
    EXPECT_FALSE(Render(text)) << text;
  }
}

}  // namespace
}  // namespace nilus
