// SPDX-License-Identifier: MIT
//
// WebSocket frames (RFC 6455 sections 5 and 8.1), incoming side, for a server and for a client:
// bytes in, events out, cut anywhere. websocketpp's frame.hpp and close.hpp know the format; its
// hybi13::consume is not used, since it reserves memory for what a header announces and works byte
// by byte. Here memory grows with what has arrived, a message that lies whole in the read buffer is
// handed out from there, and what is too large is passed over.
#pragma once

#include <agent_websocket/adapters/websocketpp_frame.hpp>
#include <agent_websocket/adapters/websocketpp_utf8.hpp>
#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <websocketpp/utf8_validator.hpp>  // close.hpp names it without including it
#include <websocketpp/error.hpp>
#include <websocketpp/close.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// What a frame_reader accepts; the same for all connections of a transport.
struct frame_limits {
  /// A larger text is passed over without being kept, then reported; the connection stands.
  std::size_t max_message_bytes = 64 * 1024;
  /// A message that announces more ends the connection with 1009: passing over it would cost too
  /// much.
  std::uint64_t max_skipped_bytes = 64 * 1024 * 1024;
  /// Empty fragments of one message; they take no memory, but time. More end the connection with
  /// 1008.
  std::uint16_t max_empty_fragments = 10'000;
  /// True for a server: every frame of a client is masked, no frame of a server is.
  bool expect_masked = true;
};

/// The state of one direction of one connection, 64 bytes while no message is cut in two.
///
/// `Events` has bool functions that say whether to go on; after false the rest of the bytes is
/// dropped:
///   on_text(std::string_view) on_binary(std::size_t bytes) on_oversized(std::size_t bytes)
///   on_ping(std::string_view) on_pong() on_close(std::uint16_t code, std::string_view reason)
/// A close frame without a code is on_close(1005, ""). The views live until the function returns.
class frame_reader {
 public:
  /// Takes `size` bytes, which are changed (unmasked in place). Returns close_code::none, or the
  /// code with which the connection has to fail; after that nothing more may be fed.
  template <typename Events>
  std::uint16_t feed(char* data, std::size_t size, const frame_limits& limits, Events& events) {
    for (;;) {
      if (!in_payload_) {
        if (size == 0) return close_code::none;
        std::uint16_t failure = close_code::none;
        const std::size_t used = take_header(data, size, limits, failure);
        if (failure != close_code::none) return failure;
        data += used;
        size -= used;
        if (!in_payload_) return close_code::none;
      }
      const std::size_t part = remaining_ < size ? static_cast<std::size_t>(remaining_) : size;
      remaining_ -= part;
      bool go_on = true;
      const bool control = websocketpp::frame::opcode::is_control(frame_opcode_);
      if (masked_ && (control || !skipping_)) key_ = apply_mask(data, part, key_);
      const std::uint16_t failure =
          control ? take_control(data, part, go_on, events) : take_data(data, part, go_on, events);
      if (failure != close_code::none) return failure;
      data += part;
      size -= part;
      if (remaining_ != 0) return close_code::none;
      in_payload_ = false;
      if (!go_on) return close_code::none;
    }
  }

  /// True while a message or a frame is not whole.
  bool in_message() const noexcept;

 private:
  using opcode = websocketpp::frame::opcode::value;
  static constexpr std::size_t max_control_bytes = 125;

  /// What has to be kept between two reads; made only then.
  struct kept {
    std::string message;
    std::array<char, max_control_bytes> control{};
    std::size_t control_size = 0;
  };

  static std::uint64_t load_length(const unsigned char* bytes, std::size_t count) noexcept;

  /// Takes bytes of a header up to its end; sets in_payload_ when it is complete.
  std::size_t take_header(const char* data, std::size_t size, const frame_limits& limits,
                          std::uint16_t& failure);

  /// What two bytes show; RFC 6455 sections 5.1, 5.2, 5.4 and 5.5.
  bool is_legal(const websocketpp::frame::basic_header& basic, const frame_limits& limits) const;

  /// The header in head_ is complete and its first two bytes are legal.
  std::uint16_t begin_frame(const websocketpp::frame::basic_header& basic,
                            const frame_limits& limits);

  template <typename Events>
  std::uint16_t take_data(const char* data, std::size_t size, bool& go_on, Events& events) {
    const bool whole = remaining_ == 0 && final_;
    if (!skipping_) {
      if (!utf8_.feed(data, size)) return close_code::invalid_payload;
      const bool had_more = kept_ != nullptr && !kept_->message.empty();
      if (!whole || had_more) keep().message.append(data, size);
    }
    if (!whole) return close_code::none;
    const opcode code = message_;
    const bool skipped = skipping_;
    message_ = opcode::continuation;
    skipping_ = false;
    if (code == opcode::binary) {
      kept_.reset();
      go_on = events.on_binary(static_cast<std::size_t>(announced_));
    } else if (skipped) {
      kept_.reset();
      go_on = events.on_oversized(static_cast<std::size_t>(announced_));
    } else if (!utf8_.complete()) {
      return close_code::invalid_payload;
    } else if (kept_ != nullptr && !kept_->message.empty()) {
      const std::unique_ptr<kept> message = std::move(kept_);
      go_on = events.on_text(std::string_view(message->message));
    } else {
      kept_.reset();
      go_on = events.on_text(std::string_view(data, size));
    }
    return close_code::none;
  }

  template <typename Events>
  std::uint16_t take_control(const char* data, std::size_t size, bool& go_on, Events& events) {
    std::string_view payload(data, size);
    const bool had_more = kept_ != nullptr && kept_->control_size != 0;
    if (remaining_ != 0 || had_more) {
      kept& store = keep();
      std::memcpy(store.control.data() + store.control_size, data, size);
      store.control_size += size;
      if (remaining_ != 0) return close_code::none;
      payload = std::string_view(store.control.data(), store.control_size);
      store.control_size = 0;
    }
    std::uint16_t failure = close_code::none;
    if (frame_opcode_ == opcode::ping) {
      go_on = events.on_ping(payload);
    } else if (frame_opcode_ == opcode::pong) {
      go_on = events.on_pong();
    } else {
      failure = take_close(payload, go_on, events);
    }
    if (message_ == opcode::continuation) kept_.reset();
    return failure;
  }

  template <typename Events>
  static std::uint16_t take_close(std::string_view payload, bool& go_on, Events& events) {
    namespace status = websocketpp::close::status;
    go_on = false;  // nothing follows a close frame
    if (payload.empty()) {
      events.on_close(close_code::no_status, std::string_view());
      return close_code::none;
    }
    if (payload.size() == 1) return close_code::protocol_error;
    const auto high = static_cast<unsigned char>(payload[0]);
    const auto low = static_cast<unsigned char>(payload[1]);
    const auto code = static_cast<std::uint16_t>((high << 8) | low);
    if (status::invalid(code) || status::reserved(code)) return close_code::protocol_error;
    payload.remove_prefix(2);
    utf8_checker checker;
    if (!checker.feed(payload.data(), payload.size()) || !checker.complete()) {
      return close_code::invalid_payload;
    }
    events.on_close(code, payload);
    return close_code::none;
  }

  kept& keep();

  std::unique_ptr<kept> kept_;
  std::uint64_t remaining_ = 0;  // payload bytes of the frame that have not come yet
  std::uint64_t announced_ = 0;  // payload bytes of the message, by its frame headers
  std::size_t key_ = 0;
  opcode frame_opcode_ = opcode::continuation;
  opcode message_ = opcode::continuation;  // text or binary while a message is open
  std::array<unsigned char, websocketpp::frame::MAX_HEADER_LENGTH> head_{};
  std::uint16_t empty_fragments_ = 0;
  std::uint8_t head_size_ = 0;
  utf8_checker utf8_;
  bool in_payload_ = false;
  bool masked_ = false;
  bool final_ = false;
  bool skipping_ = false;
};

/// The same, but one pointer between two messages.
class resting_frame_reader {
 public:
  template <typename Events>
  std::uint16_t feed(char* data, std::size_t size, const frame_limits& limits, Events& events) {
    if (begun_ != nullptr) {
      const std::uint16_t failure = begun_->feed(data, size, limits, events);
      if (!begun_->in_message()) begun_.reset();
      return failure;
    }
    frame_reader reader;
    const std::uint16_t failure = reader.feed(data, size, limits, events);
    if (reader.in_message()) begun_ = std::make_unique<frame_reader>(std::move(reader));
    return failure;
  }

  bool in_message() const noexcept { return begun_ != nullptr; }

 private:
  std::unique_ptr<frame_reader> begun_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE bool frame_reader::in_message() const noexcept {
  return in_payload_ || head_size_ != 0 || message_ != opcode::continuation;
}

AGENT_WEBSOCKET_INLINE std::uint64_t frame_reader::load_length(const unsigned char* bytes,
                                                               std::size_t count) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = (value << 8) | bytes[i];
  return value;
}

AGENT_WEBSOCKET_INLINE std::size_t frame_reader::take_header(const char* data, std::size_t size,
                                                             const frame_limits& limits,
                                                             std::uint16_t& failure) {
  namespace frame = websocketpp::frame;
  std::size_t used = 0;
  while (head_size_ < 2 && used < size)
    head_[head_size_++] = static_cast<unsigned char>(data[used++]);
  if (head_size_ < 2) return used;
  const frame::basic_header basic(head_[0], head_[1]);
  if (!is_legal(basic, limits)) {
    failure = close_code::protocol_error;
    return used;
  }
  const std::size_t wanted = frame::get_header_len(basic);
  const std::size_t part = std::min(wanted - head_size_, size - used);
  std::memcpy(head_.data() + head_size_, data + used, part);
  head_size_ = static_cast<std::uint8_t>(head_size_ + part);
  used += part;
  if (head_size_ == wanted) {
    head_size_ = 0;
    failure = begin_frame(basic, limits);
  }
  return used;
}

AGENT_WEBSOCKET_INLINE bool frame_reader::is_legal(const websocketpp::frame::basic_header& basic,
                                                   const frame_limits& limits) const {
  namespace frame = websocketpp::frame;
  const opcode code = frame::get_opcode(basic);
  if (frame::get_rsv1(basic) || frame::get_rsv2(basic) || frame::get_rsv3(basic)) return false;
  if (frame::opcode::reserved(code)) return false;
  if (frame::get_masked(basic) != limits.expect_masked) return false;
  if (frame::opcode::is_control(code)) {
    return frame::get_fin(basic) && frame::get_basic_size(basic) <= max_control_bytes;
  }
  return (code == opcode::continuation) == (message_ != opcode::continuation);
}

AGENT_WEBSOCKET_INLINE std::uint16_t frame_reader::begin_frame(
    const websocketpp::frame::basic_header& basic, const frame_limits& limits) {
  namespace frame = websocketpp::frame;
  const std::size_t length_bytes = frame::get_masking_key_offset(basic);
  remaining_ = length_bytes == 0 ? frame::get_basic_size(basic)
                                 : load_length(head_.data() + 2, length_bytes);
  // "the minimal number of bytes MUST be used", and no length has its highest bit set
  if (length_bytes == 2 && remaining_ <= frame::limits::payload_size_basic)
    return close_code::protocol_error;
  if (length_bytes == 8 && (remaining_ <= frame::limits::payload_size_extended ||
                            remaining_ > frame::limits::payload_size_jumbo)) {
    return close_code::protocol_error;
  }
  masked_ = frame::get_masked(basic);
  if (masked_) {
    frame::masking_key_type key;
    std::memcpy(key.c, head_.data() + 2 + length_bytes, sizeof key.c);
    key_ = frame::prepare_masking_key(key);
  }
  frame_opcode_ = frame::get_opcode(basic);
  in_payload_ = true;
  if (frame::opcode::is_control(frame_opcode_)) return close_code::none;

  final_ = frame::get_fin(basic);
  if (frame_opcode_ != opcode::continuation) {
    message_ = frame_opcode_;
    announced_ = 0;
    empty_fragments_ = 0;
    utf8_.reset();
    skipping_ = message_ == opcode::binary;
  }
  if (remaining_ == 0 && !final_ && ++empty_fragments_ > limits.max_empty_fragments) {
    return close_code::policy_violation;
  }
  announced_ += remaining_;  // no overflow: both are below 2^63
  if (announced_ > std::max<std::uint64_t>(limits.max_skipped_bytes, limits.max_message_bytes)) {
    return close_code::too_big;
  }
  if (announced_ > limits.max_message_bytes) {
    skipping_ = true;
    if (kept_ != nullptr) std::string().swap(kept_->message);
  }
  return close_code::none;
}

AGENT_WEBSOCKET_INLINE frame_reader::kept& frame_reader::keep() {
  if (kept_ == nullptr) kept_ = std::make_unique<kept>();
  return *kept_;
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
