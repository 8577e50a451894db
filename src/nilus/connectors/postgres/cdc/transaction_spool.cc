#include "nilus/connectors/postgres/cdc/transaction_spool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace nilus::postgres {
namespace {

constexpr size_t kBufferBytes = 128 << 10;  // of a transaction; the server has some in progress at once, not thousands
constexpr size_t kLoadBytes = 256 << 10;
constexpr size_t kHeaderBytes = sizeof(uint32_t) + sizeof(uint64_t) + sizeof(uint32_t);

// Nobody else can open it, and it is gone when it is closed.
Result<FileDescriptor> NamelessFile(const std::string& folder) {
  FileDescriptor file(open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file.is_open()) return file;
  std::string pattern = folder + "/nilus-log-XXXXXX";  // the file system may not know O_TMPFILE
  file = FileDescriptor(mkostemp(pattern.data(), O_CLOEXEC));
  if (!file.is_open()) return ErrnoFailure(errno, "make a file for transactions in progress in " + folder);
  unlink(pattern.c_str());
  return file;
}

template <typename T>
void AppendRaw(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
T LoadRaw(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

Status TransactionSpool::Append(uint32_t xid, uint32_t sub_xid, uint64_t lsn, std::string_view message) {
  std::unique_ptr<Transaction>& transaction = transactions_[xid];
  if (transaction == nullptr) transaction = std::make_unique<Transaction>();
  std::string& buffer = transaction->buffer;
  AppendRaw(sub_xid, &buffer);
  AppendRaw(lsn, &buffer);
  AppendRaw(static_cast<uint32_t>(message.size()), &buffer);
  buffer.append(message);
  if (buffer.size() >= kBufferBytes) return Spill(*transaction);
  return {};
}

Status TransactionSpool::Spill(Transaction& transaction) const {
  if (!transaction.file.is_open()) {
    NILUS_ASSIGN(transaction.file, NamelessFile(folder_));
  }
  NILUS_TRY(WriteAll(transaction.file, transaction.buffer, folder_ + "/(transaction in progress)"));
  transaction.file_bytes += transaction.buffer.size();
  transaction.buffer.clear();
  if (transaction.buffer.capacity() > 2 * kBufferBytes) transaction.buffer.shrink_to_fit();
  return {};
}

void TransactionSpool::Abort(uint32_t xid, uint32_t sub_xid) {
  if (xid == sub_xid) {
    transactions_.erase(xid);
    return;
  }
  auto found = transactions_.find(xid);
  if (found != transactions_.end()) found->second->aborted.insert(sub_xid);
}

Status TransactionSpool::StartReplay(uint32_t xid) {
  replay_ = {};
  replay_.transaction = std::make_unique<Transaction>();
  auto found = transactions_.find(xid);
  if (found != transactions_.end()) {
    replay_.transaction = std::move(found->second);
    transactions_.erase(found);
  }
  return {};
}

Result<bool> TransactionSpool::Need(size_t size) {
  Transaction& transaction = *replay_.transaction;
  while (replay_.buffer.size() - replay_.read < size) {
    replay_.buffer.erase(0, replay_.read);
    replay_.read = 0;
    const uint64_t left = transaction.file_bytes - replay_.loaded;
    if (left == 0) {
      if (replay_.has_tail) return false;
      replay_.has_tail = true;
      replay_.buffer += transaction.buffer;
      continue;
    }
    const size_t have = replay_.buffer.size();
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(left, std::max(kLoadBytes, size)));
    replay_.buffer.resize(have + wanted);
    const ssize_t got =
        pread(transaction.file.get(), replay_.buffer.data() + have, wanted, static_cast<off_t>(replay_.loaded));
    if (got < 0 && errno != EINTR) return ErrnoFailure(errno, "read a transaction in progress back from " + folder_);
    if (got == 0) return Fail(ErrorKind::kInternal, "a transaction in progress has got shorter in {}", folder_);
    replay_.buffer.resize(have + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    replay_.loaded += static_cast<uint64_t>(std::max<ssize_t>(got, 0));
  }
  return true;
}

Result<std::optional<SpooledMessage>> TransactionSpool::Next() {
  while (true) {
    NILUS_ASSIGN(bool has_header, Need(kHeaderBytes));
    if (!has_header) {
      replay_ = {};
      return std::nullopt;
    }
    const char* header = replay_.buffer.data() + replay_.read;
    const auto sub_xid = LoadRaw<uint32_t>(header);
    const auto lsn = LoadRaw<uint64_t>(header + sizeof(uint32_t));
    const auto size = LoadRaw<uint32_t>(header + sizeof(uint32_t) + sizeof(uint64_t));
    NILUS_ASSIGN(bool has_message, Need(kHeaderBytes + size));
    if (!has_message) return Fail(ErrorKind::kInternal, "a transaction in progress was cut short in {}", folder_);
    const std::string_view message = std::string_view(replay_.buffer).substr(replay_.read + kHeaderBytes, size);
    replay_.read += kHeaderBytes + size;
    if (replay_.transaction->aborted.contains(sub_xid)) continue;
    return SpooledMessage{lsn, message};
  }
}

}  // namespace nilus::postgres
