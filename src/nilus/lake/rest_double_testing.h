// A small REST catalog for tests: the part of Iceberg's OpenAPI that Nilus uses, in memory, with the checks a real
// server makes. It parses what it is sent with nothing of catalog_rest.cc.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "nilus/http/http_client.h"
#include "nilus/http/server_testing.h"

namespace nilus::lake {

class RestDouble {
 public:
  // New tables lie below `warehouse` (a URL).
  explicit RestDouble(std::string warehouse) : warehouse_(std::move(warehouse)) {}

  // What the server asks of its callers.
  std::string wanted_credential;  // "id:secret": tokens are given for it, and asked for
  int64_t token_lifetime_s = 3600;
  bool with_transactions = true;
  bool lists_endpoints = true;
  std::string prefix = "p 1";
  std::map<std::string, std::string> table_config;

  http::Response Handle(const http::ServedRequest& request);

  // How often something was done, for tests of lost answers.
  int tokens_given = 0;
  int commits_done = 0;
  void ForgetTokens();

 private:
  http::Response Route(const http::ServedRequest& request, const std::string& path, const std::string& query);
  http::Response Token(const std::string& form);
  http::Response Tables(const http::ServedRequest& request, const std::string& schema);
  http::Response OneTable(const http::ServedRequest& request, const std::string& key);
  http::Response CommitSeveral(const std::string& body);
  // 200 and the new metadata in *metadata, or an error.
  http::Response Changed(const std::string& key, const std::string& change, std::string* metadata) const;
  std::string TableAnswer(const std::string& key) const;

  std::string warehouse_;
  std::mutex mutex_;
  std::set<std::string> schemas_;
  std::map<std::string, std::string> tables_;  // "schema\x1Fname" → metadata JSON
  std::map<std::string, int> versions_;
  std::set<std::string> tokens_;
};

}  // namespace nilus::lake
