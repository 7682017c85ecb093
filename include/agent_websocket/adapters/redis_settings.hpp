// SPDX-License-Identifier: MIT
//
// What is chosen by the user of Redis: of the store as a whole, and of each connection that it
// makes. Values only.
#pragma once

#include <agent_websocket/adapters/redis_reply.hpp>
#include <agent_websocket/adapters/redis_url.hpp>
#include <agent_websocket/adapters/tls_context.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace adapters {

/// Told what happens, for the log: a fixed word, and words for people.
using redis_event = std::function<void(std::string_view event, std::string_view text)>;

struct redis_connection_settings {
  redis_address address;
  tls_context tls;  ///< empty: none
  std::string user;
  std::string password;
  unsigned database = 0;
  std::chrono::milliseconds timeout{2'000};          ///< of connecting, and of each reply
  std::size_t max_pending_bytes = 64 * 1024 * 1024;  ///< of commands without a reply
  redis_event on_event;                              ///< redis_connected, redis_lost
  /// Gets what a subscription brings; makes each array that begins with "message" such a thing.
  std::function<void(redis_reply)> on_message;
  std::function<void()> on_ready;  ///< each time that it stands, before any waiting command
};

/// A user of an ACL needs, where <prefix> is the one of the url: ~<prefix>* &<prefix>* +@scripting
/// +@hash +@list +set +del +exists +expire, in a cluster +cluster and +asking, and for the exchange
/// +publish +subscribe. Redis should be told not to evict (maxmemory-policy noeviction), and to
/// keep what it was given as long as sessions are to outlive it (appendonly yes).
struct redis_settings {
  std::string url;  ///< see redis_url
  /// Of this process, no two the same, not even of the same program started again; in the grammar
  /// of ids (base/ids.hpp). Empty: a random one.
  std::string name;
  std::chrono::milliseconds timeout{2'000};          ///< of each command
  std::chrono::milliseconds lease{10'000};           ///< from 300 ms: who is silent so long is dead
  std::chrono::seconds keep{30 * 24 * 3600};         ///< after the last append
  std::size_t max_pending_bytes = 64 * 1024 * 1024;  ///< on the way to a server; more is refused
  /// redis_connected, redis_lost, lease_over, lease_back.
  redis_event on_event;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS
