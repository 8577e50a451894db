// Real servers for tests, started once a program by the scripts of tests/servers/ and stopped at its end.
#pragma once

#include <memory>
#include <string>

#include "nilus/storage/object_store.h"
#include "nilus/storage/open_store.h"

namespace nilus::storage {

// A gateway (Ceph) that checks signatures and conditions, with an empty bucket "lake". About 15 s at first use.
struct S3Server {
  std::string url;     // http://127.0.0.1:port
  StoreParams params;  // endpoint and keys
};
const S3Server& TheS3Server();

// An emulator (Azurite) with an empty container "lake".
struct AzureServer {
  std::string url;  // http://127.0.0.1:port/account
  std::string account;
  StoreParams params;  // endpoint and account_key
};
const AzureServer& TheAzureServer();

// A name that no other call of this program gave.
std::string NewTestName();

}  // namespace nilus::storage
