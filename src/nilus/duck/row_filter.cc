#include "nilus/duck/row_filter.h"

#include <algorithm>
#include <utility>

#include "nilus/duck/statement.h"

namespace nilus::duck {
namespace {

constexpr const char* kFunctionName = "nilus_is_kept_row";

// (set's number BIGINT, position BIGINT) → BOOLEAN. DuckDB answers NULLs itself.
void IsKept(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  const auto* registry = static_cast<const RowSetRegistry*>(duckdb_scalar_function_get_extra_info(info));
  const auto column = [&](idx_t index) {
    return static_cast<const int64_t*>(duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, index)));
  };
  const int64_t* numbers = column(0);
  const int64_t* positions = column(1);
  auto* kept = static_cast<bool*>(duckdb_vector_get_data(output));
  const idx_t count = duckdb_data_chunk_get_size(input);
  for (idx_t row = 0; row < count;) {
    // A scan's vector comes out of one file.
    idx_t end = row + 1;
    while (end < count && numbers[end] == numbers[row]) ++end;
    const RowSetPtr set = registry->Find(numbers[row]);
    if (set == nullptr) return duckdb_scalar_function_set_error(info, "there is no set of rows of this number");
    set->FindAbsent({positions + row, end - row}, kept + row);
    row = end;
  }
}

struct DestroyFunction {
  void operator()(duckdb_scalar_function function) const { duckdb_destroy_scalar_function(&function); }
};
using FunctionHandle = std::unique_ptr<std::remove_pointer_t<duckdb_scalar_function>, DestroyFunction>;

}  // namespace

int64_t RowSetRegistry::Add(std::vector<RowSetPtr> sets) {
  std::lock_guard lock(mutex_);
  const int64_t first = next_;
  next_ += static_cast<int64_t>(std::max<size_t>(sets.size(), 1));
  sets_[first] = std::move(sets);
  return first;
}

void RowSetRegistry::Remove(int64_t first) {
  std::lock_guard lock(mutex_);
  sets_.erase(first);
}

RowSetPtr RowSetRegistry::Find(int64_t number) const {
  std::lock_guard lock(mutex_);
  auto behind = sets_.upper_bound(number);
  if (behind == sets_.begin()) return nullptr;
  const auto& [first, sets] = *std::prev(behind);
  const auto index = static_cast<size_t>(number - first);
  return index < sets.size() ? sets[index] : nullptr;
}

Status RegisterRowFilterFunction(duckdb_database database, RowSetRegistry* registry) {
  duckdb_connection connection = nullptr;
  if (duckdb_connect(database, &connection) == DuckDBError)
    return Fail(ErrorKind::kInternal, "DuckDB opened no connection");
  const FunctionHandle function(duckdb_create_scalar_function());
  duckdb_scalar_function_set_name(function.get(), kFunctionName);
  const TypeHandle bigint(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
  const TypeHandle boolean(duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN));
  duckdb_scalar_function_add_parameter(function.get(), bigint.get());
  duckdb_scalar_function_add_parameter(function.get(), bigint.get());
  duckdb_scalar_function_set_return_type(function.get(), boolean.get());
  duckdb_scalar_function_set_extra_info(function.get(), registry, nullptr);
  duckdb_scalar_function_set_function(function.get(), IsKept);
  const duckdb_state state = duckdb_register_scalar_function(connection, function.get());
  duckdb_disconnect(&connection);
  if (state == DuckDBError) return Fail(ErrorKind::kInternal, "DuckDB did not take the function {}", kFunctionName);
  return {};
}

RowFilter::RowFilter(std::shared_ptr<Database> database, std::vector<RowSetPtr> sets)
    : database_(std::move(database)), first_(database_->row_sets().Add(std::move(sets))) {}

RowFilter::~RowFilter() {
  if (database_ != nullptr) database_->row_sets().Remove(first_);
}

RowFilter& RowFilter::operator=(RowFilter&& other) noexcept {
  std::swap(database_, other.database_);
  std::swap(first_, other.first_);
  return *this;
}

std::string RowFilter::Condition(std::string_view set, std::string_view position) const {
  return fmt::format("{}({} + {}, {})", kFunctionName, set, first_, position);
}

}  // namespace nilus::duck
