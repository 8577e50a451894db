#include "nilus/base/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/base/encoding.h"
#include "nilus/base/redact.h"

namespace nilus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

VariableLookup Variables(std::map<std::string, std::string, std::less<>> values) {
  return [values = std::move(values)](std::string_view name) -> std::optional<std::string> {
    auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  };
}

class AddressTest : public ::testing::Test {
 protected:
  void TearDown() override { ForgetSecretsForTesting(); }

  Address Parse(std::string_view text, std::map<std::string, std::string, std::less<>> variables = {}) {
    auto address = ParseAddress(text, Variables(std::move(variables)));
    EXPECT_TRUE(address) << text << ": " << (address ? "" : address.error().ToString());
    return address ? *address : Address{};
  }
  Error Refuse(std::string_view text, std::map<std::string, std::string, std::less<>> variables = {}) {
    auto address = ParseAddress(text, Variables(std::move(variables)));
    EXPECT_FALSE(address) << text << " was read as " << (address ? address->ToDisplay() : "");
    return address ? Error{} : address.error();
  }
};

TEST_F(AddressTest, SplitsADatabaseUri) {
  Address address = Parse("PostgreSQL://app:s3cret@db.example:5433/shop?sslmode=require&connect_timeout=3");
  EXPECT_EQ(address.scheme, "postgresql");
  EXPECT_EQ(address.user, "app");
  EXPECT_EQ(address.password, "s3cret");
  EXPECT_EQ(address.host, "db.example");
  EXPECT_EQ(address.port, 5433);
  EXPECT_EQ(address.path, "shop");
  EXPECT_EQ(address.Param("sslmode"), "require");
  EXPECT_EQ(address.Param("connect_timeout"), "3");
  EXPECT_EQ(address.Param("nothing", "else"), "else");
}

TEST_F(AddressTest, PartsMayBeAbsent) {
  Address address = Parse("postgresql:///shop?host=/var/run/postgresql");
  EXPECT_EQ(address.host, "");
  EXPECT_TRUE(address.Hosts().empty());
  EXPECT_EQ(address.path, "shop");
  EXPECT_EQ(address.Param("host"), "/var/run/postgresql");
  EXPECT_EQ(Parse("postgresql://db").path, "");
  EXPECT_EQ(Parse("postgresql://db/").path, "");
  EXPECT_EQ(Parse("postgresql://app@db/shop").user, "app");
  EXPECT_EQ(Parse("postgresql://app:@db/shop").password, "");
  EXPECT_EQ(Parse("postgresql://db:/shop").port, 0);
  EXPECT_EQ(Parse("kafka://?bootstrap_servers=a:9092,b:9092&group_id=g").Param("bootstrap_servers"), "a:9092,b:9092");
  EXPECT_EQ(Parse("custom://MyApi?base_url=https://x/y").Param("base_url"), "https://x/y");
  EXPECT_EQ(Parse("  postgresql://db/shop \n").path, "shop");
}

TEST_F(AddressTest, ReadsIpv6AndSeveralHosts) {
  Address one = Parse("postgresql://[::1]:5433/shop");
  EXPECT_EQ(one.host, "::1");
  EXPECT_EQ(one.port, 5433);
  EXPECT_EQ(one.ToDisplay(), "postgresql://[::1]:5433/shop");

  Address several = Parse("mongodb://u:p4ss@h1:27017,[::2]:27018,h3/db?replicaSet=rs");
  EXPECT_EQ(several.port, 0);
  std::vector<HostPort> hosts = several.Hosts();
  ASSERT_EQ(hosts.size(), 3u);
  EXPECT_EQ(hosts[0].host, "h1");
  EXPECT_EQ(hosts[0].port, 27017);
  EXPECT_EQ(hosts[1].host, "::2");
  EXPECT_EQ(hosts[1].port, 27018);
  EXPECT_EQ(hosts[2].host, "h3");
  EXPECT_EQ(hosts[2].port, 0);

  EXPECT_THAT(Refuse("postgresql://::1/shop").fix, HasSubstr("[::1]"));
  EXPECT_THAT(Refuse("postgresql://[::1/shop").message, HasSubstr("never closed"));
  EXPECT_THAT(Refuse("mongodb://h1:70000,h2/db").message, HasSubstr("port"));
}

TEST_F(AddressTest, ReadsFileLikePaths) {
  EXPECT_EQ(Parse("sqlite:///data/shop.db").path, "data/shop.db");
  EXPECT_EQ(Parse("sqlite:////data/shop.db").path, "/data/shop.db");
  EXPECT_EQ(Parse("duckdb:///:memory:").path, ":memory:");
  EXPECT_EQ(Parse("duckdb:////tmp/x.duckdb?access_mode=read_only").Param("access_mode"), "read_only");
  EXPECT_EQ(Parse("file:///data/*.csv").path, "/data/*.csv");
  EXPECT_EQ(Parse("file://data/in.csv").path, "data/in.csv");
  EXPECT_EQ(Parse("file://./data/in.csv").path, "./data/in.csv");
  EXPECT_EQ(Parse("file://localhost/data/in.csv").path, "/data/in.csv");
  EXPECT_EQ(Parse("lakehouse:///warehouse").path, "/warehouse");
  EXPECT_EQ(Parse("file:///a@b/c:d/e#f.csv").path, "/a@b/c:d/e#f.csv");
  EXPECT_EQ(Parse("file:///with%20space.csv").path, "/with space.csv");
  EXPECT_EQ(Parse("file:///100%.csv").path, "/100%.csv");

  Address glob = Parse("file:///data/part-?.csv?format=csv");
  EXPECT_EQ(glob.path, "/data/part-?.csv");
  EXPECT_EQ(glob.Param("format"), "csv");
  EXPECT_EQ(Parse("s3://bucket/part-?.csv").path, "part-?.csv");
}

TEST_F(AddressTest, ReadsDepots) {
  Address address = Parse("dataos://lakehouse:raw/customers?purpose=rw");
  EXPECT_EQ(address.scheme, "dataos");
  EXPECT_EQ(address.host, "lakehouse");
  EXPECT_EQ(address.path, "raw/customers");
  EXPECT_EQ(address.Param("purpose"), "rw");
  EXPECT_EQ(Parse("dataos://pgdepot").host, "pgdepot");
  EXPECT_THAT(Refuse("dataos://?purpose=rw").message, HasSubstr("depot's name"));
}

TEST_F(AddressTest, DropsThePythonDriverOfASqlalchemyScheme) {
  EXPECT_EQ(Parse("postgresql+psycopg2://db/shop").scheme, "postgresql");
  EXPECT_EQ(Parse("mysql+pymysql://db/shop").scheme, "mysql");
  EXPECT_EQ(Parse("mongodb+srv://cluster/shop").scheme, "mongodb+srv");
  EXPECT_EQ(AddressScheme("mssql+pyodbc://x"), "mssql");
  EXPECT_EQ(AddressScheme("{SOURCE}"), std::nullopt);
}

TEST_F(AddressTest, DecodesPercentOnce) {
  Address address = Parse("postgresql://a%40b:p%2540ss%2F@db/my%20db?options=-c%20x%3Dy+z");
  EXPECT_EQ(address.user, "a@b");
  EXPECT_EQ(address.password, "p%40ss/");
  EXPECT_EQ(address.path, "my db");
  EXPECT_EQ(address.Param("options"), "-c x=y+z");
  EXPECT_FALSE(address.had_percent_sequences);
}

// Spec 02: every system, every character, wherever a secret can stand.
constexpr std::string_view kSpecialCharacters = "@:/?#&=+;%\\'\"{}()*$! ";
constexpr std::string_view kSystems[] = {"mssql",    "postgresql", "mongodb",    "mysql",
                                         "redshift", "snowflake",  "clickhouse", "synapse"};

TEST_F(AddressTest, KeepsEverySpecialCharacterOfAFilledInSecret) {
  std::vector<std::string> secrets = {
      std::string(kSpecialCharacters), "{OTHER}", "${OTHER}", "%41%2F", "p%40ss", "a@b:c/d?e#f", "{{x}}", "://"};
  for (char c : kSpecialCharacters) {
    secrets.push_back(std::string("pre") + c + "post");
    secrets.push_back("x" + std::string(3, c));
  }
  for (std::string_view system : kSystems) {
    for (const std::string& secret : secrets) {
      SCOPED_TRACE(std::string(system) + " with " + secret);
      Address address = Parse(std::string(system) + "://{USER}:${PASSWORD}@{HOST}:{PORT}/{DB}?token={TOKEN}&x=1",
                              {{"USER", secret},
                               {"PASSWORD", secret},
                               {"HOST", "db"},
                               {"PORT", "1234"},
                               {"DB", secret},
                               {"TOKEN", secret}});
      EXPECT_EQ(address.user, secret);
      EXPECT_EQ(address.password, secret);
      EXPECT_EQ(address.host, "db");
      EXPECT_EQ(address.port, 1234);
      EXPECT_EQ(address.path, secret);
      EXPECT_EQ(address.Param("token"), secret);
      EXPECT_EQ(address.Param("x"), "1");
      EXPECT_THAT(Redact("login as " + secret + " failed"), Not(HasSubstr(secret)));
    }
  }
}

TEST_F(AddressTest, KeepsEverySpecialCharacterThatIsPercentEncodedInTheAddress) {
  for (std::string_view system : kSystems) {
    for (char c : kSpecialCharacters) {
      std::string secret = std::string("a") + c + "b" + c + c;
      std::string encoded = PercentEncode(secret);
      Address address = Parse(std::string(system) + "://" + encoded + ":" + encoded + "@db/x?password=" + encoded);
      EXPECT_EQ(address.user, secret) << system;
      EXPECT_EQ(address.password, secret) << system;
      EXPECT_EQ(address.Param("password"), secret) << system;
    }
  }
}

TEST_F(AddressTest, ReadsRawPasswordsWhereOneReadingIsPossible) {
  EXPECT_EQ(Parse("postgresql://u:p@ss@db/shop").password, "p@ss");
  EXPECT_EQ(Parse("postgresql://u:a@b@c@db:5432/shop").password, "a@b@c");
  Address slash = Parse("postgresql://u:pa/ss@db/shop");
  EXPECT_EQ(slash.password, "pa/ss");
  EXPECT_EQ(slash.host, "db");
  EXPECT_EQ(slash.path, "shop");
  EXPECT_EQ(Parse("postgresql://u:pa?ss@db/shop").password, "pa?ss");
  EXPECT_EQ(Parse("postgresql://u:pa#ss@db/shop").password, "pa#ss");
  EXPECT_EQ(Parse("postgresql://u:a:b:c@db/shop").password, "a:b:c");
  EXPECT_EQ(Parse("postgresql://u:100%@db/shop").password, "100%");
  EXPECT_EQ(Parse("postgresql://u:a b'c\"d\\e(f)*$!;=+&@db/shop").password, "a b'c\"d\\e(f)*$!;=+&");
  // An '@' in a parameter is no end of a password.
  EXPECT_EQ(Parse("salesforce://?username=me@example.com&password=x").Param("username"), "me@example.com");
  EXPECT_EQ(Parse("postgresql://u:pw1@db/shop?options=a@b").host, "db");
}

TEST_F(AddressTest, RefusesARawPasswordThatReadsInTwoWays) {
  Error error = Refuse("postgresql://u:p@ss/word@db/shop");
  EXPECT_EQ(error.kind, ErrorKind::kInvalidInput);
  EXPECT_THAT(error.message, HasSubstr("two ways"));
  EXPECT_THAT(error.ToString(), Not(HasSubstr("word@")));
  // The first part of the password reads as a port, or the part behind its '@' as a host.
  for (std::string_view text :
       {"postgresql://app:12?hunter2@db/shop", "postgresql://app:12/hunter2@db/shop", "postgresql://app:12?hunter2@db",
        "postgresql://app:12/a?hunter2@db/shop", "postgresql://app:?hunter2@db/shop", "postgresql://app:/hunter2@db",
        "mongodb://app:12?x=1&hunter2@db/shop", "kafka://app:12?hunter2&x=1@db", "mysql://app:12?hunter2/x=1@db/shop",
        "postgresql://app:h@x?hunter2@db/shop", "postgresql://app:h/x@y?hunter2@db/shop",
        "mongodb://app:12,b?hunter2@db/shop", "postgresql://{U}:{P}?hunter2@db/shop"}) {
    Error refusal = Refuse(text, {{"U", "u"}, {"P", "12"}});
    EXPECT_EQ(refusal.kind, ErrorKind::kInvalidInput) << text;
    EXPECT_THAT(refusal.message, HasSubstr("two ways")) << text;
    EXPECT_THAT(refusal.ToString(), Not(HasSubstr("hunter2"))) << text;
  }
}

TEST_F(AddressTest, AnAtSignBehindTheHostIsNoEndOfAPassword) {
  // Of a parameter.
  EXPECT_EQ(Parse("postgresql://db:5432/shop?user=me@server").Param("user"), "me@server");
  EXPECT_EQ(Parse("kafka://b1:9092,b2:9092?acks=all&&sasl_username=me@example.com&x=1").host, "b1:9092,b2:9092");
  EXPECT_EQ(Parse("postgresql://u:pw1@db:5432/shop?options=a@b&ssl").Param("options"), "a@b");
  EXPECT_EQ(Parse("custom://api:80?base_url=https://me@x/y?z").Param("base_url"), "https://me@x/y?z");
  // Of a path, where there is no ':' that a password could follow.
  EXPECT_EQ(Parse("postgresql://db/my@db").path, "my@db");
  EXPECT_EQ(Parse("postgresql://app@db/my@db").path, "my@db");
  EXPECT_EQ(Parse("postgresql://[::1]:5432/my@db").path, "my@db");
  EXPECT_EQ(Parse("postgresql://db:5432/my%40db").path, "my@db");
  EXPECT_EQ(Parse("s3://bucket/a:b/c@d").path, "a:b/c@d");
  EXPECT_EQ(Parse("sftp://u:pw1@host:22/a@b").path, "a@b");
  EXPECT_EQ(Parse("http://host:80/a@b").path, "a@b");
}

TEST_F(AddressTest, NamesEveryUnsetVariableAndNoValue) {
  Error error = Refuse("postgresql://{U}:{P}@{H}/{D}?sslmode={U}", {{"D", "canary-value"}});
  EXPECT_EQ(error.message, "the variables U, P, H are not set");
  EXPECT_THAT(error.ToString(), Not(HasSubstr("canary")));
  EXPECT_EQ(Refuse("postgresql://u:{ DB_PASSWORD }@h/d").message, "the variable DB_PASSWORD is not set");
  EXPECT_EQ(Refuse("{SOURCE_URI}").message, "the variable SOURCE_URI is not set");
}

TEST_F(AddressTest, ReportsTemplatesThatWereNeverFilled) {
  EXPECT_THAT(Refuse("postgresql://u:${{ secrets.password }}@h/d").message,
              HasSubstr("${{ secrets.password }} was never filled"));
  EXPECT_THAT(Refuse("postgresql://u:{{ password }}@h/d").message, HasSubstr("never filled"));
}

TEST_F(AddressTest, BracesThatAreNoPlaceholdersStay) {
  EXPECT_EQ(Parse("mongodb://h/db?filter={\"a\": 1}").Param("filter"), "{\"a\": 1}");
  EXPECT_EQ(Parse("postgresql://u:p{}w@h/d").password, "p{}w");
  EXPECT_EQ(Parse("postgresql://u:p{9a}w@h/d").password, "p{9a}w");
  EXPECT_EQ(Parse("postgresql://u:p{w@h/d").password, "p{w");
}

TEST_F(AddressTest, APlaceholderMayBeTheWholeAddress) {
  Address address = Parse("${SOURCE_URI}", {{"SOURCE_URI", "postgresql://u:p%40ss{X}@h:1/d"}});
  EXPECT_EQ(address.host, "h");
  EXPECT_EQ(address.password, "p@ss{X}");
  EXPECT_THAT(Redact("it is p@ss{X}"), Not(HasSubstr("p@ss")));
  Error error = Refuse("{SOURCE_URI}", {{"SOURCE_URI", "canary-value"}});
  EXPECT_THAT(error.ToString(), HasSubstr("SOURCE_URI"));
  EXPECT_THAT(error.ToString(), Not(HasSubstr("canary")));
}

TEST_F(AddressTest, AFilledInHostMayHoldItsPort) {
  Address address = Parse("postgresql://{HOST}/d", {{"HOST", "db:5433"}});
  EXPECT_EQ(address.host, "db");
  EXPECT_EQ(address.port, 5433);
  EXPECT_EQ(Parse("postgresql://{HOST}/d", {{"HOST", "::1"}}).host, "::1");
  EXPECT_EQ(Parse("postgresql://{HOSTS}/d", {{"HOSTS", "a:1,b:2"}}).Hosts().size(), 2u);
  EXPECT_THAT(Refuse("postgresql://h:{PORT}/d", {{"PORT", "canary"}}).ToString(), Not(HasSubstr("canary")));
}

TEST_F(AddressTest, HintsAtSecretsThatArePercentEncoded) {
  EXPECT_TRUE(Parse("postgresql://u:{P}@h/d", {{"P", "p%40ss"}}).had_percent_sequences);
  EXPECT_FALSE(Parse("postgresql://u:{P}@h/d", {{"P", "100%"}}).had_percent_sequences);
  EXPECT_FALSE(Parse("postgresql://u:x%40@h/{D}", {{"D", "a%20b"}}).had_percent_sequences);
}

TEST_F(AddressTest, RefusesWhatIsNoAddress) {
  EXPECT_THAT(Refuse("").message, HasSubstr("empty"));
  EXPECT_THAT(Refuse("db:5432/shop").message, HasSubstr("no scheme"));
  EXPECT_THAT(Refuse("://db").message, HasSubstr("no scheme"));
  EXPECT_THAT(Refuse("postgres ql://db").message, HasSubstr("no scheme"));
  EXPECT_THAT(Refuse("postgresql://db:0/x").message, HasSubstr("port"));
  EXPECT_THAT(Refuse("postgresql://db:65536/x").message, HasSubstr("port"));
  EXPECT_THAT(Refuse("postgresql://db:-1/x").message, HasSubstr("port"));
  EXPECT_THAT(Refuse("postgresql://db:+5/x").message, HasSubstr("port"));
  EXPECT_THAT(Refuse("postgresql://u:secretpassword/x").message, HasSubstr("port"));
  EXPECT_THAT(Refuse("postgresql://u:secretpassword/x").ToString(), Not(HasSubstr("secretpassword")));
  EXPECT_THAT(Refuse("postgresql://h/x?a=1&a=2").message, HasSubstr("twice"));
  EXPECT_THAT(Refuse("postgresql://h/x?=2").message, HasSubstr("no name"));
  EXPECT_THAT(Refuse("postgresql://a b/x").message, HasSubstr("host"));
  EXPECT_THAT(Refuse(std::string("postgresql://h/x\0y", 18)).message, HasSubstr("NUL"));
  EXPECT_THAT(Refuse("postgresql://h/" + std::string(70'000, 'x')).message, HasSubstr("longer"));
  EXPECT_THAT(Refuse("postgresql://u:{P}@h/x", {{"P", std::string("a\0b", 3)}}).message, HasSubstr("P holds a NUL"));
}

TEST_F(AddressTest, NeverDisplaysSecrets) {
  EXPECT_EQ(Parse("postgresql://app:canary-pass@db:5432/shop?sslpassword=canary-2").ToDisplay(),
            "postgresql://app@db:5432/shop");
  EXPECT_EQ(Parse("databricks://canary-token@host/sql/1.0").ToDisplay(), "databricks://host/sql/1.0");
  EXPECT_EQ(Redact("canary-pass canary-2 canary-token"), "*** *** ***");
  EXPECT_EQ(Parse("file:///data/x.csv").ToDisplay(), "file:///data/x.csv");
  EXPECT_EQ(Parse("dataos://depot:a/b").ToDisplay(), "dataos://depot:a/b");
}

TEST_F(AddressTest, DoesNotHideWhatIsNoSecret) {
  Parse("postgresql://{U}:{P}@{H}/{D}",
        {{"U", "postgres"}, {"P", "canary-1"}, {"H", "db.example"}, {"D", "warehouse"}});
  EXPECT_EQ(Redact("postgres at db.example has no table in warehouse"),
            "postgres at db.example has no table in warehouse");
}

TEST(IsSecretName, KnowsThem) {
  for (std::string_view name : {"password", "sasl_password", "api_key", "apiKey", "token", "secretAccessKey",
                                "sas_token", "seed", "private_key"}) {
    EXPECT_TRUE(IsSecretName(name)) << name;
  }
  for (std::string_view name :
       {"user", "host", "credentials_path", "token_url", "sslmode", "primary_key", "secret_name", "sslkey"}) {
    EXPECT_FALSE(IsSecretName(name)) << name;
  }
}

TEST(PlaceholderNames, AreListedInOrder) {
  EXPECT_THAT(PlaceholderNames("a{B}c${D}{e f}{ G-1 }"), ElementsAre("B", "D", "G-1"));
}

TEST(FillPlaceholders, FillsWithoutDecoding) {
  auto filled = FillPlaceholders("a%41{X}", Variables({{"X", "{Y}%"}}));
  ASSERT_TRUE(filled);
  EXPECT_EQ(*filled, "a%41{Y}%");
}

}  // namespace
}  // namespace nilus
