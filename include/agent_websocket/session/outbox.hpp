// SPDX-License-Identifier: MIT
//
// What waits to be sent on one socket: a control lane (acks, errors, pongs) that goes first, and
// one lane that keeps the order of everything else. Deltas that wait are merged with the one before
// them, so that a slow reader costs the text and not a message per token. Counts its bytes; what to
// do about too many is the session's.
#pragma once

#include <agent_websocket/base/fifo.hpp>
#include <agent_websocket/wire/encode.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

class outbox {
 public:
  /// A finished frame that may overtake everything but its own kind.
  void put_control(std::string frame) {
    bytes_ += frame.size();
    control_.push_back(std::move(frame));
  }

  /// A finished frame that keeps its place.
  void put(std::string frame) {
    bytes_ += frame.size();
    ordered_.push_back(item{std::move(frame), {}, 0, 0});
  }

  /// A piece of a streamed answer: `n` source chunks from `idx`.
  void put_delta(const std::string& stream, std::uint64_t idx, std::uint64_t n,
                 std::string_view content) {
    bytes_ += content.size();
    if (!ordered_.empty()) {
      item& last = ordered_.back();
      if (last.stream == stream && last.idx + last.n == idx) {
        last.text.append(content);
        last.n += n;
        return;
      }
    }
    ordered_.push_back(item{std::string(content), stream, idx, n});
  }

  bool empty() const noexcept { return control_.empty() && ordered_.empty(); }
  /// Of what waits here; not of what the transport has.
  std::size_t bytes() const noexcept { return bytes_; }

  /// Takes the next frame out into `frame`; false when nothing waits.
  bool take_next(std::string& frame, std::string_view timestamp) {
    if (!control_.empty()) {
      frame = control_.take_front();
      bytes_ -= frame.size();
      return true;
    }
    if (ordered_.empty()) return false;
    item next = ordered_.take_front();
    bytes_ -= next.text.size();
    if (next.stream.empty()) {
      frame = std::move(next.text);
    } else {
      frame.clear();
      encode(frame, wire::response_delta{next.stream, next.idx, next.n, next.text}, timestamp);
    }
    return true;
  }

  void clear() noexcept {
    control_.clear();
    ordered_.clear();
    bytes_ = 0;
  }

 private:
  struct item {
    std::string text;    // a frame, or the text of a delta
    std::string stream;  // of a delta; empty for a frame
    std::uint64_t idx, n;
  };

  fifo<std::string> control_;
  fifo<item> ordered_;
  std::size_t bytes_ = 0;
};

}  // namespace agent_websocket
