// For tests, fuzzers and benchmarks of the pgoutput decoder: layouts without a catalog, captured streams, and messages
// written by hand.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nilus/connectors/postgres/cdc/pgoutput_decoder.h"
#include "nilus/connectors/postgres/wire_values.h"

namespace nilus::postgres {

// Every table but those named hidden… is captured, with types by their OID alone.
class PlainLayouts : public LayoutSource {
 public:
  Result<Answer> LayoutOf(const LogRelation& relation) override {
    if (relation.name.starts_with("hidden")) return Answer{};
    CapturedTable table;
    table.schema = relation.schema;
    table.name = relation.name;
    table.has_full_old_rows = relation.identity == 'f';
    std::vector<CatalogColumn> columns;
    for (const RelationColumn& column : relation.columns) {
      CatalogColumn catalog;
      catalog.name = column.name;
      catalog.type.oid = column.type;
      catalog.type.typmod = column.typmod;
      catalog.type.schema = "pg_catalog";
      catalog.type.name = "t";
      if (column.is_key && relation.identity != 'f') table.key.emplace_back(column.name);
      columns.push_back(std::move(catalog));
    }
    const std::vector<bool> captured(columns.size(), true);
    return Answer{std::make_shared<TableLayout>(MakeLayout(std::move(table), columns, captured)), true, {}};
  }

  // Of plugins that write names: the first column is the key, tables named Full… have a full identity, and the
  // catalog's columns are those of `now`.
  bool Captures(std::string_view, std::string_view name) const override { return !name.starts_with("hidden"); }
  Result<std::vector<NamedColumn>> ColumnsNow(const std::string&, const std::string& name) override {
    ++asked;
    auto found = now.find(name);
    return found == now.end() ? std::vector<NamedColumn>() : found->second;
  }
  Result<Answer> LayoutOf(const NamedRelation& named) override {
    LogRelation relation;
    relation.schema = named.schema;
    relation.name = named.name;
    relation.identity = named.name.starts_with("Full") ? 'f' : 'd';
    for (const NamedColumn& column : named.columns) {
      uint32_t type = column.type_oid;
      if (type == 0) {
        type = column.type == "integer"                    ? oid::kInt4
               : column.type == "numeric"                  ? oid::kNumeric
               : column.type == "timestamp with time zone" ? oid::kTimestampTz
                                                           : oid::kText;
      }
      relation.columns.push_back({column.name == named.columns[0].name, column.name, type, -1, false});
    }
    return LayoutOf(relation);
  }
  std::map<std::string, std::vector<NamedColumn>> now;
  int asked = 0;
};

struct CapturedMessage {
  uint64_t lsn = 0;
  std::string bytes;
};

// A capture as corpus/ keeps it: LSN (8 bytes), length (4 bytes), message; what is cut short at the end is left out.
inline std::vector<CapturedMessage> SplitCapture(std::string_view bytes) {
  std::vector<CapturedMessage> messages;
  while (bytes.size() >= 12) {
    const auto* at = reinterpret_cast<const uint8_t*>(bytes.data());
    const uint32_t size = LoadBig32(at + 8);
    if (size > bytes.size() - 12) break;
    messages.push_back({LoadBig64(at), std::string(bytes.substr(12, size))});
    bytes.remove_prefix(12 + size);
  }
  return messages;
}

// Messages as the server writes them.
class MessageWriter {
 public:
  explicit MessageWriter(char type) { bytes_.push_back(type); }
  MessageWriter& Byte(int value) {
    bytes_.push_back(static_cast<char>(value));
    return *this;
  }
  MessageWriter& Int16(uint16_t value) { return Big(value, 2); }
  MessageWriter& Int32(uint32_t value) { return Big(value, 4); }
  MessageWriter& Int64(uint64_t value) { return Big(value, 8); }
  MessageWriter& Text(std::string_view text) {
    bytes_ += text;
    bytes_.push_back('\0');
    return *this;
  }
  MessageWriter& Value(std::string_view text, char kind = 't') {
    bytes_.push_back(kind);
    Int32(static_cast<uint32_t>(text.size()));
    bytes_ += text;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  MessageWriter& Big(uint64_t value, int size) {
    for (int i = size - 1; i >= 0; --i) bytes_.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
    return *this;
  }
  std::string bytes_;
};

inline std::string BeginMessage(uint64_t commit_lsn, uint32_t xid = 1) {
  return MessageWriter('B').Int64(commit_lsn).Int64(0).Int32(xid).bytes();
}
inline std::string CommitMessage(uint64_t commit_lsn, uint64_t end_lsn) {
  return MessageWriter('C').Byte(0).Int64(commit_lsn).Int64(end_lsn).Int64(0).bytes();
}
// Table public.<name> with these columns (name, type), the first of which is the key.
inline std::string RelationMessage(uint32_t relation, std::string_view name,
                                   const std::vector<std::pair<std::string, uint32_t>>& columns) {
  MessageWriter message('R');
  message.Int32(relation).Text("public").Text(name).Byte('d').Int16(static_cast<uint16_t>(columns.size()));
  for (const auto& [column, type] : columns) {
    message.Byte(column == columns.front().first ? 1 : 0).Text(column).Int32(type).Int32(0xFFFFFFFF);
  }
  return message.bytes();
}

}  // namespace nilus::postgres
