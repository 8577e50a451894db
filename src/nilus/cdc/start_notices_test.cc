#include "nilus/cdc/start_notices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/cdc/capture_story_testing.h"

namespace nilus {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

CapturedTable Table(const std::string& name) {
  CapturedTable table{.schema = "public", .name = name};
  table.columns.fields = {Field{"Id", MakeType(TypeId::kInt64), false, {}},
                          Field{"age", MakeType(TypeId::kText), true, {}}};
  return table;
}

CdcJob Job() {
  CdcJob job;
  job.schema = "raw";
  job.properties.prefix = "shop";
  return job;
}

TEST(StartNotices, NamesThatNormalizationChangesAreTold) {
  CdcJob job = Job();
  EXPECT_THAT(StartNotices(job, {Table("orders")}), IsEmpty());
  EXPECT_THAT(StartNotices(job, {Table("orders"), Table("Order Items")}),
              ElementsAre("table public.Order Items becomes `raw.shop_public_order_items` by normalization "
                          "(SCHEMA_NAMING=direct keeps it)"));
  job.properties.prefix = "my-shop.eu";
  EXPECT_THAT(StartNotices(job, {Table("orders")}), ElementsAre(HasSubstr("topic.prefix `my-shop.eu` becomes")));
  job.properties.routes = {RouteRule{.regex = ".*", .replacement = "allOrders"}};
  EXPECT_THAT(NameNotice(job, Table("orders")), HasSubstr("becomes `raw.all_orders`"));
  job = Job();
  job.identifier_limit = 12;
  EXPECT_THAT(NameNotice(job, Table("orders")), HasSubstr("table public.orders becomes")) << "it is cut";
  job.identifier_limit = 0;
  job.naming = NamingStyle::kDirect;
  EXPECT_EQ(NameNotice(job, Table("Order Items")), "");
  job.naming = NamingStyle::kDefault;
  EXPECT_THAT(StartNotices(job, std::vector<CapturedTable>(25, Table("Orders"))), SizeIs(21)) << "the rest in one";
}

TEST(StartNotices, HintsAndExpressionsOfNothingAreTold) {
  CdcJob job = Job();
  for (const char* column : {"id", "public.orders.age", "orders.age", "agee", "other.age"})
    job.hints.push_back(PinnedType{column, MakeType(TypeId::kInt64)});
  job.properties.snapshot_tables = *NamePatterns::Parse("p", "public.orders, public.x.*");
  EXPECT_THAT(StartNotices(job, {Table("orders")}),
              ElementsAre("type_hints: `agee` is no column of any captured table. Did you mean `age`?",
                          HasSubstr("`other.age` is no column"),
                          HasSubstr("snapshot.include.collection.list: `public.x.*` matches no captured table")));
}

class NoticesOfACapture : public CaptureStory {};

TEST_F(NoticesOfACapture, StandInTheReport) {
  const RunReport report = Run({{"snapshot.include.collection.list", "public.items,public.itmes"}});
  ASSERT_TRUE(report.is_success);
  EXPECT_THAT(report.warnings, Contains(HasSubstr("`public.itmes` matches no captured table. Did you mean")));
}

}  // namespace
}  // namespace nilus
