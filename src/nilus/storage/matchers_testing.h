// Results in assertions. Only for tests.
#pragma once

#include <gmock/gmock.h>

#include <string>

#include "nilus/base/result.h"

namespace nilus::storage {

template <typename T>
std::string ErrorText(const T& result) {
  return result ? std::string() : fmt::format("{}: {}", ErrorKindName(result.error().kind), result.error().ToString());
}

template <typename T, typename V>
void ExpectValue(const T& result, const V& value, const char* file, int line) {
  const testing::ScopedTrace trace(file, line, "here");
  ASSERT_TRUE(result.has_value()) << ErrorText(result);
  EXPECT_EQ(*result, value);
}

template <typename T>
void ExpectFails(const T& result, ErrorKind kind, const char* file, int line) {
  const testing::ScopedTrace trace(file, line, "here");
  ASSERT_FALSE(result.has_value()) << "no error";
  EXPECT_EQ(result.error().kind, kind) << ErrorText(result);
}

}  // namespace nilus::storage

#define ASSERT_OK(expression) ASSERT_EQ(::nilus::storage::ErrorText(expression), "")
#define EXPECT_OK(expression) EXPECT_EQ(::nilus::storage::ErrorText(expression), "")
#define EXPECT_OK_AND_EQ(expression, value) ::nilus::storage::ExpectValue(expression, value, __FILE__, __LINE__)
#define EXPECT_FAILS(expression, kind) ::nilus::storage::ExpectFails(expression, kind, __FILE__, __LINE__)
#define ASSERT_OK_AND_ASSIGN(declaration, expression) \
  ASSERT_OK_AND_ASSIGN_INNER(NILUS_CONCAT(result_, __LINE__), declaration, expression)
#define ASSERT_OK_AND_ASSIGN_INNER(temporary, declaration, expression)          \
  auto temporary = (expression);                                                \
  ASSERT_TRUE(temporary.has_value()) << ::nilus::storage::ErrorText(temporary); \
  declaration = *std::move(temporary)
