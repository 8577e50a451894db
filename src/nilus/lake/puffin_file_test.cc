#include "nilus/lake/puffin_file.h"

#include <gmock/gmock.h>

namespace nilus::lake {
namespace {

std::string FileWithPayload(const std::string& payload) {
  std::string file = "PFA1PFA1" + payload;
  for (int shift = 0; shift < 32; shift += 8) file.push_back(static_cast<char>(payload.size() >> shift & 0xFF));
  return file + std::string(4, '\0') + "PFA1";
}

Result<std::vector<PuffinBlob>> BlobsOf(const std::string& file) {
  NILUS_ASSIGN(int64_t size, PuffinFooterSize(file));
  if (size > static_cast<int64_t>(file.size())) return Fail(ErrorKind::kData, "cut off");
  return ParsePuffinFooter(std::string_view(file).substr(file.size() - static_cast<size_t>(size)),
                           static_cast<int64_t>(file.size()));
}

TEST(PuffinFileTest, BlobsComeBackWhereTheFooterSays) {
  PuffinWriter writer;
  PuffinBlob first =
      writer.Add({.type = std::string(kDeletionVectorBlob),
                  .fields = {2147483545},
                  .properties = {{"referenced-data-file", "file:///ä b/\"c\".parquet"}, {"cardinality", "3"}}},
                 "first bytes");
  PuffinBlob second = writer.Add({.type = "other", .fields = {1, 2}, .snapshot_id = 7, .sequence_number = 2}, "2nd");
  std::string file = writer.Finish();
  EXPECT_TRUE(file.starts_with("PFA1"));
  auto blobs = BlobsOf(file);
  ASSERT_TRUE(blobs) << blobs.error().ToString();
  EXPECT_THAT(*blobs, testing::ElementsAre(first, second));
  EXPECT_EQ(file.substr(static_cast<size_t>(first.offset), static_cast<size_t>(first.length)), "first bytes");
  EXPECT_EQ(file.substr(static_cast<size_t>(second.offset), static_cast<size_t>(second.length)), "2nd");
}

TEST(PuffinFileTest, DamageIsTold) {
  PuffinWriter writer;
  writer.Add({.type = "t"}, "bytes");
  const std::string good = writer.Finish();
  for (size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(BlobsOf(good.substr(0, size)));
  for (const char* payload :
       {"", "[]", "{}", R"({"blobs":3})", R"({"blobs":[3]})", R"({"blobs":[{"type":"t"}]})",
        R"({"blobs":[{"type":"t","fields":[],"snapshot-id":1,"sequence-number":1,"offset":4,"length":400}]})",
        R"({"blobs":[{"type":"t","fields":[],"snapshot-id":1,"sequence-number":1,"offset":-4,"length":4}]})",
        R"({"blobs":[{"type":"t","fields":["x"],"snapshot-id":1,"sequence-number":1,"offset":4,"length":4}]})"}) {
    EXPECT_FALSE(BlobsOf(FileWithPayload(payload))) << payload;
  }
  EXPECT_TRUE(BlobsOf(FileWithPayload(R"({"blobs":[]})")));
}

TEST(PuffinFileTest, ACompressedFooterIsRefusedAsSuch) {
  std::string file = FileWithPayload(R"({"blobs":[]})");
  file[file.size() - 8] = 1;
  EXPECT_EQ(BlobsOf(file).error().kind, ErrorKind::kUnsupported);
}

}  // namespace
}  // namespace nilus::lake
