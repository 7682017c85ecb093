// SPDX-License-Identifier: MIT
//
// A connection to one server of Redis that comes back by itself: connects, signs in (AUTH, SELECT),
// gives each command its reply in order, and gives up what is not answered in time. While the
// server is away commands fail at once; it is tried again after a pause that grows, with jitter.
// Knows nothing of keys; see redis_client.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/redis_backoff.hpp>
#include <agent_websocket/adapters/redis_line.hpp>
#include <agent_websocket/adapters/redis_queue.hpp>
#include <agent_websocket/adapters/redis_reply.hpp>
#include <agent_websocket/adapters/redis_settings.hpp>
#include <agent_websocket/adapters/redis_sign_in.hpp>
#include <agent_websocket/adapters/redis_url.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>
#include <agent_websocket/base/result.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS

#include <asio/connect.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// One thread. May be destroyed within any function that it calls; then calls nothing more.
class redis_connection final : redis_line_sink {
 public:
  /// The context outlives it. Connects with the first command, or with connect().
  redis_connection(asio::io_context& context, redis_connection_settings settings);
  redis_connection(const redis_connection&) = delete;
  redis_connection& operator=(const redis_connection&) = delete;
  /// Drops what has no reply without a word; what was sent just now goes out if it can.
  ~redis_connection() { close_line(); }

  void connect();

  /// Fails with connection_failed when there is no reply. Never calls `done` from within.
  void send(const redis_command& command, redis_handler done);

  bool is_ready() const noexcept { return phase_ == phase::ready; }
  /// Commands without a reply.
  std::size_t pending() const noexcept { return queue_.size(); }
  const redis_address& address() const noexcept { return settings_.address; }

 private:
  using clock = std::chrono::steady_clock;
  enum class phase { idle, connecting, signing_in, ready, pausing };

  struct refusal {
    redis_handler done;
    error why;
  };
  error failure(const std::string& words) const;

  /// Soon. The handler waits here and not in Asio's queue, so that it ends with the connection.
  void refuse(const error& why, redis_handler done);

  std::weak_ptr<char> watch() const { return alive_; }

  void put(std::string_view command, redis_handler done, clock::time_point deadline,
           std::size_t counted);

  // --- connecting ---

  void begin();

  void sign_in();

  void step(const result<redis_reply>& reply, bool is_last);

  void stand();

  // --- losing ---

  void close_line();

  void lose(const std::string& words);

  void tell(std::string_view event, std::string_view words);

  // --- one timer: of connecting, of the pause, and of the oldest command ---

  void arm();

  void wait_until(clock::time_point when);

  void cancel_wait();

  void on_time();

  // --- of the line ---

  AGENT_WEBSOCKET_INLINE void on_reply(redis_reply reply) override;

  void on_progress() override { progress_ = clock::now(); }
  void on_line_lost(const std::string& words) override { lose(words); }

  asio::io_context& context_;
  redis_connection_settings settings_;
  asio::ip::tcp::resolver resolver_;
  std::shared_ptr<asio_socket> opening_;  // being connected
  asio_timer timer_;
  link_pointer<redis_line> line_;
  redis_queue queue_;
  redis_sign_in sign_in_;
  redis_backoff backoff_;
  std::deque<refusal> refused_;
  clock::time_point progress_{};
  error reason_;  // why there is no connection
  phase phase_ = phase::idle;
  unsigned turn_ = 0;  // tells an attempt from those given up
  unsigned wait_ = 0;
  bool armed_ = false;
  bool is_lost_ = false;
  bool was_ready_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE redis_connection::redis_connection(asio::io_context& context,
                                                          redis_connection_settings settings)
    : context_(context), settings_(std::move(settings)), resolver_(context), timer_(context) {}

AGENT_WEBSOCKET_INLINE void redis_connection::connect() {
  if (phase_ == phase::idle) begin();
}

AGENT_WEBSOCKET_INLINE void redis_connection::send(const redis_command& command,
                                                   redis_handler done) {
  connect();
  if (phase_ == phase::pausing) return refuse(reason_, std::move(done));
  const std::size_t bytes = command->size();
  if (queue_.bytes() + bytes > settings_.max_pending_bytes) {
    return refuse(failure("too much waits for it"), std::move(done));
  }
  const auto deadline = clock::now() + settings_.timeout;
  if (phase_ == phase::ready) return put(*command, std::move(done), deadline, bytes);
  queue_.wait(command, std::move(done), deadline);
}

AGENT_WEBSOCKET_INLINE error redis_connection::failure(const std::string& words) const {
  return error(errc::connection_failed, "The store is not available",
               "redis at " + settings_.address.text() + ": " + words);
}

AGENT_WEBSOCKET_INLINE void redis_connection::refuse(const error& why, redis_handler done) {
  refused_.push_back({std::move(done), why});
  asio::post(context_, [this, alive = watch()] {
    if (alive.expired()) return;
    const refusal first = std::move(refused_.front());  // there is one for each of these calls
    refused_.pop_front();
    first.done(first.why);
  });
}

AGENT_WEBSOCKET_INLINE void redis_connection::put(std::string_view command, redis_handler done,
                                                  clock::time_point deadline, std::size_t counted) {
  line_->send(command);
  queue_.sent(std::move(done), deadline, counted);
  if (queue_.on_the_way() == 1) progress_ = clock::now();
  if (phase_ == phase::ready) arm();
}

AGENT_WEBSOCKET_INLINE void redis_connection::begin() {
  phase_ = phase::connecting;
  wait_until(clock::now() + settings_.timeout);
  resolver_.async_resolve(
      settings_.address.host, std::to_string(settings_.address.port),
      [this, alive = watch(), turn = turn_](std::error_code why, const auto& found) {
        if (alive.expired() || turn != turn_) return;
        if (why) return lose("the name cannot be resolved: " + why.message());
        opening_ = std::make_shared<asio_socket>(context_.get_executor());
        // Asio looks at the socket once more before it calls this, also when the connection has
        // ended in between: the call holds it.
        asio::async_connect(
            *opening_, found,
            [this, alive, turn, held = opening_](std::error_code refused, const auto&) {
              if (alive.expired() || turn != turn_) return;
              if (refused) return lose(refused.message());
              sign_in();
            });
      });
}

AGENT_WEBSOCKET_INLINE void redis_connection::sign_in() {
  asio_socket socket = std::move(*std::exchange(opening_, nullptr));
  std::error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  finish_connecting(socket);
  phase_ = phase::signing_in;
  line_ = redis_line::begin(std::move(socket), *this, settings_.tls, settings_.address.host);
  if (!line_) return lose("no certificate can be for that host");
  const std::vector<redis_command> commands = redis_sign_in::commands(settings_);
  for (const redis_command& each : commands) {
    const bool is_last = each == commands.back();
    auto done = [this, is_last](const result<redis_reply>& reply) { step(reply, is_last); };
    put(*each, std::move(done), {}, 0);
  }
}

AGENT_WEBSOCKET_INLINE void redis_connection::step(const result<redis_reply>& reply, bool is_last) {
  sign_in_.judge(reply, is_last);
  if (!is_last || !reply) return;
  if (const std::string words = sign_in_.take_refusal(); !words.empty()) return lose(words);
  stand();
}

AGENT_WEBSOCKET_INLINE void redis_connection::stand() {
  phase_ = phase::ready;
  backoff_.stands(clock::now());
  cancel_wait();
  const auto alive = watch();
  if (std::exchange(is_lost_, false) || !was_ready_) tell("redis_connected", "");
  was_ready_ = true;
  if (alive.expired()) return;
  if (const auto on_ready = settings_.on_ready) on_ready();
  if (alive.expired() || phase_ != phase::ready) return;
  for (redis_queue::waiter& each : queue_.take_waiting()) {
    put(*each.command, std::move(each.done), each.deadline, each.command->size());
  }
}

AGENT_WEBSOCKET_INLINE void redis_connection::close_line() {
  ++turn_;
  resolver_.cancel();
  if (opening_) {
    std::error_code ignored;
    std::exchange(opening_, nullptr)->close(ignored);
  }
  if (line_) std::exchange(line_, {})->drop();
}

AGENT_WEBSOCKET_INLINE void redis_connection::lose(const std::string& words) {
  close_line();
  cancel_wait();
  phase_ = phase::pausing;
  sign_in_ = redis_sign_in();
  reason_ = is_redis_refusal(words) ? error_of_redis(words) : failure(words);
  const auto now = clock::now();
  wait_until(now + backoff_.next(now));
  const std::vector<redis_handler> unanswered = queue_.take_all();
  const auto alive = watch();
  const error why = reason_;
  if (!std::exchange(is_lost_, true)) tell("redis_lost", words);
  for (const redis_handler& done : unanswered) {
    if (alive.expired()) return;
    done(why);
  }
}

AGENT_WEBSOCKET_INLINE void redis_connection::tell(std::string_view event, std::string_view words) {
  if (!settings_.on_event) return;
  std::string text = settings_.address.text();
  if (!words.empty()) text.append(": ").append(words);
  const redis_event on_event = settings_.on_event;  // it may destroy the connection
  on_event(event, text);
}

AGENT_WEBSOCKET_INLINE void redis_connection::arm() {
  const auto deadline = queue_.deadline();
  if (armed_ || !deadline) return;
  wait_until(std::max(*deadline, progress_ + settings_.timeout));
}

AGENT_WEBSOCKET_INLINE void redis_connection::wait_until(clock::time_point when) {
  armed_ = true;
  timer_.expires_at(when);
  timer_.async_wait([this, alive = watch(), wait = ++wait_](std::error_code cancelled) {
    if (cancelled || alive.expired() || wait != wait_) return;
    armed_ = false;
    on_time();
  });
}

AGENT_WEBSOCKET_INLINE void redis_connection::cancel_wait() {
  armed_ = false;
  ++wait_;
  timer_.cancel();
}

AGENT_WEBSOCKET_INLINE void redis_connection::on_time() {
  if (phase_ == phase::pausing) return begin();
  if (phase_ != phase::ready) return lose("no connection in time");
  const auto deadline = queue_.deadline();
  if (!deadline) return;
  const auto now = clock::now();
  // A large reply may take its time, as long as it comes.
  if (now < *deadline || now < progress_ + settings_.timeout) return arm();
  lose("no reply in time");
}

AGENT_WEBSOCKET_INLINE void redis_connection::on_reply(redis_reply reply) {
  if (settings_.on_message && reply.size() > 0 && reply[0].text() == "message") {
    const auto on_message = settings_.on_message;  // it may destroy the connection
    return on_message(std::move(reply));
  }
  if (queue_.on_the_way() == 0) {
    return lose(reply.is_error() ? std::string(reply.text()) : "a reply that nobody asked for");
  }
  const redis_handler done = queue_.take_sent();
  const bool is_replica =
      phase_ == phase::ready && reply.is_error() && redis_error_kind(reply.text()) == "READONLY";
  const auto alive = watch();
  done(std::move(reply));
  // The name may lead to the new primary by now.
  if (is_replica && !alive.expired() && phase_ == phase::ready) lose("it is a replica now");
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS
