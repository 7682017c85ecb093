// SPDX-License-Identifier: MIT
// A user of everything: whatever way the header came, what the adapters need is found and linked.
#include <agent_websocket.hpp>

#include <openssl/crypto.h>

#include <cstdio>

static_assert(AGENT_WEBSOCKET_WITH_ADAPTERS == 1, "linking the adapters gives the adapters");

int main() {
  asio::io_context context;
  if (context.run() != 0 || OpenSSL_version_num() == 0) return 1;
  std::puts("adapters " AGENT_WEBSOCKET_VERSION_STRING);
}
