// SPDX-License-Identifier: MIT
//
// What a server has to do with the bytes of a peer, right and wrong: a table in the manner of the
// Autobahn test suite, whose section numbers stand in the names (1 framing, 2 pings, 3 reserved
// bits, 4 opcodes, 5 fragmentation, 6 UTF-8, 7 closing). Bytes only, no sockets: the rows are the
// same over TCP and over TLS. Frames are made in raw_client.hpp, by nothing of the library.
#pragma once

#include "loopback/raw_client.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace loopback {

/// What comes behind an upgrade, and what has to come back.
struct frame_case {
  std::string name;
  std::string bytes;
  /// The server's frames, a space between two: `text:hello`, `pong:x`, `close:1002`. Behind a close
  /// the server ends the connection; without one it stands, unless the row is `unfinished`.
  std::string answer;
  /// What the application was told of messages that are not echoed: `binary:3`, `oversized:70000`.
  std::string told = std::string();
  /// The bytes end inside of a frame: nothing more can be asked of the connection.
  bool unfinished = false;
};

/// A frame with any header: `length_code` 0 is the shortest one, 126 and 127 make longer ones;
/// `announced` is the length in the header, if it is not that of the payload.
inline std::string odd_frame(int first_byte, std::string_view payload, int length_code = 0,
                             bool masked = true, std::int64_t announced = -1) {
  const std::uint64_t size = announced < 0 ? payload.size() : static_cast<std::uint64_t>(announced);
  int code = length_code;
  if (code == 0) code = size <= 125 ? static_cast<int>(size) : size <= 0xFFFF ? 126 : 127;
  std::string made(1, static_cast<char>(first_byte));
  made.push_back(static_cast<char>((masked ? 0x80 : 0) | code));
  for (int i = (code == 126 ? 2 : code == 127 ? 8 : 0) - 1; i >= 0; --i) {
    made.push_back(static_cast<char>(size >> (8 * i)));
  }
  if (!masked) return made.append(payload);
  static constexpr char key[] = "\xA7\x01\xFE\x5C";
  made.append(key, 4);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    made.push_back(static_cast<char>(payload[i] ^ key[i % 4]));
  }
  return made;
}

/// A text message, every `size` bytes a fragment of its own.
inline std::string in_fragments(std::string_view message, std::size_t size = 1) {
  std::string made;
  int opcode = text;
  while (message.size() > size) {
    made += client_frame(opcode, message.substr(0, size));
    message.remove_prefix(size);
    opcode = more;
  }
  return made + client_frame(fin | opcode, message);
}

namespace cases {

inline std::string bytes_of(std::initializer_list<int> values) {
  std::string made;
  for (const int value : values) made.push_back(static_cast<char>(value));
  return made;
}

inline void add_framing(std::vector<frame_case>& rows) {
  for (const std::size_t size : {0u, 1u, 124u, 125u, 126u, 127u, 128u, 65535u, 65536u}) {
    const std::string body(size, '*');
    const std::string words = std::to_string(size) + " bytes";
    rows.push_back({"1.1 text of " + words, client_frame(fin | text, body), "text:" + body});
    rows.push_back({"1.2 binary of " + words,
                    client_frame(fin | binary, body) + client_frame(fin | text, "on"), "text:on",
                    "binary:" + std::to_string(size)});
  }
  rows.push_back({"1.3 larger than allowed, passed over",
                  client_frame(fin | text, std::string(65537, 'x')) +
                      client_frame(fin | text, "next"),
                  "text:next", "oversized:65537"});
  for (const std::size_t size : {0u, 1u, 125u}) {
    rows.push_back({"1.4 16 bits for " + std::to_string(size),
                    odd_frame(fin | text, std::string(size, 'x'), 126), "close:1002"});
  }
  for (const std::size_t size : {0u, 1u, 125u, 126u, 65535u}) {
    rows.push_back({"1.4 64 bits for " + std::to_string(size),
                    odd_frame(fin | text, std::string(size, 'x'), 127), "close:1002"});
    rows.push_back({"1.4 64 bits for a binary of " + std::to_string(size),
                    odd_frame(fin | binary, std::string(size, 'x'), 127), "close:1002"});
  }
  rows.push_back({"1.5 the highest bit of the length",
                  bytes_of({0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 5, 1, 2, 3, 4}), "close:1002"});
  rows.push_back({"1.5 all bits of the length",
                  bytes_of({0x82, 0xFF, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4}),
                  "close:1002"});
  for (const int opcode : {+text, +binary}) {
    rows.push_back({"1.5 2^63 - 1 bytes announced",
                    odd_frame(fin | opcode, "abc", 127, true, INT64_MAX), "close:1009"});
    rows.push_back({"1.5 2^40 bytes announced",
                    odd_frame(fin | opcode, "abc", 127, true, std::int64_t{1} << 40),
                    "close:1009"});
    rows.push_back({"1.5 64 MiB and a byte announced",
                    odd_frame(fin | opcode, "abc", 127, true, (64 << 20) + 1), "close:1009"});
    rows.push_back({"1.5 64 MiB announced: passed over as they come",
                    odd_frame(fin | opcode, "abc", 127, true, 64 << 20), "", "", true});
    rows.push_back({"1.5 lengths that add up to more than 64 bits hold",
                    odd_frame(opcode, "", 127, true, 64 << 20).substr(0, 2) +
                        std::string("\0\0\0\0\0\1\0\0", 8) + "key!" + std::string(65536, 'k') +
                        odd_frame(more, "", 127, true, INT64_MAX),
                    "close:1009"});
  }
  for (const int first : {fin | text, fin | binary, fin | ping, fin | pong, fin | bye, +text}) {
    rows.push_back({"1.6 not masked: opcode " + std::to_string(first & 15),
                    odd_frame(first, "ab", 0, false), "close:1002"});
    rows.push_back({"1.6 not masked and empty: opcode " + std::to_string(first & 15),
                    odd_frame(first, "", 0, false), "close:1002"});
  }
  rows.push_back({"1.7 a key of zeros",
                  bytes_of({0x81, 0x82, 0, 0, 0, 0}) + "hi", "text:hi"});
  std::string several, echoes;
  for (int i = 0; i < 500; ++i) {
    several += client_frame(fin | text, std::to_string(i));
    echoes += (i == 0 ? "text:" : " text:") + std::to_string(i);
  }
  rows.push_back({"1.8 five hundred frames in one piece", several, echoes});
}

inline void add_control(std::vector<frame_case>& rows) {
  rows.push_back({"2.1 empty ping", client_frame(fin | ping, ""), "pong:"});
  rows.push_back({"2.2 ping with words", client_frame(fin | ping, "Hello, world!"),
                  "pong:Hello, world!"});
  const std::string any = bytes_of({0x00, 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0x00, 0xFF});
  rows.push_back({"2.3 ping with bytes that are no UTF-8", client_frame(fin | ping, any),
                  "pong:" + any});
  rows.push_back({"2.4 ping of 125", client_frame(fin | ping, std::string(125, '\xFE')),
                  "pong:" + std::string(125, '\xFE')});
  for (const int opcode : {+ping, +pong, +bye}) {
    const std::string of = " of opcode " + std::to_string(opcode);
    rows.push_back({"2.5 126 bytes" + of, odd_frame(fin | opcode, std::string(126, 'p')),
                    "close:1002"});
    rows.push_back({"2.5 16 bits of length" + of, odd_frame(fin | opcode, "\x03\xE8", 126),
                    "close:1002"});
    rows.push_back({"2.5 64 bits of length" + of, odd_frame(fin | opcode, "\x03\xE8", 127),
                    "close:1002"});
    rows.push_back({"5.1 a fragment" + of, client_frame(opcode, "ab") + client_frame(fin, "cd"),
                    "close:1002"});
  }
  rows.push_back({"2.7 pong that nobody asked for", client_frame(fin | pong, ""), ""});
  rows.push_back({"2.8 pong with words", client_frame(fin | pong, "unasked"), ""});
  rows.push_back({"2.9 pong and ping",
                  client_frame(fin | pong, "unasked") + client_frame(fin | ping, "asked"),
                  "pong:asked"});
  std::string pings, pongs;
  for (int i = 0; i < 10; ++i) {
    pings += client_frame(fin | ping, "payload-" + std::to_string(i));
    pongs += (i == 0 ? "pong:payload-" : " pong:payload-") + std::to_string(i);
  }
  rows.push_back({"2.10 ten pings", pings, pongs});
}

inline void add_reserved(std::vector<frame_case>& rows) {
  for (int bits = 1; bits < 8; ++bits) {
    for (const int opcode : {+text, +binary, +ping, +pong, +bye}) {
      const std::string row = "3 reserved bits " + std::to_string(bits) + " of opcode " +
                              std::to_string(opcode);
      rows.push_back({row, odd_frame(fin | (bits << 4) | opcode, "ab"), "close:1002"});
      rows.push_back({row + ", behind a text",
                      client_frame(fin | text, "first") +
                          odd_frame(fin | (bits << 4) | opcode, "") + client_frame(fin | ping, ""),
                      "text:first close:1002"});
    }
    rows.push_back({"3 reserved bits " + std::to_string(bits) + " of a continuation",
                    client_frame(text, "a") + odd_frame(fin | (bits << 4), "b"), "close:1002"});
  }
  for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    const std::string row = "4 opcode " + std::to_string(opcode);
    rows.push_back({row + ", empty", client_frame(fin | opcode, ""), "close:1002"});
    rows.push_back({row + ", with payload", client_frame(fin | opcode, "payload"), "close:1002"});
    rows.push_back({row + ", no end", client_frame(opcode, "payload"), "close:1002"});
    rows.push_back({row + ", behind a text",
                    client_frame(fin | text, "first") + client_frame(fin | opcode, "payload") +
                        client_frame(fin | ping, ""),
                    "text:first close:1002"});
    rows.push_back({row + ", inside of a message",
                    client_frame(text, "first") + client_frame(fin | opcode, ""), "close:1002"});
  }
}

inline void add_fragments(std::vector<frame_case>& rows) {
  const std::string words = "fragment1fragment2";
  for (const std::size_t size : {1u, 2u, 3u, 9u, 17u}) {
    rows.push_back({"5.3 a text in pieces of " + std::to_string(size), in_fragments(words, size),
                    "text:" + words});
  }
  rows.push_back({"5.6 a ping between fragments",
                  client_frame(text, "fragment1") + client_frame(fin | ping, "p") +
                      client_frame(fin | more, "fragment2"),
                  "pong:p text:" + words});
  std::string much = client_frame(text, "");
  std::string answers;
  for (int i = 0; i < 20; ++i) {
    much += client_frame(fin | ping, std::to_string(i)) + client_frame(more, "x") +
            client_frame(fin | pong, "y");
    answers += "pong:" + std::to_string(i) + " ";
  }
  rows.push_back({"5.8 twenty pings between fragments", much + client_frame(fin | more, ""),
                  answers + "text:" + std::string(20, 'x')});
  rows.push_back({"5.9 a continuation of nothing, at its end", client_frame(fin | more, "x"),
                  "close:1002"});
  rows.push_back({"5.10 a continuation of nothing", client_frame(more, "x"), "close:1002"});
  rows.push_back({"5.10 an empty continuation of nothing", client_frame(more, ""), "close:1002"});
  rows.push_back({"5.11 a continuation behind a whole message",
                  client_frame(fin | text, "whole") + client_frame(fin | more, "x"),
                  "text:whole close:1002"});
  for (const int first : {+text, +binary}) {
    for (const int second : {fin | text, fin | binary, +text, +binary}) {
      rows.push_back({"5.18 opcode " + std::to_string(second & 15) + " inside of a message of " +
                          std::to_string(first),
                      client_frame(first, "a") + client_frame(second, "b"), "close:1002"});
    }
  }
  rows.push_back({"5.19 two messages, each in pieces, with pings",
                  client_frame(text, "1") + client_frame(more, "2") +
                      client_frame(fin | ping, "pongme 1!") + client_frame(more, "3") +
                      client_frame(fin | ping, "pongme 2!") + client_frame(fin | more, "4") +
                      client_frame(text, "5") + client_frame(fin | more, "6"),
                  "pong:pongme 1! pong:pongme 2! text:1234 text:56"});
  rows.push_back({"5 a binary in pieces",
                  client_frame(binary, "ab") + client_frame(more, "") + client_frame(more, "c") +
                      client_frame(fin | more, "de") + client_frame(fin | text, "on"),
                  "text:on", "binary:5"});
  rows.push_back({"5 empty fragments in front, between and behind",
                  client_frame(text, "") + client_frame(more, "") + client_frame(more, "a") +
                      client_frame(more, "") + client_frame(more, "b") +
                      client_frame(fin | more, ""),
                  "text:ab"});
  rows.push_back({"5 nothing but empty fragments",
                  client_frame(text, "") + client_frame(more, "") + client_frame(fin | more, ""),
                  "text:"});
  std::string endless = client_frame(text, "");
  for (int i = 0; i < 10'001; ++i) endless += client_frame(more, "");
  rows.push_back({"5 empty fragments without end", endless, "close:1008"});
  std::string long_one = client_frame(text, "x");
  for (int i = 0; i < 20'000; ++i) long_one += client_frame(more, "y");
  rows.push_back({"5 twenty thousand fragments of one byte",
                  long_one + client_frame(fin | more, ""), "text:x" + std::string(20'000, 'y')});
  rows.push_back({"5 a close inside of a message",
                  client_frame(text, "a") + close_frame(1000) + client_frame(fin | more, "b"),
                  "close:1000"});
}

/// Sequences that are UTF-8, whatever some parsers think of them.
inline std::vector<std::string> valid_utf8() {
  std::vector<std::string> valid = {
      "Hello-\xC2\xB5@\xC3\x9F\xC3\xB6\xC3\xA4\xC3\xBC\xC3\xA0\xC3\xA1-UTF-8!!",
      "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5",
      std::string(1, '\0'),
      "\xC2\x80",
      "\xE0\xA0\x80",
      "\xF0\x90\x80\x80",
      "\x7F",
      "\xDF\xBF",
      "\xEF\xBF\xBF",
      "\xF4\x8F\xBF\xBF",
      "\xED\x9F\xBF",
      "\xEE\x80\x80",
      "\xEF\xBF\xBD",
      "\xEF\xBB\xBF",
      "\xE2\x80\xA8\xE2\x80\xA9",
  };
  for (int plane = 1; plane <= 16; ++plane) {  // the last two code points of each: noncharacters
    for (const int last : {0xBE, 0xBF}) {
      valid.push_back(bytes_of({0xF0 | (plane >> 2), 0x8F | ((plane & 3) << 4), 0xBF, last}));
    }
  }
  return valid;
}

/// Sequences that no continuation makes UTF-8.
inline std::vector<std::string> invalid_utf8() {
  std::vector<std::string> invalid = {
      "\xF8\x88\x80\x80\x80", "\xFC\x84\x80\x80\x80\x80",                         // 6.8
      "\xF7\xBF\xBF\xBF", "\xFB\xBF\xBF\xBF\xBF", "\xFD\xBF\xBF\xBF\xBF\xBF",     // 6.10
      "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",                                     // 6.11
      "\xFE", "\xFF", "\xFE\xFE\xFF\xFF",                                         // 6.16
      "\xC0\xAF", "\xE0\x80\xAF", "\xF0\x80\x80\xAF",                             // 6.17
      "\xF8\x80\x80\x80\xAF", "\xFC\x80\x80\x80\x80\xAF", "\xC1\xBF",             // 6.18
      "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xF8\x87\xBF\xBF\xBF",                 //
      "\xFC\x83\xBF\xBF\xBF\xBF", "\xC0\x80", "\xE0\x80\x80", "\xF0\x80\x80\x80", // 6.19
      "\xF8\x80\x80\x80\x80", "\xFC\x80\x80\x80\x80\x80",                         //
      "\xED\xA0\x80", "\xED\xAD\xBF", "\xED\xAE\x80", "\xED\xAF\xBF",             // 6.20
      "\xED\xB0\x80", "\xED\xBE\x80", "\xED\xBF\xBF",                             //
      "\xED\xA0\x80\xED\xB0\x80", "\xED\xAD\xBF\xED\xBF\xBF",                     // 6.21
  };
  for (std::size_t count = 1; count <= 7; ++count) {  // 6.12: continuations of nothing
    invalid.push_back(std::string(count, '\x80'));
    invalid.push_back(std::string(count, '\xBF'));
  }
  for (int lead = 0xC0; lead <= 0xFD; ++lead) {  // 6.13: a lead byte alone, and a space
    invalid.push_back(bytes_of({lead, ' '}));
  }
  for (int continuation = 0x80; continuation <= 0xBF; ++continuation) {
    invalid.push_back(bytes_of({continuation}));
  }
  for (const char* cut : {"\xE0\xA0", "\xEF\xBF", "\xF0\x90\x80", "\xF4\x8F\xBF", "\xF0\x90"}) {
    invalid.push_back(cut + std::string("x"));  // 6.14 and 6.15: the last byte is missing
  }
  return invalid;
}

inline void add_utf8(std::vector<frame_case>& rows) {
  const auto shown = [](std::string_view sequence) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string made;
    for (const char each : sequence) {
      const auto byte = static_cast<unsigned char>(each);
      made += {digits[byte >> 4], digits[byte & 15]};
    }
    return made;
  };
  // In front of and behind the borders of the words in which a reader may pass over ASCII.
  const std::vector<std::size_t> positions = {0, 1, 7, 8, 14, 15, 16, 17, 31, 33};
  for (const std::string& each : valid_utf8()) {
    std::string bytes = client_frame(fin | text, each) + in_fragments(each);
    std::string answer = "text:" + each + " text:" + each;
    for (const std::size_t at : positions) {
      const std::string words = std::string(at, 'a') + each + std::string(40 - at, 'z');
      bytes += client_frame(fin | text, words) + in_fragments(words, at + 1);
      answer += " text:" + words + " text:" + words;
    }
    rows.push_back({"6 valid: " + shown(each), bytes, answer});
    rows.push_back({"6 valid as a reason: " + shown(each), close_frame(1000, each), "close:1000"});
  }
  for (const std::string& each : invalid_utf8()) {
    const std::string row = "6 invalid: " + shown(each);
    rows.push_back({row, client_frame(fin | text, each), "close:1007"});
    rows.push_back({row + ", in fragments", in_fragments(each + "edited"), "close:1007"});
    rows.push_back({row + ", behind a good message, before a good one",
                    client_frame(fin | text, "\xC3\xA9") + client_frame(fin | text, "a" + each) +
                        client_frame(fin | text, "unread"),
                    "text:\xC3\xA9 close:1007"});
    rows.push_back({row + ", as a reason", close_frame(1000, each), "close:1007"});
    // 6.4: found before the message or even the frame is there.
    rows.push_back({row + ", the frame not whole",
                    odd_frame(fin | text, each + "  ", 126, true, 500), "close:1007"});
    rows.push_back({row + ", the message not whole", client_frame(text, each + "  "),
                    "close:1007"});
    rows.push_back({row + ", as binary",
                    client_frame(fin | binary, each) + client_frame(fin | text, "on"), "text:on",
                    "binary:" + std::to_string(each.size())});
  }
  for (const char* each : {"\xED\xA0\x80", "\xFF", "\xC0\xAF", "\xF4\x90\x80\x80", "\x80"}) {
    for (std::size_t at = 0; at <= 40; ++at) {
      rows.push_back({"6 invalid at " + std::to_string(at) + ": " + shown(each),
                      client_frame(fin | text, std::string(at, 'a') + each +
                                                   std::string(40 - at, 'z')),
                      "close:1007"});
    }
  }
  const std::string word = "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5 \xF0\x9F\x99\x82";
  for (std::size_t size = 0; size <= word.size(); ++size) {  // 6.6: every front of a word
    const bool whole = size == word.size() || (word[size] & 0xC0) != 0x80;
    const std::string front = word.substr(0, size);
    rows.push_back({"6.6 the first " + std::to_string(size), client_frame(fin | text, front),
                    whole ? "text:" + front : "close:1007"});
    rows.push_back({"6.6 the first " + std::to_string(size) + ", and an empty end",
                    client_frame(text, front) + client_frame(fin | more, ""),
                    whole ? "text:" + front : "close:1007"});
    rows.push_back({"6.6 cut at " + std::to_string(size) + ", with a ping between",
                    client_frame(text, front) + client_frame(fin | ping, "p") +
                        client_frame(fin | more, word.substr(size)),
                    "pong:p text:" + word});
  }
}

inline void add_closing(std::vector<frame_case>& rows) {
  rows.push_back({"7.1 a message and a close",
                  client_frame(fin | text, "Hello World!") + close_frame(1000),
                  "text:Hello World! close:1000"});
  rows.push_back({"7.1.2 closed twice", close_frame(1000) + close_frame(1000), "close:1000"});
  rows.push_back({"7.1.2 closed twice, with different codes",
                  close_frame(4000) + close_frame(1001), "close:4000"});
  rows.push_back({"7.1.3 a ping behind a close", close_frame(1000) + client_frame(fin | ping, ""),
                  "close:1000"});
  rows.push_back({"7.1.4 a text behind a close",
                  close_frame(1000) + client_frame(fin | text, "late"), "close:1000"});
  rows.push_back({"7.1.5 the rest of a message behind a close",
                  client_frame(text, "fragment1") + close_frame(1000) +
                      client_frame(fin | more, "fragment2"),
                  "close:1000"});
  rows.push_back({"7.1.6 much, and a close",
                  client_frame(fin | text, std::string(65536, 'x')) + close_frame(1000) +
                      client_frame(fin | ping, ""),
                  "text:" + std::string(65536, 'x') + " close:1000"});
  rows.push_back({"7 rubbish behind a close", close_frame(1000) + std::string(1000, '\xFF'),
                  "close:1000"});
  rows.push_back({"7.3.1 no code", client_frame(fin | bye, ""), "close:none"});
  for (int byte = 0; byte < 256; byte += 51) {
    rows.push_back({"7.3.2 half a code: " + std::to_string(byte),
                    client_frame(fin | bye, bytes_of({byte})), "close:1002"});
  }
  rows.push_back({"7.3.4 a code and a reason", close_frame(1000, "Hello World!"), "close:1000"});
  rows.push_back({"7.3.5 a reason of 123 bytes", close_frame(1000, std::string(123, '*')),
                  "close:1000"});
  rows.push_back({"7.3.6 a reason of 124 bytes", close_frame(1000, std::string(124, '*')),
                  "close:1002"});
  rows.push_back({"7.5.1 a reason that is no UTF-8",
                  close_frame(1000, "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xED\xA0\x80"
                                    "edited"),
                  "close:1007"});
  rows.push_back({"7.5 a reason that ends inside of a character", close_frame(1000, "\xE1\xBD"),
                  "close:1007"});
  // 1012 to 1014 were registered with IANA after the RFC.
  for (const int code : {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
                         3000, 3999, 4000, 4999}) {
    rows.push_back({"7.7 code " + std::to_string(code), close_frame(code),
                    "close:" + std::to_string(code)});
    rows.push_back({"7.7 code " + std::to_string(code) + " with a reason",
                    close_frame(code, "reason"), "close:" + std::to_string(code)});
  }
  for (const int code : {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000,
                         65535}) {
    rows.push_back({"7.9 code " + std::to_string(code), close_frame(code), "close:1002"});
    rows.push_back({"7.9 code " + std::to_string(code) + " with a reason",
                    close_frame(code, "reason"), "close:1002"});
  }
}

}  // namespace cases

inline std::vector<frame_case> frame_cases() {
  std::vector<frame_case> rows;
  cases::add_framing(rows);
  cases::add_control(rows);
  cases::add_reserved(rows);
  cases::add_fragments(rows);
  cases::add_utf8(rows);
  cases::add_closing(rows);
  return rows;
}

/// A request, the first line of its answer, and what has (not) to stand in the answer's head.
struct handshake_case {
  std::string name;
  std::string request;
  int status = 101;
  std::vector<std::string> has = {};
  std::vector<std::string> lacks = {};
};

/// The upgrade with lines in place of others, by name; an empty value leaves the line out.
inline std::string upgrade_with(
    const std::vector<std::pair<std::string, std::string>>& changes,
    std::string_view request_line = "GET /ws HTTP/1.1") {
  std::vector<std::pair<std::string, std::string>> fields = {
      {"Host", "localhost"},
      {"Upgrade", "websocket"},
      {"Connection", "Upgrade"},
      {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
      {"Sec-WebSocket-Version", "13"},
  };
  for (const auto& [name, value] : changes) {
    bool known = false;
    for (auto& field : fields) {
      if (field.first != name || known) continue;
      field.second = value;
      known = true;
    }
    if (!known) fields.emplace_back(name, value);
  }
  std::string made = std::string(request_line) + "\r\n";
  for (const auto& [name, value] : fields) {
    if (!value.empty()) made += name + ": " + value + "\r\n";
  }
  return made + "\r\n";
}

/// RFC 6455 section 4.2.1, RFC 9112, and the shapes by which requests are smuggled past proxies.
inline std::vector<handshake_case> handshake_cases() {
  const std::string accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n";
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  std::vector<handshake_case> rows = {
      {"as in the RFC", upgrade_with({}), 101,
       {accept, "Upgrade: websocket\r\n", "Connection: Upgrade\r\n"}},
      {"names and tokens in any case",
       "GET /ws HTTP/1.1\r\nhOST: a\r\nUPGRADE: WebSocket\r\nconnection: UPGRADE\r\n"
       "sec-websocket-KEY: dGhlIHNhbXBsZSBub25jZQ==\r\nSEC-WEBSOCKET-VERSION: 13\r\n\r\n",
       101, {accept}},
      {"values without and with much space",
       "GET /ws HTTP/1.1\r\nHost:a\r\nUpgrade:\t websocket \t\r\nConnection:Upgrade\r\n"
       "Sec-WebSocket-Key:dGhlIHNhbXBsZSBub25jZQ==  \r\nSec-WebSocket-Version: 13\r\n\r\n",
       101, {accept}},
      {"connection tokens as browsers send them", upgrade_with({{"Connection", "keep-alive, Upgrade"}})},
      {"connection tokens with empty ones", upgrade_with({{"Connection", ", ,keep-alive,,  Upgrade,"}})},
      {"two connection fields", upgrade_with({{"Connection", "keep-alive"}, {"connection", "Upgrade"}})},
      {"upgrade offers several", upgrade_with({{"Upgrade", "h2c, websocket"}})},
      {"an absolute target", upgrade_with({}, "GET http://localhost/ws HTTP/1.1")},
      {"an absolute target of a later scheme", upgrade_with({}, "GET HTTPS://localhost/ws?x HTTP/1.1")},
      {"a query", upgrade_with({}, "GET /ws?token=x&y=%20 HTTP/1.1")},
      {"a length of nothing", upgrade_with({{"Content-Length", "0"}})},
      {"an origin", upgrade_with({{"Origin", "https://example.org"}})},
      {"compression is offered, and declined",
       upgrade_with({{"Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"}}),
       101, {accept}, {"Extensions"}},
      {"many extensions are offered",
       upgrade_with({{"Sec-WebSocket-Extensions",
                      "foo, permessage-deflate;server_no_context_takeover, x-webkit-deflate-frame"}}),
       101, {accept}, {"Extensions", "deflate"}},
      {"offers of extensions that are none",
       upgrade_with({{"Sec-WebSocket-Extensions", "; ,,=\"\", perm\"essage"}}), 101, {accept},
       {"Extensions"}},
      {"subprotocols that nobody speaks",
       upgrade_with({{"Sec-WebSocket-Protocol", "chat, superchat"}}), 101, {accept}, {"Sec-WebSocket-Protocol"}},

      {"no version", upgrade_with({{"Sec-WebSocket-Version", ""}}), 426,
       {"Sec-WebSocket-Version: 13\r\n"}},
      {"version 8", upgrade_with({{"Sec-WebSocket-Version", "8"}}), 426,
       {"Sec-WebSocket-Version: 13\r\n"}},
      {"version 14", upgrade_with({{"Sec-WebSocket-Version", "14"}}), 426},
      {"version 13.0", upgrade_with({{"Sec-WebSocket-Version", "13.0"}}), 426},
      {"version 013", upgrade_with({{"Sec-WebSocket-Version", "013"}}), 426},
      {"two versions", upgrade_with({{"Sec-WebSocket-Version", "13, 8"}}), 426},
      {"two version fields",
       upgrade_with({{"Sec-WebSocket-Version", "13"}, {"sec-websocket-version", "13"}}), 400},
      {"no key", upgrade_with({{"Sec-WebSocket-Key", ""}}), 400},
      {"a short key", upgrade_with({{"Sec-WebSocket-Key", "dGhlIHNhbXBsZQ=="}}), 400},
      {"a long key", upgrade_with({{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==="}}), 400},
      {"a key that is no base64", upgrade_with({{"Sec-WebSocket-Key", "dGhl*HNhbXBsZSBub25jZQ=="}}), 400},
      {"two keys", upgrade_with({{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                                 {"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="}}), 400},
      {"HTTP/1.0", upgrade_with({}, "GET /ws HTTP/1.0"), 400},
      {"HTTP/1.0 without a host", upgrade_with({{"Host", ""}}, "GET /ws HTTP/1.0"), 400},
      {"no host", upgrade_with({{"Host", ""}}), 400},
      {"two hosts", upgrade_with({{"Host", "a"}, {"host", "b"}}), 400},
      {"POST", upgrade_with({}, "POST /ws HTTP/1.1"), 400},
      {"HEAD", upgrade_with({}, "HEAD /ws HTTP/1.1"), 400},
      {"a body", upgrade_with({{"Content-Length", "5"}}) + "hello", 400},
      {"HTTP/2.0", upgrade_with({}, "GET /ws HTTP/2.0"), 505},
      {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},

      // No upgrade: the application answers.
      {"no upgrade field", upgrade_with({{"Upgrade", ""}}), 200},
      {"no connection field", upgrade_with({{"Connection", ""}}), 200},
      {"connection without upgrade", upgrade_with({{"Connection", "keep-alive, Upgraded"}}), 200},
      {"upgrade to something else", upgrade_with({{"Upgrade", "h2c"}}), 200},
      {"a health probe of HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 200},
      {"two requests in one piece: one is answered", get + "\r\n" + get + "\r\n", 200,
       {"Connection: close\r\n"}},
      {"a body and a request behind it", post + "Content-Length: 3\r\n\r\nabc" + get + "\r\n", 200},

      // Smuggling.
      {"length and chunks", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501},
      {"chunks and length", post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 501},
      {"chunks by another name", post + "Transfer-Encoding: xchunked\r\n\r\n", 501},
      {"chunks, empty", post + "Transfer-Encoding:\r\n\r\n", 501},
      {"chunks by an upgrade", upgrade_with({{"Transfer-Encoding", "chunked"}}), 501},
      {"two lengths", post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400},
      {"two equal lengths", post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
      {"a list of lengths", post + "Content-Length: 5, 5\r\n\r\nhello", 400},
      {"an empty length", post + "Content-Length:\r\n\r\n", 400},
      {"an empty length and one", post + "Content-Length:\r\nContent-Length: 5\r\n\r\nhello", 400},
      {"a length and an empty one", post + "Content-Length: 5\r\nContent-Length:\r\n\r\nhello", 400},
      {"an empty host and one", "GET / HTTP/1.1\r\nHost:\r\nHost: b\r\n\r\n", 400},
      {"an empty origin and one", get + "Origin:\r\nOrigin: https://a\r\n\r\n", 400},
      {"a name that only begins alike", get + "Content-Length-X: 5\r\nHost-X: b\r\n\r\n", 200},
      {"an empty key and one",
       upgrade_with({{"Host", "a\r\nSec-WebSocket-Key:"}}), 400},
      {"a signed length", post + "Content-Length: +5\r\n\r\nhello", 400},
      {"a negative length", post + "Content-Length: -5\r\n\r\nhello", 400},
      {"a hexadecimal length", post + "Content-Length: 0x5\r\n\r\nhello", 400},
      {"a length with a fraction", post + "Content-Length: 5.0\r\n\r\nhello", 400},
      {"a length beyond 64 bits", post + "Content-Length: 18446744073709551621\r\n\r\nhello", 413},
      {"a length beyond 128 bits",
       post + "Content-Length: 999999999999999999999999999999999999999\r\n\r\nhello", 413},
      {"a space before the colon", post + "Content-Length : 5\r\n\r\nhello", 400},
      {"a tab before the colon", post + "Content-Length\t: 5\r\n\r\nhello", 400},
      {"a folded line", get + "X: a\r\n b\r\n\r\n", 400},
      {"a folded first line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
      {"a folded line of nothing", get + " \r\n\r\n", 400},
      {"a bare LF between fields", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
      {"a bare LF in a value", get + "X: a\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"a bare CR in a value", get + "X: a\rTransfer-Encoding: chunked\r\n\r\n", 400},
      {"CR CR LF", get + "X: a\r\r\n\r\n", 400},
      {"NUL in a name", get + std::string("X\0Y: a\r\n\r\n", 10), 400},
      {"NUL in a value", get + std::string("X: a\0b\r\n\r\n", 10), 400},
      {"NUL in the target", std::string("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 29), 400},
      {"DEL in a value", get + "X: a\x7F\r\n\r\n", 400},
      {"ESC in a value", get + "X: a\x1B[2J\r\n\r\n", 400},
      {"no name", get + ": a\r\n\r\n", 400},
      {"no colon", get + "Content-Length 5\r\n\r\n", 400},
      {"a name with a quote", get + "X\"Y: a\r\n\r\n", 400},
      {"a name with letters that are no ASCII", get + "Content-Length\xC3\xA9: 5\r\n\r\n", 400},
      {"a name in brackets", get + "(X): a\r\n\r\n", 400},
      {"text outside of ASCII in a value", get + "X: \xC3\xA9\xFF\r\n\r\n", 200},

      // The first line.
      {"nothing but an empty line", "\r\n\r\n", 400},
      {"two words", "GET /\r\nHost: a\r\n\r\n", 400},
      {"one word", "GET\r\nHost: a\r\n\r\n", 400},
      {"four words", "GET / x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"a tab for a space", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"a space in front", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"a space behind", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 505},
      {"a method that is no token", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"a version that is none", "GET / HTTP/x\r\nHost: a\r\n\r\n", 505},
      {"another protocol", "GET / RTSP/1.0\r\nHost: a\r\n\r\n", 400},
      {"a target that is no path", "GET index.html HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"a proxy's CONNECT", "CONNECT example.org:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"a target outside of ASCII", "GET /\xC3\xA9 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"a target with a fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},

      // Sizes; the body that is allowed is in the test's settings.
      {"a head of 16 001 bytes", get + "X: " + std::string(16'001 - get.size() - 7, 'x') + "\r\n\r\n",
       431},
      // Each of its three lines and the empty one count for one more.
      {"a head of 15 996 bytes", get + "X: " + std::string(15'996 - get.size() - 7, 'x') + "\r\n\r\n",
       200},
      {"a head without end", get + "X: " + std::string(40'000, 'x'), 431},
      {"a first line without end", "GET /" + std::string(40'000, 'x'), 431},
      {"two thousand and five hundred fields", get + [] {
         std::string fields;
         for (int i = 0; i < 2500; ++i) fields += "a:b\r\n";
         return fields;
       }() + "\r\n", 200},
      {"a body larger than allowed", post + "Content-Length: 1000001\r\n\r\n", 413},
      {"a record of TLS", cases::bytes_of({0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3}) + "\r\n\r\n", 400},
  };
  return rows;
}

}  // namespace loopback
