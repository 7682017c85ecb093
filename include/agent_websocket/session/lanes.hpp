// SPDX-License-Identifier: MIT
//
// What one socket of a session is to be sent, in lanes: control first, then numbered messages with
// what keeps its place among them, then the running answer's new text, then volatile messages.
// Numbered messages and text are not copied here: the socket has a position in the session's log
// and in the answer, so that text which waits is merged by itself and a slow reader costs little.
#pragma once

#include <agent_websocket/base/boxed.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/fifo.hpp>
#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/policy/transport.hpp>
#include <agent_websocket/session/message_log.hpp>
#include <agent_websocket/wire/encode.hpp>
#include <agent_websocket/wire/replay.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

/// The answer that is being streamed, as far as it has come. Views into its owner.
struct live_answer {
  std::uint64_t run = 0;  ///< tells answers apart
  std::string_view stream;
  std::string_view text;
  std::uint64_t chunks = 0;
  std::string_view reasoning{};  ///< counted by itself
  std::uint64_t reasoning_chunks = 0;
};

class lanes {
 public:
  /// Text that waits for a socket when its answer ends is sent as one more delta up to this size;
  /// above it the end alone brings it.
  static constexpr std::size_t max_last_delta_bytes = 64 * 1024;
  static constexpr std::size_t max_volatile_bytes = 64 * 1024;

  /// A socket that has been sent nothing yet and goes on from `position` of the log.
  explicit lanes(connection_id connection, std::uint64_t position = 0);

  connection_id connection() const noexcept { return connection_; }
  /// Number of the last numbered message that was handed out.
  std::uint64_t position() const noexcept { return position_; }

  // ---- in

  /// A finished frame that may overtake all but its own kind.
  void put_control(std::string frame);

  /// A control frame that waits until so many records of the session are kept.
  void put_control_when_kept(std::string frame, std::uint64_t records);
  /// Likewise, and nothing else goes out before it. Takes the place of one that still waits.
  void begin_when_kept(std::string frame, std::uint64_t records);
  /// So many records are kept now.
  void kept(std::uint64_t records);

  /// A finished frame that goes behind the numbered message `after`, and before the next.
  void put_ordered(std::string frame, std::uint64_t after);

  /// A finished frame that may be lost: the oldest make room.
  void put_volatile(std::string frame);

  /// Rule R1: the answer is about to end; its text goes out before. `top`: of the log.
  void put_last_delta(const live_answer& answer, std::uint64_t top, std::string_view timestamp);

  /// Starts over at `position`: everything after it up to `top` goes out again as replay, then a
  /// snapshot of the answer that runs now, `run` or 0 (rule R5: in place of its waiting deltas),
  /// then `live`. What waited here was for a client that did not know it yet; all of it is in the
  /// replay.
  void catch_up(std::uint64_t position, std::uint64_t top, std::uint64_t run, std::string live);

  // ---- out

  /// Takes the next frame out, in place of what is in `frame` and into its memory; false when
  /// nothing waits, or nothing but text that is not `text_due`. `answer` is null when none is
  /// streamed.
  bool take_next(const message_log& log, const live_answer* answer, bool text_due,
                 std::string& frame, std::string_view timestamp);

  bool has_text(const live_answer& answer) const noexcept;

  // ---- how much

  /// Everything that this socket has not been handed: for the decision to pause the upstream.
  std::size_t waiting_bytes(const message_log& log, const live_answer* answer) const noexcept;

  /// Too far behind to be served: more than `max_bytes` of its own, or numbered messages about to
  /// leave the log. What it is still replaying does not count: that much was allowed.
  bool too_slow(const message_log& log, std::size_t max_bytes) const noexcept;

  // ---- the session's notes about this socket

  /// What its client says that it can do.
  void take_caps(const std::vector<std::string>& caps);

  std::size_t transport_waits = 0;  ///< bytes that the transport holds
  time_point heard{};               ///< when its client said something last
  unsigned bad_messages = 0;        ///< in a row
  bool greeted = false;             ///< its client has said hello
  bool wants_deltas = false;        ///< said so in its hello
  bool wants_reasoning = false;     ///< likewise
  bool closed = false;              ///< by us: nothing more is sent

 private:
  struct in_place {
    std::string frame;
    std::uint64_t after;
  };
  struct piece {
    std::uint64_t idx = 0, n = 0;
    std::string_view text;
  };

  /// How far the answer of one run was sent.
  struct mark {
    std::uint64_t run = 0;
    std::uint64_t chunks = 0;
    std::size_t bytes = 0;

    piece after(std::uint64_t of_run, std::uint64_t n, std::string_view text) const noexcept;
  };

  piece unsent(const live_answer& answer) const noexcept;
  piece unsent_reasoning(const live_answer& answer) const noexcept;

  void mark_sent(const live_answer& answer) noexcept;

  // In place of what `frame` holds, into its memory.
  void encode_reasoning(std::string& frame, const live_answer& answer, const piece& next,
                        std::string_view timestamp);

  void encode_delta(std::string& frame, const live_answer& answer, const piece& next,
                    std::string_view timestamp);

  bool take_snapshot(const live_answer& answer, std::string& frame, std::string_view timestamp);

  connection_id connection_;
  fifo<std::string> control_;
  fifo<in_place> unkept_;  // `after`: so many records
  boxed<in_place> first_;
  fifo<in_place> ordered_;
  fifo<std::string> volatile_;
  std::size_t own_bytes_ = 0;  // of control_ and ordered_
  std::size_t volatile_bytes_ = 0;
  std::uint64_t position_;
  std::uint64_t replay_until_ = 0;
  std::uint64_t snapshot_run_ = 0;  // the answer of which one is due; 0: of none
  mark sent_;
  boxed<mark> reasoning_sent_;  // few want to see it
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE lanes::lanes(connection_id connection, std::uint64_t position)
    : connection_(connection), position_(position) {}

AGENT_WEBSOCKET_INLINE void lanes::put_control(std::string frame) {
  if (!control_.empty()) frame.shrink_to_fit();  // it will wait
  control_.push_back(std::move(frame));
  own_bytes_ += control_.back().size();
}

AGENT_WEBSOCKET_INLINE void lanes::put_control_when_kept(std::string frame, std::uint64_t records) {
  unkept_.push_back({std::move(frame), records});
  own_bytes_ += unkept_.back().frame.size();
}

AGENT_WEBSOCKET_INLINE void lanes::begin_when_kept(std::string frame, std::uint64_t records) {
  const std::size_t before = first_ ? first_->frame.size() : 0;
  first_.emplace(in_place{std::move(frame), records});
  own_bytes_ += first_->frame.size() - before;
}

AGENT_WEBSOCKET_INLINE void lanes::kept(std::uint64_t records) {
  while (!unkept_.empty() && unkept_.front().after <= records)
    control_.push_back(unkept_.take_front().frame);
  if (!first_ || first_->after > records) return;
  control_.push_front(std::move(first_->frame));
  first_.reset();
}

AGENT_WEBSOCKET_INLINE void lanes::put_ordered(std::string frame, std::uint64_t after) {
  if (!ordered_.empty()) frame.shrink_to_fit();
  ordered_.push_back({std::move(frame), after});
  own_bytes_ += ordered_.back().frame.size();
}

AGENT_WEBSOCKET_INLINE void lanes::put_volatile(std::string frame) {
  volatile_.push_back(std::move(frame));
  volatile_bytes_ += volatile_.back().size();
  while (volatile_bytes_ > max_volatile_bytes) volatile_bytes_ -= volatile_.take_front().size();
}

AGENT_WEBSOCKET_INLINE void lanes::put_last_delta(const live_answer& answer, std::uint64_t top,
                                                  std::string_view timestamp) {
  if (const piece thought = unsent_reasoning(answer);
      thought.n != 0 && thought.text.size() <= max_last_delta_bytes) {
    std::string frame;
    encode_reasoning(frame, answer, thought, timestamp);
    put_ordered(std::move(frame), top);
  }
  const piece next = unsent(answer);
  if (snapshot_run_ == answer.run || next.n == 0 || next.text.size() > max_last_delta_bytes) return;
  std::string frame;
  encode_delta(frame, answer, next, timestamp);
  put_ordered(std::move(frame), top);
}

AGENT_WEBSOCKET_INLINE void lanes::catch_up(std::uint64_t position, std::uint64_t top,
                                            std::uint64_t run, std::string live) {
  for (std::size_t i = 0; i < ordered_.size(); ++i) own_bytes_ -= ordered_[i].frame.size();
  ordered_.clear();
  position_ = position;
  replay_until_ = top;
  snapshot_run_ = run;
  reasoning_sent_.reset();  // it comes again from its beginning
  put_ordered(std::move(live), top);
}

AGENT_WEBSOCKET_INLINE bool lanes::take_next(const message_log& log, const live_answer* answer,
                                             bool text_due, std::string& frame,
                                             std::string_view timestamp) {
  if (first_) return false;
  if (!control_.empty()) {
    frame.assign(control_.front());
    control_.take_front();
    own_bytes_ -= frame.size();
    return true;
  }
  if (!ordered_.empty() && ordered_.front().after <= position_) {
    const std::uint64_t run = std::exchange(snapshot_run_, 0);
    if (run != 0 && answer != nullptr && answer->run == run &&
        take_snapshot(*answer, frame, timestamp)) {
      return true;
    }
    frame.assign(ordered_.front().frame);
    ordered_.take_front();
    own_bytes_ -= frame.size();
    return true;
  }
  if (position_ < log.released()) {
    if (!log.holds_after(position_)) return false;  // see too_slow()
    const std::string& next = log.at(++position_);
    position_ <= replay_until_ ? (frame = wire::as_replay(next)) : frame.assign(next);
    return true;
  }
  if (answer != nullptr && text_due && position_ >= log.top()) {
    if (const piece thought = unsent_reasoning(*answer); thought.n != 0) {
      encode_reasoning(frame, *answer, thought, timestamp);
      return true;
    }
    const piece next = unsent(*answer);
    if (next.n != 0) {
      encode_delta(frame, *answer, next, timestamp);
      return true;
    }
  }
  if (volatile_.empty()) return false;
  frame.assign(volatile_.front());
  volatile_.take_front();
  volatile_bytes_ -= frame.size();
  return true;
}

AGENT_WEBSOCKET_INLINE bool lanes::has_text(const live_answer& answer) const noexcept {
  return unsent(answer).n != 0 || unsent_reasoning(answer).n != 0;
}

AGENT_WEBSOCKET_INLINE std::size_t lanes::waiting_bytes(const message_log& log,
                                                        const live_answer* answer) const noexcept {
  return own_bytes_ + volatile_bytes_ + log.bytes_after(position_) +
         (answer == nullptr ? 0
                            : unsent(*answer).text.size() + unsent_reasoning(*answer).text.size());
}

AGENT_WEBSOCKET_INLINE bool lanes::too_slow(const message_log& log,
                                            std::size_t max_bytes) const noexcept {
  if (own_bytes_ > max_bytes || !log.holds_after(position_)) return true;
  const std::uint64_t from = position_ < replay_until_ ? replay_until_ : position_;
  // One frame may be as large as it likes, and what is not released is not the client's fault.
  if (log.released() <= from + 1) return false;
  const std::size_t room = log.max_bytes() / 4 * 3;
  const std::size_t bytes = log.bytes_after(from) - log.bytes_after(log.released());
  return bytes > (max_bytes < room ? max_bytes : room) ||
         log.released() - from > log.max_messages() / 4 * 3;
}

AGENT_WEBSOCKET_INLINE void lanes::take_caps(const std::vector<std::string>& caps) {
  greeted = true;
  for (const std::string& each : caps) {
    wants_deltas = wants_deltas || each == "delta";
    wants_reasoning = wants_reasoning || each == "reasoning";
  }
}

AGENT_WEBSOCKET_INLINE lanes::piece lanes::mark::after(std::uint64_t of_run, std::uint64_t n,
                                                       std::string_view text) const noexcept {
  if (run != of_run) return {0, n, text};
  return {chunks, n - chunks, {text.data() + bytes, text.size() - bytes}};
}

AGENT_WEBSOCKET_INLINE lanes::piece lanes::unsent(const live_answer& answer) const noexcept {
  return sent_.after(answer.run, answer.chunks, answer.text);
}

AGENT_WEBSOCKET_INLINE lanes::piece lanes::unsent_reasoning(
    const live_answer& answer) const noexcept {
  if (!wants_reasoning) return {};
  return reasoning_sent_.value_or(mark()).after(answer.run, answer.reasoning_chunks,
                                                answer.reasoning);
}

AGENT_WEBSOCKET_INLINE void lanes::mark_sent(const live_answer& answer) noexcept {
  sent_ = {answer.run, answer.chunks, answer.text.size()};
}

AGENT_WEBSOCKET_INLINE void lanes::encode_reasoning(std::string& frame, const live_answer& answer,
                                                    const piece& next, std::string_view timestamp) {
  frame.clear();
  encode(frame, wire::response_delta{answer.stream, next.idx, next.n, next.text, false, true},
         timestamp);
  reasoning_sent_.need() = {answer.run, answer.reasoning_chunks, answer.reasoning.size()};
}

AGENT_WEBSOCKET_INLINE void lanes::encode_delta(std::string& frame, const live_answer& answer,
                                                const piece& next, std::string_view timestamp) {
  frame.clear();
  encode(frame, wire::response_delta{answer.stream, next.idx, next.n, next.text, false}, timestamp);
  mark_sent(answer);
}

AGENT_WEBSOCKET_INLINE bool lanes::take_snapshot(const live_answer& answer, std::string& frame,
                                                 std::string_view timestamp) {
  if (answer.chunks == 0) return false;
  frame.clear();
  encode(frame, wire::response_delta{answer.stream, 0, answer.chunks, answer.text, true},
         timestamp);
  mark_sent(answer);
  return true;
}

#endif

}  // namespace agent_websocket
