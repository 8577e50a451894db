// How other processes of this machine and user speak with a running service: a folder of its own, which holds
//
//   status.json            what it is doing (docs/formats.md), written anew every second
//   schemas.jsonl          every shape of a table that a start has found or the log shown, one a line
//                          (docs/formats.md), beside schemas.jsonl.1 with those before. One may be there again
//   requests/<id>.json     snapshots that are asked for: {"tables": ["public.orders"], "anew": false}. Gone once the
//                          request stands in the committed position: also one that was made while no service ran
//
// under $NILUS_STATE_DIR, else $XDG_STATE_HOME/nilus, else ~/.local/state/nilus. Mode 0700. Nothing in it is needed to
// go on: without it a service runs as well.
#pragma once

#include <string>
#include <vector>

#include "nilus/base/address.h"
#include "nilus/base/result.h"

namespace nilus {

struct SnapshotRequest {
  std::string id;  // its file's name
  std::vector<std::string> tables;
  bool anew = false;
};

class ServiceFolder {
 public:
  ServiceFolder() = default;  // nowhere: nothing is written, and no request comes
  // Of the pipeline with this key and sink. Makes nothing yet.
  static ServiceFolder Of(const std::string& pipeline, const std::string& sink, const VariableLookup& variables);

  const std::string& path() const { return path_; }  // empty: nowhere
  // Replaces status.json. Failures are only logged.
  void WriteStatus(const std::string& json);
  // Adds a line to schemas.jsonl. Failures are only logged.
  void AddSchema(const std::string& json);
  // kNotFound: no service has ever run here.
  Result<std::string> ReadStatus() const;
  // Those that can be read, oldest first; others are moved away and logged.
  std::vector<SnapshotRequest> Requests();
  void Remove(const SnapshotRequest& request);
  Status Ask(const std::vector<std::string>& tables, bool anew);

 private:
  Status Make() const;
  void Broken(const Error& error);
  std::string path_;
  bool is_broken_ = false;  // said so
};

}  // namespace nilus
