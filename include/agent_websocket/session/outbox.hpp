// SPDX-License-Identifier: MIT
//
// Everything that a session has to say: its log of numbered messages, and a set of lanes for each
// socket that watches it. Messages go to one socket, to all of them, or into the log, which all
// sockets follow, also those that come later.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/fifo.hpp>
#include <agent_websocket/session/counts.hpp>
#include <agent_websocket/session/lanes.hpp>
#include <agent_websocket/session/ledger.hpp>
#include <agent_websocket/session/message_log.hpp>
#include <agent_websocket/wire/message.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

class outbox {
  struct watcher {
    explicit watcher(connection_id connection) : its(connection) {}

    lanes its;
    std::unique_ptr<watcher> next;  // that came after it: most sessions have one
  };

 public:
  /// The lanes of each socket, as pointers.
  class socket_range {
   public:
    class iterator {
     public:
      explicit iterator(watcher* at) noexcept : at_(at) { look(); }
      lanes* const& operator*() const noexcept { return its_; }
      iterator& operator++() noexcept;
      bool operator!=(const iterator& other) const noexcept { return at_ != other.at_; }

     private:
      void look() noexcept { its_ = at_ == nullptr ? nullptr : &at_->its; }

      watcher* at_;
      lanes* its_ = nullptr;
    };

    explicit socket_range(watcher* first) noexcept : first_(first) {}
    iterator begin() const noexcept { return iterator(first_); }
    iterator end() const noexcept { return iterator(nullptr); }
    bool empty() const noexcept { return first_ == nullptr; }
    /// Linear, as operator[].
    std::size_t size() const noexcept;
    /// Precondition: position < size().
    lanes* operator[](std::size_t position) const noexcept;

   private:
    watcher* first_;
  };

  explicit outbox(message_log log = message_log()) : log_(std::move(log)) {}

  const message_log& log() const noexcept { return log_; }

  /// What a frame usually comes to, so that its string need not grow.
  static constexpr std::size_t usual_frame_bytes = 240;
  template <typename Message>
  static std::size_t usual_size(const Message&) noexcept {
    return usual_frame_bytes;
  }
  static std::size_t usual_size(const wire::welcome&) noexcept { return 640; }
  static std::size_t usual_size(const wire::response_end& m) noexcept {
    return usual_frame_bytes + m.content.size() + m.usage.size() + m.annotations.size() +
           m.meta.size();
  }

  /// What is made and sent from now on is counted there, too. `counts` outlives this.
  void count_into(session_counts& counts) noexcept { counts_ = &counts; }
  /// Or null.
  session_counts* counts() const noexcept { return counts_; }

  /// The frame of a message.
  template <typename Message>
  std::string encoded(const Message& message, std::string_view timestamp) {
    if (counts_ != nullptr) counts_->made(message);
    std::string frame;
    frame.reserve(usual_size(message));
    encode(frame, message, timestamp);
    return frame;
  }

  /// The number that the next numbered message must carry.
  std::uint64_t next_seq() const noexcept;
  /// A numbered message. It goes out when so many records of the session are kept.
  void publish(std::string_view frame, const ledger& kept);
  /// More records are kept now.
  void release(const ledger& kept);
  /// Of a session that was in a store: goes on behind that message.
  void begin_at(std::uint64_t seq) noexcept;

  /// To one socket, or with 0 to all: may overtake what keeps its order.
  void put_control(connection_id to, std::string frame);
  /// The same, for what says that something is done: not before its records are kept.
  void put_control(connection_id to, std::string frame, const ledger& kept);
  /// Before everything else that the socket is sent from now on.
  void put_welcome(connection_id to, std::string frame, const ledger& kept);
  /// To one socket, or with 0 to all: keeps its place among the numbered messages.
  void put_ordered(connection_id to, std::string frame);
  /// To all sockets that are here now and keep up.
  void put_volatile(const std::string& frame);
  /// To all whose clients have said hello, behind what they have of the answer.
  /// `one` gets a frame of its own.
  void put_progress(const std::string& frame, connection_id one, const std::string& of_one,
                    const live_answer& answer, std::string_view timestamp);
  /// The answer is about to end.
  void put_last_deltas(const live_answer& answer, std::string_view timestamp);

  // ---- sockets

  lanes& attach(connection_id connection);
  void detach(connection_id connection);
  lanes* find(connection_id connection) noexcept;
  /// The transport has sent all that it had for the socket.
  void drained(connection_id connection) noexcept;
  /// In the order of their coming.
  socket_range sockets() const noexcept { return socket_range(first_.get()); }

 private:
  /// put(lanes&, std::string) for one socket, or with 0 for all: a copy to each, the frame itself
  /// to the last.
  template <typename Put>
  void give(connection_id to, std::string frame, Put&& put) {
    lanes* last = nullptr;
    for (lanes* const each : sockets()) {
      if (to != 0 && each->connection() != to) continue;
      if (last != nullptr) put(*last, frame);
      last = each;
    }
    if (last != nullptr) put(*last, std::move(frame));
  }

  struct unkept_message {
    std::uint64_t seq;
    std::uint64_t records;
  };

  message_log log_;
  fifo<unkept_message> unkept_;
  session_counts* counts_ = nullptr;
  std::unique_ptr<watcher> first_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE outbox::socket_range::iterator&
outbox::socket_range::iterator::operator++() noexcept {
  at_ = at_->next.get();
  look();
  return *this;
}

AGENT_WEBSOCKET_INLINE std::size_t outbox::socket_range::size() const noexcept {
  std::size_t count = 0;
  for (const watcher* each = first_; each != nullptr; each = each->next.get()) ++count;
  return count;
}

AGENT_WEBSOCKET_INLINE lanes* outbox::socket_range::operator[](
    std::size_t position) const noexcept {
  watcher* each = first_;
  while (position-- > 0) each = each->next.get();
  return &each->its;
}

AGENT_WEBSOCKET_INLINE std::uint64_t outbox::next_seq() const noexcept { return log_.top() + 1; }

AGENT_WEBSOCKET_INLINE void outbox::publish(std::string_view frame, const ledger& kept) {
  log_.append(frame);
  if (kept.all_kept()) {
    log_.release(log_.top());
  } else {
    unkept_.push_back({log_.top(), kept.made()});
  }
}

AGENT_WEBSOCKET_INLINE void outbox::release(const ledger& kept) {
  while (!unkept_.empty() && unkept_.front().records <= kept.kept())
    log_.release(unkept_.take_front().seq);
  for (const auto& each : sockets()) each->kept(kept.kept());
}

AGENT_WEBSOCKET_INLINE void outbox::begin_at(std::uint64_t seq) noexcept { log_.begin_at(seq); }

AGENT_WEBSOCKET_INLINE void outbox::put_control(connection_id to, std::string frame) {
  give(to, std::move(frame),
       [](lanes& its, std::string each) { its.put_control(std::move(each)); });
}

AGENT_WEBSOCKET_INLINE void outbox::put_control(connection_id to, std::string frame,
                                                const ledger& kept) {
  if (kept.all_kept()) return put_control(to, std::move(frame));
  give(to, std::move(frame), [&](lanes& its, std::string each) {
    its.put_control_when_kept(std::move(each), kept.made());
  });
}

AGENT_WEBSOCKET_INLINE void outbox::put_welcome(connection_id to, std::string frame,
                                                const ledger& kept) {
  lanes* const socket = kept.all_kept() ? nullptr : find(to);
  if (socket == nullptr) return put_control(to, std::move(frame));
  socket->begin_when_kept(std::move(frame), kept.made());
}

AGENT_WEBSOCKET_INLINE void outbox::put_ordered(connection_id to, std::string frame) {
  give(to, std::move(frame),
       [this](lanes& its, std::string each) { its.put_ordered(std::move(each), log_.top()); });
}

AGENT_WEBSOCKET_INLINE void outbox::put_volatile(const std::string& frame) {
  for (const auto& each : sockets()) each->put_volatile(frame);
}

AGENT_WEBSOCKET_INLINE void outbox::put_progress(const std::string& frame, connection_id one,
                                                 const std::string& of_one,
                                                 const live_answer& answer,
                                                 std::string_view timestamp) {
  for (const auto& each : sockets()) {
    const bool is_one = each->connection() == one;
    if (!each->greeted && !is_one) continue;
    if (answer.run != 0) each->put_last_delta(answer, log_.top(), timestamp);
    each->put_ordered(is_one ? of_one : frame, log_.top());
  }
}

AGENT_WEBSOCKET_INLINE void outbox::put_last_deltas(const live_answer& answer,
                                                    std::string_view timestamp) {
  for (const auto& each : sockets()) each->put_last_delta(answer, log_.top(), timestamp);
}

AGENT_WEBSOCKET_INLINE lanes& outbox::attach(connection_id connection) {
  std::unique_ptr<watcher>* end = &first_;
  while (*end != nullptr) end = &(*end)->next;
  *end = std::make_unique<watcher>(connection);
  return (*end)->its;
}

AGENT_WEBSOCKET_INLINE void outbox::detach(connection_id connection) {
  for (std::unique_ptr<watcher>* at = &first_; *at != nullptr; at = &(*at)->next) {
    if ((*at)->its.connection() != connection) continue;
    std::unique_ptr<watcher> behind = std::move((*at)->next);
    *at = std::move(behind);
    return;
  }
}

AGENT_WEBSOCKET_INLINE lanes* outbox::find(connection_id connection) noexcept {
  for (const auto& each : sockets()) {
    if (each->connection() == connection) return each;
  }
  return nullptr;
}

AGENT_WEBSOCKET_INLINE void outbox::drained(connection_id connection) noexcept {
  if (lanes* const socket = find(connection)) socket->transport_waits = 0;
}

#endif

}  // namespace agent_websocket
