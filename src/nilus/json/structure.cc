#include "nilus/json/structure.h"

#include <simdjson.h>

#include <algorithm>
#include <new>

namespace nilus::json {

class Structure::Finder {
 public:
  bool Find(std::string_view text, std::span<const uint32_t>* offsets) {
    if (parser_ == nullptr || parser_->capacity() < text.size()) Grow(text.size());
    const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
    if (parser_->stage1(bytes, text.size(), simdjson::stage1_mode::regular) != simdjson::SUCCESS) return false;
    *offsets = {parser_->structural_indexes.get(), parser_->n_structural_indexes};
    return true;
  }

 private:
  void Grow(size_t size) {
    constexpr size_t kLeast = 64 * 1024;
    constexpr size_t kDepthOfStageTwo = 1;  // which is not used
    parser_.reset();
    const auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(
        std::max(size + size / 4, kLeast), kDepthOfStageTwo, parser_);
    if (error != simdjson::SUCCESS) throw std::bad_alloc();
  }

  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser_;
};

Structure::Structure() : finder_(std::make_unique<Finder>()) {}
Structure::~Structure() = default;
Structure::Structure(Structure&&) noexcept = default;
Structure& Structure::operator=(Structure&&) noexcept = default;

bool Structure::Find(std::string_view text) {
  offsets_ = {};
  return !text.empty() && finder_->Find(text, &offsets_);
}

}  // namespace nilus::json
