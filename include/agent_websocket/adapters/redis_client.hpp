// SPDX-License-Identifier: MIT
//
// Commands to Redis by the key that they are about: to the one server of an address, or to that
// server of a Redis Cluster which has the key's slot, following MOVED and ASK. One connection a
// server.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/redis_connection.hpp>
#include <agent_websocket/adapters/redis_reply.hpp>
#include <agent_websocket/adapters/redis_slots.hpp>
#include <agent_websocket/adapters/redis_url.hpp>
#include <agent_websocket/adapters/tls_context.hpp>
#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// One thread. May be destroyed within any function that it calls; then calls nothing more.
class redis_client {
 public:
  /// `settings`: of each connection; its address is the one of the only server, or of any of a
  /// cluster. The context outlives the client.
  redis_client(asio::io_context& context, redis_connection_settings settings, bool is_cluster);
  redis_client(const redis_client&) = delete;
  redis_client& operator=(const redis_client&) = delete;

  void connect();

  /// A command about `key`. Fails with connection_failed when there is no reply in time, and with
  /// the meaning of an error reply (error_of_redis), except for those that begin with NOSCRIPT:
  /// these are given as they are. Never calls `done` from within.
  void send(std::string_view key, redis_command command, redis_handler done);

  /// A command that any server can take: always the same one while it is there.
  void send_to_any(redis_command command, redis_handler done);

  bool is_cluster() const noexcept { return is_cluster_; }
  const redis_connection_settings& settings() const noexcept { return settings_; }
  /// A server that is there, if one is known to be.
  const redis_address& any_address() { return any().address(); }

 private:
  using clock = std::chrono::steady_clock;

  static constexpr int max_hops = 6;
  static constexpr std::chrono::milliseconds again_after{50};  // a slot is being moved just now
  static constexpr std::chrono::milliseconds refresh_after{500};

  struct trip {
    redis_command command;
    redis_handler done;
    clock::time_point deadline;
    std::uint16_t slot = 0;
    int hops = 0;
  };
  using trip_pointer = std::shared_ptr<trip>;

  redis_connection& any();

  redis_connection& connection_to(const redis_address& address);

  void start(trip_pointer each);

  void go(redis_connection& to, trip_pointer each, bool asks);

  void arrive(const trip_pointer& each, const redis_address& asked, result<redis_reply> reply);

  /// Not when the client is gone by then.
  template <typename F>
  void later(std::chrono::milliseconds after, F f) {
    auto timer = std::make_shared<asio_timer>(context_, after);
    timer->async_wait([timer, alive = std::weak_ptr<char>(alive_),
                       f = std::move(f)](const std::error_code& cancelled) {
      if (!cancelled && !alive.expired()) f();
    });
  }

  /// Soon, and once for all who found the map wrong.
  void refresh();

  void ask_for_slots();

  /// In turn, so that one whose view is old does not stay the only witness.
  redis_connection& next_to_ask();

  /// The first connection stays: its address is the one that people wrote.
  void forget_others();

  asio::io_context& context_;
  redis_connection_settings settings_;
  bool is_cluster_;
  std::vector<std::unique_ptr<redis_connection>> connections_;
  redis_slot_map slots_;
  std::deque<trip_pointer> again_;  // all wait for the same time
  std::size_t turn_ = 0;
  bool is_refreshing_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE redis_client::redis_client(asio::io_context& context,
                                                  redis_connection_settings settings,
                                                  bool is_cluster)
    : context_(context), settings_(std::move(settings)), is_cluster_(is_cluster) {
  connections_.push_back(std::make_unique<redis_connection>(context_, settings_));
}

AGENT_WEBSOCKET_INLINE void redis_client::connect() {
  connections_.front()->connect();
  if (is_cluster_) ask_for_slots();
}

AGENT_WEBSOCKET_INLINE void redis_client::send(std::string_view key, redis_command command,
                                               redis_handler done) {
  auto each = std::make_shared<trip>();
  each->command = std::move(command);
  each->done = std::move(done);
  each->deadline = clock::now() + settings_.timeout;
  if (is_cluster_) each->slot = redis_slot_of(key);
  start(std::move(each));
}

AGENT_WEBSOCKET_INLINE void redis_client::send_to_any(redis_command command, redis_handler done) {
  any().send(command, [done = std::move(done)](result<redis_reply> reply) {
    if (reply && reply->is_error()) return done(error_of_redis(reply->text()));
    done(std::move(reply));
  });
}

AGENT_WEBSOCKET_INLINE redis_connection& redis_client::any() {
  for (const auto& each : connections_) {
    if (each->is_ready()) return *each;
  }
  return *connections_.front();
}

AGENT_WEBSOCKET_INLINE redis_connection& redis_client::connection_to(const redis_address& address) {
  for (const auto& each : connections_) {
    if (each->address() == address) return *each;
  }
  redis_connection_settings settings = settings_;
  settings.address = address;
  connections_.push_back(std::make_unique<redis_connection>(context_, std::move(settings)));
  return *connections_.back();
}

AGENT_WEBSOCKET_INLINE void redis_client::start(trip_pointer each) {
  const redis_address* const owner = is_cluster_ ? slots_.find(each->slot) : nullptr;
  go(owner == nullptr ? any() : connection_to(*owner), std::move(each), false);
}

AGENT_WEBSOCKET_INLINE void redis_client::go(redis_connection& to, trip_pointer each, bool asks) {
  if (asks) {
    static const redis_command asking = make_redis_command({"ASKING"});
    to.send(asking, [](const result<redis_reply>&) {});
  }
  const redis_command command = each->command;
  to.send(command, [this, each = std::move(each), asked = to.address()](result<redis_reply> reply) {
    arrive(each, asked, std::move(reply));
  });
}

AGENT_WEBSOCKET_INLINE void redis_client::arrive(const trip_pointer& each,
                                                 const redis_address& asked,
                                                 result<redis_reply> reply) {
  if (!reply) {
    if (is_cluster_) refresh();
    return each->done(reply.error());
  }
  if (!reply->is_error()) return each->done(std::move(reply));
  const std::string_view kind = redis_error_kind(reply->text());
  if (kind == "NOSCRIPT") return each->done(std::move(reply));
  if (is_cluster_ && each->hops < max_hops) {
    if (const auto told = parse_redis_redirection(reply->text(), asked)) {
      ++each->hops;
      if (!told->asks) {
        slots_.move(told->slot, told->address);
        refresh();
      }
      return go(connection_to(told->address), each, told->asks);
    }
  }
  if (is_cluster_ && (kind == "TRYAGAIN" || kind == "CLUSTERDOWN")) {
    refresh();
    if (clock::now() + again_after < each->deadline) {
      each->hops = 0;
      again_.push_back(each);  // and not in the timer: it ends with the client
      return later(again_after, [this] {
        const trip_pointer first = std::move(again_.front());
        again_.pop_front();
        start(first);
      });
    }
  }
  each->done(error_of_redis(reply->text()));
}

AGENT_WEBSOCKET_INLINE void redis_client::refresh() {
  if (std::exchange(is_refreshing_, true)) return;
  later(slots_.addresses().empty() ? std::chrono::milliseconds(0) : refresh_after, [this] {
    is_refreshing_ = false;
    ask_for_slots();
  });
}

AGENT_WEBSOCKET_INLINE void redis_client::ask_for_slots() {
  static const redis_command command = make_redis_command({"CLUSTER", "SLOTS"});
  redis_connection& asked = next_to_ask();
  asked.send(command, [this, address = asked.address()](const result<redis_reply>& reply) {
    if (!reply) return;  // the next command will ask again
    if (slots_.assign(*reply, address)) forget_others();
  });
}

AGENT_WEBSOCKET_INLINE redis_connection& redis_client::next_to_ask() {
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    redis_connection& each = *connections_[++turn_ % connections_.size()];
    if (each.is_ready()) return each;
  }
  return any();
}

AGENT_WEBSOCKET_INLINE void redis_client::forget_others() {
  for (const redis_address& each : slots_.addresses()) connection_to(each).connect();
  connections_.erase(std::remove_if(connections_.begin() + 1, connections_.end(),
                                    [this](const std::unique_ptr<redis_connection>& each) {
                                      return each->pending() == 0 &&
                                             !slots_.contains(each->address());
                                    }),
                     connections_.end());
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS
