// SPDX-License-Identifier: MIT
//
// Model of the requirement Exchange by the publish and subscribe of Redis, for the processes that
// share a redis_store: one channel for each process, <prefix>to:<name>, and one for all,
// <prefix>all. In a cluster a message reaches every server of it.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/redis_client.hpp>
#include <agent_websocket/adapters/redis_connection.hpp>
#include <agent_websocket/adapters/redis_letter.hpp>
#include <agent_websocket/adapters/redis_store.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/exchange.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// One thread, the store's. A second connection carries what comes in; what goes out takes the
/// store's, behind its commands.
class redis_exchange {
 public:
  /// The store outlives the exchange and was opened. Its on_event is told exchange_connected,
  /// exchange_lost and exchange_refused as well. `ask_every`: a connection that brings nothing for
  /// long may be dead without a word.
  explicit redis_exchange(redis_store& store,
                          std::chrono::milliseconds ask_every = std::chrono::seconds(5));
  redis_exchange(const redis_exchange&) = delete;
  redis_exchange& operator=(const redis_exchange&) = delete;

  const std::string& name() const noexcept { return store_.name(); }

  void listen(exchange_sink& sink);

  void send(std::string_view to, std::string_view text);
  void publish(std::string_view text);

 private:
  std::string channel_to(std::string_view name) const;
  std::string channel_to_all() const;

  /// What does not get through is lost; the receiver sees it by the numbers of later ones.
  void put(const std::string& channel, const std::string& letter);

  void connect();

  void subscribe();

  void refused(std::string_view words);

  void wait();

  void ask();

  void take(const redis_reply& reply);

  redis_store& store_;
  std::chrono::milliseconds ask_every_;
  exchange_sink* sink_ = nullptr;
  redis_letter_post post_;
  redis_letter_box box_;
  asio_timer timer_;
  bool is_subscribed_ = false;   // on this connection
  bool was_subscribed_ = false;  // on any
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  std::unique_ptr<redis_connection> connection_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE redis_exchange::redis_exchange(redis_store& store,
                                                      std::chrono::milliseconds ask_every)
    : store_(store), ask_every_(ask_every), timer_(store.context()) {}

AGENT_WEBSOCKET_INLINE void redis_exchange::listen(exchange_sink& sink) {
  sink_ = &sink;
  connect();
  wait();
}

AGENT_WEBSOCKET_INLINE void redis_exchange::send(std::string_view to, std::string_view text) {
  put(channel_to(to), post_.write(name(), to, text));
}

AGENT_WEBSOCKET_INLINE void redis_exchange::publish(std::string_view text) {
  put(channel_to_all(), post_.write(name(), "", text));
}

AGENT_WEBSOCKET_INLINE std::string redis_exchange::channel_to(std::string_view name) const {
  return store_.url().prefix + "to:" + std::string(name);
}

AGENT_WEBSOCKET_INLINE std::string redis_exchange::channel_to_all() const {
  return store_.url().prefix + "all";
}

AGENT_WEBSOCKET_INLINE void redis_exchange::put(const std::string& channel,
                                                const std::string& letter) {
  store_.client().send_to_any(make_redis_command({"PUBLISH", channel, letter}),
                              [](const result<redis_reply>&) {});
}

AGENT_WEBSOCKET_INLINE void redis_exchange::connect() {
  redis_connection_settings settings = store_.client().settings();
  settings.address = store_.client().any_address();
  settings.on_ready = [this] {
    is_subscribed_ = false;
    subscribe();
  };
  settings.on_message = [this](const redis_reply& reply) { take(reply); };
  if (settings.on_event) {
    settings.on_event = [to = settings.on_event](std::string_view event, std::string_view text) {
      to(event == "redis_lost" ? "exchange_lost" : "exchange_connected", text);
    };
  }
  connection_ = std::make_unique<redis_connection>(store_.context(), std::move(settings));
  connection_->connect();
}

AGENT_WEBSOCKET_INLINE void redis_exchange::subscribe() {
  connection_->send(make_redis_command({"SUBSCRIBE", channel_to(name())}),
                    [this](const result<redis_reply>& reply) {
                      if (reply && reply->is_error()) refused(reply->text());
                    });
  connection_->send(make_redis_command({"SUBSCRIBE", channel_to_all()}),
                    [this](const result<redis_reply>& reply) {
                      if (!reply || reply->is_error()) return;
                      is_subscribed_ = true;
                      if (std::exchange(was_subscribed_, true)) sink_->on_gap();
                    });
}

AGENT_WEBSOCKET_INLINE void redis_exchange::refused(std::string_view words) {
  const redis_event on_event = store_.client().settings().on_event;
  if (on_event) on_event("exchange_refused", words);
}

AGENT_WEBSOCKET_INLINE void redis_exchange::wait() {
  timer_.expires_after(ask_every_);
  timer_.async_wait([this, alive = std::weak_ptr<char>(alive_)](const std::error_code& failure) {
    if (failure || alive.expired()) return;
    ask();
    wait();
  });
}

AGENT_WEBSOCKET_INLINE void redis_exchange::ask() {
  if (!connection_->is_ready()) {
    // Any other server of a cluster does as well.
    if (store_.client().any_address() != connection_->address()) connect();
  } else if (!is_subscribed_) {
    subscribe();
  } else {
    connection_->send(make_redis_command({"PING"}), [](const result<redis_reply>&) {});
  }
}

AGENT_WEBSOCKET_INLINE void redis_exchange::take(const redis_reply& reply) {
  const bool is_to_all = reply[1].text() == channel_to_all();
  const auto letter = redis_letter::parse(reply[2].text());
  if (!letter || (is_to_all && letter->from == name())) return;
  const auto verdict = box_.take(*letter, is_to_all);
  if (verdict == redis_letter_box::verdict::late) return;
  const std::weak_ptr<char> alive = alive_;
  if (verdict == redis_letter_box::verdict::after_gap) sink_->on_gap();
  if (!alive.expired()) sink_->on_message(letter->from, letter->text);
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS
