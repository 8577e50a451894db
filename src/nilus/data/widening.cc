#include "nilus/data/widening.h"

namespace nilus {

bool IsWidening(const Type& from, const Type& to) {
  switch (to.id) {
    case TypeId::kInt32:
      return from.id == TypeId::kInt16;
    case TypeId::kInt64:
      return from.id == TypeId::kInt16 || from.id == TypeId::kInt32;
    case TypeId::kFloat64:
      return from.id == TypeId::kFloat32;
    case TypeId::kDecimal:
      return from.id == TypeId::kDecimal && !(from == to) && to.scale >= from.scale &&
             to.precision - to.scale >= from.precision - from.scale;
    case TypeId::kText:
      return from.id == TypeId::kText && from.length > 0 && (to.length == 0 || to.length > from.length);
    default:
      return false;
  }
}

}  // namespace nilus
