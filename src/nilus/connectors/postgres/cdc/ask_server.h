// Values that only the server can bring into the form that a snapshot's SELECT has: composites and extensions' types as
// JSON, money as a number. One statement a column and batch.
#pragma once

#include <stop_token>

#include "nilus/connectors/postgres/cdc/change_builder.h"
#include "nilus/connectors/postgres/connection.h"

namespace nilus::postgres {

// Converts the columns of kServer of the chunk's batches, in rows and old rows. Where the server cannot (the type was
// dropped or changed since), the texts stay, in a variant column beside one of NULLs.
Status ConvertByServer(Connection& session, BuiltChunk* built, const std::stop_token& stop);

}  // namespace nilus::postgres
