#include "nilus/storage/store_xml.h"

#include <algorithm>
#include <pugixml.hpp>

#include "nilus/base/encoding.h"
#include "nilus/base/option_spec.h"
#include "nilus/storage/store_time.h"

namespace nilus::storage {
namespace {

// False when it is no well-formed document with that root. No entities but XML's own are resolved, nothing is loaded.
bool Load(pugi::xml_document& document, std::string_view xml, const char* root) {
  return document.load_buffer(xml.data(), xml.size(), pugi::parse_default | pugi::parse_ws_pcdata_single,
                              pugi::encoding_utf8) &&
         document.child(root);
}

Failure NotThat(std::string_view what) { return Fail(ErrorKind::kTransient, "the store's answer is no {}", what); }

std::string Printable(std::string_view text, size_t most_bytes) {
  std::string printable;
  for (char c : text.substr(0, most_bytes)) printable += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
  while (!IsValidUtf8(printable)) printable.pop_back();
  return printable;
}

Result<int64_t> SizeOf(std::string_view text) {
  const auto size = ParseInteger(text);
  if (!size || *size < 0) return Fail(ErrorKind::kTransient, "the store's listing gives an object no size");
  return *size;
}

std::string NameOf(const pugi::xml_node& name) {
  const std::string_view text = name.child_value();
  return std::string_view(name.attribute("Encoded").value()) == "true" ? PercentDecode(text) : std::string(text);
}

bool IsFolderBlob(const pugi::xml_node& blob) {
  return std::string_view(blob.child("Metadata").child_value("hdi_isfolder")) == "true" ||
         std::string_view(blob.child("Properties").child_value("ResourceType")) == "directory";
}

bool IsTransientCode(std::string_view code) {
  return code == "InternalError" || code == "SlowDown" || code == "ServiceUnavailable" || code == "OperationAborted";
}

}  // namespace

Result<ListPage> ReadBucketListing(std::string_view xml, bool etag_is_generation) {
  pugi::xml_document document;
  if (!Load(document, xml, "ListBucketResult")) return NotThat("listing of a bucket");
  const pugi::xml_node root = document.child("ListBucketResult");
  ListPage page;
  for (const pugi::xml_node& object : root.children("Contents")) {
    ObjectInfo info{.key = object.child_value("Key")};
    NILUS_ASSIGN(info.size, SizeOf(object.child_value("Size")));
    info.etag =
        etag_is_generation ? object.child_value("Generation") : std::string(BareEtag(object.child_value("ETag")));
    info.modified = ParseIsoTime(object.child_value("LastModified")).value_or(WallTime());
    page.objects.push_back(std::move(info));
  }
  for (const pugi::xml_node& folder : root.children("CommonPrefixes"))
    page.folders.emplace_back(folder.child_value("Prefix"));
  if (std::string_view(root.child_value("IsTruncated")) == "true") {
    page.next = root.child_value("NextContinuationToken");
    if (page.next.empty()) return Fail(ErrorKind::kTransient, "the store's listing breaks off without a next page");
  }
  return page;
}

Result<ListPage> ReadContainerListing(std::string_view xml) {
  if (xml.starts_with("\xEF\xBB\xBF")) xml.remove_prefix(3);
  pugi::xml_document document;
  if (!Load(document, xml, "EnumerationResults")) return NotThat("listing of a container");
  const pugi::xml_node root = document.child("EnumerationResults");
  ListPage page;
  for (const pugi::xml_node& blob : root.child("Blobs").children("Blob")) {
    if (IsFolderBlob(blob)) continue;
    const pugi::xml_node properties = blob.child("Properties");
    ObjectInfo info{.key = NameOf(blob.child("Name"))};
    NILUS_ASSIGN(info.size, SizeOf(properties.child_value("Content-Length")));
    info.etag = BareEtag(properties.child_value("Etag"));
    info.modified = ParseHttpTime(properties.child_value("Last-Modified")).value_or(WallTime());
    page.objects.push_back(std::move(info));
  }
  for (const pugi::xml_node& folder : root.child("Blobs").children("BlobPrefix"))
    page.folders.push_back(NameOf(folder.child("Name")));
  page.next = root.child_value("NextMarker");
  return page;
}

RemoteProblem ReadProblemXml(std::string_view body) {
  constexpr size_t kMostMessageBytes = 300;
  constexpr size_t kMostCodeBytes = 64;
  if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
  pugi::xml_document document;
  if (!Load(document, body, "Error")) return {};
  std::string_view message = document.child("Error").child_value("Message");
  message = message.substr(0, message.find('\n'));  // Azure adds the request's id and time
  return {.code = Printable(document.child("Error").child_value("Code"), kMostCodeBytes),
          .message = Printable(message, kMostMessageBytes)};
}

Status ReadDeleteResult(std::string_view xml) {
  pugi::xml_document document;
  if (!Load(document, xml, "DeleteResult")) return NotThat("answer to a removal");
  for (const pugi::xml_node& error : document.child("DeleteResult").children("Error")) {
    const std::string code = Printable(error.child_value("Code"), 64);
    if (code == "NoSuchKey") continue;
    return Fail(IsTransientCode(code) ? ErrorKind::kTransient : ErrorKind::kAuth, "cannot remove {}: {} ({})",
                Printable(error.child_value("Key"), 1024), code, Printable(error.child_value("Message"), 300));
  }
  return {};
}

Result<std::string> ReadUploadId(std::string_view xml) {
  pugi::xml_document document;
  if (!Load(document, xml, "InitiateMultipartUploadResult")) return NotThat("begin of an upload");
  std::string id = document.child("InitiateMultipartUploadResult").child_value("UploadId");
  if (id.empty()) return NotThat("begin of an upload");
  return id;
}

std::vector<std::string> ReadUploadIds(std::string_view xml, std::string_view object) {
  pugi::xml_document document;
  std::vector<std::string> ids;
  if (!Load(document, xml, "ListMultipartUploadsResult")) return ids;
  for (const pugi::xml_node& upload : document.child("ListMultipartUploadsResult").children("Upload")) {
    if (upload.child_value("Key") == object) ids.emplace_back(upload.child_value("UploadId"));
  }
  return ids;
}

std::string_view BareEtag(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.starts_with('"') && etag.ends_with('"')) etag = etag.substr(1, etag.size() - 2);
  return etag;
}

std::string EscapeXml(std::string_view text) {
  std::string escaped;
  for (char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace nilus::storage
