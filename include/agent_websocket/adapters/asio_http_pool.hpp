// SPDX-License-Identifier: MIT
//
// The connections of asio_http_client that no request uses: kept for a while, up to a number, the
// one used last taken first. Does nothing of its own accord: no timer and no wait is pending for
// what is kept, so that an io_context without other work returns.
#pragma once

#include <agent_websocket/adapters/asio_http_connection.hpp>
#include <agent_websocket/adapters/deadline_list.hpp>
#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <chrono>
#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

class asio_http_pool {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  using pointer = asio_http_connection::pointer;

  asio_http_pool(std::size_t max_connections, std::chrono::steady_clock::duration max_idle_time);
  asio_http_pool(const asio_http_pool&) = delete;
  asio_http_pool& operator=(const asio_http_pool&) = delete;
  ~asio_http_pool();

  /// Keeps it, and closes the one that has waited longest when there are too many.
  void put(pointer connection, time_point now);

  /// One that its peer has not closed; empty when there is none.
  pointer take(const std::string& key, time_point now);

  std::size_t size() const noexcept { return size_; }

 private:
  void close_old(time_point now);

  void close(asio_http_connection* old);

  const std::size_t max_connections_;
  std::unordered_map<std::string, std::vector<pointer>> kept_;
  std::size_t size_ = 0;
  deadline_list<asio_http_connection> ages_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE asio_http_pool::asio_http_pool(
    std::size_t max_connections, std::chrono::steady_clock::duration max_idle_time)
    : max_connections_(max_connections), ages_(max_idle_time) {}

AGENT_WEBSOCKET_INLINE asio_http_pool::~asio_http_pool() {
  for (auto& [key, kept] : kept_) {
    for (const pointer& each : kept) each->abandon();
  }
}

AGENT_WEBSOCKET_INLINE void asio_http_pool::put(pointer connection, time_point now) {
  close_old(now);
  if (max_connections_ == 0) return connection->abandon();
  if (size_ == max_connections_) close(ages_.take_expired(time_point::max()));
  ages_.join(*connection, now);
  ++size_;
  kept_[connection->key()].push_back(std::move(connection));
}

AGENT_WEBSOCKET_INLINE asio_http_pool::pointer asio_http_pool::take(const std::string& key,
                                                                    time_point now) {
  close_old(now);
  const auto found = kept_.find(key);
  if (found == kept_.end()) return pointer();
  pointer taken;
  std::vector<pointer>& kept = found->second;
  while (!kept.empty() && !taken) {
    taken = std::move(kept.back());
    kept.pop_back();
    taken->leave();
    --size_;
    if (!taken->is_quiet()) std::exchange(taken, pointer())->abandon();
  }
  if (kept.empty()) kept_.erase(found);
  return taken;
}

AGENT_WEBSOCKET_INLINE void asio_http_pool::close_old(time_point now) {
  while (asio_http_connection* const old = ages_.take_expired(now)) close(old);
}

AGENT_WEBSOCKET_INLINE void asio_http_pool::close(asio_http_connection* old) {
  const auto found = kept_.find(old->key());
  std::vector<pointer>& kept = found->second;
  // Old ones stand in front.
  auto at = kept.begin();
  while (at->get() != old) ++at;
  const pointer closed = std::move(*at);
  kept.erase(at);
  if (kept.empty()) kept_.erase(found);
  --size_;
  closed->abandon();
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
