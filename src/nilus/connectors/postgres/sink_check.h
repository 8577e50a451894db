// What `nilus plan` and `nilus check` ask of the sink: nothing here changes the destination.
#pragma once

#include <string>
#include <vector>

#include "nilus/connector/sink.h"
#include "nilus/connectors/postgres/sink_session.h"

namespace nilus::postgres {

// The statements of a load and its commit, in order, for the target as it is now. COPY stands for the rows.
Result<std::vector<std::string>> ExplainLoad(SinkSession* session, const WriteRequest& request);

// Connection, version, and the rights that every load needs; a missing one comes with the GRANT that gives it.
Result<std::vector<CheckItem>> CheckSink(SinkSession* session);

}  // namespace nilus::postgres
