// SPDX-License-Identifier: MIT
// A user of everything: whatever way the header came, what the adapters need is found and linked.
// One who has the header compiled once makes a server too, which costs little then.
#include <agent_websocket.hpp>

#include <openssl/crypto.h>

#include <cstdio>

static_assert(AGENT_WEBSOCKET_WITH_ADAPTERS == 1, "linking the adapters gives the adapters");

int main() {
  asio::io_context context;
  if (context.run() != 0 || OpenSSL_version_num() == 0) return 1;
#if AGENT_WEBSOCKET_SEPARATE_COMPILATION
  agent_websocket::server server(agent_websocket::options(), context);
  if (server.start()) return 1;  // there is no key for a model
#endif
  std::puts("adapters " AGENT_WEBSOCKET_VERSION_STRING);
}
