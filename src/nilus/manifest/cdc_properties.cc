// The properties of change data capture in Debezium's vocabulary (spec 05): those with a meaning here, those that
// Debezium knows and that mean nothing here (accepted with a notice), and everything else (an error with the nearest
// name). Names: Debezium 2.x/3.x documentation of the PostgreSQL, MySQL, SQL Server, MongoDB and Db2 connectors.
#include <algorithm>
#include <array>

#include "nilus/base/redact.h"
#include "nilus/manifest/option_readers.h"

namespace nilus {
namespace {

struct Property {
  std::string_view name;
  OptionType type = OptionType::kText;
  std::string_view choices = {};
};

constexpr Property kMeaningful[] = {
    {"topic.prefix"},
    {"table.include.list"},
    {"table.exclude.list"},
    {"schema.include.list"},
    {"schema.exclude.list"},
    {"database.include.list"},
    {"database.exclude.list"},
    {"collection.include.list"},
    {"collection.exclude.list"},
    {"column.include.list"},
    {"column.exclude.list"},
    {"field.exclude.list"},
    {"slot.name"},
    {"slot.drop.on.stop", OptionType::kBoolean},
    {"slot.failover", OptionType::kBoolean},
    {"slot.stream.params"},
    {"publication.name"},
    {"publication.autocreate.mode", OptionType::kChoice, "all_tables|disabled|filtered"},
    {"plugin.name", OptionType::kChoice, "pgoutput|wal2json|test_decoding|decoderbufs"},
    {"snapshot.mode", OptionType::kChoice,
     "initial|always|initial_only|no_data|schema_only|when_needed|never|recovery|schema_only_recovery|configuration_"
     "based"},
    {"snapshot.mode.configuration.based.snapshot.data", OptionType::kBoolean},
    {"snapshot.mode.configuration.based.snapshot.schema", OptionType::kBoolean},
    {"snapshot.mode.configuration.based.start.stream", OptionType::kBoolean},
    {"snapshot.mode.configuration.based.snapshot.on.schema.error", OptionType::kBoolean},
    {"snapshot.mode.configuration.based.snapshot.on.data.error", OptionType::kBoolean},
    {"snapshot.max.threads", OptionType::kInteger},
    {"snapshot.fetch.size", OptionType::kInteger},
    {"snapshot.include.collection.list"},
    {"max.batch.size", OptionType::kInteger},
    {"max.queue.size", OptionType::kInteger},
    {"max.queue.size.in.bytes", OptionType::kInteger},
    {"poll.interval.ms", OptionType::kInteger},
    {"heartbeat.interval.ms", OptionType::kInteger},
    {"heartbeat.action.query"},
    {"topic.heartbeat.prefix"},
    {"decimal.handling.mode", OptionType::kChoice, "precise|double|string"},
    {"time.precision.mode", OptionType::kChoice,
     "adaptive|adaptive_time_microseconds|connect|isostring|microseconds|nanoseconds"},
    {"binary.handling.mode", OptionType::kChoice, "bytes|base64|base64-url-safe|hex"},
    {"include.unknown.datatypes", OptionType::kBoolean},
    {"include.schema.changes", OptionType::kBoolean},
    {"tombstones.on.delete", OptionType::kBoolean},
    {"skipped.operations"},
    {"signal.data.collection"},
    {"server.id", OptionType::kInteger},
    {"capture.mode", OptionType::kChoice,
     "change_streams|change_streams_update_full|change_streams_with_pre_image|change_streams_update_full_with_pre_"
     "image"},
    {"transforms"},
};

// Accepted, without effect.
constexpr std::string_view kWithoutEffect[] = {
    "name",
    "connector.class",
    "tasks.max",
    "database.hostname",
    "database.port",
    "database.user",
    "database.password",
    "database.dbname",
    "database.names",
    "database.server.name",
    "database.server.id",
    "database.instance",
    "database.sslmode",
    "database.sslcert",
    "database.sslkey",
    "database.sslpassword",
    "database.sslrootcert",
    "database.sslfactory",
    "database.tcpKeepAlive",
    "database.initial.statements",
    "database.query.timeout.ms",
    "database.ssl.mode",
    "database.ssl.keystore",
    "database.ssl.keystore.password",
    "database.ssl.truststore",
    "database.ssl.truststore.password",
    "database.protocol",
    "database.encrypt",
    "database.trustServerCertificate",
    "mongodb.connection.string",
    "mongodb.user",
    "mongodb.password",
    "mongodb.hosts",
    "mongodb.authsource",
    "mongodb.ssl.enabled",
    "mongodb.ssl.invalid.hostname.allowed",
    "mongodb.connect.timeout.ms",
    "mongodb.socket.timeout.ms",
    "mongodb.server.selection.timeout.ms",
    "mongodb.poll.interval.ms",
    "mongodb.heartbeat.frequency.ms",
    "slot.max.retries",
    "slot.retry.delay.ms",
    "status.update.interval.ms",
    "xmin.fetch.interval.ms",
    "publish.via.partition.root",
    "replica.identity.autoset.values",
    "lsn.flush.mode",
    "lsn.flush.timeout.ms",
    "flush.lsn.source",
    "read.only",
    "replica.autoset.type",
    "schema.refresh.mode",
    "unavailable.value.placeholder",
    "hstore.handling.mode",
    "interval.handling.mode",
    "money.fraction.digits",
    "bigint.unsigned.handling.mode",
    "inconsistent.schema.handling.mode",
    "enable.time.adjuster",
    "connect.timeout.ms",
    "connect.keep.alive",
    "connect.keep.alive.interval.ms",
    "use.nongraceful.disconnect",
    "gtid.source.includes",
    "gtid.source.excludes",
    "gtid.source.filter.dml.events",
    "binlog.buffer.size",
    "include.query",
    "event.deserialization.failure.handling.mode",
    "event.processing.failure.handling.mode",
    "event.converting.failure.handling.mode",
    "table.ignore.builtin",
    "min.row.count.to.stream.results",
    "snapshot.locking.mode",
    "snapshot.locking.mode.custom.name",
    "snapshot.query.mode",
    "snapshot.query.mode.custom.name",
    "snapshot.mode.custom.name",
    "snapshot.delay.ms",
    "snapshot.lock.timeout.ms",
    "snapshot.isolation.mode",
    "snapshot.tables.order.by.row.count",
    "snapshot.new.tables",
    "snapshot.select.statement.overrides",
    "snapshot.custom.class",
    "snapshot.database.errors.max.retries",
    "snapshot.max.threads.multiplier",
    "snapshot.collection.filter.overrides",
    "snapshot.include.collection.list.order",
    "streaming.delay.ms",
    "streaming.fetch.size",
    "incremental.snapshot.chunk.size",
    "incremental.snapshot.allow.schema.changes",
    "incremental.snapshot.watermarking.strategy",
    "data.query.mode",
    "max.iteration.transactions",
    "cdc.control.schema",
    "cdc.change.tables.schema",
    "z.stop.lsn",
    "source.timestamp.mode",
    "source.struct.version",
    "column.propagate.source.type",
    "datatype.propagate.source.type",
    "message.key.columns",
    "converters",
    "provide.transaction.metadata",
    "topic.transaction",
    "topic.naming.strategy",
    "topic.delimiter",
    "topic.cache.size",
    "transaction.metadata.factory",
    "transaction.boundary.interval.ms",
    "schema.name.adjustment.mode",
    "field.name.adjustment.mode",
    "field.renames",
    "sanitize.field.names",
    "event.processing.order",
    "retriable.restart.connector.wait.ms",
    "errors.max.retries",
    "errors.retry.delay.initial.ms",
    "errors.retry.delay.max.ms",
    "errors.tolerance",
    "errors.log.enable",
    "errors.log.include.messages",
    "notification.enabled.channels",
    "notification.sink.topic.name",
    "signal.enabled.channels",
    "signal.kafka.topic",
    "signal.kafka.bootstrap.servers",
    "signal.kafka.groupId",
    "signal.kafka.poll.timeout.ms",
    "signal.file",
    "signal.poll.interval.ms",
    "message.prefix.include.list",
    "message.prefix.exclude.list",
    "logical_decoding_message.prefix.include.list",
    "logical_decoding_message.prefix.exclude.list",
    "schema.history.internal",
    "include.schema.comments",
    "skip.messages.without.change",
    "table.whitelist",
    "table.blacklist",
    "database.whitelist",
    "database.blacklist",
    "schema.whitelist",
    "schema.blacklist",
    "collection.whitelist",
    "collection.blacklist",
    "column.whitelist",
    "column.blacklist",
    "cursor.max.await.time.ms",
    "cursor.oversize.handling.mode",
    "cursor.oversize.skip.threshold",
    "cursor.pipeline",
    "cursor.pipeline.order",
    "capture.scope",
    "capture.target",
    "capture.mode.full.update.type",
    "offset.mismatch.strategy",
    "guardrail.collections.max",
    "guardrail.collections.limit.action",
    "extended.headers.enabled",
    "openlineage.integration.enabled",
    "key.converter",
    "value.converter",
    "header.converter",
    "offset.storage",
    "internal.key.converter",
    "internal.value.converter",
    "predicates",
    "executor.shutdown.timeout.ms",
    "record.processing.threads",
    "record.processing.order",
    "snapshot.scan.all.columns.force",
    "vitess.keyspace",
    "statistics.metrics.enabled",
    "advanced.metrics.enable",
};

// Families: any name that begins so.
constexpr std::string_view kMeaningfulFamilies[] = {"transforms."};
constexpr std::string_view kFamiliesWithoutEffect[] = {
    "schema.history.internal.",
    "database.history.",
    "offset.storage.",
    "offset.flush.",
    "offset.commit.",
    "driver.",
    "column.truncate.to.",
    "column.mask.with.",
    "column.mask.hash.",
    "snapshot.select.statement.overrides.",
    "custom.metric.",
    "key.converter.",
    "value.converter.",
    "header.converter.",
    "predicates.",
    "producer.",
    "consumer.",
    "producer.override.",
    "consumer.override.",
    "signal.consumer.",
    "signal.kafka.",
    "topic.creation.",
    "errors.deadletterqueue.",
    "debezium.",
    "internal.",
    "openlineage.",
    "cursor.",
    "snapshot.query.mode.custom.",
    "database.jdbc.",
    "database.ssl.",
    "converter.",
};

constexpr size_t kMostUnknown = 50;  // reported one by one; the rest are counted

template <size_t N>
bool InFamily(std::string_view name, const std::string_view (&families)[N]) {
  return std::any_of(std::begin(families), std::end(families),
                     [&](std::string_view family) { return name.size() > family.size() && name.starts_with(family); });
}

bool IsTopicPrefix(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  });
}

void CheckValue(MapReader& properties, const Property& property, const std::string& text) {
  OptionSpec spec;
  spec.name = property.name;
  spec.type = property.type;
  spec.choices = property.choices;
  OptionValues ignored;
  if (auto status = SetOption(spec, text, ignored); !status)
    properties.Add(property.name, status.error().message, status.error().fix);
  if (property.type == OptionType::kInteger) {
    if (auto number = ParseInteger(text); number && *number < 0)
      properties.Add(property.name, text + " is out of range", "write 0 or more");
  }
  if (property.name == "topic.prefix" && !IsTopicPrefix(text)) {
    properties.Add(property.name, Shown(text) + " is not a prefix", "use letters, digits, '.', '-' and '_' only");
  }
}

}  // namespace

std::map<std::string, std::string> ReadCdcProperties(MapReader& properties) {
  std::map<std::string, std::string> values;
  std::vector<std::string_view> names;
  for (const Property& property : kMeaningful) names.push_back(property.name);
  names.insert(names.end(), std::begin(kWithoutEffect), std::end(kWithoutEffect));
  size_t unknown = 0;
  for (const std::string& key : properties.Unread()) {
    auto known =
        std::find_if(std::begin(kMeaningful), std::end(kMeaningful), [&](const Property& p) { return p.name == key; });
    bool meaningful = known != std::end(kMeaningful) || InFamily(key, kMeaningfulFamilies);
    bool without_effect =
        std::find(std::begin(kWithoutEffect), std::end(kWithoutEffect), key) != std::end(kWithoutEffect) ||
        InFamily(key, kFamiliesWithoutEffect);
    // A list may be written as one.
    std::vector<std::string> list = properties.TextList(key);
    std::string text;
    for (const std::string& item : list) text += (text.empty() ? "" : ",") + item;
    if (IsSecretName(key)) RegisterSecret(text);
    if (meaningful) {
      if (known != std::end(kMeaningful)) CheckValue(properties, *known, text);
      values.emplace(key, std::move(text));
    } else if (without_effect) {
      bool is_connection = key.starts_with("database.") || key.starts_with("mongodb.");
      properties.findings().Notice(properties.KeyPlaceOf(key), properties.PathOf(key),
                                   "the property has no effect here",
                                   is_connection ? "the connection is what source.address says" : "remove it");
    } else if (++unknown <= kMostUnknown) {
      std::string_view nearest = NearestName(key, names);
      properties.findings().Add(properties.KeyPlaceOf(key), properties.PathOf(key).substr(0, 300),
                                "the property is not known", nearest.empty() ? "" : "write " + std::string(nearest));
    }
  }
  if (unknown > kMostUnknown) {
    properties.findings().Add(properties.place(), properties.path(),
                              std::to_string(unknown - kMostUnknown) + " more properties are not known");
  }
  if (!properties.Has("topic.prefix")) {
    properties.Missing("topic.prefix", "write a name for the captured tables' prefix: topic.prefix: shop");
  } else if (values["topic.prefix"].empty()) {
    properties.Missing("topic.prefix", "write a name: topic.prefix: shop");
    values.erase("topic.prefix");
  }
  return values;
}

}  // namespace nilus
