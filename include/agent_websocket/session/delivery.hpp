// SPDX-License-Identifier: MIT
//
// Hands the frames of one session to the transport, as far as each socket takes them, and collects
// new text for a moment before it goes out as one piece. Tells what came of it; what to do about
// clients that do not keep up is the session's.
#pragma once

#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/policy/transport.hpp>
#include <agent_websocket/session/core.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agent_websocket {

template <typename Transport, typename Scheduler>
class delivery {
 public:
  /// Handed to the transport at a time, for one socket; what is above waits in its lanes.
  static constexpr std::size_t transport_budget = 64 * 1024;

  struct outcome {
    bool nobody_keeps_up = false;         ///< there are sockets, and much waits for each
    std::optional<time_point> wake;       ///< when text that waits now is to go out
    std::vector<connection_id> too_slow;  ///< to be done without
  };

  /// `scratch` is where frames are made; the deliveries of one executor may share it.
  /// `text_waits_until` is the session's, the only state there is; to begin with, {}.
  delivery(Transport& transport, Scheduler& scheduler, std::string& scratch,
           time_point& text_waits_until)
      : transport_(transport),
        scheduler_(scheduler),
        scratch_(scratch),
        text_waits_until_(text_waits_until) {}

  /// The next piece of text is the first of an answer: it goes out at once.
  void begin_answer() noexcept { text_waits_until_ = {}; }

  /// True for `bytes` of new text that only add to what goes out together: there is nothing to run
  /// yet. False now and then all the same, so that it is looked at how much waits.
  bool collects(const session_core& session, std::size_t bytes) const noexcept {
    return bytes <= max_collected_piece && session.streamed().chunks % most_collected != 0 &&
           scheduler_.now() < text_waits_until_;
  }

  outcome run(session_core& session) {
    const live_answer answer = session.streamed();
    const live_answer* const text = answer.run == 0 ? nullptr : &answer;
    const auto window = session.settings().coalesce;
    const bool due =
        window.count() == 0 || text == nullptr || scheduler_.now() >= text_waits_until_;
    outcome made;
    std::size_t open = 0, behind = 0;
    bool sends_text = false, text_waits = false;
    for (const auto& each : session.output().sockets()) {
      if (each->closed) continue;
      ++open;
      const bool has_text = text != nullptr && each->has_text(answer);
      hand_over(session, *each, text, due, transport_budget);
      const bool still = text != nullptr && each->has_text(answer);
      sends_text = sends_text || (has_text && !still);
      text_waits = text_waits || still;
      if (each->too_slow(session.output().log(), session.settings().max_outbound_bytes)) {
        made.too_slow.push_back(each->connection());
      } else if (each->waiting_bytes(session.output().log(), text) > transport_budget) {
        ++behind;
      }
    }
    if (sends_text && window.count() != 0) text_waits_until_ = end_of_window(window);
    if (text_waits && !due) made.wake = text_waits_until_;
    made.nobody_keeps_up = open != 0 && behind == open;
    return made;
  }

  /// Everything that waits for the socket, however much it is: it is about to be closed.
  void send_all(session_core& session, lanes& socket) {
    const live_answer answer = session.streamed();
    hand_over(session, socket, answer.run == 0 ? nullptr : &answer, true,
              static_cast<std::size_t>(-1));
  }

 private:
  /// Up to an eighth of a window early: so the windows of many sessions end together, and one timer
  /// serves all of them.
  time_point end_of_window(duration window) const noexcept {
    const time_point end = scheduler_.now() + window;
    return end - end.time_since_epoch() % std::max(window / 8, duration(1));
  }

  void hand_over(session_core& session, lanes& socket, const live_answer* text, bool due,
                 std::size_t budget) {
    const std::string_view timestamp = session.timestamp(scheduler_.wall_now());
    while (socket.transport_waits < budget &&
           socket.take_next(session.output().log(), text, due, scratch_, timestamp)) {
      socket.transport_waits = transport_.send(socket.connection(), scratch_);
      if (session_counts* const counts = session.output().counts()) counts->sent(scratch_.size());
    }
    if (scratch_.capacity() > max_kept_scratch) std::string().swap(scratch_);
  }

  static constexpr std::size_t max_kept_scratch = 64 * 1024;
  static constexpr std::size_t max_collected_piece = 512;
  static constexpr std::uint64_t most_collected = 32;  // pieces in a row

  Transport& transport_;
  Scheduler& scheduler_;
  std::string& scratch_;
  time_point& text_waits_until_;
};

}  // namespace agent_websocket
