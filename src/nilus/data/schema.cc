#include "nilus/data/schema.h"

namespace nilus {

std::string VariantName(std::string_view column, std::string_view type_name) {
  return fmt::format("{}__v_{}", column, type_name);
}

std::optional<int> Schema::Find(std::string_view name) const {
  for (int i = 0; i < size(); ++i) {
    if (fields[static_cast<size_t>(i)].name == name) return i;
  }
  return std::nullopt;
}

}  // namespace nilus
