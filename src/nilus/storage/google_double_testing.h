// Google Cloud Storage's XML API and token endpoint as its documentation describes them, kept in memory: one bucket
// "lake". What it checks: the bearer token or the form of an HMAC signature, the JWT's signature and claims, generation
// preconditions, upload ids and parts.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "nilus/http/server_testing.h"

namespace nilus::storage {

class GoogleDouble {
 public:
  GoogleDouble();

  // Serves the bucket, and POST /token.
  http::Response Handle(const http::ServedRequest& request);
  http::Handler handler() {
    return [this](const http::ServedRequest& request) { return Handle(request); };
  }

  // A service account's key file whose token_uri is on `url`.
  std::string KeyFile(const std::string& url) const;

  int tokens_given() const { return tokens_; }
  void RevokeTokens() { ++revoked_; }  // those given until now answer 401
  size_t open_uploads();

 private:
  struct Object {
    std::string bytes;
    int64_t generation = 0;
    std::string marker;
  };
  struct Upload {
    std::string object;
    std::string marker;
    std::map<int, std::string> parts;
  };

  http::Response GiveToken(const http::ServedRequest& request);
  bool IsAllowed(const http::ServedRequest& request) const;
  http::Response HandleObject(const http::ServedRequest& request, const std::string& name);
  http::Response PutObject(const http::ServedRequest& request, const std::string& name);
  http::Response GetObject(const http::ServedRequest& request, const std::string& name) const;
  http::Response HandleUpload(const http::ServedRequest& request, const std::string& name);
  http::Response List(const std::map<std::string, std::string>& query) const;

  std::string private_key_;  // PEM
  std::string public_key_;
  std::mutex mutex_;
  std::map<std::string, Object> objects_;
  std::map<std::string, Upload> uploads_;
  int64_t last_generation_ = 1'700'000'000'000'000;
  int tokens_ = 0;
  int revoked_ = 0;
};

}  // namespace nilus::storage
