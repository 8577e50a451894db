#include "nilus/connectors/files/byte_stream.h"

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "nilus/base/fault.h"
#include "nilus/base/memory_plan.h"

namespace nilus::files {
namespace {

constexpr size_t kCompressedChunkBytes = 128 * 1024;

class PlainFile final : public ByteStream {
 public:
  PlainFile(FileDescriptor file, std::string path, FileStamp stamp)
      : file_(std::move(file)), path_(std::move(path)), stamp_(stamp) {}

  Result<size_t> Read(char* to, size_t size) override {
    while (true) {
      ssize_t got = read(file_.get(), to, size);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return ErrnoFailure(errno, "read " + path_);
      total_ += got;
      if (got == 0) NILUS_TRY(CheckEnd());
      return static_cast<size_t>(got);
    }
  }

 private:
  Status CheckEnd() {
    NILUS_FAULT_POINT("files.source.end_of_file");
    NILUS_ASSIGN(FileStamp now, StampOf(file_, path_));
    if (!(now == stamp_) || total_ != stamp_.size) return FileChanged(path_);
    return CheckUnchanged(path_, stamp_);
  }

  FileDescriptor file_;
  std::string path_;
  FileStamp stamp_;
  int64_t total_ = 0;
};

// Nothing at all, compressed, still has a header: a file of no bytes is what a cut-off upload or a full disk leaves.
Failure EmptyFile(const std::string& path, std::string_view format) {
  return FailWithFix(ErrorKind::kData, "write it again, or take it away",
                     "{} has no bytes at all, not even those of empty {} data: it is cut off", path, format);
}

class GzipStream final : public ByteStream {
 public:
  GzipStream(std::unique_ptr<ByteStream> from, std::string path) : from_(std::move(from)), path_(std::move(path)) {}
  ~GzipStream() override {
    if (is_open_) inflateEnd(&stream_);
  }

  Result<size_t> Read(char* to, size_t size) override {
    stream_.next_out = reinterpret_cast<Bytef*>(to);
    stream_.avail_out = static_cast<uInt>(std::min<size_t>(size, 1 << 30));
    const size_t wanted = stream_.avail_out;
    while (stream_.avail_out == wanted) {
      if (stream_.avail_in == 0) {
        NILUS_ASSIGN(size_t got, from_->Read(input_.data(), input_.size()));
        if (got == 0) {
          if (in_member_) return Fail(ErrorKind::kData, "{} ends in the middle of its gzip data: it is cut off", path_);
          if (!is_open_) return EmptyFile(path_, "gzip");
          return size_t{0};
        }
        stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
        stream_.avail_in = static_cast<uInt>(got);
      }
      NILUS_TRY(StartMember());
      int code = inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_STREAM_END) {
        in_member_ = false;
      } else if (code == Z_MEM_ERROR) {
        return Fail(ErrorKind::kExhausted, "out of memory while decompressing {}", path_);
      } else if (code != Z_OK && code != Z_BUF_ERROR) {
        return FailWithFix(ErrorKind::kData, "check the file with gzip -t; if it is not gzip, add ?compression=none",
                           "{} is no intact gzip file: {}", path_, stream_.msg != nullptr ? stream_.msg : "bad data");
      }
    }
    return wanted - stream_.avail_out;
  }

 private:
  Status StartMember() {
    if (in_member_) return {};
    constexpr int kGzipOnly = MAX_WBITS + 16;
    int code = is_open_ ? inflateReset2(&stream_, kGzipOnly) : inflateInit2(&stream_, kGzipOnly);
    if (code != Z_OK) return Fail(ErrorKind::kExhausted, "out of memory while decompressing {}", path_);
    is_open_ = in_member_ = true;
    return {};
  }

  std::unique_ptr<ByteStream> from_;
  std::string path_;
  std::vector<char> input_ = std::vector<char>(kCompressedChunkBytes);
  z_stream stream_{};
  bool is_open_ = false;
  bool in_member_ = false;
};

// How far back the frame that begins with these bytes may refer, which is what decoding it holds in memory (RFC 8878,
// 3.1.1.1); 0 when that is not told.
int64_t ZstdWindowBytes(std::string_view head) {
  constexpr size_t kDescriptorAt = 4;  // behind the magic number
  if (head.size() <= kDescriptorAt + 1) return 0;
  if ((static_cast<unsigned char>(head[kDescriptorAt]) & 0x20) != 0) {  // one segment, in memory as a whole
    const unsigned long long content = ZSTD_getFrameContentSize(head.data(), head.size());
    return content == ZSTD_CONTENTSIZE_ERROR || content == ZSTD_CONTENTSIZE_UNKNOWN ? 0 : static_cast<int64_t>(content);
  }
  const auto window = static_cast<unsigned char>(head[kDescriptorAt + 1]);
  const int64_t base = int64_t{1} << (10 + (window >> 3));
  return base + base / 8 * (window & 7);
}

class ZstdStream final : public ByteStream {
 public:
  ZstdStream(std::unique_ptr<ByteStream> from, std::string path)
      : from_(std::move(from)), path_(std::move(path)), context_(ZSTD_createDCtx(), ZSTD_freeDCtx) {
    if (context_ != nullptr) ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kZstdWindowLog);
  }

  Result<size_t> Read(char* to, size_t size) override {
    if (context_ == nullptr) return Fail(ErrorKind::kExhausted, "out of memory while decompressing {}", path_);
    ZSTD_outBuffer out{to, size, 0};
    while (out.pos == 0) {
      if (in_.pos == in_.size && !may_hold_output_) {
        NILUS_ASSIGN(size_t got, from_->Read(input_.data(), input_.size()));
        if (got == 0) {
          if (in_frame_) return Fail(ErrorKind::kData, "{} ends in the middle of its zstd data: it is cut off", path_);
          if (!any_input_) return EmptyFile(path_, "zstd");
          return size_t{0};
        }
        any_input_ = true;
        in_ = {input_.data(), got, 0};
      }
      KeepFrameHead();
      size_t code = ZSTD_decompressStream(context_.get(), &out, &in_);
      if (ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge) return WindowTooLarge();
      if (ZSTD_isError(code)) {
        return FailWithFix(ErrorKind::kData, "check the file with zstd -t; if it is not zstd, add ?compression=none",
                           "{} is no intact zstd file: {}", path_, ZSTD_getErrorName(code));
      }
      in_frame_ = code != 0;
      may_hold_output_ = in_frame_ && out.pos == out.size;
    }
    return out.pos;
  }

 private:
  // A call ends with the frame at the latest, so that the next frame begins with a call.
  void KeepFrameHead() {
    constexpr size_t kLongestHead = 18;
    if (!in_frame_) frame_head_.clear();
    const size_t count = std::min(kLongestHead - frame_head_.size(), in_.size - in_.pos);
    frame_head_.append(static_cast<const char*>(in_.src) + in_.pos, count);
  }
  Failure WindowTooLarge() const {
    return FailWithFix(ErrorKind::kData, "compress it again without --long and --ultra (zstd -19 or a lower level)",
                       "{} is zstd data that takes a window of {} MiB to decompress: at most {} MiB are provided for",
                       path_, (ZstdWindowBytes(frame_head_) + kMiB - 1) / kMiB, kLargestZstdWindowBytes / kMiB);
  }

  std::unique_ptr<ByteStream> from_;
  std::string path_;
  std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context_;
  std::vector<char> input_ = std::vector<char>(kCompressedChunkBytes);
  ZSTD_inBuffer in_{nullptr, 0, 0};
  std::string frame_head_;  // the first bytes of the frame that is being read
  bool any_input_ = false;
  bool in_frame_ = false;
  bool may_hold_output_ = false;  // the output was full: the decoder may have more without further input
};

class MemoryBytes final : public ByteStream {
 public:
  MemoryBytes(std::string bytes, size_t chunk) : bytes_(std::move(bytes)), chunk_(std::max<size_t>(chunk, 1)) {}

  Result<size_t> Read(char* to, size_t size) override {
    size_t count = std::min({size, chunk_, bytes_.size() - at_});
    std::memcpy(to, bytes_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::string bytes_;
  size_t chunk_;
  size_t at_ = 0;
};

}  // namespace

Status CheckNotCompressed(std::string_view head, const std::string& path) {
  constexpr std::string_view kGzipMagic = "\x1F\x8B";
  constexpr std::string_view kZstdMagic = "\x28\xB5\x2F\xFD";
  const bool is_gzip = head.starts_with(kGzipMagic);
  if (!is_gzip && !head.starts_with(kZstdMagic)) return {};
  const std::string_view name = is_gzip ? "gzip" : "zstd";
  return FailWithFix(
      ErrorKind::kData,
      fmt::format("give its name the ending .{}, or add ?compression={} to the address", is_gzip ? "gz" : "zst", name),
      "{} is {} data and not text", path, name);
}

Failure FileChanged(const std::string& path) {
  return FailWithFix(ErrorKind::kData,
                     "write files under another name and rename them when they are complete, then run again",
                     "{} changed while it was being read", path);
}

Status CheckUnchanged(const std::string& path, const FileStamp& stamp) {
  auto now = StampOf(path);
  if (!now && now.error().kind == ErrorKind::kNotFound) {
    return FailWithFix(ErrorKind::kData, "keep files until the run has ended, then run again",
                       "{} vanished while it was being read", path);
  }
  if (!now) return Failure(std::move(now).error());
  if (!(*now == stamp)) return FileChanged(path);
  return {};
}

Result<std::unique_ptr<ByteStream>> OpenBytes(const InputFile& file) {
  NILUS_FAULT_POINT("files.source.open");
  auto opened = OpenForReading(file.path);
  if (!opened && opened.error().kind == ErrorKind::kNotFound) NILUS_TRY(CheckUnchanged(file.path, file.stamp));
  if (!opened) return Failure(std::move(opened).error());
  NILUS_ASSIGN(FileStamp now, StampOf(*opened, file.path));
  if (!(now == file.stamp)) return FileChanged(file.path);
  std::unique_ptr<ByteStream> bytes = std::make_unique<PlainFile>(*std::move(opened), file.path, file.stamp);
  if (file.compression == Compression::kGzip) bytes = std::make_unique<GzipStream>(std::move(bytes), file.path);
  if (file.compression == Compression::kZstd) bytes = std::make_unique<ZstdStream>(std::move(bytes), file.path);
  return bytes;
}

std::unique_ptr<ByteStream> BytesFromMemory(std::string bytes, size_t chunk) {
  return std::make_unique<MemoryBytes>(std::move(bytes), chunk);
}

}  // namespace nilus::files
