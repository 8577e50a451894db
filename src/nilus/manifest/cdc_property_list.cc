#include "nilus/manifest/cdc_property_list.h"

#include <algorithm>

namespace nilus {
namespace {

constexpr OptionType kText = OptionType::kText;
constexpr OptionType kInteger = OptionType::kInteger;
constexpr OptionType kBoolean = OptionType::kBoolean;
constexpr OptionType kChoice = OptionType::kChoice;
constexpr CdcEffect kActs = CdcEffect::kActs;
constexpr CdcEffect kNoted = CdcEffect::kNoted;
constexpr CdcEffect kRefused = CdcEffect::kRefused;
constexpr std::string_view kMaskInstead =
    "write source.options.mask: {column: hash} (docs/masks.md), or leave the columns out with column.exclude.list";

constexpr CdcProperty kProperties[] = {
    {"topic.prefix", kText, "", kActs, "required: letters, digits, `.`, `-`, `_`; begins every table's name"},
    {"table.include.list", kText, "", kActs, "tables to capture; [lists](#lists)"},
    {"table.exclude.list", kText, "", kActs, "tables to leave out"},
    {"schema.include.list", kText, "", kActs, "the same of schemas"},
    {"schema.exclude.list", kText, "", kActs, "the same of schemas"},
    {"column.include.list", kText, "", kActs,
     "columns to capture, as `schema.table.column`; those of the key always are"},
    {"column.exclude.list", kText, "", kActs, "columns to leave out"},
    {"database.include.list", kText, "", kActs,
     "has to match the address's database, which is the one that is captured"},
    {"database.exclude.list", kText, "", kActs, "must not match the address's database"},
    {"collection.include.list", kText, "", kActs, "of sources with collections; PostgreSQL refuses it"},
    {"collection.exclude.list", kText, "", kActs, "the same"},
    {"field.exclude.list", kText, "", kActs, "the same"},
    {"slot.name", kText, "", kActs, "the replication slot (PostgreSQL)"},
    {"slot.drop.on.stop", kBoolean, "", kActs, "the slot goes when the service stops"},
    {"slot.failover", kBoolean, "", kActs, "the slot follows to a standby (PostgreSQL 17)"},
    {"slot.stream.params", kText, "", kActs, "`streaming=on`, `two_phase=on`, with a `;` between them"},
    {"publication.name", kText, "", kActs, "the publication (PostgreSQL)"},
    {"publication.autocreate.mode", kChoice, "all_tables|disabled|filtered", kActs,
     "whether the publication is made, and with which tables; default `filtered`"},
    {"plugin.name", kChoice, "pgoutput|wal2json|test_decoding|decoderbufs", kActs,
     "default `pgoutput`; `decoderbufs` is refused"},
    {"snapshot.mode", kChoice,
     "initial|always|initial_only|no_data|schema_only|when_needed|never|recovery|schema_only_recovery|configuration_"
     "based",
     kActs, "[Snapshots](#snapshots); default `initial`"},
    {"snapshot.mode.configuration.based.snapshot.data", kBoolean, "", kActs,
     "of `configuration_based`: tables are read"},
    {"snapshot.mode.configuration.based.snapshot.schema", kBoolean, "", kActs, "the same: tables are made"},
    {"snapshot.mode.configuration.based.start.stream", kBoolean, "", kActs, "the same: it streams"},
    {"snapshot.mode.configuration.based.snapshot.on.data.error", kBoolean, "", kActs,
     "the same: what is lost is read anew"},
    {"snapshot.max.threads", kInteger, "", kActs, "readers of one table; default 1, at most 64"},
    {"snapshot.include.collection.list", kText, "", kActs, "tables that are read as a whole; default all"},
    {"max.batch.size", kInteger, "", kActs, "rows of a commit, about; default 2048"},
    {"max.queue.size.in.bytes", kInteger, "", kActs, "what is read ahead"},
    {"poll.interval.ms", kInteger, "", kActs, "how long changes wait for others before they are committed"},
    {"heartbeat.interval.ms", kInteger, "", kActs, "how often heartbeat.action.query runs"},
    {"heartbeat.action.query", kText, "", kActs, "a statement that runs at the source"},
    {"decimal.handling.mode", kChoice, "precise|double|string", kActs,
     "`double`: decimals land as doubles; `string`: as texts with all digits of the column's scale. A type hint of the "
     "column wins"},
    {"binary.handling.mode", kChoice, "bytes|base64|base64-url-safe|hex", kActs,
     "anything but `bytes`: binary lands as text in that spelling. A type hint of the column wins"},
    {"skipped.operations", kText, "", kActs, "of `c`, `u`, `d`, `t` those that are left out; `none` (default)"},
    {"signal.data.collection", kText, "", kActs, "`schema.table` of the [signals](#snapshots)"},
    {"transforms", kText, "", kActs, "names, in order, of [transforms](#transforms)"},
    {"max.queue.size", kInteger, "", kNoted, "what is read ahead is bounded in bytes: max.queue.size.in.bytes"},
    {"snapshot.fetch.size", kInteger, "", kNoted,
     "a chunk of a snapshot comes as one stream of rows, within the memory limit"},
    {"time.precision.mode", kChoice, "adaptive|adaptive_time_microseconds|connect|isostring|microseconds|nanoseconds",
     kNoted, "dates, times and timestamps land as such, with microseconds; a type hint makes texts of them"},
    {"include.unknown.datatypes", kBoolean, "", kNoted,
     "columns of every type are captured, those without a type of their own here as texts"},
    {"include.schema.changes", kBoolean, "", kNoted,
     "tables change with their source, and the shapes that the log shows are kept in schemas.jsonl in the service's "
     "folder"},
    {"tombstones.on.delete", kBoolean, "", kNoted, "a delete is one change: there are no tombstones"},
    {"topic.heartbeat.prefix", kText, "", kNoted,
     "there are no topics: the position moves on by itself, and heartbeat.action.query writes where it is told to"},
    {"snapshot.mode.configuration.based.snapshot.on.schema.error", kBoolean, "", kNoted,
     "the log tells the tables' shapes: there is no history of them to rebuild"},
    {"server.id", kInteger, "", kNoted, "a replication slot tells the pipeline apart: slot.name"},
    {"capture.mode", kChoice,
     "change_streams|change_streams_update_full|change_streams_with_pre_image|change_streams_update_full_with_pre_"
     "image",
     kNoted, "the table's replica identity says how much the log has of old rows"},
    {"message.key.columns", kText, "", kNoted, "each table's own primary key or replica identity tells its rows apart"},
    {"snapshot.select.statement.overrides", kText, "", kNoted, "snapshots read all rows of the captured columns"},
    {"snapshot.select.statement.overrides.", kText, "", kNoted, "snapshots read all rows of the captured columns"},
    {"unavailable.value.placeholder", kText, "", kNoted,
     "values that the log leaves out stay what they are under merge, and are NULL and named in _unchanged under "
     "append"},
    {"provide.transaction.metadata", kBoolean, "", kNoted,
     "every row has its transaction in _tx_id and _seq, in the changelog in source"},
    {"skip.messages.without.change", kBoolean, "", kNoted, "every change that the log has is loaded"},
    {"column.mask.with.", kText, "", kRefused, kMaskInstead},
    {"column.mask.hash.", kText, "", kRefused, kMaskInstead},
    {"column.truncate.to.", kText, "", kRefused, kMaskInstead},
    {"table.whitelist", kText, "", kRefused, "write table.include.list"},
    {"table.blacklist", kText, "", kRefused, "write table.exclude.list"},
    {"schema.whitelist", kText, "", kRefused, "write schema.include.list"},
    {"schema.blacklist", kText, "", kRefused, "write schema.exclude.list"},
    {"column.whitelist", kText, "", kRefused, "write column.include.list"},
    {"column.blacklist", kText, "", kRefused, "write column.exclude.list"},
    {"database.whitelist", kText, "", kRefused, "write database.include.list"},
    {"database.blacklist", kText, "", kRefused, "write database.exclude.list"},
    {"collection.whitelist", kText, "", kRefused, "write collection.include.list"},
    {"collection.blacklist", kText, "", kRefused, "write collection.exclude.list"},
    {"transforms.", kText, "", kActs, ""},
};

// Without anything to tell.
constexpr std::string_view kOthers[] = {
    // clang-format off
    "name", "connector.class", "tasks.max", "database.hostname", "database.port", "database.user",
    "database.password", "database.dbname", "database.names", "database.server.name", "database.server.id",
    "database.instance", "database.sslmode", "database.sslcert", "database.sslkey", "database.sslpassword",
    "database.sslrootcert", "database.sslfactory", "database.tcpKeepAlive", "database.initial.statements",
    "database.query.timeout.ms", "database.ssl.mode", "database.ssl.keystore", "database.ssl.keystore.password",
    "database.ssl.truststore", "database.ssl.truststore.password", "database.protocol", "database.encrypt",
    "database.trustServerCertificate", "mongodb.connection.string", "mongodb.user", "mongodb.password",
    "mongodb.hosts", "mongodb.authsource", "mongodb.ssl.enabled", "mongodb.ssl.invalid.hostname.allowed",
    "mongodb.connect.timeout.ms", "mongodb.socket.timeout.ms", "mongodb.server.selection.timeout.ms",
    "mongodb.poll.interval.ms", "mongodb.heartbeat.frequency.ms", "slot.max.retries", "slot.retry.delay.ms",
    "status.update.interval.ms", "xmin.fetch.interval.ms", "publish.via.partition.root",
    "replica.identity.autoset.values", "lsn.flush.mode", "lsn.flush.timeout.ms", "flush.lsn.source", "read.only",
    "replica.autoset.type", "schema.refresh.mode", "hstore.handling.mode", "interval.handling.mode",
    "money.fraction.digits", "bigint.unsigned.handling.mode", "inconsistent.schema.handling.mode",
    "enable.time.adjuster", "connect.timeout.ms", "connect.keep.alive", "connect.keep.alive.interval.ms",
    "use.nongraceful.disconnect", "gtid.source.includes", "gtid.source.excludes", "gtid.source.filter.dml.events",
    "binlog.buffer.size", "include.query", "event.deserialization.failure.handling.mode",
    "event.processing.failure.handling.mode", "event.converting.failure.handling.mode", "table.ignore.builtin",
    "min.row.count.to.stream.results", "snapshot.locking.mode", "snapshot.locking.mode.custom.name",
    "snapshot.query.mode", "snapshot.query.mode.custom.name", "snapshot.mode.custom.name", "snapshot.delay.ms",
    "snapshot.lock.timeout.ms", "snapshot.isolation.mode", "snapshot.tables.order.by.row.count",
    "snapshot.new.tables", "snapshot.custom.class", "snapshot.database.errors.max.retries",
    "snapshot.max.threads.multiplier", "snapshot.collection.filter.overrides",
    "snapshot.include.collection.list.order", "streaming.delay.ms", "streaming.fetch.size",
    "incremental.snapshot.chunk.size", "incremental.snapshot.allow.schema.changes",
    "incremental.snapshot.watermarking.strategy", "data.query.mode", "max.iteration.transactions",
    "cdc.control.schema", "cdc.change.tables.schema", "z.stop.lsn", "source.timestamp.mode", "source.struct.version",
    "column.propagate.source.type", "datatype.propagate.source.type", "converters", "topic.transaction",
    "topic.naming.strategy", "topic.delimiter", "topic.cache.size", "transaction.metadata.factory",
    "transaction.boundary.interval.ms", "schema.name.adjustment.mode", "field.name.adjustment.mode", "field.renames",
    "sanitize.field.names", "event.processing.order", "retriable.restart.connector.wait.ms", "errors.max.retries",
    "errors.retry.delay.initial.ms", "errors.retry.delay.max.ms", "errors.tolerance", "errors.log.enable",
    "errors.log.include.messages", "notification.enabled.channels", "notification.sink.topic.name",
    "signal.enabled.channels", "signal.kafka.topic", "signal.kafka.bootstrap.servers", "signal.kafka.groupId",
    "signal.kafka.poll.timeout.ms", "signal.file", "signal.poll.interval.ms", "message.prefix.include.list",
    "message.prefix.exclude.list", "logical_decoding_message.prefix.include.list",
    "logical_decoding_message.prefix.exclude.list", "schema.history.internal", "include.schema.comments",
    "cursor.max.await.time.ms", "cursor.oversize.handling.mode", "cursor.oversize.skip.threshold", "cursor.pipeline",
    "cursor.pipeline.order", "capture.scope", "capture.target", "capture.mode.full.update.type",
    "offset.mismatch.strategy", "guardrail.collections.max", "guardrail.collections.limit.action",
    "extended.headers.enabled", "openlineage.integration.enabled", "key.converter", "value.converter",
    "header.converter", "offset.storage", "internal.key.converter", "internal.value.converter", "predicates",
    "executor.shutdown.timeout.ms", "record.processing.threads", "record.processing.order",
    "snapshot.scan.all.columns.force", "vitess.keyspace", "statistics.metrics.enabled", "advanced.metrics.enable",
    // clang-format on
};
constexpr std::string_view kOtherFamilies[] = {
    // clang-format off
    "schema.history.internal.", "database.history.", "offset.storage.", "offset.flush.", "offset.commit.", "driver.",
    "custom.metric.", "key.converter.", "value.converter.", "header.converter.", "predicates.", "producer.",
    "consumer.", "producer.override.", "consumer.override.", "signal.consumer.", "signal.kafka.", "topic.creation.",
    "errors.deadletterqueue.", "debezium.", "internal.", "openlineage.", "cursor.", "snapshot.query.mode.custom.",
    "database.jdbc.", "database.ssl.", "converter.",
    // clang-format on
};

constexpr CdcProperty kOther{"", kText, "", kNoted, ""};

bool IsFamily(std::string_view name) { return name.ends_with('.'); }
bool IsOf(std::string_view name, std::string_view family) {
  return name.size() > family.size() && name.starts_with(family);
}

}  // namespace

const CdcProperty* FindCdcProperty(std::string_view name) {
  for (const CdcProperty& property : kProperties) {
    if (IsFamily(property.name) ? IsOf(name, property.name) : name == property.name) return &property;
  }
  const bool is_other = std::find(std::begin(kOthers), std::end(kOthers), name) != std::end(kOthers) ||
                        std::any_of(std::begin(kOtherFamilies), std::end(kOtherFamilies),
                                    [&](std::string_view family) { return IsOf(name, family); });
  return is_other ? &kOther : nullptr;
}

std::vector<std::string_view> CdcPropertyNames() {
  std::vector<std::string_view> names;
  for (const CdcProperty& property : kProperties) {
    if (!IsFamily(property.name)) names.push_back(property.name);
  }
  names.insert(names.end(), std::begin(kOthers), std::end(kOthers));
  return names;
}

std::string CdcPropertiesAsMarkdown() {
  std::string table = "| property | values | here |\n|---|---|---|\n";
  for (const CdcProperty& property : kProperties) {
    if (property.text.empty()) continue;
    std::string values(property.type == kChoice ? property.choices : OptionTypeName(property.type));
    for (size_t bar = values.find('|'); bar != std::string::npos; bar = values.find('|', bar))
      values.replace(bar, 1, ", ");
    const std::string_view effect = property.effect == kNoted     ? "no effect: "
                                    : property.effect == kRefused ? "refused: "
                                                                  : "";
    table += "| `" + std::string(property.name) + (IsFamily(property.name) ? "…" : "") + "` | " + values + " | " +
             std::string(effect) + std::string(property.text) + " |\n";
  }
  return table;
}

}  // namespace nilus
