// SPDX-License-Identifier: MIT
//
// What the sessions of one server have done, all of them together: errors by code, answers by how
// they ended, tokens, times. Plain numbers on one executor, counted where a message is made, so
// that a piece of text costs nothing. Nothing here knows a session, a user or an address.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>
#include <agent_websocket/base/histogram.hpp>
#include <agent_websocket/session/actions.hpp>
#include <agent_websocket/wire/message.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace agent_websocket {

/// A number for each code.
class errc_counts {
 public:
  void add(errc code) noexcept { ++of_[static_cast<std::size_t>(code)]; }
  std::uint64_t operator[](errc code) const noexcept { return of_[static_cast<std::size_t>(code)]; }

 private:
  std::array<std::uint64_t, detail::errc_table.size() + 1> of_{};  // the codes begin with 1
};

struct session_counts {
  using number = std::uint64_t;

  errc_counts errors;               ///< told to clients
  errc_counts failed_answers;       ///< by their code
  std::array<number, 4> answers{};  ///< that have ended, by wire::answer_status
  number numbered_notifications = 0, volatile_notifications = 0;
  number tools_done = 0, tools_failed = 0;
  number frames = 0, bytes = 0;  ///< handed to the transport: messages of all kinds, as JSON
  usage_totals used;
  /// From the begin of an answer to its first text and to its end, in seconds.
  histogram<11> first_text{{{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120}}};
  histogram<11> whole_answer{{{0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}}};

  number answers_of(wire::answer_status status) const noexcept;

  /// A message has been made. Those that are not counted are not told apart.
  template <typename Message>
  void made(const Message&) noexcept {}
  void made(const wire::failure_notice& what) noexcept;
  void made(const wire::response_end& what) noexcept;
  void made(const wire::notification& what) noexcept;
  void made(const wire::tool_status& what) noexcept;

  void first_text_after(std::chrono::steady_clock::duration time) noexcept;
  void answered_after(std::chrono::steady_clock::duration time, const usage_totals& by) noexcept;
  void sent(std::size_t size) noexcept;

 private:
  static double seconds(std::chrono::steady_clock::duration time) noexcept;

  void answer_ended(wire::answer_status status, errc code) noexcept;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE session_counts::number session_counts::answers_of(
    wire::answer_status status) const noexcept {
  return answers[static_cast<std::size_t>(status)];
}

AGENT_WEBSOCKET_INLINE void session_counts::made(const wire::failure_notice& what) noexcept {
  if (what.replay) return;
  errors.add(what.code);
  if (what.seq) answer_ended(wire::answer_status::failed, what.code);
}

AGENT_WEBSOCKET_INLINE void session_counts::made(const wire::response_end& what) noexcept {
  if (what.replay) return;
  if (what.failure != nullptr) errors.add(what.failure->code);
  answer_ended(what.status, what.failure == nullptr ? errc::internal : what.failure->code);
}

AGENT_WEBSOCKET_INLINE void session_counts::made(const wire::notification& what) noexcept {
  ++(what.seq ? numbered_notifications : volatile_notifications);
}

AGENT_WEBSOCKET_INLINE void session_counts::made(const wire::tool_status& what) noexcept {
  if (what.state == "done") ++tools_done;
  if (what.state == "failed") ++tools_failed;
}

AGENT_WEBSOCKET_INLINE void session_counts::first_text_after(
    std::chrono::steady_clock::duration time) noexcept {
  first_text.add(seconds(time));
}

AGENT_WEBSOCKET_INLINE void session_counts::answered_after(std::chrono::steady_clock::duration time,
                                                           const usage_totals& by) noexcept {
  whole_answer.add(seconds(time));
  usage_totals added = by;
  if (!(added.cost > 0)) added.cost = 0;  // a counter does not go down
  used += added;
}

AGENT_WEBSOCKET_INLINE void session_counts::sent(std::size_t size) noexcept {
  ++frames;
  bytes += size;
}

AGENT_WEBSOCKET_INLINE double session_counts::seconds(
    std::chrono::steady_clock::duration time) noexcept {
  return std::chrono::duration<double>(time).count();
}

AGENT_WEBSOCKET_INLINE void session_counts::answer_ended(wire::answer_status status,
                                                         errc code) noexcept {
  ++answers[static_cast<std::size_t>(status)];
  if (status == wire::answer_status::failed) failed_answers.add(code);
}

#endif

}  // namespace agent_websocket
