#include "nilus/rows/nested_mask.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"
#include "nilus/json/column.h"
#include "nilus/json/literal.h"
#include "nilus/json/scanner.h"
#include "nilus/rows/unnest.h"
#include "nilus/rows/value_text.h"

namespace nilus {
namespace {

constexpr int kDeepestLooked = 512;  // by recursion

// Where a value stands in its document, and which of the values of its kind it is.
struct Place {
  size_t begin = 0;
  size_t end = 0;
  TypeId kind = TypeId::kText;
  int64_t index = 0;
};

// What a mask sees a value as: numbers by what they are, objects as their text.
TypeId KindOf(const json::Value& value) {
  if (value.kind == json::Kind::kBool) return TypeId::kBool;
  if (value.kind != json::Kind::kNumber) return TypeId::kText;
  const json::Candidates candidates = json::TraitsOfNumber(value.text).candidates;
  if ((candidates & json::kInteger) != 0) return TypeId::kInt64;
  return (candidates & json::kDouble) != 0 ? TypeId::kFloat64 : TypeId::kText;
}

void AppendMasked(const Column& column, int64_t row, std::string* out) {
  if (column.IsNull(row)) {
    out->append("null");
    return;
  }
  std::string text;
  AppendCellText(column, row, &text);
  const TypeId type = column.type.id;
  const bool is_bare = type == TypeId::kBool || type == TypeId::kInt64 || type == TypeId::kDecimal ||
                       (type == TypeId::kFloat64 && text.find_first_of("Nn") == std::string::npos);
  if (is_bare) {
    out->append(text);
  } else {
    json::AppendQuoted(text, out);
  }
}

}  // namespace

// Over the documents of one column: where the values are, and the values by their kinds.
class NestedMask::Walk {
 public:
  explicit Walk(const NestedMask& mask) : mask_(&mask) {}

  // False: `text` is no JSON, or too deep.
  bool Document(std::string_view text) {
    json::Scanner scanner(text);
    scanner.SkipSpace();
    if (!Visit(&scanner, 0, 0)) return false;
    scanner.SkipSpace();
    places_.push_back(std::move(found_));
    found_.clear();
    return scanner.AtEnd();
  }
  void NoDocument() { places_.emplace_back(); }
  bool is_in_text() const { return is_in_text_; }  // why Document said false

  const std::vector<Place>& places(int64_t row) const { return places_[static_cast<size_t>(row)]; }
  std::map<TypeId, ColumnBuilder>& values() { return values_; }

 private:
  bool Visit(json::Scanner* scanner, size_t step, int level, bool is_element = false) {
    if (level > kDeepestLooked) return false;
    const char first = scanner->Peek();
    if (first == '[') return json::ReadElements(scanner, [&] { return Visit(scanner, step, level + 1, true); });
    const bool is_end = mask_->IsEnd(step, is_element && first != '{');
    if (first != '{' || is_end) {
      json::Value value;
      const size_t begin = scanner->offset();
      if (!scanner->ReadValue(&value)) return false;
      if (is_end) return Add(value, begin, scanner->offset());
      if (value.kind == json::Kind::kString) is_in_text_ = mask_->IsIn(json::Meaning(value, &scratch_), step);
      return !is_in_text_;
    }
    return json::ReadFields(scanner, [&](const json::Value& key) {
      if (mask_->IsStep(json::Meaning(key, &scratch_), step)) return Visit(scanner, step + 1, level + 1);
      json::Value other;
      return scanner->ReadValue(&other);
    });
  }

  bool Add(const json::Value& value, size_t begin, size_t end) {
    if (value.kind == json::Kind::kNull) return true;
    const TypeId kind = KindOf(value);
    ColumnBuilder& column = values_.try_emplace(kind, MakeType(kind)).first->second;
    found_.push_back(Place{.begin = begin, .end = end, .kind = kind, .index = column.length()});
    if (value.kind == json::Kind::kNumber && kind == TypeId::kText) return AddText(PlainNumber(value.text), &column);
    return value.is_nested() ? AddText(value.text, &column) : json::AppendValue(value, &column);
  }

  std::string_view PlainNumber(std::string_view number) {
    scratch_.clear();
    AppendPlainNumber(number, &scratch_);
    return scratch_;
  }
  static bool AddText(std::string_view text, ColumnBuilder* column) {
    if (column->WouldOverflow(text.size())) return false;
    column->AppendBytes(text);
    return true;
  }

  const NestedMask* mask_;
  std::string scratch_;
  std::vector<Place> found_;                // in the document at hand, in its order
  std::vector<std::vector<Place>> places_;  // by row
  std::map<TypeId, ColumnBuilder> values_;
  bool is_in_text_ = false;
};

NestedMask::NestedMask(MaskRule rule, std::vector<std::string> path, NamingStyle naming,
                       std::shared_ptr<MaskSequence> sequence)
    : rule_(std::move(rule)), path_(std::move(path)), naming_(naming), sequence_(std::move(sequence)) {}

Result<Column> NestedMask::ApplyTo(const Column& values) {
  std::unique_ptr<Mask>& mask = masks_[values.type.id];
  if (mask == nullptr) {
    NILUS_ASSIGN(mask, MakeMask(rule_, values.type, sequence_));
  }
  return mask->Apply(values);
}

bool NestedMask::IsStep(std::string_view key, size_t step) const {
  const std::string& wanted = path_[step];
  return key == wanted || NormalizeName(key, naming_, 0) == wanted;
}

bool NestedMask::IsEnd(size_t step, bool is_bare_element) const {
  if (step == path_.size()) return true;
  return is_bare_element && std::all_of(path_.begin() + static_cast<std::ptrdiff_t>(step), path_.end(),
                                        [](const std::string& key) { return key == kElementColumn; });
}

bool NestedMask::IsIn(std::string_view text, size_t step, int level) const {
  json::Scanner scanner(text);
  scanner.SkipSpace();
  const char first = scanner.Peek();
  if (first != '{' && first != '[' && first != '"') return false;
  bool is_found = false;
  Leads(&scanner, step, level, &is_found);  // what breaks off behind it has it all the same
  return is_found;
}

// False: it is no JSON. What is too deep may have anything in it.
bool NestedMask::Leads(json::Scanner* scanner, size_t step, int level, bool* is_found, bool is_element) const {
  const char first = scanner->Peek();
  const bool is_end = IsEnd(step, is_element && first != '{');
  json::Value value;
  std::string scratch;
  if (level > kDeepestLooked || is_end || (first != '{' && first != '[')) {
    if (!scanner->ReadValue(&value)) return false;
    if (level > kDeepestLooked || (is_end && value.kind != json::Kind::kNull)) *is_found = true;
    if (!is_end && value.kind == json::Kind::kString && IsIn(json::Meaning(value, &scratch), step, level + 1))
      *is_found = true;
    return true;
  }
  if (first == '[') return json::ReadElements(scanner, [&] { return Leads(scanner, step, level + 1, is_found, true); });
  return json::ReadFields(scanner, [&](const json::Value& key) {
    if (IsStep(json::Meaning(key, &scratch), step)) return Leads(scanner, step + 1, level + 1, is_found);
    return scanner->ReadValue(&value);
  });
}

Failure NestedMask::RefuseText() const {
  return FailWithFix(ErrorKind::kData,
                     "mask the whole column, or have the source give that text as json (query:SELECT …)",
                     "column `{}` cannot be masked with {}: a value is a text that has it in JSON of its own",
                     rule_.column, rule_.algorithm);
}

Status NestedMask::CheckTexts(const Column& texts) const {
  for (int64_t row = 0; row < texts.length; ++row) {
    if (!texts.IsNull(row) && IsIn(texts.BytesValue(row), 0)) return RefuseText();
  }
  return {};
}

Result<Column> NestedMask::Apply(const Column& documents) {
  if (documents.type.id == TypeId::kText) NILUS_TRY(CheckTexts(documents));
  if (documents.type.id != TypeId::kJson) return documents;
  Walk walk(*this);
  for (int64_t row = 0; row < documents.length; ++row) {
    if (documents.IsNull(row)) {
      walk.NoDocument();
    } else if (!walk.Document(documents.BytesValue(row))) {
      if (walk.is_in_text()) return RefuseText();
      return FailWithFix(ErrorKind::kData, "mask the whole column, or leave such rows out (query:SELECT …)",
                         "column `{}` cannot be masked with {}: a value is no JSON, or nested more than {} deep",
                         rule_.column, rule_.algorithm, kDeepestLooked);
    }
  }
  if (walk.values().empty()) return documents;
  has_found_ = true;
  std::map<TypeId, Column> masked;
  for (auto& [kind, values] : walk.values()) {
    NILUS_ASSIGN(masked[kind], ApplyTo(values.Finish()));
  }
  ColumnBuilder out(documents.type);
  std::string text;
  for (int64_t row = 0; row < documents.length; ++row) {
    if (documents.IsNull(row)) {
      out.AppendNull();
      continue;
    }
    const std::string_view document = documents.BytesValue(row);
    text.clear();
    size_t at = 0;
    for (const Place& place : walk.places(row)) {
      text.append(document.substr(at, place.begin - at));
      AppendMasked(masked.at(place.kind), place.index, &text);
      at = place.end;
    }
    text.append(document.substr(at));
    if (out.WouldOverflow(text.size())) {
      return Fail(ErrorKind::kData, "the mask of `{}` makes the column longer than the 2 GiB a batch may have",
                  rule_.column);
    }
    out.AppendBytes(text);
  }
  return out.Finish();
}

}  // namespace nilus
