// SPDX-License-Identifier: MIT
//
// WebSocket frames (RFC 6455 section 5.2), outgoing side: headers by websocketpp's frame.hpp,
// written straight into the buffer that goes to the kernel, and masking word by word. One message
// is one frame; nothing is compressed.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/utf8.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <websocketpp/common/system_error.hpp>
#include <websocketpp/frame.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace adapters {

using opcode = websocketpp::frame::opcode::value;

/// The close codes that a transport itself uses (RFC 6455 section 7.4.1).
namespace close_code {
inline constexpr std::uint16_t none = 0;  ///< nothing is wrong; not on the wire
inline constexpr std::uint16_t normal = 1000;
inline constexpr std::uint16_t protocol_error = 1002;
inline constexpr std::uint16_t no_status = 1005;  ///< a close frame without a code; not on the wire
inline constexpr std::uint16_t abnormal = 1006;   ///< no close frame at all; not on the wire
inline constexpr std::uint16_t invalid_payload = 1007;
inline constexpr std::uint16_t policy_violation = 1008;
inline constexpr std::uint16_t too_big = 1009;
}  // namespace close_code

/// The reason text for a connection that fails with one of these codes.
constexpr std::string_view failure_reason(std::uint16_t code) noexcept {
  switch (code) {
    case close_code::invalid_payload: return "invalid_utf8";
    case close_code::policy_violation: return "too_many_fragments";
    case close_code::too_big: return "message_too_large";
    default: return "protocol_error";
  }
}

/// XORs `size` bytes with a key made by websocketpp::frame::prepare_masking_key; returns the key
/// for the bytes that follow. Masking and unmasking are the same.
std::size_t apply_mask(char* data, std::size_t size, std::size_t key) noexcept;

/// The bytes that a frame of a server with such a payload takes.
constexpr std::size_t frame_size(std::size_t payload) noexcept {
  return payload + (payload <= 125 ? 2 : payload <= 0xFFFF ? 4 : 10);
}

/// Appends one unmasked frame with FIN set, as a server sends it.
void append_frame(std::string& out, opcode code, std::string_view payload);

/// Appends one masked frame with FIN set, as a client sends it. `key_bits` are 32 fresh random
/// bits.
void append_masked_frame(std::string& out, opcode code, std::string_view payload,
                         std::uint32_t key_bits);

/// The payload of a close frame: the code and at most 123 bytes of the reason, cut at a character.
/// Empty for codes that do not go on the wire.
std::string close_payload(std::uint16_t code, std::string_view reason);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::size_t apply_mask(char* data, std::size_t size,
                                              std::size_t key) noexcept {
  std::size_t i = 0;
  for (std::size_t word = 0; size - i >= sizeof word; i += sizeof word) {
    std::memcpy(&word, data + i, sizeof word);  // the payload lies at any address
    word ^= key;
    std::memcpy(data + i, &word, sizeof word);
  }
  if (i == size) return key;
  char rest[sizeof key];
  std::memcpy(rest, &key, sizeof key);
  const std::size_t tail = size - i;
  for (std::size_t k = 0; k < tail; ++k) data[i + k] = static_cast<char>(data[i + k] ^ rest[k]);
  return websocketpp::frame::circshift_prepared_key(key, tail);
}

namespace detail {

/// Writes a frame's header with FIN set to `header` (room for 14 bytes) and returns its length.
/// `key` is null for a server's frame. The length is written here, since websocketpp's conversion
/// caches the byte order in an unguarded static variable, which two servers on two threads would
/// race for.
inline std::size_t write_frame_header(char* header, opcode code, std::size_t payload,
                                      const websocketpp::frame::masking_key_type* key) noexcept {
  namespace frame = websocketpp::frame;
  const frame::basic_header basic(code, payload, true, key != nullptr);
  header[0] = static_cast<char>(basic.b0);
  header[1] = static_cast<char>(basic.b1);
  const std::size_t length_bytes = frame::get_masking_key_offset(basic);
  for (std::size_t i = 0; i < length_bytes; ++i) {
    header[2 + i] = static_cast<char>(std::uint64_t{payload} >> (8 * (length_bytes - 1 - i)));
  }
  if (key == nullptr) return 2 + length_bytes;
  std::memcpy(header + 2 + length_bytes, key->c, sizeof key->c);
  return 2 + length_bytes + sizeof key->c;
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE void append_frame(std::string& out, opcode code, std::string_view payload) {
  char header[websocketpp::frame::MAX_HEADER_LENGTH];
  out.append(header, detail::write_frame_header(header, code, payload.size(), nullptr));
  out.append(payload);
}

AGENT_WEBSOCKET_INLINE void append_masked_frame(std::string& out, opcode code,
                                                std::string_view payload, std::uint32_t key_bits) {
  websocketpp::frame::masking_key_type key;
  key.i = key_bits;
  char header[websocketpp::frame::MAX_HEADER_LENGTH];
  out.append(header, detail::write_frame_header(header, code, payload.size(), &key));
  const std::size_t start = out.size();
  out.append(payload);
  apply_mask(&out[start], payload.size(), websocketpp::frame::prepare_masking_key(key));
}

AGENT_WEBSOCKET_INLINE std::string close_payload(std::uint16_t code, std::string_view reason) {
  if (code == close_code::none || code == close_code::no_status || code == close_code::abnormal) {
    return std::string();
  }
  std::string payload;
  payload.push_back(static_cast<char>(code >> 8));
  payload.push_back(static_cast<char>(code & 0xFF));
  payload.append(cut_utf8(reason, websocketpp::frame::limits::close_reason_size));
  return payload;
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
