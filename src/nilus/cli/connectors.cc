#include "nilus/cli/connectors.h"

#include "nilus/connectors/delta/connector.h"
#include "nilus/connectors/discard/connector.h"
#include "nilus/connectors/duckdb/connector.h"
#include "nilus/connectors/files/connector.h"
#include "nilus/connectors/lakehouse/connector.h"
#include "nilus/connectors/postgres/connector.h"
#include "nilus/connectors/sqlite/connector.h"

namespace nilus::cli {

const ConnectorRegistry& AllConnectors() {
  static const ConnectorRegistry registry = [] {
    ConnectorRegistry all;
    all.Add(kPostgresConnector);
    all.Add(kSqliteConnector);
    all.Add(kDuckdbConnector);
    all.Add(kFilesConnector);
    all.Add(kLakehouseConnector);
    all.Add(kDeltaConnector);
    all.Add(kDiscardConnector);
    return all;
  }();
  return registry;
}

}  // namespace nilus::cli
