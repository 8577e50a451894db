// Values that the destination's own column cannot hold although they are of its type: text that is too long for a
// varchar(3), a second's fraction in a timestamp(0). Only the sink knows them, and only the rows' side can set the rows
// aside.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "nilus/data/record_batch.h"

namespace nilus {

struct RefusedValues {
  Column values;     // NULL in the rows whose value the destination holds
  std::string type;  // the destination's, as it calls it
};

// Of one column of a batch, by the destination's name. Nothing: it holds all values. Thread-safe.
using FindRefused = std::function<std::optional<RefusedValues>(const Field& field, const Column& column)>;

}  // namespace nilus
