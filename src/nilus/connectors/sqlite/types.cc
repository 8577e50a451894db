#include "nilus/connectors/sqlite/types.h"

#include <algorithm>
#include <cctype>

#include "nilus/base/option_spec.h"
#include "nilus/connectors/sqlite/functions.h"
#include "nilus/connectors/sqlite/values.h"
#include "nilus/data/decimal.h"

namespace nilus::sqlite {
namespace {

struct Declaration {
  std::string name;  // upper case, single spaces, without arguments
  std::optional<int> precision;
  std::optional<int> scale;
};

Declaration Parse(std::string_view declared) {
  Declaration result;
  std::string arguments;
  int depth = 0;
  for (char c : declared) {
    if (c == '(') {
      ++depth;
    } else if (c == ')') {
      --depth;
    } else if (depth > 0) {
      arguments += c;
    } else if (std::isspace(static_cast<unsigned char>(c))) {
      if (!result.name.empty() && result.name.back() != ' ') result.name += ' ';
    } else {
      result.name += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
  }
  while (!result.name.empty() && result.name.back() == ' ') result.name.pop_back();
  const std::vector<std::string> numbers = SplitCommaList(arguments);
  const auto number = [&](size_t index) -> std::optional<int> {
    if (index >= numbers.size()) return std::nullopt;
    std::optional<int64_t> value = ParseInteger(numbers[index]);
    if (!value || *value < 0 || *value > 1000) return std::nullopt;
    return static_cast<int>(*value);
  };
  result.precision = number(0);
  result.scale = number(1);
  return result;
}

struct Name {
  std::string_view name;
  TypeId id;
};

// Usual names whose affinity alone would not tell.
constexpr Name kNames[] = {
    {"BOOLEAN", TypeId::kBool},
    {"BOOL", TypeId::kBool},
    {"DATE", TypeId::kDate},
    {"TIME", TypeId::kTime},
    {"DATETIME", TypeId::kTimestamp},
    {"TIMESTAMP", TypeId::kTimestamp},
    {"TIMESTAMPTZ", TypeId::kTimestamp},
    {"TIMESTAMP WITH TIME ZONE", TypeId::kTimestamp},
    {"TIMESTAMP_NTZ", TypeId::kTimestampNtz},
    {"TIMESTAMP WITHOUT TIME ZONE", TypeId::kTimestampNtz},
    {"DECIMAL", TypeId::kDecimal},
    {"NUMERIC", TypeId::kDecimal},
    {"DEC", TypeId::kDecimal},
    {"NUMBER", TypeId::kDecimal},
    {"DECIMAL_TEXT", TypeId::kDecimal},
    {"JSON", TypeId::kJson},
    {"JSONB", TypeId::kJson},
    {"JSON_TEXT", TypeId::kJson},
    {"UUID", TypeId::kText},
    {"BINARY", TypeId::kBinary},
    {"VARBINARY", TypeId::kBinary},
    {"BYTEA", TypeId::kBinary},
    {"SMALLINT", TypeId::kInt16},
    {"INT2", TypeId::kInt16},
    {"INT4", TypeId::kInt32},
    {"FLOAT4", TypeId::kFloat32},
    {"STRING", TypeId::kText},
};

Affinity AffinityOfName(std::string_view name) {
  const auto has = [&](std::string_view word) { return name.find(word) != std::string_view::npos; };
  if (has("INT")) return Affinity::kInteger;
  if (has("CHAR") || has("CLOB") || has("TEXT")) return Affinity::kText;
  if (has("BLOB") || name.empty()) return Affinity::kBlob;
  if (has("REAL") || has("FLOA") || has("DOUB")) return Affinity::kReal;
  return Affinity::kNumeric;
}

std::string TableNameSql(const TableName& table) {
  Result<std::string> name = PlainName(table);  // was checked by the sink
  return QuoteIdentifier(name ? *name : table.ToString());
}

std::string LiteralSql(const Scalar& value) {
  switch (value.type.id) {
    case TypeId::kBool:
      return value.text == "true" ? "1" : "0";
    case TypeId::kInt16:
    case TypeId::kInt32:
    case TypeId::kInt64: {
      std::optional<int64_t> integer = ParseInteger(value.text);
      return integer ? fmt::format("{}", *integer) : QuoteText(value.text);
    }
    case TypeId::kFloat32:
    case TypeId::kFloat64:
      if (value.text == "NaN") return QuoteText(value.text);  // as it is stored
      // CAST reads numbers alone, and these as 0.0; a number that is too large is infinite.
      if (value.text == "Infinity") return std::string(kInfinitySql);
      if (value.text == "-Infinity") return fmt::format("-{}", kInfinitySql);
      return fmt::format("CAST({} AS REAL)", QuoteText(value.text));
    case TypeId::kBinary:
      return fmt::format("x{}", QuoteText(value.text));
    case TypeId::kDate:
    case TypeId::kTime:
    case TypeId::kTimestamp:
    case TypeId::kTimestampNtz: {
      ColumnBuilder builder(value.type);
      if (!AppendParsed(value.text, &builder)) return QuoteText(value.text);
      std::string stored;
      AppendStoredTime(builder.Finish(), 0, &stored);
      return QuoteText(stored);
    }
    case TypeId::kDecimal:
    case TypeId::kText:
    case TypeId::kJson:
      return QuoteText(value.text);
  }
  return QuoteText(value.text);
}

std::string OrderKeySql(std::string_view expression, const Type& type) {
  return KeyExpression(expression, type.id == TypeId::kDecimal ? MakeType(TypeId::kDecimal) : type);
}

// A column declared NOCASE or RTRIM would hide changes of its text.
std::string EqualityKeySql(std::string_view expression, const Type&) {
  return fmt::format("{} COLLATE BINARY", expression);
}

// SQLite alters no column's type: another one takes its name and its values.
std::vector<std::string> WidenColumn(std::string_view table, std::string_view column, std::string_view type_name) {
  constexpr std::string_view kNarrow = "\"_nilus_narrow\"";
  return {fmt::format("ALTER TABLE {} RENAME COLUMN {} TO {}", table, column, kNarrow),
          fmt::format("ALTER TABLE {} ADD COLUMN {} {}", table, column, type_name),
          fmt::format("UPDATE {} SET {} = {}", table, column, kNarrow),
          fmt::format("ALTER TABLE {} DROP COLUMN {}", table, kNarrow)};
}

}  // namespace

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

Affinity AffinityOf(std::string_view declared) { return AffinityOfName(Parse(declared).name); }

std::optional<Type> TypeOfDeclaration(std::string_view declared, ReflectionLevel level) {
  const Declaration declaration = Parse(declared);
  for (const Name& known : kNames) {
    if (known.name != declaration.name) continue;
    const bool precise = level == ReflectionLevel::kFullWithPrecision;
    if (known.id == TypeId::kInt16 || known.id == TypeId::kInt32) return MakeType(precise ? known.id : TypeId::kInt64);
    if (known.id == TypeId::kFloat32) return MakeType(precise ? known.id : TypeId::kFloat64);
    if (known.id != TypeId::kDecimal) return MakeType(known.id);
    if (!declaration.precision || *declaration.precision == 0) return kUndeclaredDecimal;
    const int precision = std::min(*declaration.precision, kMaxDecimalPrecision);
    return MakeDecimal(precision, std::min(declaration.scale.value_or(0), precision));
  }
  switch (AffinityOfName(declaration.name)) {
    case Affinity::kInteger:
      return MakeType(TypeId::kInt64);
    case Affinity::kText:
      return MakeType(TypeId::kText);
    case Affinity::kReal:
      return MakeType(TypeId::kFloat64);
    case Affinity::kBlob:
      if (!declaration.name.empty()) return MakeType(TypeId::kBinary);
      return std::nullopt;
    case Affinity::kNumeric:
      return std::nullopt;  // a name that SQLite does not know either
  }
  return std::nullopt;
}

bool OrdersAsStored(std::string_view declared, const Type& type) {
  switch (AffinityOf(declared)) {
    case Affinity::kInteger:
      return type.id == TypeId::kInt64;
    case Affinity::kReal:
      return type.id == TypeId::kFloat64;
    case Affinity::kText:
      return type.id == TypeId::kText;
    case Affinity::kBlob:
    case Affinity::kNumeric:
      return false;
  }
  return false;
}

std::string DeclarationOf(const Type& type) {
  switch (type.id) {
    case TypeId::kBool:
      return "BOOLEAN";
    case TypeId::kInt16:
      return "SMALLINT";
    case TypeId::kInt32:
      return "INT4";
    case TypeId::kInt64:
      return "INTEGER";
    case TypeId::kFloat32:
      return "FLOAT4";
    case TypeId::kFloat64:
      return "DOUBLE";
    // DECIMAL and JSON would have NUMERIC affinity, which turns texts that look like numbers into floats.
    case TypeId::kDecimal:
      return fmt::format("DECIMAL_TEXT({},{})", type.precision, type.scale);
    case TypeId::kText:
      return type.length > 0 ? fmt::format("VARCHAR({})", type.length) : "TEXT";
    case TypeId::kBinary:
      return "BLOB";
    case TypeId::kJson:
      return "JSON_TEXT";
    case TypeId::kDate:
      return "DATE";
    case TypeId::kTime:
      return "TIME";
    case TypeId::kTimestamp:
      return "TIMESTAMP";
    case TypeId::kTimestampNtz:
      return "TIMESTAMP_NTZ";
  }
  return "TEXT";
}

Type InferredType(const StorageCounts& counts) {
  if (counts.texts > 0) return MakeType(TypeId::kText);
  if (counts.blobs > 0) return MakeType(counts.integers + counts.reals > 0 ? TypeId::kText : TypeId::kBinary);
  if (counts.reals > 0) return MakeType(TypeId::kFloat64);
  if (counts.integers > 0) return MakeType(TypeId::kInt64);
  return MakeType(TypeId::kText);
}

const SqlDialect& Dialect() {
  static const SqlDialect kDialect = {
      .name = "SQLite",
      .column_limit = 2000,
      .case_insensitive_names = true,
      .has_schemas = false,
      .distinct = "IS NOT",
      .keys_by_row_in = true,
      .updates_in_place = true,
      .key_collation = " COLLATE BINARY",
      .index_keys = true,
      .table_name = TableNameSql,
      .rename_target = TableNameSql,
      .type_name = DeclarationOf,
      .widen_column = WidenColumn,
      .literal = LiteralSql,
      .order_key = OrderKeySql,
      .equality_key = EqualityKeySql,
  };
  return kDialect;
}

Result<std::string> PlainName(const TableName& table) {
  if (table.schema.empty() || EqualIgnoringCase(table.schema, "main")) {
    if (table.name.find('.') == std::string::npos) return table.name;
    return FailWithFix(ErrorKind::kInvalidInput, "leave the dot out of the table's name",
                       "table `{}` of schema main: its name holds a dot, which stands for other schemas in SQLite",
                       table.name);
  }
  if (table.schema.find('.') == std::string::npos) return table.schema + "." + table.name;
  return FailWithFix(
      ErrorKind::kInvalidInput, "leave the dot out of the schema's name",
      "schema `{}` holds a dot, which SQLite table names cannot tell from the one before the table's name",
      table.schema);
}

}  // namespace nilus::sqlite
