// The XML that S3, Google Cloud Storage and Azure answer with. Bytes in, values out; whatever the bytes are.
// An answer that is no such document is kTransient: a proxy in between, or half an answer, is more likely than a store
// that changed its format.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nilus/storage/remote_dialect.h"

namespace nilus::storage {

// ListBucketResult (list-type=2). `etag_is_generation`: Google's <Generation> is the etag.
Result<ListPage> ReadBucketListing(std::string_view xml, bool etag_is_generation);
// EnumerationResults. Blobs that stand for a folder of a hierarchical account are left out.
Result<ListPage> ReadContainerListing(std::string_view xml);

// Error/Code and Error/Message; empty when the body is something else. At most 300 printable bytes of message.
RemoteProblem ReadProblemXml(std::string_view body);

// DeleteResult: the first error of it. kTransient when another try may help.
Status ReadDeleteResult(std::string_view xml);
// InitiateMultipartUploadResult/UploadId.
Result<std::string> ReadUploadId(std::string_view xml);
// ListMultipartUploadsResult: the ids of this object's uploads.
std::vector<std::string> ReadUploadIds(std::string_view xml, std::string_view object);

// An ETag without quotes and without "W/".
std::string_view BareEtag(std::string_view etag);
// For text between tags.
std::string EscapeXml(std::string_view text);

}  // namespace nilus::storage
