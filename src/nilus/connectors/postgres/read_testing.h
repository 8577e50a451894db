// Reads tables through the PostgreSQL source, for tests.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "nilus/base/address.h"
#include "nilus/connector/source.h"

namespace nilus::postgres {

struct ReadRows {
  ReadPlan plan;
  std::vector<std::map<std::string, std::string>> rows;  // canonical texts by column; "NULL"; misfits under "<column>!"
  std::vector<int64_t> batch_rows;
};

// Describes nothing, plans, reads all splits one after another.
Result<ReadRows> ReadAll(Source& source, const ReadRequest& request);
Result<ReadRows> ReadAll(const Address& address, const ReadRequest& request);
ReadRequest Request(const std::string& table);

}  // namespace nilus::postgres
