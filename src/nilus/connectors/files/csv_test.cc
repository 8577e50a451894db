#include <gmock/gmock.h>

#include "nilus/connectors/files/row_block.h"
#include "nilus/connectors/files/test_support.h"

namespace nilus::files {
namespace {

using testing::HasSubstr;

// Rows joined for comparison: values in brackets, quoted ones in quotes, NULL as nothing. The same for every chunk
// size.
std::string Tokenize(const std::string& text, CsvOptions options = {}) {
  std::string result;
  for (size_t chunk : {size_t{1}, size_t{2}, size_t{7}, size_t{1000}}) {
    auto tokenizer = MakeCsvTokenizer(BytesFromMemory(text, chunk), options, "f.csv");
    RowBlock block;
    std::string rows;
    while (true) {
      auto status = tokenizer->Next(&block);
      if (!status) {
        rows = status.error().ToString();
        break;
      }
      if (block.num_rows() == 0) {
        std::string header;
        for (const std::string& column : tokenizer->columns()) header += (header.empty() ? "" : ",") + column;
        rows = header + "|" + rows;
        break;
      }
      size_t cell = 0;
      for (size_t end : block.row_ends) {
        for (; cell < end; ++cell) {
          bool quoted = block.cells[cell].kind == CellKind::kQuoted;
          rows += fmt::format("{}={}{}{} ", block.cells[cell].column, quoted ? "'" : "", block.Text(block.cells[cell]),
                              quoted ? "'" : "");
        }
        rows += "/ ";
      }
    }
    if (chunk > 1) {
      EXPECT_EQ(rows, result) << "chunk " << chunk;
    }
    result = rows;
  }
  return result;
}

TEST(Csv, ReadsRfc4180) {
  EXPECT_EQ(Tokenize("a,b\n1,2\n"), "a,b|0=1 1=2 / ");
  EXPECT_EQ(Tokenize("a,b\r\n1,2\r\n3,4"), "a,b|0=1 1=2 / 0=3 1=4 / ");
  EXPECT_EQ(Tokenize("a\rx\ry"), "a|0=x / 0=y / ");
  EXPECT_EQ(Tokenize("a,b\n\"x,y\",\"l1\nl2\"\n"), "a,b|0='x,y' 1='l1\nl2' / ");
  EXPECT_EQ(Tokenize("a,b\n\"say \"\"hi\"\"\",\"\"\n"), "a,b|0='say \"hi\"' 1='' / ");
  EXPECT_EQ(Tokenize("a,b\n,\n"), "a,b|/ ");
  EXPECT_EQ(Tokenize("a,b\n5\" nail,x\n"), "a,b|0=5\" nail 1=x / ");
  EXPECT_EQ(Tokenize("\xEF\xBB\xBF"
                     "a\n1\n"),
            "a|0=1 / ");
  EXPECT_EQ(Tokenize(""), "|");
  EXPECT_EQ(Tokenize("a,b\n"), "a,b|");
}

TEST(Csv, EmptyLinesHoldNothingUnlessThereIsOneColumn) {
  EXPECT_EQ(Tokenize("\na,b\n\n1,2\n\n\n"), "a,b|0=1 1=2 / ");
  EXPECT_EQ(Tokenize("a\n1\n\n2\n"), "a|0=1 / / 0=2 / ");
}

TEST(Csv, ChoosesTheDelimiterOfTheFirstLine) {
  EXPECT_EQ(Tokenize("a;b\n1,5;2\n"), "a,b|0=1,5 1=2 / ");
  EXPECT_EQ(Tokenize("a\tb\n1\t2\n"), "a,b|0=1 1=2 / ");
  EXPECT_EQ(Tokenize("\"x,y,z\"|b\n1|2\n"), "x,y,z,b|0=1 1=2 / ");
  CsvOptions options;
  options.delimiter = ';';
  EXPECT_EQ(Tokenize("a,b\n1,2\n", options), "a,b|0=1,2 / ");
}

TEST(Csv, Options) {
  CsvOptions options;
  options.has_header = false;
  options.null_string = "NA";
  EXPECT_EQ(Tokenize("NA,2\n\"NA\",4\n", options), "column1,column2|1=2 / 0='NA' 1=4 / ");
  options.quote = 0;
  options.null_string = "\\N";
  EXPECT_EQ(Tokenize("\"a,\\N\n", options), "column1,column2|0=\"a / ");
  options.quote = '\'';
  EXPECT_EQ(Tokenize("'a,b',c\n", options), "column1,column2|0='a,b' 1=c / ");
}

TEST(Csv, BlocksOfWideRowsAreBounded) {
  constexpr size_t kColumns = 4000;
  std::string row;
  for (size_t i = 0; i < kColumns; ++i) row += i == 0 ? "1" : ",1";
  std::string text;
  for (int i = 0; i < 300; ++i) text += row + "\n";
  CsvOptions options;
  options.has_header = false;
  auto tokenizer = MakeCsvTokenizer(BytesFromMemory(text, 1 << 16), options, "f.csv");
  RowBlock block;
  size_t rows = 0;
  while (true) {
    ASSERT_TRUE(tokenizer->Next(&block));
    if (block.num_rows() == 0) break;
    EXPECT_LE(block.cells.size(), kBlockCells + kColumns);
    rows += block.num_rows();
  }
  EXPECT_EQ(rows, 300U);
}

TEST(Csv, RowsThatMemoryCannotHoldAreRefused) {
  constexpr size_t kLargest = 1 << 20;
  auto outcome = [](const std::string& text) {
    auto tokenizer = MakeCsvTokenizer(BytesFromMemory(text, 1 << 16), {}, "f.csv", kLargest);
    RowBlock block;
    Status status = tokenizer->Next(&block);
    return status ? "ok" : status.error().ToString();
  };
  std::string half(kLargest / 2 + 1, 'x');
  EXPECT_EQ(outcome("a,b\n" + half + ",1\n"), "ok");
  EXPECT_THAT(outcome("a,b\n" + half + "," + half + "\n"), HasSubstr("line 2, column 2 (b): the row"));
  std::string unclosed = "a,b\n1,\"open\n";
  while (unclosed.size() < 3 * kLargest) unclosed += "2,3\n";
  EXPECT_THAT(outcome(unclosed), HasSubstr("line 2, column 2 (b): the row that begins in line 2 has more than"));
  EXPECT_THAT(outcome(unclosed), HasSubstr("quote that is never closed"));
}

TEST(Csv, MemoryOfAHugeRowIsGivenBack) {
  std::string text = "a\n" + std::string(100 << 20, 'x') + "\ny\n";
  auto tokenizer = MakeCsvTokenizer(BytesFromMemory(text, 1 << 16), {}, "f.csv", LargestRowBytes(64 << 20));
  RowBlock block;
  ASSERT_TRUE(tokenizer->Next(&block));
  ASSERT_EQ(block.num_rows(), 1U);
  EXPECT_EQ(block.bytes.size(), size_t{100} << 20);
  ASSERT_TRUE(tokenizer->Next(&block));
  EXPECT_EQ(block.bytes, "y");
  EXPECT_LE(block.bytes.capacity(), 4 * kBlockBytes);
}

TEST(Csv, SaysWhereItIsMalformed) {
  EXPECT_THAT(Tokenize("a,b\n1,2\n3\n"), HasSubstr("f.csv, line 3: the row has 1 values, but the first line has 2"));
  EXPECT_THAT(Tokenize("a,b\n1,2,3\n"), HasSubstr("f.csv, line 2: the row has 3 values"));
  EXPECT_THAT(Tokenize("a,b\n\"x\ny\",2\n1\n"), HasSubstr("line 4"));
  EXPECT_THAT(Tokenize("a,b\n1,\"open\n2,3\n"),
              HasSubstr("f.csv, line 2, column 2 (b): the quote that opens here is never closed"));
  EXPECT_THAT(Tokenize("a,b\n\"x\"y,2\n"), HasSubstr("line 2, column 1 (a): text follows the closing quote"));
  EXPECT_THAT(Tokenize("a,b\n1,2\n1,caf\xe9\n"), HasSubstr("line 3, column 2 (b): the value is not valid UTF-8"));
  EXPECT_THAT(Tokenize("a,a\n1,2\n"), HasSubstr("two columns called 'a'"));
  EXPECT_THAT(Tokenize("\xFF\xFE"
                       "a\0"),
              HasSubstr("UTF-16"));
}

using CsvFiles = FolderTest;

TEST_F(CsvFiles, UnitesColumnsOfSeveralFilesByName) {
  Put("1.csv", "a,b\n1,x\n");
  Put("2.csv", "b,c\ny,2.5\n");
  auto read = ReadAll(Path("*.csv"), "t");
  ASSERT_OK(read);
  EXPECT_EQ(read->Columns(), "a:bigint b:text c:double");
  EXPECT_EQ(read->rows, (std::vector<Row>{{"1", "x", std::nullopt}, {std::nullopt, "y", "2.5"}}));
}

TEST_F(CsvFiles, OneMisfitAtTheVeryEndDecidesTheType) {
  std::string text = "id\n";
  for (int i = 0; i < 300'000; ++i) text += std::to_string(i) + "\n";
  Put("a.csv", text + "007\n");
  auto read = ReadAll(Path("a.csv"), "t");
  ASSERT_OK(read);
  EXPECT_EQ(read->Columns(), "id:text");
  EXPECT_EQ(read->rows.back()[0], "007");
  EXPECT_EQ(read->rows.size(), 300'001U);
}

TEST_F(CsvFiles, ErrorsAreOfTheDataAndNothingIsSkipped) {
  Put("a.csv", "a,b\n1,2\n3\n");
  EXPECT_THAT(ReadError(Path("a.csv"), "t"), HasSubstr("data"));
}

TEST_F(CsvFiles, QuotedEmptyIsTextWhereTheColumnIsText) {
  Put("a.csv", "n,t\n1,\"\"\n\"\",x\n,\n");
  auto read = ReadAll(Path("a.csv"), "t");
  ASSERT_OK(read);
  EXPECT_EQ(read->Columns(), "n:bigint t:text");
  EXPECT_EQ(read->rows, (std::vector<Row>{{"1", ""}, {std::nullopt, "x"}, {std::nullopt, std::nullopt}}));
}

TEST_F(CsvFiles, HugeValue) {
  std::string big(20 << 20, 'x');
  Put("a.csv", "a,b\n1," + big + "\n2,y\n");
  auto read = ReadAll(Path("a.csv"), "t");
  ASSERT_OK(read);
  ASSERT_EQ(read->rows.size(), 2U);
  EXPECT_EQ(read->rows[0][1], big);
}

}  // namespace
}  // namespace nilus::files
