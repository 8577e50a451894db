// TableLoad's part for texts that wait in staging until the server casts them: types of which we know no binary form,
// and domains with a CHECK. A cast may refuse a text, and some round, cut or wrap values without a word: both are found
// before the commit, and go where other values go that do not fit their column (connector/misfits.h).
#include <algorithm>
#include <array>

#include "nilus/base/fault.h"
#include "nilus/connector/misfits.h"
#include "nilus/connectors/postgres/dialect.h"
#include "nilus/connectors/postgres/table_load.h"

namespace nilus::postgres {
namespace {

// True where the cast has changed the value. Some operators are missing and some texts have many spellings, so each
// kind of type is compared in its own way.
std::string ChangedBy(const LoadColumn& plan) {
  const std::string column = QuoteIdentifier(plan.name);
  switch (plan.cast_check) {
    case CastCheck::kNone:
      return "false";
    case CastCheck::kLimits:
      return fmt::format("{0}::{1}::{2} IS DISTINCT FROM {0}::{2}", column, plan.sql_type, plan.unlimited_type);
    case CastCheck::kTextLimits:
      return fmt::format("{0}::{1}::text IS DISTINCT FROM {0}::{2}::text", column, plan.sql_type, plan.unlimited_type);
    case CastCheck::kText:
      return fmt::format("{0}::{1}::text IS DISTINCT FROM {0}", column, plan.sql_type);
    case CastCheck::kMoney:
      return fmt::format(
          "CASE WHEN {0} ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$' THEN {0}::{1}::numeric IS DISTINCT FROM {0}::numeric "
          "ELSE {0}::{1}::text IS DISTINCT FROM {0} END",
          column, plan.sql_type);
  }
  return "false";
}

// Cast and compared. (`IS NULL` would be true of a composite value whose fields are NULL.)
std::string IsMisfit(const LoadColumn& plan) {
  return fmt::format("{0} IS NOT NULL AND (pg_catalog.num_nulls({0}::{1}) > 0 OR {2})", QuoteIdentifier(plan.name),
                     plan.sql_type, ChangedBy(plan));
}

bool IsRefusedValue(const Error& error) {
  constexpr std::array kStates = {"22", "23", "54", "42601", "42704", "42P01", "42883"};
  return std::any_of(kStates.begin(), kStates.end(), [&](std::string_view state) {
    return error.message.find(fmt::format("[SQLSTATE {}", state)) != std::string::npos;
  });
}

constexpr std::string_view kReads = "pg_temp._nilus_reads";

// An expression cannot ask whether a cast would fail (pg_input_is_valid comes with 16): a function can.
std::string CreateReads(const LoadColumn& plan) {
  const std::string body = fmt::format(
      "BEGIN PERFORM v::{}; RETURN true; EXCEPTION WHEN data_exception OR integrity_constraint_violation OR "
      "program_limit_exceeded OR syntax_error OR undefined_object OR undefined_table OR undefined_function THEN RETURN "
      "false; END",
      plan.sql_type);
  return fmt::format("CREATE OR REPLACE FUNCTION {}(v text) RETURNS boolean LANGUAGE plpgsql AS {}", kReads,
                     QuoteText(body));
}

std::string IsUnreadableMisfit(const LoadColumn& plan) {
  return fmt::format("CASE WHEN {0} IS NULL THEN false WHEN NOT {1}({0}) THEN true ELSE {2} END",
                     QuoteIdentifier(plan.name), kReads, ChangedBy(plan));
}

}  // namespace

bool TableLoad::HasCasts() const {
  return std::any_of(plans_.begin(), plans_.end(), [](const LoadColumn& plan) { return plan.needs_cast; });
}

Status TableLoad::FitStagedTexts() {
  if (!has_staging_ || !HasCasts()) return {};
  NILUS_FAULT_POINT("postgres.sink.fit_texts");
  const std::vector<LoadColumn> plans = plans_;  // variant columns may come
  for (const LoadColumn& plan : plans) {
    if (plan.needs_cast) NILUS_TRY(FitStagedColumn(plan));
  }
  return {};
}

// The error of a cast names the column.
Error TableLoad::WhileCasting(const LoadColumn& plan, Error error) const {
  return InContext(fmt::format("while converting column `{}` of table {} from text to {}", plan.name,
                               request_.table.ToString(), plan.sql_type),
                   std::move(error));
}

Result<int64_t> TableLoad::CountStaged(std::string_view condition) {
  NILUS_ASSIGN(
      const PgResult counted,
      session_->Execute(fmt::format("SELECT count(*) FROM {} WHERE {}", sql_.staging_sql(), condition), request_.stop));
  return ParseInteger(FieldText(counted, 0, 0)).value_or(0);
}

Status TableLoad::FitStagedColumn(const LoadColumn& plan) {
  std::string condition = IsMisfit(plan);
  NILUS_TRY(session_->Execute("SAVEPOINT _nilus_cast", request_.stop));
  Result<int64_t> count = CountStaged(condition);
  const bool is_refused = !count && IsRefusedValue(count.error());
  if (!count && !is_refused) return Failure(WhileCasting(plan, std::move(count).error()));
  if (is_refused) {  // one by one, then
    NILUS_TRY(session_->Execute("ROLLBACK TO SAVEPOINT _nilus_cast", request_.stop));
    const auto created = session_->Execute(CreateReads(plan), request_.stop);
    if (!created) return Failure(WhileCasting(plan, std::move(count).error()));  // no PL/pgSQL
    condition = IsUnreadableMisfit(plan);
    NILUS_ASSIGN(count, CountStaged(condition));
  }
  NILUS_TRY(session_->Execute("RELEASE SAVEPOINT _nilus_cast", request_.stop));
  if (*count > 0) {
    misfits_[plan.name] += *count;
    NILUS_TRY(CheckMisfits(request_, plan.name, plan.sql_type, *count));
    NILUS_TRY(MoveToVariant(plan, condition));
  }
  if (!is_refused) return {};
  return session_->Execute(fmt::format("DROP FUNCTION {}(text)", kReads), request_.stop).map([](const PgResult&) {});
}

// Or to nothing, where the contract wants that.
Status TableLoad::MoveToVariant(const LoadColumn& plan, std::string_view condition) {
  std::string changes = QuoteIdentifier(plan.name) + " = NULL";
  if (request_.misfits == Misfits::kVariant) {
    const std::string name = TextVariant(plan.name, PostgresDialect().identifier_limit);
    if (!sql_.columns().Find(name)) {
      NILUS_TRY(AddColumns(
          {Field{.name = name, .type = MakeType(TypeId::kText), .nullable = true, .variant_of = plan.name}}));
    }
    const LoadColumn& variant = plans_[static_cast<size_t>(*sql_.columns().Find(name))];
    if (variant.form != CopyForm::kText || variant.type.id != TypeId::kText || variant.needs_cast)
      return Failure(VariantTypeError(request_.table, name, variant.sql_type));
    const std::string quoted = QuoteIdentifier(name);
    NILUS_ASSIGN(const int64_t taken, CountStaged(fmt::format("{} IS NOT NULL AND ({})", quoted, condition)));
    if (taken > 0) {
      return FailWithFix(ErrorKind::kData, "rename one of them at the source, or exclude it",
                         "column `{}` of table {} has a value of its own where one of `{}` does not fit its type", name,
                         request_.table.ToString(), plan.name);
    }
    changes += fmt::format(", {} = {}", quoted, QuoteIdentifier(plan.name));
  }
  return session_
      ->Execute(fmt::format("UPDATE {} SET {} WHERE {}", sql_.staging_sql(), changes, condition), request_.stop)
      .map([](const PgResult&) {});
}

// One statement a column, so that an error can name it.
Status TableLoad::CastStagedTexts() {
  for (const LoadColumn& plan : plans_) {
    if (!plan.needs_cast) continue;
    const std::string column = QuoteIdentifier(plan.name);
    auto cast = session_->Execute(fmt::format("ALTER TABLE {0} ALTER COLUMN {1} TYPE {2} USING {1}::{2}",
                                              sql_.staging_sql(), column, plan.sql_type),
                                  request_.stop);
    if (!cast) return Failure(WhileCasting(plan, cast.error()));
  }
  return {};
}

}  // namespace nilus::postgres
