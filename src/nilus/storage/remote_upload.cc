#include "nilus/storage/remote_upload.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "nilus/base/fault.h"
#include "nilus/base/log.h"

namespace nilus::storage {
namespace {

constexpr int64_t kMostParts = 10'000;  // S3's and GCS's limit; Azure takes 50,000

class Upload {
 public:
  Upload(const RemoteCalls& calls, std::string_view object, std::string_view marker, const std::stop_token& stop)
      : calls_(calls), object_(object), marker_(marker), url_(calls.dialect().Url(object)), stop_(stop) {}

  Status Run(const FileDescriptor& file, int64_t size) {
    NILUS_TRY(Start());
    Status sent = Send(file, size);
    if (sent) sent = Finish();
    if (!sent) Abort(upload_);
    if (start_was_uncertain_) AbortOthers();
    return sent;
  }

 private:
  Status Start() {
    auto call = calls_.dialect().StartUpload(object_, marker_);
    if (!call) {
      upload_ = marker_;
      return {};
    }
    NILUS_FAULT_POINT("store.upload.start");
    NILUS_ASSIGN(auto response, calls_.Repeat(*call, "begin the upload of " + url_, {}, stop_, &start_was_uncertain_));
    NILUS_ASSIGN(upload_, calls_.dialect().ReadStart(response));
    return {};
  }

  Status Send(const FileDescriptor& file, int64_t size) {
    const int64_t part_bytes = std::max(calls_.options().part_bytes, (size + kMostParts - 1) / kMostParts);
    for (int64_t offset = 0; offset < size; offset += part_bytes) {
      const int number = static_cast<int>(parts_.size()) + 1;
      NILUS_ASSIGN(std::string bytes, ReadPart(file, offset, std::min(part_bytes, size - offset)));
      NILUS_FAULT_POINT("store.upload.part");
      const Call call = calls_.dialect().UploadPart(object_, upload_, number, bytes);
      NILUS_ASSIGN(auto response, calls_.Repeat(call, fmt::format("write part {} of {}", number, url_), {}, stop_));
      parts_.push_back({number, calls_.dialect().ReadPart(upload_, number, response)});
    }
    return {};
  }

  // An upload that a lost answer had finished is gone at the next try (404): the caller compares the object's marker.
  Status Finish() {
    NILUS_FAULT_POINT("store.upload.finish");
    const Call call = calls_.dialect().FinishUpload(object_, upload_, parts_, marker_);
    Retry retry(calls_.options().retry);
    while (true) {
      NILUS_ASSIGN(auto response, calls_.Repeat(call, "finish the upload of " + url_, {404}, stop_));
      Status finished = response.status == 404 ? Status() : calls_.dialect().ReadFinish(response);
      const Attempt attempt{.response = std::move(response)};
      if (finished || !RemoteCalls::Wait(retry, attempt, stop_)) return finished;
    }
  }

  // Without the stop token: a run that is being stopped still cleans up.
  void Abort(std::string_view upload) const {
    auto call = calls_.dialect().AbortUpload(object_, upload);
    if (!call) return;
    if (auto aborted = calls_.RepeatBriefly(*call, "abort the upload of " + url_, {404}); !aborted)
      LogWarning("parts of {} were left behind: {}", url_, aborted.error().message);
  }

  // The answer to a first Start was lost: its upload has an id that nobody knows.
  void AbortOthers() const {
    auto call = calls_.dialect().ListUploads(object_);
    if (!call) return;
    auto listed = calls_.RepeatBriefly(*call, "list the uploads of " + url_, {});
    if (!listed) return LogWarning("parts of {} may have been left behind: {}", url_, listed.error().message);
    for (const std::string& upload : calls_.dialect().ReadUploads(object_, *listed)) {
      if (upload != upload_) Abort(upload);
    }
  }

  const RemoteCalls& calls_;
  std::string_view object_;
  std::string_view marker_;
  std::string url_;
  const std::stop_token& stop_;
  std::string upload_;
  std::vector<UploadedPart> parts_;
  bool start_was_uncertain_ = false;
};

}  // namespace

Status UploadInParts(const RemoteCalls& calls, std::string_view object, std::string_view marker,
                     const FileDescriptor& file, int64_t size, const std::stop_token& stop) {
  return Upload(calls, object, marker, stop).Run(file, size);
}

Result<std::string> ReadPart(const FileDescriptor& file, int64_t offset, int64_t length) {
  std::string bytes(static_cast<size_t>(length), '\0');
  for (size_t filled = 0; filled < bytes.size();) {
    const ssize_t got = pread(file.get(), bytes.data() + filled, bytes.size() - filled,
                              static_cast<off_t>(offset + static_cast<int64_t>(filled)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoFailure(errno, "read a file that is to be uploaded");
    if (got == 0) return Fail(ErrorKind::kData, "a file became shorter while it was uploaded");
    filled += static_cast<size_t>(got);
  }
  return bytes;
}

}  // namespace nilus::storage
