// The output plugins that a slot may be read through, and what each of them can and cannot do: the one table that
// everything else asks. Names and options: the server's pgoutput.c and contrib/test_decoding, wal2json's README.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "nilus/connectors/postgres/cdc/change_builder.h"
#include "nilus/connectors/postgres/cdc/log_decoder.h"
#include "nilus/connectors/postgres/cdc/prepared_transactions.h"
#include "nilus/connectors/postgres/cdc/transaction_spool.h"

namespace nilus::postgres {

struct CaptureSettings;

// What is asked of the plugin when a stream starts.
struct PluginRequest {
  const CaptureSettings* settings = nullptr;
  bool is_binary = false;          // values in binary, where the plugin knows that
  bool has_exact_numbers = false;  // wal2json 2.6: NaN and the infinities are told from NULL
  // Two-phase, where the plugin knows that: transactions come when they are prepared. Then the stream begins before
  // `from`, where the sink stands. Null: they come when they are committed.
  PreparedTransactions* prepared = nullptr;
  uint64_t from = 0;
};

struct OutputPlugin {
  std::string_view name;
  // A publication says what it sends, under the names of partitioned tables' roots where that is asked for. The others
  // send all tables, partitions under their own names, and rows of tables without a replica identity in part or not at
  // all; so such tables are refused.
  bool has_publication = false;
  bool sends_binary = false;
  bool has_parameters = false;  // slot.stream.params: transactions in progress, and prepared ones
  // It converts texts to the session's encoding. The others send the database's own: UTF8 has to be it.
  bool converts_encoding = false;
  bool takes_any_bytes = false;     // of a database without encoding (SQL_ASCII)
  bool tells_numbers_apart = true;  // else it has to be asked for, and old versions of it refuse
  // In parentheses behind START_REPLICATION, without them.
  std::string (*options)(const PluginRequest& request) = nullptr;
  std::unique_ptr<LogDecoder> (*decoder)(const PluginRequest& request, LayoutSource* layouts, ChangeBuilder* builder,
                                         TransactionSpool* spool) = nullptr;
};

std::span<const OutputPlugin> OutputPlugins();
inline const OutputPlugin* DefaultPlugin() { return &OutputPlugins()[0]; }
// Null: there is none of that name.
const OutputPlugin* FindPlugin(std::string_view name);

// The option of wal2json that makes tells_numbers_apart true: `'numeric-data-types-as-string', 'true'` in SQL.
inline constexpr std::string_view kExactNumbersOption = "numeric-data-types-as-string";

}  // namespace nilus::postgres
