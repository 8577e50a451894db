// Builders, batches and the Arrow bridge: what every decoder and sink relies on.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "nilus/data/arrow_bridge.h"
#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"

namespace nilus {
namespace {

SchemaPtr MakeSchema(std::vector<Field> fields) { return std::make_shared<Schema>(Schema{std::move(fields)}); }

// All types at once; row r holds values made from r, every third value is NULL, shifted by the column.
const std::vector<Type>& AllTypes() {
  static const std::vector<Type> types = {
      MakeType(TypeId::kBool),      MakeType(TypeId::kInt16),       MakeType(TypeId::kInt32), MakeType(TypeId::kInt64),
      MakeType(TypeId::kFloat32),   MakeType(TypeId::kFloat64),     MakeDecimal(38, 4),       MakeType(TypeId::kText),
      MakeType(TypeId::kBinary),    MakeType(TypeId::kJson),        MakeType(TypeId::kDate),  MakeType(TypeId::kTime),
      MakeType(TypeId::kTimestamp), MakeType(TypeId::kTimestampNtz)};
  return types;
}

std::string TextOf(const Type& type, int64_t row) {
  switch (type.id) {
    case TypeId::kBool:
      return row % 2 == 0 ? "true" : "false";
    case TypeId::kDecimal:
      return fmt::format("{}.2500", row);
    case TypeId::kText:
      return std::string(static_cast<size_t>(row % 5), 'x') + std::to_string(row);
    case TypeId::kBinary:
      return fmt::format("{:04x}", row);
    case TypeId::kJson:
      return fmt::format("{{\"r\":{}}}", row);
    case TypeId::kDate:
      return fmt::format("{:04}-01-01", row + 1);
    case TypeId::kTime:
      return fmt::format("00:00:{:02}", row % 60);
    case TypeId::kTimestamp:
      return fmt::format("{:04}-01-01T00:00:00Z", row + 1);
    case TypeId::kTimestampNtz:
      return fmt::format("{:04}-01-01T00:00:00", row + 1);
    default:
      return std::to_string(row);
  }
}

bool IsNullAt(int column, int64_t row) { return (row + column) % 3 == 0; }

RecordBatch EveryType(int64_t rows) {
  Schema schema;
  for (const Type& type : AllTypes()) schema.fields.push_back(Field{.name = type.ToString(), .type = type});
  BatchBuilder builder(std::make_shared<Schema>(schema));
  for (int64_t row = 0; row < rows; ++row) {
    for (int i = 0; i < schema.size(); ++i) {
      if (IsNullAt(i, row)) {
        builder.column(i).AppendNull();
      } else {
        EXPECT_TRUE(AppendParsed(TextOf(AllTypes()[static_cast<size_t>(i)], row), &builder.column(i)));
      }
    }
    builder.FinishRow();
  }
  return builder.Finish();
}

// Row r of `batch` is row `expected(r)` of EveryType.
template <typename Expected>
void ExpectRows(const RecordBatch& batch, int64_t rows, Expected expected) {
  ASSERT_EQ(batch.num_rows(), rows);
  for (int i = 0; i < batch.schema()->size(); ++i) {
    const Column& column = batch.column(i);
    ASSERT_EQ(column.length, rows);
    int64_t nulls = 0;
    for (int64_t row = 0; row < rows; ++row) {
      int64_t origin = expected(row);
      ASSERT_EQ(column.IsNull(row), IsNullAt(i, origin)) << i << " " << row;
      nulls += column.IsNull(row);
      if (column.IsNull(row)) continue;
      EXPECT_EQ(ScalarAt(column, row).text, TextOf(AllTypes()[static_cast<size_t>(i)], origin));
    }
    EXPECT_EQ(column.null_count, nulls);
  }
}

TEST(ColumnBuilder, FirstNullMarksEverythingBeforeItValid) {
  for (int64_t first_null : {0, 1, 7, 8, 9, 63, 64, 65}) {
    ColumnBuilder builder(MakeType(TypeId::kInt64));
    for (int64_t row = 0; row < 70; ++row) row == first_null ? builder.AppendNull() : builder.Append<int64_t>(row);
    Column column = builder.Finish();
    ASSERT_EQ(column.null_count, 1);
    for (int64_t row = 0; row < 70; ++row) {
      EXPECT_EQ(column.IsNull(row), row == first_null) << first_null << " " << row;
      EXPECT_EQ(column.Value<int64_t>(row), row == first_null ? 0 : row);
    }
  }
}

TEST(ColumnBuilder, IsEmptyAgainAfterFinish) {
  ColumnBuilder builder(MakeType(TypeId::kText));
  builder.AppendBytes("abc");
  builder.AppendNull();
  Column first = builder.Finish();
  builder.AppendBytes("z");
  Column second = builder.Finish();
  EXPECT_EQ(first.length, 2);
  EXPECT_EQ(second.length, 1);
  EXPECT_EQ(second.null_count, 0);
  EXPECT_TRUE(second.validity.empty());
  EXPECT_EQ(second.BytesValue(0), "z");
  EXPECT_EQ(first.BytesValue(0), "abc");
}

TEST(ColumnBuilder, EmptyColumnHasOffsets) {
  ColumnBuilder builder(MakeType(TypeId::kText));
  Column column = builder.Finish();
  ASSERT_FALSE(column.offsets.empty());
  EXPECT_EQ(column.offsets.as<int32_t>()[0], 0);
  EXPECT_FALSE(column.values.empty());  // an address, though no bytes: null means "no buffer" in Arrow
}

TEST(ColumnBuilder, WritesBytesInPlace) {
  ColumnBuilder builder(MakeType(TypeId::kText));
  std::memcpy(builder.StartBytes(10), "abcdefghij", 10);
  builder.FinishBytes(3);
  builder.AppendBytes("");
  Column column = builder.Finish();
  EXPECT_EQ(column.BytesValue(0), "abc");
  EXPECT_EQ(column.BytesValue(1), "");
}

TEST(BatchBuilder, VariantColumnComesToLifeWithItsFirstValue) {
  SchemaPtr schema = MakeSchema({{.name = "a", .type = MakeType(TypeId::kInt64), .nullable = false},
                                 {.name = "b", .type = MakeType(TypeId::kInt64)}});
  BatchBuilder builder(schema);
  auto row = [&](std::string_view misfit) {
    misfit.empty() ? builder.column(0).Append<int64_t>(1) : builder.AppendVariant(0, misfit);
    builder.column(1).Append<int64_t>(2);
    builder.FinishRow();
  };
  row("");
  row("");
  row("infinity");
  row("");
  RecordBatch batch = builder.Finish();
  ASSERT_EQ(batch.schema()->size(), 3);
  const Field& variant = batch.schema()->fields[1];
  EXPECT_EQ(variant.name, "a__v_text");
  EXPECT_EQ(variant.variant_of, "a");
  EXPECT_EQ(variant.type, MakeType(TypeId::kText));
  EXPECT_TRUE(batch.schema()->fields[0].nullable) << "a misfit leaves NULL behind";
  EXPECT_EQ(batch.column(1).null_count, 3);
  EXPECT_EQ(batch.column(1).BytesValue(2), "infinity");
  EXPECT_TRUE(batch.column(0).IsNull(2));
  row("");
  EXPECT_EQ(builder.Finish().schema(), schema) << "a batch without misfits has the plain schema";
}

RC_GTEST_PROP(RecordBatch, FilterKeepsWhatIsAskedFor, (const std::vector<bool>& wanted)) {
  RecordBatch batch = EveryType(static_cast<int64_t>(wanted.size()));
  std::vector<int64_t> kept;
  std::vector<uint8_t> keep;
  for (size_t row = 0; row < wanted.size(); ++row) {
    keep.push_back(wanted[row] ? 1 : 0);
    if (wanted[row]) kept.push_back(static_cast<int64_t>(row));
  }
  ExpectRows(batch.Filter(keep), static_cast<int64_t>(kept.size()),
             [&](int64_t row) { return kept[static_cast<size_t>(row)]; });
}

TEST(RecordBatch, SelectReordersWithoutCopying) {
  RecordBatch batch = EveryType(10);
  RecordBatch selected =
      batch.Select(MakeSchema({{.name = "x", .type = AllTypes()[7]}, {.name = "y", .type = AllTypes()[3]}}), {7, 3});
  EXPECT_EQ(selected.column(0).values.data(), batch.column(7).values.data());
  EXPECT_EQ(selected.column(1).values.data(), batch.column(3).values.data());
  EXPECT_EQ(selected.num_rows(), 10);
}

TEST(ArrowBridge, RoundTripsEveryTypeWithoutCopying) {
  RecordBatch batch = EveryType(100);
  ArrowSchema arrow_schema;
  ArrowArray arrow_array;
  ExportSchema(*batch.schema(), &arrow_schema);
  ExportBatch(batch, &arrow_array);
  Result<Schema> schema = ImportSchema(arrow_schema);
  arrow_schema.release(&arrow_schema);
  ASSERT_TRUE(schema);
  for (int i = 0; i < schema->size(); ++i) {
    Type expected = AllTypes()[static_cast<size_t>(i)];
    if (expected.id == TypeId::kJson) expected = MakeType(TypeId::kText);  // Arrow has no JSON of its own
    EXPECT_EQ(schema->fields[static_cast<size_t>(i)].type, expected);
  }
  Result<RecordBatch> back = ImportBatch(&arrow_array, std::make_shared<Schema>(*schema));
  ASSERT_TRUE(back);
  EXPECT_EQ(arrow_array.release, nullptr) << "the import takes the array over";
  EXPECT_EQ(back->column(3).values.data(), batch.column(3).values.data());
  batch = RecordBatch();
  ExpectRows(*back, 100, [](int64_t row) { return row; });
}

TEST(ArrowBridge, ReadsArraysThatStartAtAnOffset) {
  RecordBatch batch = EveryType(50);
  for (int64_t offset : {1, 7, 8, 13}) {
    for (bool on_child : {false, true}) {
      ArrowArray array;
      ExportBatch(batch, &array);
      array.length = 50 - offset;
      if (!on_child) array.offset = offset;
      for (int64_t i = 0; i < array.n_children; ++i) {
        if (on_child) array.children[i]->offset = offset;
        array.children[i]->null_count = -1;  // not computed: allowed by the format
      }
      Result<RecordBatch> back = ImportBatch(&array, batch.schema());
      ASSERT_TRUE(back);
      ExpectRows(*back, 50 - offset, [&](int64_t row) { return row + offset; });
    }
  }
}

TEST(ArrowBridge, ValuesThatAreNotAlignedForReadingInPlaceAreCopied) {
  RecordBatch batch = EveryType(50);
  for (size_t shift : {8, 1}) {  // what Arrow asks for, and less than that
    ArrowArray array;
    ExportBatch(batch, &array);
    std::vector<std::vector<uint8_t>> moved;
    for (int i = 0; i < batch.schema()->size(); ++i) {
      const Column& column = batch.column(i);
      const bool has_offsets = HasOffsets(column.type.id);
      const Buffer& buffer = has_offsets ? column.offsets : column.values;
      std::vector<uint8_t>& bytes = moved.emplace_back(buffer.size() + 64);
      uint8_t* aligned = bytes.data() + (16 - reinterpret_cast<uintptr_t>(bytes.data()) % 16) % 16 + shift;
      std::memcpy(aligned, buffer.data(), buffer.size());
      array.children[i]->buffers[1] = aligned;
    }
    Result<RecordBatch> back = ImportBatch(&array, batch.schema());
    ASSERT_TRUE(back);
    for (int i = 0; i < back->schema()->size(); ++i) {
      const Column& column = back->column(i);
      if (HasOffsets(column.type.id)) {
        EXPECT_EQ(reinterpret_cast<uintptr_t>(column.offsets.data()) % alignof(int32_t), 0U);
      } else if (column.type.id != TypeId::kBool) {
        EXPECT_EQ(reinterpret_cast<uintptr_t>(column.values.data()) % FixedWidth(column.type.id), 0U) << i;
      }
    }
    ExpectRows(*back, 50, [](int64_t row) { return row; });
  }
}

TEST(BufferBuilder, AppendsNoZerosToNothing) {
  BufferBuilder empty;
  empty.AppendZeros(0);  // no address to write to yet: the sanitizer's build checks it
  EXPECT_EQ(empty.size(), 0U);
  empty.AppendZeros(3);
  EXPECT_EQ(empty.size(), 3U);
  EXPECT_EQ(empty.data()[2], 0);
}

TEST(ArrowBridge, EmptyBatchPasses) {
  RecordBatch batch = EveryType(0);
  ArrowArray array;
  ExportBatch(batch, &array);
  Result<RecordBatch> back = ImportBatch(&array, batch.schema());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->num_rows(), 0);
}

TEST(ArrowBridge, AnEmptyArrayMayHaveNoBuffers) {
  RecordBatch batch = EveryType(0);
  ArrowArray array;
  ExportBatch(batch, &array);
  std::vector<const void*> none(3, nullptr);
  for (int64_t i = 0; i < array.n_children; ++i) array.children[i]->buffers = none.data();
  Result<RecordBatch> back = ImportBatch(&array, batch.schema());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->num_rows(), 0);
  std::vector<uint8_t> keep;
  EXPECT_EQ(back->Filter(keep).num_rows(), 0);
}

TEST(ArrowBridge, NamesTheColumnItCannotRead) {
  ArrowSchema schema;
  ExportSchema(Schema{{{.name = "odd", .type = MakeType(TypeId::kText)}}}, &schema);
  schema.children[0]->format = "+l";
  Result<Schema> imported = ImportSchema(schema);
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(imported.error().message.find("`odd`"), std::string::npos);
  schema.release(&schema);
}

TEST(ArrowBridge, RefusesAnArrayOfAnotherShape) {
  RecordBatch batch = EveryType(3);
  ArrowArray array;
  ExportBatch(batch, &array);
  EXPECT_FALSE(ImportBatch(&array, MakeSchema({{.name = "one", .type = MakeType(TypeId::kInt64)}})));
}

TEST(Types, ReadTheirOwnSpellingAndSynonyms) {
  for (const Type& type : AllTypes()) {
    Result<Type> parsed = ParseType(type.ToString());
    ASSERT_TRUE(parsed) << type.ToString();
    EXPECT_EQ(*parsed, type);
  }
  EXPECT_EQ(*ParseType("DECIMAL(12, 2)"), MakeDecimal(12, 2));
  for (std::string_view text :
       {"", "decimal(39,0)", "decimal(5,6)", "decimal(0,0)", "decimal(5", "bigint(3)", "blob(", "nope"}) {
    EXPECT_FALSE(ParseType(text)) << text;
  }
}

}  // namespace
}  // namespace nilus
