// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/websocketpp_frame_reader.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace adapters = agent_websocket::adapters;
using adapters::frame_limits;
using adapters::frame_reader;

namespace {

// One line per event. Long texts are written as their length.
struct recorder {
  std::string log;
  std::size_t events_left = static_cast<std::size_t>(-1);

  bool note(std::string line) {
    log += line + "\n";
    return --events_left > 0;
  }
  static std::string brief(std::string_view text) {
    return text.size() <= 20 ? std::string(text) : "#" + std::to_string(text.size());
  }
  bool on_text(std::string_view text) { return note("text " + brief(text)); }
  bool on_binary(std::size_t bytes) { return note("binary " + std::to_string(bytes)); }
  bool on_oversized(std::size_t bytes) { return note("oversized " + std::to_string(bytes)); }
  bool on_ping(std::string_view payload) { return note("ping " + brief(payload)); }
  bool on_pong() { return note("pong"); }
  bool on_close(std::uint16_t code, std::string_view reason) {
    return note("close " + std::to_string(code) + " " + brief(reason));
  }
};

constexpr int fin = 0x80;
enum : int { more = 0, text = 1, binary = 2, bye = 8, ping = 9, pong = 10 };

// A frame as a test wants it, right or wrong. length_code 0: the shortest.
std::string frame(int first_byte, std::string_view payload, bool masked = true,
                  int length_code = 0) {
  std::string made(1, static_cast<char>(first_byte));
  const std::size_t size = payload.size();
  int code = length_code;
  if (code == 0) code = size <= 125 ? static_cast<int>(size) : size <= 0xFFFF ? 126 : 127;
  made.push_back(static_cast<char>((masked ? 0x80 : 0) | code));
  const int length_bytes = code == 126 ? 2 : code == 127 ? 8 : 0;
  for (int i = length_bytes - 1; i >= 0; --i) {
    made.push_back(static_cast<char>(static_cast<std::uint64_t>(size) >> (8 * i)));
  }
  if (!masked) return made + std::string(payload);
  const std::string key = "\x12\xF4\x56\x9A";
  made += key;
  for (std::size_t i = 0; i < size; ++i) made.push_back(static_cast<char>(payload[i] ^ key[i % 4]));
  return made;
}

// Feeds pieces, each from a block of its own so that a sanitizer sees any step outside of it, and
// ends the log with the code of the failure.
std::string read(const std::vector<std::string>& pieces, const frame_limits& limits = {}) {
  recorder events;
  frame_reader reader;
  for (const std::string& piece : pieces) {
    const std::unique_ptr<char[]> block(new char[piece.size()]);
    piece.copy(block.get(), piece.size());
    const std::uint16_t failure = reader.feed(block.get(), piece.size(), limits, events);
    if (failure != 0) return events.log + "failed " + std::to_string(failure) + "\n";
  }
  return events.log;
}

// The same log whole, cut in two at each byte, and byte by byte.
std::string read_all_ways(const std::string& bytes, const frame_limits& limits = {}) {
  const std::string whole = read({bytes}, limits);
  std::vector<std::string> single;
  for (const char c : bytes) single.emplace_back(1, c);
  CHECK(read(single, limits) == whole);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    CAPTURE(cut);
    CHECK(read({bytes.substr(0, cut), bytes.substr(cut)}, limits) == whole);
  }
  return whole;
}

std::string close_with(int code, std::string_view reason = {}) {
  std::string payload;
  payload.push_back(static_cast<char>(code >> 8));
  payload.push_back(static_cast<char>(code));
  return frame(fin | bye, payload.append(reason));
}

}  // namespace

TEST_CASE("frame reader: the examples of RFC 6455 section 5.7") {
  frame_limits of_client;
  of_client.expect_masked = false;
  CHECK(read_all_ways(frame(fin | text, "Hello", false), of_client) == "text Hello\n");
  CHECK(read_all_ways(std::string("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11)) ==
        "text Hello\n");
  CHECK(read_all_ways(frame(text, "Hel", false) + frame(fin | more, "lo", false), of_client) ==
        "text Hello\n");
  CHECK(read_all_ways(frame(fin | ping, "Hello", false), of_client) == "ping Hello\n");
  CHECK(read_all_ways(frame(fin | pong, "Hello")) == "pong\n");
  CHECK(read_all_ways(frame(fin | binary, std::string(256, 'x'))) == "binary 256\n");
  CHECK(read({frame(fin | binary, std::string(65536, 'x'))}) == "binary 65536\n");
}

TEST_CASE("frame reader: messages, fragments, and control frames between them") {
  CHECK(read_all_ways(frame(fin | text, "") + frame(fin | text, "b")) == "text \ntext b\n");
  CHECK(read_all_ways(frame(text, "") + frame(more, "") + frame(fin | more, "")) == "text \n");
  CHECK(read_all_ways(frame(text, "") + frame(fin | more, "ab")) == "text ab\n");
  CHECK(read_all_ways(frame(text, "one ") + frame(fin | ping, "p") + frame(more, "two ") +
                      frame(fin | pong, "") + frame(fin | ping, "") + frame(fin | more, "three") +
                      frame(fin | text, "next")) ==
        "ping p\npong\nping \ntext one two three\ntext next\n");
  CHECK(read_all_ways(frame(binary, "abc") + frame(fin | ping, std::string(125, 'p')) +
                      frame(fin | more, "de")) == "ping #125\nbinary 5\n");
  // Nothing behind a close frame counts.
  CHECK(read({frame(text, "cut") + close_with(1000, "bye") + frame(0x7F, "rubbish")}) ==
        "close 1000 bye\n");
}

TEST_CASE("frame reader: lengths on both sides of every border") {
  for (const std::size_t size : {0u, 1u, 125u, 126u, 127u, 128u, 65535u, 65536u}) {
    const std::string body(size, 'x');
    CAPTURE(size);
    const std::string wanted = "text " + recorder::brief(body) + "\n";
    const std::string bytes = frame(fin | text, body);
    CHECK(read({bytes}) == wanted);
    for (const std::size_t cut : {std::size_t{1}, std::size_t{5}, bytes.size() / 2}) {
      CHECK(read({bytes.substr(0, cut), bytes.substr(cut)}) == wanted);
    }
  }
}

TEST_CASE("frame reader: what RFC 6455 forbids fails with 1002, as soon as it is there") {
  const std::string failed = "failed 1002\n";
  for (const int reserved_bit : {0x40, 0x20, 0x10}) {
    CHECK(read_all_ways(frame(fin | reserved_bit | text, "x")) == failed);
    CHECK(read_all_ways(frame(fin | reserved_bit | ping, "x")) == failed);
  }
  for (const int reserved : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    CHECK(read_all_ways(frame(fin | reserved, "x")) == failed);
  }
  CHECK(read_all_ways(frame(fin | text, "x", false)) == failed);
  CHECK(read_all_ways(frame(ping, "x")) == failed);
  CHECK(read_all_ways(frame(bye, "")) == failed);
  CHECK(read({frame(fin | ping, std::string(126, 'x'))}) == failed);
  CHECK(read({frame(fin | bye, std::string(126, 'x'))}) == failed);
  CHECK(read_all_ways(frame(fin | more, "x")) == failed);
  CHECK(read_all_ways(frame(more, "x")) == failed);
  CHECK(read_all_ways(frame(text, "a") + frame(fin | text, "b")) == failed);
  CHECK(read_all_ways(frame(text, "a") + frame(fin | more, "b") + frame(fin | more, "c")) ==
        "text ab\n" + failed);
  CHECK(read_all_ways(frame(fin | text, "short", true, 126)) == failed);
  CHECK(read_all_ways(frame(fin | text, "short", true, 127)) == failed);
  CHECK(read({std::string("\x81\xFF\x80\0\0\0\0\0\0\0abcd", 14)}) == failed);
  // Two bytes suffice.
  CHECK(read({std::string("\xC1\x85", 2)}) == failed);
  CHECK(read({std::string("\x81", 1), std::string("\x05", 1)}) == failed);
  frame_limits of_client;
  of_client.expect_masked = false;
  CHECK(read_all_ways(frame(fin | text, "x"), of_client) == failed);
}

TEST_CASE("frame reader: close codes") {
  CHECK(read_all_ways(frame(fin | bye, "")) == "close 1005 \n");
  CHECK(read_all_ways(frame(fin | bye, "x")) == "failed 1002\n");
  CHECK(read_all_ways(close_with(1000, "done")) == "close 1000 done\n");
  CHECK(read({close_with(1000, std::string(123, 'r'))}) == "close 1000 #123\n");
  for (const int code : {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
                         3000, 3999, 4000, 4999}) {
    CHECK(read({close_with(code)}) == "close " + std::to_string(code) + " \n");
  }
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
    CAPTURE(code);
    CHECK(read_all_ways(close_with(code)) == "failed 1002\n");
  }
  CHECK(read_all_ways(close_with(1000, "\xCE\xBA\xE1")) == "failed 1007\n");
  CHECK(read_all_ways(close_with(1000, "\xED\xA0\x80")) == "failed 1007\n");
}

TEST_CASE("frame reader: UTF-8 over all cuts") {
  const std::string words = "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5 \xF0\x9F\x99\x82";
  CHECK(read_all_ways(frame(fin | text, words)) == "text " + words + "\n");
  for (std::size_t cut = 0; cut <= words.size(); ++cut) {
    CHECK(read_all_ways(frame(text, words.substr(0, cut)) + frame(fin | more, words.substr(cut))) ==
          "text " + words + "\n");
  }
  CHECK(read_all_ways(frame(fin | text,
                            "\xCE\xBA\xED\xA0\x80"
                            "edited")) == "failed 1007\n");
  CHECK(read_all_ways(frame(fin | text, "\xCE")) == "failed 1007\n");
  CHECK(read_all_ways(frame(text, "\xCE") + frame(fin | more, "")) == "failed 1007\n");
  CHECK(read_all_ways(frame(text, "\xF4") + frame(fin | more, "\x90\x80\x80")) == "failed 1007\n");
  // At once: neither the end of the frame nor that of the message is waited for.
  const std::string wrong = frame(text, "abc\xFF" + std::string(50, 'x'));
  CHECK(read({wrong.substr(0, 10)}) == "failed 1007\n");
  CHECK(read({wrong.substr(0, 9)}) == "");
  CHECK(read_all_ways(frame(fin | binary, "\xFF\xFE")) == "binary 2\n");
}

TEST_CASE("frame reader: a text above the limit is passed over, and the next one counts again") {
  frame_limits limits;
  limits.max_message_bytes = 10;
  limits.max_skipped_bytes = 100;
  CHECK(read_all_ways(frame(fin | text, "0123456789") + frame(fin | text, "0123456789a") +
                          frame(fin | text, "next"),
                      limits) == "text 0123456789\noversized 11\ntext next\n");
  CHECK(read_all_ways(frame(text, "012345") + frame(fin | ping, "p") + frame(more, "6789ab") +
                          frame(fin | more, "cd") + frame(fin | text, "next"),
                      limits) == "ping p\noversized 14\ntext next\n");
  // What is passed over is not looked at.
  CHECK(read_all_ways(frame(fin | text, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), limits) ==
        "oversized 11\n");
  // It may have been left inside of a character.
  CHECK(read_all_ways(
            frame(text, "\xC3") + frame(fin | more, "0123456789") + frame(fin | text, "next"),
            limits) == "oversized 11\ntext next\n");
  CHECK(read_all_ways(frame(fin | binary, std::string(50, 'x')), limits) == "binary 50\n");
  CHECK(read({frame(fin | text, std::string(100, 'x'))}, limits) == "oversized 100\n");
}

TEST_CASE("frame reader: too much announced fails with 1009 before it comes") {
  frame_limits limits;
  limits.max_message_bytes = 10;
  limits.max_skipped_bytes = 100;
  CHECK(read_all_ways(frame(fin | text, std::string(101, 'x')).substr(0, 6), limits) ==
        "failed 1009\n");
  CHECK(read_all_ways(
            frame(text, std::string(60, 'x')) + frame(more, std::string(41, 'x')).substr(0, 6),
            limits) == "failed 1009\n");
  CHECK(read_all_ways(frame(binary, std::string(101, 'x')).substr(0, 6), limits) ==
        "failed 1009\n");
  CHECK(read({std::string("\x81\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
                          "abcd",
                          14)}) == "failed 1009\n");
  // 64 MiB and one byte, against the limit as it is shipped.
  CHECK(read({std::string("\x81\xFF\0\0\0\0\x04\0\0\x01"
                          "abcd",
                          14)}) == "failed 1009\n");
  CHECK(read({std::string("\x81\xFF\0\0\0\0\x04\0\0\0"
                          "abcd",
                          14)}) == "");
}

TEST_CASE("frame reader: empty fragments have an end") {
  frame_limits limits;
  limits.max_empty_fragments = 3;
  std::string bytes = frame(text, "") + frame(more, "") + frame(more, "");
  CHECK(read_all_ways(bytes + frame(more, "x") + frame(fin | more, ""), limits) == "text x\n");
  CHECK(read_all_ways(bytes + frame(more, ""), limits) == "failed 1008\n");
  CHECK(read({bytes + frame(fin | more, "") + bytes + frame(fin | more, "")}, limits) ==
        "text \ntext \n");
}

TEST_CASE(
    "frame reader: after an event that says stop the rest is dropped, and reading can go on") {
  recorder events;
  events.events_left = 1;
  frame_reader reader;
  std::string bytes = frame(fin | text, "one") + frame(fin | text, "two");
  CHECK(reader.feed(&bytes[0], bytes.size(), frame_limits(), events) == 0);
  CHECK(events.log == "text one\n");
  events.events_left = 5;
  bytes = frame(fin | text, "three");
  CHECK(reader.feed(&bytes[0], bytes.size(), frame_limits(), events) == 0);
  CHECK(events.log == "text one\ntext three\n");
}

TEST_CASE("frame reader: knows when something is not whole, and is small") {
  recorder events;
  frame_reader reader;
  std::string bytes = frame(text, "one") + frame(fin | more, "two");
  CHECK_FALSE(reader.in_message());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    CHECK(reader.in_message() == (i != 0));
    reader.feed(&bytes[i], 1, frame_limits(), events);
  }
  CHECK_FALSE(reader.in_message());
  CHECK(sizeof(frame_reader) <= 64u);
}

TEST_CASE("frame reader: a resting one is a pointer, and holds a reader while something is not whole") {
  using agent_websocket::adapters::resting_frame_reader;
  CHECK(sizeof(resting_frame_reader) == sizeof(void*));
  const std::string bytes = frame(fin | text, "whole") + frame(text, "one ") + frame(fin | more, "two");
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    CAPTURE(cut);
    recorder events;
    resting_frame_reader reader;
    std::string head = bytes.substr(0, cut), tail = bytes.substr(cut);
    CHECK(reader.feed(&head[0], head.size(), frame_limits(), events) == 0);
    const bool is_between = cut == 0 || cut == 11 || cut == bytes.size();
    CHECK(reader.in_message() == !is_between);
    CHECK(reader.feed(&tail[0], tail.size(), frame_limits(), events) == 0);
    CHECK_FALSE(reader.in_message());
    CHECK(events.log == "text whole\ntext one two\n");
  }
}

TEST_CASE("frame reader: rubbish is refused or read, the same however it is cut") {
  std::mt19937 random(11);
  int failures = 0;
  int events = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes;
    while (bytes.size() < 60) {
      if (random() % 3 != 0) {  // mostly frames, so that rubbish comes behind a state
        static constexpr int kinds[] = {fin | text, text,       more,
                                        fin | more, fin | ping, fin | binary};
        bytes +=
            frame(kinds[random() % 6], std::string(random() % 30, static_cast<char>(random())));
      } else {
        for (unsigned n = random() % 8; n > 0; --n) bytes.push_back(static_cast<char>(random()));
      }
      if (!bytes.empty() && random() % 4 == 0)
        bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    frame_limits limits;
    limits.max_message_bytes = 40;
    limits.max_skipped_bytes = 4000;
    const std::string whole = read({bytes}, limits);
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t size = 1 + random() % 7;
      pieces.push_back(bytes.substr(at, size));
      at += size;
    }
    CAPTURE(round);
    REQUIRE(read(pieces, limits) == whole);
    failures += whole.find("failed") != std::string::npos ? 1 : 0;
    events += whole.find(" ") != std::string::npos ? 1 : 0;
  }
  CHECK(failures > 500);
  CHECK(events > 500);
}
