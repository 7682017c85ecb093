// SPDX-License-Identifier: MIT
//
// The life of this process as the others see it: a key of its name in Redis that ends by itself
// unless it is renewed, every third of the lease. A process whose key is gone holds nothing.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/redis_client.hpp>
#include <agent_websocket/adapters/redis_reply.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/store.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// One thread. May be destroyed within any function that it calls.
class redis_lease {
 public:
  /// The client outlives it, if only by its destructor. Begins with start().
  redis_lease(asio::io_context& context, redis_client& client, std::string prefix, std::string name,
              std::chrono::milliseconds length);
  redis_lease(const redis_lease&) = delete;
  redis_lease& operator=(const redis_lease&) = delete;

  /// Takes the lease, and keeps it until stop() or the destructor.
  void start();

  /// Lets it run out.
  void stop();

  /// Ends it now, as far as Redis can be told.
  void end();

  /// Renews it now; the outcome says whether Redis takes writes.
  void renew(store_handler done);

  /// Whether that process lives.
  void look_for(std::string_view name, std::function<void(result<bool>)> done);

  const std::string& name() const noexcept { return name_; }

 private:
  using clock = std::chrono::steady_clock;

  std::string key_of(std::string_view name) const;

  void wait();

  void take(const result<redis_reply>& reply, clock::time_point sent, const store_handler& done);

  redis_client& client_;
  std::string prefix_;
  std::string name_;
  std::chrono::milliseconds length_;
  asio_timer timer_;
  clock::time_point last_{};
  unsigned turn_ = 0;  // tells the wait from those given up
  bool is_over_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE redis_lease::redis_lease(asio::io_context& context, redis_client& client,
                                                std::string prefix, std::string name,
                                                std::chrono::milliseconds length)
    : client_(client),
      prefix_(std::move(prefix)),
      name_(std::move(name)),
      length_(length),
      timer_(context) {}

AGENT_WEBSOCKET_INLINE void redis_lease::start() {
  last_ = clock::now();
  renew({});
  wait();
}

AGENT_WEBSOCKET_INLINE void redis_lease::stop() {
  ++turn_;
  timer_.cancel();
}

AGENT_WEBSOCKET_INLINE void redis_lease::end() {
  stop();
  const std::string key = key_of(name_);
  client_.send(key, make_redis_command({"DEL", key}), [](const result<redis_reply>&) {});
}

AGENT_WEBSOCKET_INLINE void redis_lease::renew(store_handler done) {
  const std::string key = key_of(name_);
  const std::string length = std::to_string(length_.count());
  client_.send(key, make_redis_command({"SET", key, "1", "PX", length}),
               [this, sent = clock::now(), done = std::move(done)](
                   const result<redis_reply>& reply) { take(reply, sent, done); });
}

AGENT_WEBSOCKET_INLINE void redis_lease::look_for(std::string_view name,
                                                  std::function<void(result<bool>)> done) {
  const std::string key = key_of(name);
  client_.send(key, make_redis_command({"EXISTS", key}),
               [done = std::move(done)](const result<redis_reply>& reply) {
                 if (!reply) return done(reply.error());
                 done(reply->number() == 1u);
               });
}

AGENT_WEBSOCKET_INLINE std::string redis_lease::key_of(std::string_view name) const {
  return prefix_ + "node:{" + std::string(name) + "}";
}

AGENT_WEBSOCKET_INLINE void redis_lease::wait() {
  timer_.expires_after(length_ / 3);
  timer_.async_wait(
      [this, alive = std::weak_ptr<char>(alive_), turn = turn_](const std::error_code& cancelled) {
        if (cancelled || alive.expired() || turn != turn_) return;
        renew({});
        wait();
      });
}

AGENT_WEBSOCKET_INLINE void redis_lease::take(const result<redis_reply>& reply,
                                              clock::time_point sent, const store_handler& done) {
  const auto on_event = client_.settings().on_event;
  const store_handler tell = done;
  const result<void> outcome = reply ? result<void>() : result<void>(reply.error());
  std::string_view event;
  if (reply) {
    last_ = sent;
    if (std::exchange(is_over_, false)) event = "lease_back";
  } else if (clock::now() - last_ >= length_ && !std::exchange(is_over_, true)) {
    event = "lease_over";
  }
  // Nothing of this object from here on.
  if (tell) tell(outcome);
  if (event.empty() || !on_event) return;
  on_event(event, event == "lease_back" ? "other processes see that this one lives"
                                        : "not renewed: other processes may take its sessions");
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS
