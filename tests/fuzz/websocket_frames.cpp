// SPDX-License-Identifier: MIT
//
// The reader of WebSocket frames shows the same events and the same failure wherever its bytes are
// cut, and the same as a plain reading of RFC 6455 makes of the whole. The last two bytes of an
// input choose the limits and where to cut.
#undef AGENT_WEBSOCKET_WITH_ADAPTERS
#define AGENT_WEBSOCKET_WITH_ADAPTERS 1  // needs websocketpp, neither Asio nor libcurl
#define AGENT_WEBSOCKET_WITH_CURL 0

#include <agent_websocket/adapters/websocketpp_frame_reader.hpp>
#include <agent_websocket/base/utf8.hpp>

#include "standalone.hpp"

#include <algorithm>
#include <string>

using agent_websocket::is_utf8;
using agent_websocket::utf8_sequence_length;
using agent_websocket::adapters::frame_limits;
using agent_websocket::adapters::frame_reader;

namespace {

struct recorder {
  std::string log;
  bool closed = false;

  bool note(const char* kind, std::string_view text) {
    log.append(kind).append(text).append("\n");
    return true;
  }
  bool on_text(std::string_view text) { return note("text ", text); }
  bool on_binary(std::size_t bytes) { return note("binary ", std::to_string(bytes)); }
  bool on_oversized(std::size_t bytes) { return note("oversized ", std::to_string(bytes)); }
  bool on_ping(std::string_view payload) { return note("ping ", payload); }
  bool on_pong() { return note("pong", ""); }
  bool on_close(std::uint16_t code, std::string_view reason) {
    note("close ", std::to_string(code));
    note("because ", reason);
    closed = true;
    return false;
  }
};

/// What the reader makes of it; nothing is fed behind a close or a failure.
std::string run(std::string_view bytes, std::size_t first, std::size_t piece,
                const frame_limits& limits) {
  recorder events;
  frame_reader reader;
  for (std::size_t at = 0, size = first; at < bytes.size(); at += size, size = piece) {
    std::string part(bytes.substr(at, size));  // of its own, for the sanitizer
    const std::uint16_t failure = reader.feed(&part[0], part.size(), limits, events);
    if (failure != 0) return events.log + "failed " + std::to_string(failure);
    if (events.closed) break;
  }
  return events.log;
}

/// True when something may follow that makes it UTF-8.
bool begins_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_sequence_length(text);
    if (length == 0) break;
    text.remove_prefix(length);
  }
  if (text.empty()) return true;
  if (text.size() > 3) return false;
  for (const char second : {'\x80', '\x90', '\xA0'}) {  // what may follow the leads differs here
    std::string whole(text);
    if (whole.size() == 1) whole += second;
    while (whole.size() < 4) {
      if (utf8_sequence_length(whole) == whole.size()) return true;
      whole += '\x80';
    }
    if (utf8_sequence_length(whole) == whole.size()) return true;
  }
  return false;
}

bool is_close_code(unsigned code) {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

/// The whole by the letter of RFC 6455 and the words of frame_limits.
std::string read_plainly(std::string_view bytes, const frame_limits& limits) {
  std::string log, message;
  unsigned open = 0, empty_ones = 0;  // opcode of the message that is open
  std::uint64_t announced = 0;
  bool passed_over = false;
  const auto byte = [&bytes](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const auto fail = [&log](const char* code) { return log + "failed " + code; };
  for (;;) {
    if (bytes.size() < 2) return log;
    const bool final = (byte(0) & 0x80) != 0, masked = (byte(1) & 0x80) != 0;
    const unsigned opcode = byte(0) & 0x0FU;
    std::uint64_t size = byte(1) & 0x7FU;
    const bool control = opcode >= 8;
    if ((byte(0) & 0x70) != 0 || (opcode > 2 && opcode < 8) || opcode > 10) return fail("1002");
    if (masked != limits.expect_masked) return fail("1002");
    if (control && (!final || size > 125)) return fail("1002");
    if (!control && (opcode == 0) != (open != 0)) return fail("1002");
    const std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
    const std::size_t head = 2 + more + (masked ? 4 : 0);
    if (bytes.size() < head) return log;
    if (more != 0) {
      size = 0;
      for (std::size_t i = 0; i < more; ++i) size = (size << 8) | byte(2 + i);
      if (size < (more == 2 ? 126U : 65536U) || size >> 63 != 0) return fail("1002");
    }
    const std::string_view key = bytes.substr(2 + more, masked ? 4 : 0);
    bytes.remove_prefix(head);
    const bool whole = bytes.size() >= size;
    std::string payload(bytes.substr(0, whole ? static_cast<std::size_t>(size) : bytes.size()));
    for (std::size_t i = 0; masked && i < payload.size(); ++i)
      payload[i] = static_cast<char>(payload[i] ^ key[i % 4]);
    if (control) {
      if (!whole) return log;
      if (opcode == 9) log += "ping " + payload + "\n";
      if (opcode == 10) log += "pong\n";
      if (opcode == 8) {
        if (payload.empty()) return log + "close 1005\nbecause \n";
        if (payload.size() == 1) return fail("1002");
        const auto at = [&payload](std::size_t i) {
          return static_cast<unsigned>(static_cast<unsigned char>(payload[i]));
        };
        const unsigned code = (at(0) << 8U) | at(1);
        if (!is_close_code(code)) return fail("1002");
        if (!is_utf8(payload.substr(2))) return fail("1007");
        return log + "close " + std::to_string(code) + "\nbecause " + payload.substr(2) + "\n";
      }
    } else {
      if (opcode != 0) {
        open = opcode;
        announced = empty_ones = 0;
        passed_over = false;
        message.clear();
      }
      if (size == 0 && !final && ++empty_ones > limits.max_empty_fragments) return fail("1008");
      announced += size;
      if (announced > std::max<std::uint64_t>(limits.max_skipped_bytes, limits.max_message_bytes))
        return fail("1009");
      passed_over = passed_over || announced > limits.max_message_bytes;
      if (open == 1 && !passed_over) {
        message += payload;
        if (!begins_utf8(message)) return fail("1007");
      }
      if (!whole) return log;
      if (final) {
        if (open == 2) {
          log += "binary " + std::to_string(announced) + "\n";
        } else if (passed_over) {
          log += "oversized " + std::to_string(announced) + "\n";
        } else if (!is_utf8(message)) {
          return fail("1007");
        } else {
          log += "text " + message + "\n";
        }
        open = 0;
      }
    }
    bytes.remove_prefix(payload.size());
  }
}

}  // namespace

// clang-format off
std::vector<std::string_view> fuzz_pieces() {
  using std::literals::string_view_literals::operator""sv;
  return {
      "\x81\x80\0\0\0\0"sv, "\x81\x85\0\0\0\0hello"sv, "\x01\x82\0\0\0\0he"sv,
      "\x80\x83\0\0\0\0llo"sv, "\x80\x80\0\0\0\0"sv, "\0\x80\0\0\0\0"sv, "\0\x81\0\0\0\0x"sv,
      "\x82\x83\0\0\0\0abc"sv, "\x02\x81\0\0\0\0a"sv, "\x89\x80\0\0\0\0"sv,
      "\x89\x84\1\2\3\4ping"sv, "\x8A\x80\0\0\0\0"sv, "\x88\x80\0\0\0\0"sv,
      "\x88\x82\0\0\0\0\x03\xE8"sv, "\x88\x84\0\0\0\0\x0F\xA0ok"sv, "\x81\xFE\0\x7E\0\0\0\0"sv,
      "\x81\xFE\0\x7D\0\0\0\0"sv, "\x81\xFF\0\0\0\0\0\1\0\0\0\0\0\0"sv,
      "\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0"sv, "\x81\x05hello"sv, "\x89\0"sv,
      "\xC1\x80\0\0\0\0"sv, "\x83\x80\0\0\0\0"sv, "\x81\x84\0\0\0\0\xF0\x9F\x99\x82"sv,
      "\x01\x81\0\0\0\0\xF0"sv, "\0\x82\0\0\0\0\x9F\x99"sv, "\x80\x81\0\0\0\0\x82"sv,
      "\x81\x83\0\0\0\0\xED\xA0\x80"sv, "x", "\xFF", "\0"sv, "\xED", "\xA0", "\x80", "\xF4\x8F"};
}
// clang-format on

void fuzz(std::string_view input) {
  if (input.size() < 2) return;
  const auto choice = static_cast<unsigned char>(input[input.size() - 1]);
  const std::size_t cut = static_cast<unsigned char>(input[input.size() - 2]);
  frame_limits limits;
  limits.expect_masked = choice % 4 != 3;
  if (choice >= 128) {
    limits.max_message_bytes = choice - 120u;
    limits.max_skipped_bytes = 500;
    limits.max_empty_fragments = static_cast<std::uint16_t>(choice % 5);
  }
  const std::string_view bytes = input.substr(0, input.size() - 2);
  const std::size_t all = bytes.size() + 1;
  const std::string whole = run(bytes, all, all, limits);
  require(read_plainly(bytes, limits) == whole, "as RFC 6455 has it", input);
  require(run(bytes, 1, 1, limits) == whole, "byte by byte as whole", input);
  require(run(bytes, cut + 1, all, limits) == whole, "in two as whole", input);
  require(run(bytes, 1 + cut % 7, 1 + cut % 50, limits) == whole, "in pieces as whole", input);
}
