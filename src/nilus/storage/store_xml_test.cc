// Answers as the stores' documentation shows them, and damaged ones.
#include "nilus/storage/store_xml.h"

#include <gmock/gmock.h>

#include "nilus/storage/matchers_testing.h"
#include "nilus/storage/store_time.h"

namespace nilus::storage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kBucket = R"(<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name><Prefix></Prefix>
<NextContinuationToken>1ueGcx/Go=</NextContinuationToken><KeyCount>2</KeyCount><IsTruncated>true</IsTruncated>
<Contents><Key>my &lt;image&gt; &amp; more.jpg</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified>
<ETag>"fba9dede5f27731c9771645a39863328"</ETag><Size>434234</Size><StorageClass>STANDARD</StorageClass></Contents>
<Contents><Key> </Key><Generation>17</Generation><ETag>&quot;x&quot;</ETag><Size>0</Size></Contents>
<CommonPrefixes><Prefix>photos/</Prefix></CommonPrefixes></ListBucketResult>)";

TEST(StoreXmlTest, BucketListing) {
  ASSERT_OK_AND_ASSIGN(ListPage page, ReadBucketListing(kBucket, false));
  ASSERT_EQ(page.objects.size(), 2u);
  EXPECT_EQ(page.objects[0].key, "my <image> & more.jpg");
  EXPECT_EQ(page.objects[0].size, 434234);
  EXPECT_EQ(page.objects[0].etag, "fba9dede5f27731c9771645a39863328");
  EXPECT_EQ(page.objects[0].modified, ParseIsoTime("2009-10-12T17:50:30Z"));
  EXPECT_EQ(page.objects[1].key, " ");
  EXPECT_EQ(page.objects[1].etag, "x");
  EXPECT_THAT(page.folders, ElementsAre("photos/"));
  EXPECT_EQ(page.next, "1ueGcx/Go=");
  ASSERT_OK_AND_ASSIGN(ListPage google, ReadBucketListing(kBucket, true));
  EXPECT_EQ(google.objects[1].etag, "17");
}

TEST(StoreXmlTest, DamagedListings) {
  for (std::string_view xml :
       {std::string_view(""), std::string_view("<html>proxy</html>"), kBucket.substr(0, 300),
        std::string_view("<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>"),
        std::string_view("<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>"),
        std::string_view("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>")})
    EXPECT_FAILS(ReadBucketListing(xml, false), ErrorKind::kTransient);
  EXPECT_FAILS(ReadContainerListing("<EnumerationResults><Blobs><Blob><Name>a</Name></Blob></Blobs>"),
               ErrorKind::kTransient);
}

TEST(StoreXmlTest, ContainerListing) {
  ASSERT_OK_AND_ASSIGN(
      ListPage page,
      ReadContainerListing("\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs>"
                           "<Blob><Name>a/b.txt</Name><Properties><Last-Modified>Wed, 21 Oct 2015 07:28:00 GMT"
                           "</Last-Modified><Etag>0x8CBFF45D8A29A19</Etag><Content-Length>100</Content-Length>"
                           "</Properties><Metadata /></Blob>"
                           "<Blob><Name Encoded=\"true\">a%EF%BF%BE</Name><Properties><Content-Length>1"
                           "</Content-Length></Properties></Blob>"
                           "<Blob><Name>a</Name><Properties><Content-Length>0</Content-Length></Properties>"
                           "<Metadata><hdi_isfolder>true</hdi_isfolder></Metadata></Blob>"
                           "<BlobPrefix><Name>a/c/</Name></BlobPrefix></Blobs><NextMarker>2!92</NextMarker>"
                           "</EnumerationResults>"));
  ASSERT_EQ(page.objects.size(), 2u);
  EXPECT_EQ(page.objects[0].key, "a/b.txt");
  EXPECT_EQ(page.objects[0].etag, "0x8CBFF45D8A29A19");
  EXPECT_EQ(page.objects[0].size, 100);
  EXPECT_EQ(page.objects[1].key, "a\xEF\xBF\xBE");
  EXPECT_THAT(page.folders, ElementsAre("a/c/"));
  EXPECT_EQ(page.next, "2!92");
}

TEST(StoreXmlTest, Problems) {
  RemoteProblem problem = ReadProblemXml(
      "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code><Message>The resource you requested does not "
      "exist</Message><Resource>/b/o</Resource></Error>");
  EXPECT_EQ(problem.code, "NoSuchKey");
  EXPECT_EQ(problem.message, "The resource you requested does not exist");
  problem = ReadProblemXml("<Error><Code>X\x1b[31m</Code><Message>first\nRequestId:1</Message></Error>");
  EXPECT_EQ(problem.message, "first");
  EXPECT_EQ(ReadProblemXml("<html/>").code, "");
  EXPECT_EQ(ReadProblemXml("<Error><Message>" + std::string(5000, 'x') + "</Message></Error>").message.size(), 300u);
}

TEST(StoreXmlTest, Removals) {
  EXPECT_OK(ReadDeleteResult("<DeleteResult/>"));
  EXPECT_OK(ReadDeleteResult("<DeleteResult><Error><Key>a</Key><Code>NoSuchKey</Code></Error></DeleteResult>"));
  EXPECT_FAILS(ReadDeleteResult("<DeleteResult><Error><Key>a</Key><Code>InternalError</Code></Error></DeleteResult>"),
               ErrorKind::kTransient);
  Status denied = ReadDeleteResult(
      "<DeleteResult><Error><Key>a/b</Key><Code>AccessDenied</Code><Message>No</Message></Error></DeleteResult>");
  EXPECT_FAILS(denied, ErrorKind::kAuth);
  EXPECT_THAT(ErrorText(denied), HasSubstr("a/b"));
  EXPECT_FAILS(ReadDeleteResult(""), ErrorKind::kTransient);
}

TEST(StoreXmlTest, Uploads) {
  EXPECT_OK_AND_EQ(
      ReadUploadId("<InitiateMultipartUploadResult><UploadId>2~x</UploadId></InitiateMultipartUploadResult>"), "2~x");
  EXPECT_FAILS(ReadUploadId("<InitiateMultipartUploadResult/>"), ErrorKind::kTransient);
  EXPECT_THAT(ReadUploadIds("<ListMultipartUploadsResult><Upload><Key>a</Key><UploadId>1</UploadId></Upload><Upload>"
                            "<Key>ab</Key><UploadId>2</UploadId></Upload></ListMultipartUploadsResult>",
                            "a"),
              ElementsAre("1"));
}

TEST(StoreXmlTest, Etags) {
  EXPECT_EQ(BareEtag("\"abc\""), "abc");
  EXPECT_EQ(BareEtag("W/\"abc\""), "abc");
  EXPECT_EQ(BareEtag("abc"), "abc");
  EXPECT_EQ(BareEtag("\""), "\"");
  EXPECT_EQ(EscapeXml("a<b>&\"c"), "a&lt;b&gt;&amp;&quot;c");
}

// Nothing is loaded, and entities of a document's own are not expanded.
TEST(StoreXmlTest, EntitiesAreInert) {
  auto page = ReadBucketListing(
      "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><ListBucketResult><Contents><Key>&a;</Key><Size>1</Size>"
      "</Contents></ListBucketResult>",
      false);
  ASSERT_OK(page);
  EXPECT_EQ(page->objects[0].key, "&a;");
}

}  // namespace
}  // namespace nilus::storage
