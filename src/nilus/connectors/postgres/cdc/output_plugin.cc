#include "nilus/connectors/postgres/cdc/output_plugin.h"

#include <algorithm>
#include <array>

#include "nilus/base/encoding.h"
#include "nilus/connectors/postgres/cdc/capture_settings.h"
#include "nilus/connectors/postgres/cdc/pgoutput_decoder.h"
#include "nilus/connectors/postgres/cdc/test_decoding_decoder.h"
#include "nilus/connectors/postgres/cdc/wal2json_decoder.h"

namespace nilus::postgres {
namespace {

// Transactions in progress (protocol 2) and prepared ones (protocol 3) are sent only where it was asked for: else the
// server holds the former on its own disk, which makes one copy less, and the latter come when they are committed.
std::string PgoutputOptions(const PluginRequest& request) {
  const CaptureSettings& settings = *request.settings;
  std::string options = request.prepared != nullptr    ? "proto_version '3', two_phase 'on', "
                        : settings.streams_in_progress ? "proto_version '2', "
                                                       : "proto_version '1', ";
  if (settings.streams_in_progress) options += "streaming 'on', ";
  // The replication protocol's literals know no E'…'.
  options += "publication_names " + QuoteDoubled(QuoteIdentifier(settings.publication), '\'');
  if (request.is_binary) options += ", binary 'true'";
  return options;
}

std::unique_ptr<LogDecoder> MakePgoutput(const PluginRequest& request, LayoutSource* layouts, ChangeBuilder* builder,
                                         TransactionSpool* spool) {
  const bool needs_spool = request.settings->streams_in_progress || request.prepared != nullptr;
  return std::make_unique<PgoutputDecoder>(layouts, builder, needs_spool ? spool : nullptr, request.prepared,
                                           request.prepared != nullptr ? request.from : 0);
}

// Types come as OIDs: their names are written as invalid JSON where they hold quotes (wal2json up to 2.6).
std::string Wal2JsonOptions(const PluginRequest& request) {
  std::string options =
      "\"format-version\" '2', \"include-xids\" 'true', \"include-timestamp\" 'true', \"include-lsn\" 'true', "
      "\"include-types\" 'false', \"include-type-oids\" 'true'";
  if (request.has_exact_numbers) options += ", \"" + std::string(kExactNumbersOption) + "\" 'true'";
  return options;
}

std::unique_ptr<LogDecoder> MakeWal2Json(const PluginRequest& request, LayoutSource* layouts, ChangeBuilder* builder,
                                         TransactionSpool*) {
  return std::make_unique<Wal2JsonDecoder>(layouts, builder, request.has_exact_numbers);
}

std::string TestDecodingOptions(const PluginRequest&) {
  return "\"include-xids\" 'true', \"include-timestamp\" 'true'";
}

std::unique_ptr<LogDecoder> MakeTestDecoding(const PluginRequest&, LayoutSource* layouts, ChangeBuilder* builder,
                                             TransactionSpool* spool) {
  return std::make_unique<TestDecodingDecoder>(layouts, builder, spool);
}

constexpr std::array<OutputPlugin, 3> kPlugins = {{
    {.name = "pgoutput",
     .has_publication = true,
     .sends_binary = true,
     .has_parameters = true,
     .converts_encoding = true,
     .takes_any_bytes = true,
     .options = PgoutputOptions,
     .decoder = MakePgoutput},
    {.name = "wal2json", .tells_numbers_apart = false, .options = Wal2JsonOptions, .decoder = MakeWal2Json},
    {.name = "test_decoding", .takes_any_bytes = true, .options = TestDecodingOptions, .decoder = MakeTestDecoding},
}};

}  // namespace

std::span<const OutputPlugin> OutputPlugins() { return kPlugins; }

const OutputPlugin* FindPlugin(std::string_view name) {
  auto found =
      std::find_if(kPlugins.begin(), kPlugins.end(), [&](const OutputPlugin& plugin) { return plugin.name == name; });
  return found == kPlugins.end() ? nullptr : &*found;
}

}  // namespace nilus::postgres
