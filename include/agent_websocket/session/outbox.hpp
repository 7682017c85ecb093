// SPDX-License-Identifier: MIT
//
// Everything that a session has to say: its log of numbered messages, and a set of lanes for each
// socket that watches it. Messages go to one socket, to all of them, or into the log, which all
// sockets follow, also those that come later.
#pragma once

#include <agent_websocket/session/counts.hpp>
#include <agent_websocket/session/lanes.hpp>
#include <agent_websocket/session/message_log.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

class outbox {
 public:
  explicit outbox(message_log log = message_log()) : log_(std::move(log)) {}

  const message_log& log() const noexcept { return log_; }

  /// What is made and sent from now on is counted there, too. `counts` outlives this.
  void count_into(session_counts& counts) noexcept { counts_ = &counts; }
  /// Or null.
  session_counts* counts() const noexcept { return counts_; }

  /// The frame of a message.
  template <typename Message>
  std::string encoded(const Message& message, std::string_view timestamp) {
    if (counts_ != nullptr) counts_->made(message);
    std::string frame;
    encode(frame, message, timestamp);
    return frame;
  }

  /// The number that the next numbered message must carry.
  std::uint64_t next_seq() const noexcept { return log_.top() + 1; }
  /// A numbered message.
  void publish(std::string frame) { log_.append(std::move(frame)); }

  /// To one socket, or with 0 to all: may overtake what keeps its order.
  void put_control(connection_id to, const std::string& frame) {
    for (const auto& each : sockets_) {
      if (to == 0 || each->connection() == to) each->put_control(frame);
    }
  }
  /// To one socket, or with 0 to all: keeps its place among the numbered messages.
  void put_ordered(connection_id to, const std::string& frame) {
    for (const auto& each : sockets_) {
      if (to == 0 || each->connection() == to) each->put_ordered(frame, log_.top());
    }
  }
  /// To all sockets that are here now and keep up.
  void put_volatile(const std::string& frame) {
    for (const auto& each : sockets_) each->put_volatile(frame);
  }
  /// To all whose clients have said hello, behind what they have of the answer.
  /// `one` gets a frame of its own.
  void put_progress(const std::string& frame, connection_id one, const std::string& of_one,
                    const live_answer& answer, std::string_view timestamp) {
    for (const auto& each : sockets_) {
      const bool is_one = each->connection() == one;
      if (!each->greeted && !is_one) continue;
      if (answer.run != 0) each->put_last_delta(answer, log_.top(), timestamp);
      each->put_ordered(is_one ? of_one : frame, log_.top());
    }
  }
  /// The answer is about to end.
  void put_last_deltas(const live_answer& answer, std::string_view timestamp) {
    for (const auto& each : sockets_) each->put_last_delta(answer, log_.top(), timestamp);
  }

  // ---- sockets

  lanes& attach(connection_id connection) {
    sockets_.push_back(std::make_unique<lanes>(connection));
    return *sockets_.back();
  }
  void detach(connection_id connection) {
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
      if (sockets_[i]->connection() != connection) continue;
      sockets_.erase(sockets_.begin() + static_cast<std::ptrdiff_t>(i));
      return;
    }
  }
  lanes* find(connection_id connection) noexcept {
    for (const auto& each : sockets_) {
      if (each->connection() == connection) return each.get();
    }
    return nullptr;
  }
  /// The transport has sent all that it had for the socket.
  void drained(connection_id connection) noexcept {
    if (lanes* const socket = find(connection)) socket->transport_waits = 0;
  }
  /// In the order of their coming.
  const std::vector<std::unique_ptr<lanes>>& sockets() const noexcept { return sockets_; }

 private:
  message_log log_;
  session_counts* counts_ = nullptr;
  std::vector<std::unique_ptr<lanes>> sockets_;
};

}  // namespace agent_websocket
