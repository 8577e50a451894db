// A run of immutable bytes with a shared owner: our own allocation, or somebody else's Arrow array. Copying is cheap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

namespace nilus {

class Buffer {
 public:
  Buffer() = default;
  Buffer(std::shared_ptr<const void> owner, const uint8_t* data, size_t size)
      : owner_(std::move(owner)), data_(data), size_(size) {}

  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return data_ == nullptr; }
  template <typename T>
  const T* as() const {
    return reinterpret_cast<const T*>(data_);
  }

 private:
  std::shared_ptr<const void> owner_;
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

// Bytes being built. Grows by doubling without initializing; Finish hands the memory to a Buffer. Throws std::bad_alloc
// only (turned into kExhausted at thread tops). Not thread-safe.
class BufferBuilder {
 public:
  BufferBuilder() = default;
  ~BufferBuilder() { std::free(data_); }
  BufferBuilder(BufferBuilder&& other) noexcept { Swap(other); }
  BufferBuilder& operator=(BufferBuilder&& other) noexcept {
    Swap(other);
    return *this;
  }
  BufferBuilder(const BufferBuilder&) = delete;
  BufferBuilder& operator=(const BufferBuilder&) = delete;

  void Reserve(size_t capacity) {
    if (capacity > capacity_) Grow(capacity);
  }
  void Append(const void* bytes, size_t count) {
    if (size_ + count > capacity_) Grow(size_ + count);
    if (count > 0) std::memcpy(data_ + size_, bytes, count);
    size_ += count;
  }
  template <typename T>
  void AppendValue(T value) {
    if (size_ + sizeof(T) > capacity_) Grow(size_ + sizeof(T));
    std::memcpy(data_ + size_, &value, sizeof(T));
    size_ += sizeof(T);
  }
  void AppendZeros(size_t count) {
    if (size_ + count > capacity_) Grow(size_ + count);
    if (count > 0) std::memset(data_ + size_, 0, count);
    size_ += count;
  }
  void Resize(size_t size) {  // new bytes are not initialized
    if (size > capacity_) Grow(size);
    size_ = size;
  }

  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

  Buffer Finish() {
    if (data_ == nullptr) Grow(1);  // an empty buffer still has an address: null means "no buffer"
    std::shared_ptr<const void> owner(data_, [](const void* p) { std::free(const_cast<void*>(p)); });
    Buffer result(std::move(owner), data_, size_);
    data_ = nullptr;
    size_ = capacity_ = 0;
    return result;
  }

 private:
  void Grow(size_t needed) {
    size_t capacity = capacity_ < 64 ? 64 : capacity_ * 2;
    if (capacity < needed) capacity = needed;
    auto* grown = static_cast<uint8_t*>(std::realloc(data_, capacity));
    if (grown == nullptr) throw std::bad_alloc();
    data_ = grown;
    capacity_ = capacity;
  }
  void Swap(BufferBuilder& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace nilus
