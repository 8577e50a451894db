#include "nilus/connectors/files/column_inference.h"

#include <charconv>

#include "nilus/data/scalar.h"

namespace nilus::files {
namespace {

bool BeginsLikeANumber(std::string_view text) {
  return (text.front() >= '0' && text.front() <= '9') || text.front() == '-' || text.front() == '.';
}

template <typename T>
bool AppendNumber(std::string_view text, ColumnBuilder* column) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  column->Append(value);
  return true;
}

}  // namespace

void ColumnInference::Observe(CellKind kind, std::string_view text) {
  if (kind == CellKind::kQuoted && text.empty()) return;  // missing where the column is no text, '' where it is
  has_values_ = true;
  if (text.empty()) traits_.candidates = 0;
  if (traits_.candidates == 0) return;
  const json::Candidates before = traits_.candidates;
  if ((before & json::kNumbers) != 0 && BeginsLikeANumber(text)) {
    traits_.AddNumber(text);
    if (traits_.candidates != 0) return;
    traits_.candidates = before & (json::IsFloatWord(text) ? json::kDouble : json::TemporalCandidates(text));
    return;
  }
  if (json::IsFloatWord(text)) {
    traits_.Restrict(json::kDouble);
  } else {
    traits_.Restrict(json::IsBooleanWord(text) ? json::kBoolean : json::TemporalCandidates(text));
  }
}

Type ColumnInference::Resolve() const {
  if (!has_values_) return MakeType(TypeId::kText);
  if ((traits_.candidates & json::kNumbers) != 0) return traits_.ResolveNumber(TypeId::kText);
  if ((traits_.candidates & json::kBoolean) != 0) return MakeType(TypeId::kBool);
  return traits_.ResolveTemporal();
}

bool AppendCell(CellKind kind, std::string_view text, ColumnBuilder* column) {
  const TypeId type = column->type().id;
  if (HasOffsets(type) && column->WouldOverflow(text.size())) return false;
  if (type == TypeId::kText || type == TypeId::kJson) {
    column->AppendBytes(text);
    return true;
  }
  if (kind == CellKind::kQuoted && text.empty() && type != TypeId::kBinary) {
    column->AppendNull();
    return true;
  }
  switch (type) {
    case TypeId::kInt64:
      return AppendNumber<int64_t>(text, column);
    case TypeId::kFloat64:
      return AppendNumber<double>(text, column);
    case TypeId::kBool:
      if (!json::IsBooleanWord(text)) return false;
      column->AppendBool((text.front() | 32) == 't');
      return true;
    default:
      return AppendParsed(text, column).has_value();
  }
}

}  // namespace nilus::files
