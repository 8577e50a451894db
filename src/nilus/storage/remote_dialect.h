// What tells S3, Google Cloud Storage and Azure apart: how requests are written and answers read. One object a store;
// thread-safe. Nothing here retries; remote_store.h does. Internal to storage/.
#pragma once

#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/http/http_client.h"
#include "nilus/storage/object_store.h"

namespace nilus::storage {

// A request before it is signed: its URL begins with the '/' behind the bucket or container. `body` is what it sends
// when `request.body` is not set.
struct Call {
  http::Request request;
  std::string body;
};

// The marker of a put: metadata that tells the object of one Put from that of any other.
struct RemoteObject {
  ObjectInfo info;     // its key is the whole object name
  std::string marker;  // "" when another program wrote it
};

struct ListPage {
  std::vector<ObjectInfo> objects;   // keys are whole object names
  std::vector<std::string> folders;  // whole prefixes that end in '/', when one level was asked for
  std::string next;                  // where the next page begins; empty: this is the last
};

// What an error answer says: the store's own code, such as NoSuchKey. Empty when it does not say.
struct RemoteProblem {
  std::string code;
  std::string message;
};

struct UploadedPart {
  int number = 0;  // from 1
  std::string etag;
};

class RemoteDialect {
 public:
  virtual ~RemoteDialect() = default;

  // "s3://bucket/object": for messages and metadata.
  virtual std::string Url(std::string_view object) const = 0;
  // The object name of a URL in any spelling of this bucket; nothing when it is of another one.
  virtual std::optional<std::string> ObjectOf(std::string_view url) const = 0;

  // Completes the URL, adds the time, credentials and signature; may ask a service for credentials.
  virtual Status Authorize(http::Request& request, const std::stop_token& stop) = 0;
  // Learns from a refusal (expired credentials, a clock that is off, another region). True: the call may be sent again.
  virtual bool Adapt(const http::Response& response, const RemoteProblem& problem) = 0;
  virtual RemoteProblem ReadProblem(const http::Response& response) const = 0;

  struct Range {
    int64_t offset = 0;
    int64_t length = 0;
  };
  // `etag`: only this version; empty: any.
  virtual Call Get(std::string_view object, const std::optional<Range>& range, std::string_view etag) const = 0;
  virtual Call Head(std::string_view object) const = 0;
  virtual Result<RemoteObject> ReadHead(std::string_view object, const http::Response& response) const = 0;
  // `bytes` must outlive the call.
  virtual Call Put(std::string_view object, std::string_view bytes, const PutCondition& condition,
                   std::string_view marker) const = 0;
  virtual ObjectInfo ReadPut(std::string_view object, int64_t size, const http::Response& response) const = 0;
  // True: the answer says that the condition does not hold. (Others may be of another cause: a 409 to retry.)
  virtual bool IsConflict(const http::Response& response, const RemoteProblem& problem,
                          const PutCondition& condition) const = 0;

  // As many as one Delete takes.
  virtual size_t DeleteBatch() const = 0;
  virtual Call Delete(std::span<const std::string> objects) const = 0;
  // Errors of single objects inside an answer of status 200.
  virtual Status ReadDelete(const http::Response& response) const = 0;

  // `one_level`: only up to the next '/', what is below becomes folders.
  virtual Call List(std::string_view prefix, bool one_level, std::string_view from) const = 0;
  virtual Result<ListPage> ReadList(const http::Response& response) const = 0;

  // Files that go up in parts. Start's answer names the upload; a dialect without such a step has no value.
  virtual std::optional<Call> StartUpload(std::string_view object, std::string_view marker) const = 0;
  virtual Result<std::string> ReadStart(const http::Response& response) const = 0;
  virtual Call UploadPart(std::string_view object, std::string_view upload, int number,
                          std::string_view bytes) const = 0;
  virtual std::string ReadPart(std::string_view upload, int number, const http::Response& response) const = 0;
  virtual Call FinishUpload(std::string_view object, std::string_view upload, std::span<const UploadedPart> parts,
                            std::string_view marker) const = 0;
  // An error inside an answer of status 200.
  virtual Status ReadFinish(const http::Response& response) const = 0;
  // Nothing where parts that were never used vanish by themselves.
  virtual std::optional<Call> AbortUpload(std::string_view object, std::string_view upload) const = 0;
  // Uploads of the object that were begun and neither finished nor aborted. Nothing where they cannot be listed.
  virtual std::optional<Call> ListUploads(std::string_view object) const = 0;
  virtual std::vector<std::string> ReadUploads(std::string_view object, const http::Response& response) const = 0;
};

}  // namespace nilus::storage
