// What holds for the nesting stage whatever the documents: every value is found again in exactly one place, and nothing
// depends on the order, grouping or splitting of the rows.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"
#include "nilus/json/column.h"
#include "nilus/json/random_json_test.h"
#include "nilus/rows/unnest.h"

namespace nilus {
namespace {

using json::Kind;

// Where each value that is neither null nor nested stands: "r0.doc.a[1].b" → as written.
using Leaves = std::multimap<std::string, std::string>;

void AddLeaves(json::Scanner* scanner, const std::string& path, Leaves* leaves) {
  scanner->SkipSpace();
  if (scanner->Peek() == '{') {
    json::ReadFields(scanner, [&](const json::Value& key) {
      std::string scratch;
      AddLeaves(scanner, path + "." + std::string(json::Meaning(key, &scratch)), leaves);
      return true;
    });
  } else if (scanner->Peek() == '[') {
    int index = 0;
    json::ReadElements(scanner, [&] {
      AddLeaves(scanner, path + "[" + std::to_string(index++) + "]", leaves);
      return true;
    });
  } else {
    json::Value value;
    ASSERT_TRUE(scanner->ReadValue(&value));
    if (value.kind != Kind::kNull) leaves->emplace(path, std::string(value.written()));
  }
}

void AddLeaves(std::string_view text, const std::string& path, Leaves* leaves) {
  json::Scanner scanner(text);
  AddLeaves(&scanner, path, leaves);
}

// The value in a column of the type, as its canonical text.
std::string InColumn(const std::string& written, const Type& type) {
  json::Scanner scanner(written);
  json::Value value;
  ColumnBuilder builder(type);
  if (!scanner.ReadValue(&value) || !json::AppendValue(value, &builder)) return "no " + type.ToString();
  std::string text;
  AppendCellText(builder.Finish(), 0, &text);
  return text;
}

struct Document {
  std::string id;
  std::string text;
};

// Whatever the size of the test case.
int Below(int end) { return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0, end)); }

// A value whose kind mostly depends on where it stands, as in real documents. One in `alike` may be anything.
std::string AlikeValue(int seed, int alike, const std::string& place, int depth) {
  if (Below(alike) == 0) return json::AnyValue(depth);
  const size_t kind = std::hash<std::string>()(place + std::to_string(seed)) % (place.empty() ? 5 : 7);
  if (depth == 0 || kind >= 5) {
    if (Below(6) == 0) return "null";
    const std::vector<std::string> scalars = kind % 2 == 0 ? std::vector<std::string>{"1", "-20", "9007199254740993"}
                                                           : std::vector<std::string>{"\"x\"", "\"\"", "\"\\u00e9\""};
    return *rc::gen::elementOf(scalars);
  }
  std::string text;
  if (kind <= 1) {
    for (int i = Below(4); i > 0; --i)
      text += (text.empty() ? "" : ",") + AlikeValue(seed, alike, place + "[]", depth - 1);
    return "[" + text + "]";
  }
  for (const char* key : {"a", "b", "c"}) {
    if (Below(3) == 0) continue;
    text += std::string(text.empty() ? "" : ",") + "\"" + key + "\":" + AlikeValue(seed, alike, place + key, depth - 1);
  }
  return "{" + text + "}";
}

std::vector<Document> AnyDocuments() {
  std::vector<Document> documents;
  const int seed = Below(1000);
  const int alike = *rc::gen::element(4, 20, 150);
  for (int i = Below(7); i > 0; --i)
    documents.push_back({"r" + std::to_string(i), Below(8) == 0 ? "" : AlikeValue(seed, alike, "", 5)});
  return documents;
}

RecordBatch Batch(const std::vector<Document>& documents) {
  auto schema =
      std::make_shared<Schema>(Schema{{Field{.name = "doc", .type = MakeType(TypeId::kJson)},
                                       Field{.name = std::string(kRowIdColumn), .type = MakeType(TypeId::kText)}}});
  BatchBuilder builder(schema);
  for (const Document& document : documents) {
    document.text.empty() ? builder.column(0).AppendNull() : builder.column(0).AppendBytes(document.text);
    builder.column(1).AppendBytes(document.id);
    builder.FinishRow();
  }
  return builder.Finish();
}

struct Outcome {
  std::vector<UnnestTable> tables;
  std::vector<std::vector<RecordBatch>> batches;
  std::vector<std::string> kept_whole;
};

Outcome Unnest(const std::vector<std::vector<Document>>& groups, const UnnestOptions& options) {
  NestingSurvey survey(options);
  for (const auto& group : groups) {
    NestingSurvey part(options);
    RC_ASSERT(part.Observe(Batch(group)).has_value());
    RC_ASSERT(survey.Merge(part).has_value());
  }
  auto plan = UnnestPlan::Create(*Batch({}).schema(), survey, options);
  if (!plan) RC_FAIL(plan.error().message);
  Outcome outcome{.tables = (*plan)->tables(), .batches = {}, .kept_whole = (*plan)->kept_whole()};
  outcome.batches.resize(outcome.tables.size());
  Unnester unnester(*plan);
  for (const auto& group : groups) {
    Status status = unnester.Unnest(Batch(group), [&](int table, RecordBatch batch) {
      outcome.batches[static_cast<size_t>(table)].push_back(std::move(batch));
      return Status();
    });
    if (!status) RC_FAIL(status.error().message);
  }
  return outcome;
}

// Where a column of a table belongs: its row's place and the way from there.
std::string PlaceOf(const std::string& row, const std::string& column, bool is_parent) {
  if (!is_parent && column == "value") return row;
  std::string place = row;
  for (size_t begin = 0; begin <= column.size();) {
    const size_t end = std::min(column.find("__", begin), column.size());
    place += "." + column.substr(begin, end - begin);
    begin = end + 2;
  }
  return place;
}

// Every value of the outcome at the place that it came from, its type before it.
std::map<std::string, std::pair<Type, std::string>> PlacesOf(const Outcome& outcome, Leaves* whole) {
  std::map<std::string, std::pair<Type, std::string>> values;
  std::map<std::string, std::string> rows;  // id → place
  for (size_t t = 0; t < outcome.tables.size(); ++t) {
    const UnnestTable& table = outcome.tables[t];
    for (const RecordBatch& batch : outcome.batches[t]) {
      const auto id = static_cast<int>(*batch.schema()->Find(kRowIdColumn));
      for (int64_t row = 0; row < batch.num_rows(); ++row) {
        std::string place(batch.column(id).BytesValue(row));
        if (t > 0) {
          const std::string& above = outcome.tables[static_cast<size_t>(table.parent)].path;
          const std::string steps = table.path.substr(above.size(), table.path.size() - above.size() - 2);
          place = rows.at(std::string(batch.column(1).BytesValue(row))) + steps + "[" +
                  std::to_string(batch.column(3).Value<int64_t>(row)) + "]";
        }
        RC_ASSERT(rows.emplace(std::string(batch.column(id).BytesValue(row)), place).second);
        for (int i = 0; i < batch.schema()->size(); ++i) {
          const Field& field = batch.schema()->fields[static_cast<size_t>(i)];
          if (field.name.starts_with("_nilus") || batch.column(i).IsNull(row)) continue;
          std::string text;
          AppendCellText(batch.column(i), row, &text);
          const std::string at = PlaceOf(place, field.name, t == 0);
          if (field.type.id == TypeId::kJson) {
            AddLeaves(text, at, whole);
          } else {
            RC_ASSERT(values.emplace(at, std::make_pair(field.type, text)).second);
          }
        }
      }
    }
  }
  return values;
}

UnnestOptions AnyOptions() {
  return {.table = "t",
          .max_nesting = 1 + Below(4),
          .naming = NamingStyle::kDirect,
          .page_rows = *rc::gen::inRange(1, 5),
          .batch_bytes = *rc::gen::element<int64_t>(1, 200, 1 << 20)};
}

RC_GTEST_PROP(UnnestProperties, EveryValueIsFoundAgainInExactlyOnePlace, ()) {
  const std::vector<Document> documents = AnyDocuments();
  Leaves expected;
  for (const Document& document : documents) {
    if (!document.text.empty()) AddLeaves(document.text, document.id + ".doc", &expected);
  }
  Leaves found;
  const Outcome outcome = Unnest({documents}, AnyOptions());
  const auto typed = PlacesOf(outcome, &found);
  RC_CLASSIFY(outcome.tables.size() > 2);
  RC_CLASSIFY(typed.size() > 10);
  Leaves rest;
  for (const auto& [place, written] : expected) {
    const auto value = typed.find(place);
    if (value == typed.end()) {
      rest.emplace(place, written);
      continue;
    }
    RC_ASSERT(expected.count(place) == 1U);
    RC_ASSERT(InColumn(written, value->second.first) == value->second.second);
  }
  RC_ASSERT(rest.size() + typed.size() == expected.size());
  // An object that names a key twice holds two values at one place: in their order, on both sides.
  RC_ASSERT(rest == found);
}

// Where values stand: "table row column" of all that are not NULL.
std::set<std::string> CellsOf(const Outcome& outcome) {
  std::set<std::string> cells;
  for (size_t t = 0; t < outcome.tables.size(); ++t) {
    for (const RecordBatch& batch : outcome.batches[t]) {
      const int id = *batch.schema()->Find(kRowIdColumn);
      for (int64_t row = 0; row < batch.num_rows(); ++row) {
        for (int i = 0; i < batch.schema()->size(); ++i) {
          if (batch.column(i).IsNull(row)) continue;
          cells.insert(fmt::format("{} {} {}", outcome.tables[t].name, batch.column(id).BytesValue(row),
                                   batch.schema()->fields[static_cast<size_t>(i)].name));
        }
      }
    }
  }
  return cells;
}

RC_GTEST_PROP(UnnestProperties, WhereAValueGoesHangsOnThatValueAlone, ()) {
  const std::vector<Document> documents = AnyDocuments();
  const UnnestOptions options = AnyOptions();
  const Outcome together = Unnest({documents}, options);
  RC_PRE(together.kept_whole.empty());
  std::set<std::string> alone;
  for (const Document& document : documents) alone.merge(CellsOf(Unnest({{document}}, options)));
  RC_CLASSIFY(together.tables.size() > 2);
  RC_ASSERT(CellsOf(together) == alone);
}

std::vector<std::string> Describe(const Outcome& outcome) {
  std::vector<std::string> lines;
  for (size_t t = 0; t < outcome.tables.size(); ++t) {
    std::string head = outcome.tables[t].name;
    for (const Field& field : outcome.tables[t].schema.fields) head += " " + field.name + ":" + field.type.ToString();
    lines.push_back(head);
    for (const RecordBatch& batch : outcome.batches[t]) {
      for (int64_t row = 0; row < batch.num_rows(); ++row) {
        std::string line = outcome.tables[t].name + ":";
        for (const Column& column : batch.columns()) {
          line += column.IsNull(row) ? "-" : "=";
          if (!column.IsNull(row)) AppendCellText(column, row, &line);
          line += "|";
        }
        lines.push_back(line);
      }
    }
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

RC_GTEST_PROP(UnnestProperties, OrderGroupingAndBatchesChangeNothing, ()) {
  std::vector<Document> documents = AnyDocuments();
  UnnestOptions options = AnyOptions();
  const auto expected = Describe(Unnest({documents}, options));
  for (size_t i = documents.size(); i > 1; --i)
    std::swap(documents[i - 1], documents[static_cast<size_t>(*rc::gen::inRange<int>(0, static_cast<int>(i)))]);
  std::vector<std::vector<Document>> groups;
  for (const Document& document : documents) {
    if (groups.empty() || *rc::gen::arbitrary<bool>()) groups.emplace_back();
    groups.back().push_back(document);
  }
  options.page_rows = *rc::gen::inRange(1, 100);
  options.batch_bytes = 1 << 20;
  RC_ASSERT(Describe(Unnest(groups, options)) == expected);
}

}  // namespace
}  // namespace nilus
