// Loads into a SQLite file: everything of a load, staging and state included, in one BEGIN IMMEDIATE transaction.
//
// Opening writes nothing: the file comes into being with the first Open of a table. A sink that goes away before Commit
// rolls back; of a new database an empty file of 0 bytes is left. Thread-safe: writers of different tables may work on
// different threads, one after the other inside SQLite.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "nilus/connector/connector.h"
#include "nilus/connectors/sqlite/table_load.h"

namespace nilus::sqlite {

Result<std::unique_ptr<Sink>> OpenSink(const Address& address, const OpenContext& context);

}  // namespace nilus::sqlite
