// SPDX-License-Identifier: MIT
//
// The state of the connection to the server: when to connect, what a welcome means (the same
// session or another), which numbered messages are new, when a silent server counts as gone. Holds
// no socket (see `link`) and no clock.
#pragma once

#include "keys.hpp"
#include "messages.hpp"
#include "reconnect.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace chat {

/// The socket, as far as the chat needs it. What happens on it comes back to `client`.
class link {
 public:
  virtual ~link() = default;
  virtual void connect() = 0;
  virtual void send(std::string text) = 0;
  /// Ends the connection or the attempt; nothing is told of it.
  virtual void drop() = 0;
};

enum class connection_state { idle, connecting, catching_up, live, waiting, stopped };

class connection {
 public:
  enum class greeting { none, first, same, another };  ///< which session a welcome names

  connection(link& socket, agent_websocket::random_source random)
      : link_(socket), random_(std::move(random)) {}

  connection_state state() const noexcept { return state_; }
  bool is_live() const noexcept { return state_ == connection_state::live; }
  bool is_away() const noexcept {
    return state_ == connection_state::waiting || state_ == connection_state::stopped;
  }
  bool was_ever_live() const noexcept { return was_live_; }
  int failures() const noexcept { return backoff_.failures(); }
  const std::string& session_id() const noexcept { return session_.session_id; }
  /// The server promised that a lost connection does not end the session.
  bool can_resume() const noexcept { return !session_.token.empty(); }
  std::size_t max_message_bytes() const noexcept { return max_message_bytes_; }
  std::size_t max_queued() const noexcept { return max_queued_; }
  time_point retry_at() const noexcept { return retry_at_; }

  void connect(time_point now) {
    state_ = connection_state::connecting;
    give_up_at_ = now + welcome_within;
    link_.connect();
  }

  void opened(time_point now) {
    state_ = connection_state::catching_up;
    heard(now);
    say_hello();
  }

  /// Anything from the server shows that it is there.
  void heard(time_point now) {
    heard_at_ = now;
    pinged_ = false;
  }

  greeting welcomed(json::value m, time_point now) {
    const std::string_view id = m["session_id"].string().value_or("");
    const std::string_view reason = m["reason"].string().value_or("new");
    if (id.empty()) return greeting::none;
    // A server that needs no login greets before it has read that we come back; that session will
    // be discarded.
    if (awaits_verdict_ && reason == "new" && id != session_.session_id) return greeting::none;
    awaits_verdict_ = false;
    const bool first = session_.session_id.empty();
    const bool same =
        id == session_.session_id && m["epoch"].string().value_or("") == session_.epoch;
    if (!same) {
      session_.session_id = id;
      session_.epoch = m["epoch"].string().value_or("");
      session_.last_seq = 0;
    }
    session_.token = m["resume_token"].string().value_or("");
    read_limits(m);
    go_live(now);
    if (first) return greeting::first;
    return same ? greeting::same : greeting::another;
  }

  /// False for a numbered message that was here before, or that others before it are missing of.
  bool is_next(json::value m) {
    const auto seq = m["seq"].integer();
    const std::string_view op = m["op"].string().value_or("");
    if (!seq || op == "welcome" || op == "live") return true;
    if (*seq <= session_.last_seq) return false;
    if (session_.last_seq > 0 && *seq > session_.last_seq + 1 && can_resume()) {
      ask_again();
      return false;
    }
    session_.last_seq = *seq;
    return true;
  }

  /// For a hole in what came: the server begins anew where it was whole.
  void ask_again() {
    if (can_resume() && !awaits_verdict_) say_hello();
  }

  /// The server said how long it will be away.
  void wishes(milliseconds wait) noexcept { wish_ = wait; }

  /// A connection or an attempt has ended. Returns what to do; the state is `waiting` or `stopped`
  /// then.
  after_close ended(std::uint16_t code, time_point now) {
    if (is_live() && now >= steady_at_) backoff_.reset();
    const after_close what = what_to_do_after(code);
    if (what != after_close::resume) session_.token.clear();
    awaits_verdict_ = false;
    if (what == after_close::stop) {
      stop();
    } else {
      state_ = connection_state::waiting;
      retry_at_ = now + backoff_.next(code, std::exchange(wish_, milliseconds(0)), random_);
    }
    return what;
  }

  void stop() { state_ = connection_state::stopped; }

  /// Does what is due. `awaits`: something is to come from the server. True when it was silent for
  /// too long and was dropped: `ended` is to be told.
  bool tick(bool awaits, time_point now) {
    if (now < deadline(awaits)) return false;
    switch (state_) {
      case connection_state::waiting: connect(now); return false;
      case connection_state::live:
        if (!pinged_) {
          pinged_ = true;
          pinged_at_ = now;
          link_.send(messages::ping());
          return false;
        }
        break;
      case connection_state::connecting:
      case connection_state::catching_up: break;
      case connection_state::idle:
      case connection_state::stopped: return false;
    }
    link_.drop();
    return true;
  }

  /// When tick() is to be called next. A server that has nothing to say is not asked whether it is
  /// there, because asking would keep the session from expiring.
  time_point deadline(bool awaits) const {
    switch (state_) {
      case connection_state::waiting: return retry_at_;
      case connection_state::connecting:
      case connection_state::catching_up: return give_up_at_;
      case connection_state::live:
        if (!awaits || heartbeat_.count() == 0) break;
        return pinged_ ? pinged_at_ + timeout_ + grace : heard_at_ + heartbeat_;
      case connection_state::idle:
      case connection_state::stopped: break;
    }
    return time_point::max();
  }

 private:
  static constexpr std::chrono::seconds welcome_within{15};
  static constexpr std::chrono::seconds steady_after{10};
  static constexpr std::chrono::seconds grace{2};

  void say_hello() {
    awaits_verdict_ = can_resume();
    link_.send(messages::hello(session_));
  }

  void go_live(time_point now) {
    if (is_live()) return;
    state_ = connection_state::live;
    was_live_ = true;
    wish_ = milliseconds(0);
    steady_at_ = now + steady_after;
  }

  void read_limits(json::value m) {
    const auto number = [](json::value from, std::int64_t otherwise) {
      return std::clamp<std::int64_t>(from.integer().value_or(otherwise), 0, 1 << 30);
    };
    heartbeat_ = milliseconds(number(m["heartbeat_ms"], 0));
    timeout_ = milliseconds(number(m["timeout_ms"], 0));
    max_message_bytes_ = static_cast<std::size_t>(number(m["limits"]["max_message_bytes"], 0));
    max_queued_ =
        static_cast<std::size_t>(std::max<std::int64_t>(number(m["limits"]["max_queued"], 16), 1));
  }

  link& link_;
  agent_websocket::random_source random_;
  backoff backoff_;
  connection_state state_ = connection_state::idle;
  resume_point session_;
  bool awaits_verdict_ = false;  // on coming back to the session
  bool was_live_ = false;
  milliseconds wish_{0};
  milliseconds heartbeat_{0};
  milliseconds timeout_{0};
  std::size_t max_message_bytes_ = 0;  // 0: not known
  std::size_t max_queued_ = 16;
  time_point retry_at_{};
  time_point give_up_at_{};
  time_point steady_at_{};
  time_point heard_at_{};
  bool pinged_ = false;  // and nothing was heard since
  time_point pinged_at_{};
};

}  // namespace chat
