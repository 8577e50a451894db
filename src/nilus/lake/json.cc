#include "nilus/lake/json.h"

namespace nilus::lake {
namespace {

constexpr int kDeepest = 100;

// Brackets and braces outside of texts. Whatever is not JSON is the parser's to find.
bool IsTooDeep(std::string_view text) {
  int depth = 0;
  bool in_text = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_text) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_text = false;
      }
    } else if (c == '"') {
      in_text = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDeepest) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

Result<Json> ParseJson(std::string_view text, std::string_view what) {
  if (IsTooDeep(text)) return Fail(ErrorKind::kData, "{} is nested deeper than {} levels", what, kDeepest);
  Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Fail(ErrorKind::kData, "{} is not JSON", what);
  return json;
}

std::string DumpJson(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Failure JsonView::Wrong(std::string_view expected) const {
  return Fail(ErrorKind::kData, "{} is not {}", where_, expected);
}

bool JsonView::Has(const char* key) const {
  if (!value_->is_object()) return false;
  const auto found = value_->find(key);
  return found != value_->end() && !found->is_null();
}

Result<JsonView> JsonView::Get(const char* key) const {
  if (!value_->is_object()) return Wrong("an object");
  const auto found = value_->find(key);
  if (found == value_->end() || found->is_null()) return Fail(ErrorKind::kData, "{} lacks `{}`", where_, key);
  return JsonView(*found, where_ + "." + key);
}

Result<int64_t> JsonView::AsInt64() const {
  if (!value_->is_number_integer()) return Wrong("an integer");
  if (value_->is_number_unsigned() &&
      value_->get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return Wrong("an integer of 64 bits");
  }
  return value_->get<int64_t>();
}

Result<int32_t> JsonView::AsInt32() const {
  NILUS_ASSIGN(const int64_t wide, AsInt64());
  if (wide < std::numeric_limits<int32_t>::min() || wide > std::numeric_limits<int32_t>::max()) {
    return Wrong("an integer of 32 bits");
  }
  return static_cast<int32_t>(wide);
}

Result<bool> JsonView::AsBool() const {
  if (!value_->is_boolean()) return Wrong("true or false");
  return value_->get<bool>();
}

Result<std::string> JsonView::AsString() const {
  if (!value_->is_string()) return Wrong("a text");
  return value_->get<std::string>();
}

Result<int64_t> JsonView::Int64(const char* key) const {
  NILUS_ASSIGN(const JsonView at, Get(key));
  return at.AsInt64();
}
Result<int32_t> JsonView::Int32(const char* key) const {
  NILUS_ASSIGN(const JsonView at, Get(key));
  return at.AsInt32();
}
Result<bool> JsonView::Bool(const char* key) const {
  NILUS_ASSIGN(const JsonView at, Get(key));
  return at.AsBool();
}
Result<std::string> JsonView::String(const char* key) const {
  NILUS_ASSIGN(const JsonView at, Get(key));
  return at.AsString();
}

Result<std::optional<int64_t>> JsonView::MaybeInt64(const char* key) const {
  if (!Has(key)) return std::optional<int64_t>();
  NILUS_ASSIGN(const int64_t number, Int64(key));
  return std::optional<int64_t>(number);
}
Result<std::optional<int32_t>> JsonView::MaybeInt32(const char* key) const {
  if (!Has(key)) return std::optional<int32_t>();
  NILUS_ASSIGN(const int32_t number, Int32(key));
  return std::optional<int32_t>(number);
}
Result<std::string> JsonView::StringOr(const char* key, std::string otherwise) const {
  if (!Has(key)) return otherwise;
  return String(key);
}

Result<std::vector<JsonView>> JsonView::Items(size_t limit) const {
  if (!value_->is_array()) return Wrong("a list");
  if (value_->size() > limit) return Fail(ErrorKind::kData, "{} has more than {} elements", where_, limit);
  std::vector<JsonView> items;
  items.reserve(value_->size());
  for (size_t i = 0; i < value_->size(); ++i) items.emplace_back((*value_)[i], fmt::format("{}[{}]", where_, i));
  return items;
}

Result<std::vector<JsonView>> JsonView::Items(const char* key, size_t limit) const {
  NILUS_ASSIGN(const JsonView at, Get(key));
  return at.Items(limit);
}

Result<std::vector<std::pair<std::string, std::string>>> JsonView::Texts(const char* key) const {
  std::vector<std::pair<std::string, std::string>> texts;
  if (!Has(key)) return texts;
  NILUS_ASSIGN(const JsonView at, Get(key));
  if (!at.value().is_object()) return at.Wrong("an object of texts");
  for (const auto& [name, value] : at.value().items()) {
    if (value.is_string()) {
      texts.emplace_back(name, value.get<std::string>());
    } else if (value.is_number() || value.is_boolean()) {
      texts.emplace_back(name, DumpJson(value));
    } else {
      return Fail(ErrorKind::kData, "{}.{} is not a text", at.where(), name);
    }
  }
  return texts;
}

}  // namespace nilus::lake
