// SPDX-License-Identifier: MIT
//
// A connection to one server of Redis that comes back by itself: connects, signs in (AUTH, SELECT),
// gives each command its reply in order, and gives up what is not answered in time. While the
// server is away commands fail at once; it is tried again after a pause that grows, with jitter.
// Knows nothing of keys; see redis_client.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/redis_line.hpp>
#include <agent_websocket/adapters/redis_reply.hpp>
#include <agent_websocket/adapters/redis_settings.hpp>
#include <agent_websocket/adapters/redis_url.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/random.hpp>

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
  std::size_t pending() const noexcept;
  const redis_address& address() const noexcept { return settings_.address; }

 private:
  using clock = std::chrono::steady_clock;
  enum class phase { idle, connecting, signing_in, ready, pausing };

  static constexpr std::chrono::milliseconds least_pause{100};
  static constexpr std::chrono::milliseconds most_pause{2'000};
  static constexpr std::chrono::seconds steady{5};  // a connection that held so long was a good one

  struct outgoing {
    std::string_view bytes;
    redis_handler done;
    clock::time_point deadline;
    std::size_t size;
  };
  struct flight {
    redis_handler done;
    clock::time_point deadline;
    std::size_t size;
  };
  struct refusal {
    redis_handler done;
    error why;
  };
  struct waiter {
    redis_command command;
    redis_handler done;
    clock::time_point deadline;
  };

  error failure(const std::string& words) const;

  /// Soon. The handler waits here and not in Asio's queue, so that it ends with the connection.
  void refuse(const error& why, redis_handler done);

  std::weak_ptr<char> watch() const { return alive_; }

  void put(outgoing each);

  // --- connecting ---

  void begin();

  void sign_in();

  void step(const std::vector<std::string>& words);

  void judge(const result<redis_reply>& reply);

  void last_step();

  void stand();

  // --- losing ---

  void close_line();

  void lose(const std::string& words);

  static bool redis_error_is_refusal(std::string_view words);

  void pause();

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
  random_source random_;
  link_pointer<redis_line> line_;
  std::deque<flight> sent_;     // in the order of their replies
  std::deque<waiter> waiting_;  // for a connection
  std::deque<refusal> refused_;
  std::size_t pending_bytes_ = 0;
  clock::time_point since_{};
  clock::time_point progress_{};
  error reason_;         // why there is no connection
  std::string refusal_;  // of the sign-in
  phase phase_ = phase::idle;
  int attempts_ = 0;
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
  if (pending_bytes_ + bytes > settings_.max_pending_bytes) {
    return refuse(failure("too much waits for it"), std::move(done));
  }
  pending_bytes_ += bytes;
  const auto deadline = clock::now() + settings_.timeout;
  if (phase_ == phase::ready) {
    put({*command, std::move(done), deadline, bytes});
    return;
  }
  waiting_.push_back({command, std::move(done), deadline});
}

AGENT_WEBSOCKET_INLINE std::size_t redis_connection::pending() const noexcept {
  return sent_.size() + waiting_.size();
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

AGENT_WEBSOCKET_INLINE void redis_connection::put(outgoing each) {
  line_->send(each.bytes);
  sent_.push_back({std::move(each.done), each.deadline, each.size});
  if (sent_.size() == 1) progress_ = clock::now();
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
  if (!settings_.password.empty()) {
    if (settings_.user.empty()) {
      step({"AUTH", settings_.password});
    } else {
      step({"AUTH", settings_.user, settings_.password});
    }
  }
  if (settings_.database != 0) step({"SELECT", std::to_string(settings_.database)});
  step({"PING"});  // its answer says that the server is there, is done loading and lets us in
  last_step();
}

AGENT_WEBSOCKET_INLINE void redis_connection::step(const std::vector<std::string>& words) {
  const redis_command command = make_redis_command({words.begin(), words.end()});
  put({*command, [this](const result<redis_reply>& reply) { judge(reply); }, {}, 0});
}

AGENT_WEBSOCKET_INLINE void redis_connection::judge(const result<redis_reply>& reply) {
  if (!reply || !reply->is_error() || redis_error_kind(reply->text()) == "NOPERM") return;
  if (refusal_.empty()) refusal_ = std::string(reply->text());
}

AGENT_WEBSOCKET_INLINE void redis_connection::last_step() {
  sent_.back().done = [this](const result<redis_reply>& reply) {
    judge(reply);
    if (!reply) return;
    if (!refusal_.empty()) return lose(std::exchange(refusal_, {}));
    stand();
  };
}

AGENT_WEBSOCKET_INLINE void redis_connection::stand() {
  phase_ = phase::ready;
  since_ = clock::now();
  cancel_wait();
  const auto alive = watch();
  if (std::exchange(is_lost_, false) || !was_ready_) tell("redis_connected", "");
  was_ready_ = true;
  if (alive.expired()) return;
  if (const auto on_ready = settings_.on_ready) on_ready();
  if (alive.expired() || phase_ != phase::ready) return;
  for (waiter& each : std::exchange(waiting_, {})) {
    put({*each.command, std::move(each.done), each.deadline, each.command->size()});
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
  const bool held = phase_ == phase::ready && clock::now() - since_ > steady;
  phase_ = phase::pausing;
  refusal_.clear();
  reason_ = redis_error_is_refusal(words) ? error_of_redis(words) : failure(words);
  attempts_ = held ? 0 : std::min(attempts_ + 1, 16);
  pause();
  pending_bytes_ = 0;
  auto sent = std::exchange(sent_, {});
  auto waiting = std::exchange(waiting_, {});
  const auto alive = watch();
  const error why = reason_;
  if (!std::exchange(is_lost_, true)) tell("redis_lost", words);
  for (flight& each : sent) {
    if (alive.expired()) return;
    each.done(why);
  }
  for (waiter& each : waiting) {
    if (alive.expired()) return;
    each.done(why);
  }
}

AGENT_WEBSOCKET_INLINE bool redis_connection::redis_error_is_refusal(std::string_view words) {
  const std::string_view kind = redis_error_kind(words);
  return kind == "NOAUTH" || kind == "WRONGPASS" || kind == "DENIED" || kind == "LOADING" ||
         kind == "ERR" || kind == "MASTERDOWN";
}

AGENT_WEBSOCKET_INLINE void redis_connection::pause() {
  const auto whole = std::min(most_pause, least_pause * (1 << std::min(attempts_, 10)) / 2);
  const double part = 0.5 + random_.unit() / 2;
  wait_until(clock::now() + std::chrono::milliseconds(static_cast<std::chrono::milliseconds::rep>(
                                static_cast<double>(whole.count()) * part)));
}

AGENT_WEBSOCKET_INLINE void redis_connection::tell(std::string_view event, std::string_view words) {
  if (!settings_.on_event) return;
  std::string text = settings_.address.text();
  if (!words.empty()) text.append(": ").append(words);
  const redis_event on_event = settings_.on_event;  // it may destroy the connection
  on_event(event, text);
}

AGENT_WEBSOCKET_INLINE void redis_connection::arm() {
  if (armed_ || sent_.empty()) return;
  wait_until(std::max(sent_.front().deadline, progress_ + settings_.timeout));
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
  if (sent_.empty()) return;
  const auto now = clock::now();
  // A large reply may take its time, as long as it comes.
  if (now < sent_.front().deadline || now < progress_ + settings_.timeout) return arm();
  lose("no reply in time");
}

AGENT_WEBSOCKET_INLINE void redis_connection::on_reply(redis_reply reply) {
  if (settings_.on_message && reply.size() > 0 && reply[0].text() == "message") {
    const auto on_message = settings_.on_message;  // it may destroy the connection
    return on_message(std::move(reply));
  }
  if (sent_.empty()) {
    return lose(reply.is_error() ? std::string(reply.text()) : "a reply that nobody asked for");
  }
  const redis_handler done = std::move(sent_.front().done);
  pending_bytes_ -= sent_.front().size;
  sent_.pop_front();
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
