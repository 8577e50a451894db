#include "nilus/connectors/discard/connector.h"

#include "nilus/connectors/discard/sink.h"

namespace nilus {
namespace {

constexpr std::string_view kSchemes[] = {"discard"};
constexpr WriteStrategy kStrategies[] = {WriteStrategy::kReplace, WriteStrategy::kAppend, WriteStrategy::kMerge,
                                         WriteStrategy::kDeleteInsert, WriteStrategy::kScd2};

}  // namespace

const Connector kDiscardConnector = {
    .name = "discard",
    .schemes = kSchemes,
    .title = "Nowhere",
    .summary =
        "Takes rows and throws them away: to measure a source, or to try a manifest before a destination is there.",
    .address_example = "discard://",
    .strategies = kStrategies,
    .open_sink = discard::OpenSink,
};

}  // namespace nilus
