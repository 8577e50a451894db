// The properties of change data capture in Debezium's words (spec 05), and what each of them does here: the one table
// that manifests are checked by and that docs/cdc.md shows. Names: Debezium 2.x/3.x documentation of the PostgreSQL,
// MySQL, SQL Server, MongoDB and Db2 connectors.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/option_spec.h"

namespace nilus {

enum class CdcEffect {
  kActs,
  kNoted,    // accepted, does nothing: a notice says what is done instead
  kRefused,  // doing nothing would load what it is meant to keep out
};

struct CdcProperty {
  std::string_view name;  // one that ends with '.' is of every name that begins so
  OptionType type = OptionType::kText;
  std::string_view choices = {};
  CdcEffect effect = CdcEffect::kActs;
  // What it does; of kNoted what is done instead (empty: nothing worth telling); of kRefused what to write instead.
  std::string_view text = {};
};

// Null: not known. Of `transforms.` only the family is known here (cdc_transforms.h).
const CdcProperty* FindCdcProperty(std::string_view name);
// Of single properties, for messages.
std::vector<std::string_view> CdcPropertyNames();
// Those with a text, as rows of a Markdown table.
std::string CdcPropertiesAsMarkdown();

}  // namespace nilus
