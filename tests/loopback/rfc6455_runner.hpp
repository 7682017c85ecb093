// SPDX-License-Identifier: MIT
//
// Runs the tables of rfc6455_cases.hpp against a server. `Bench` has what transport_bench has:
// client(), open(), until(client, predicate), context and sink; its clients have what raw_client
// has: send(), pump(), in, ended and broken.
#pragma once

#include "loopback/rfc6455_cases.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace loopback {

enum class delivery { whole, byte_by_byte, in_pieces };

inline std::string words_of(const server_frame& frame) {
  switch (frame.first_byte) {
    case fin | text: return "text:" + frame.payload;
    case fin | pong: return "pong:" + frame.payload;
    case fin | bye: {
      const std::string words = frame.words();
      return "close:" + words.substr(0, words.find(' '));
    }
    default: return "frame " + std::to_string(frame.first_byte);
  }
}

/// Sends the bytes as they shall come, each piece read by the server before the next one is sent,
/// until the server closes its end: what still came then would be answered by a reset.
template <typename Bench, typename Client>
void deliver(Bench& b, Client& client, std::string_view bytes, delivery how) {
  std::size_t number = 0;
  while (!bytes.empty() && !client.broken && !client.ended) {
    static constexpr std::size_t sizes[] = {1, 2, 3, 5, 7, 11, 13, 125, 126, 1000, 4096};
    const std::size_t size = how == delivery::whole          ? bytes.size()
                             : how == delivery::byte_by_byte ? 1
                                                             : sizes[number++ % 11];
    client.send(bytes.substr(0, size));
    bytes.remove_prefix(std::min(size, bytes.size()));
    if (how == delivery::whole) continue;
    b.context.restart();
    b.context.poll();
    client.pump();
  }
}

/// The server's frames for one row, as they stand in its `answer`.
template <typename Bench>
std::string answer_to(Bench& b, const frame_case& row, delivery how) {
  auto client = b.open();
  b.sink.take_log();
  deliver(b, client, row.bytes, how);
  const bool closes = row.answer.find("close:") != std::string::npos;
  static constexpr std::string_view mark = "this is the end of the row";
  if (!closes && !row.unfinished) client.send(client_frame(fin | ping, mark));
  std::string answer;
  std::size_t frames = 0;
  bool marked = false;
  const auto take = [&] {
    while (const auto frame = take_frame(client.in)) {
      if (frame->first_byte == (fin | pong) && frame->payload == mark) {
        marked = true;
      } else {
        answer += (frames++ == 0 ? "" : " ") + words_of(*frame);
      }
    }
    return client.ended || client.broken || marked;
  };
  if (row.unfinished) {
    b.idle(std::chrono::milliseconds(5));
    take();
  } else {
    CHECK(b.until(client, take));
  }
  CHECK_FALSE(client.broken);
  CHECK(client.ended == closes);
  CHECK(client.in.empty());
  if (!client.ended) client.reset();
  return answer;
}

inline const std::vector<delivery> every_delivery = {delivery::whole, delivery::byte_by_byte,
                                                     delivery::in_pieces};

/// All rows, each over a connection of its own, delivered in each of the ways.
template <typename Bench>
void check_frame_cases(Bench& b, const std::vector<delivery>& ways = every_delivery) {
  const std::vector<frame_case> rows = frame_cases();
  for (const frame_case& row : rows) {
    for (const delivery how : ways) {
      if (how == delivery::byte_by_byte && row.bytes.size() > 2000) continue;
      CAPTURE(row.name);
      CAPTURE(static_cast<int>(how));
      // Long ones would fill the screen.
      const std::string answer = answer_to(b, row, how);
      const bool as_expected = answer == row.answer;
      CHECK(as_expected);
      if (!as_expected) CHECK(answer.substr(0, 300) == row.answer.substr(0, 300));
      std::string told;
      const std::string log = b.sink.take_log();
      for (const char* kind : {"binary:", "oversized:"}) {
        const std::size_t at = log.find(kind);
        if (at != std::string::npos) told = log.substr(at, log.find(' ', at) - at);
      }
      CHECK(told == row.told);
    }
  }
  CHECK(rows.size() > 1000u);
}

template <typename Bench>
void check_handshake_cases(Bench& b, const std::vector<delivery>& ways = every_delivery) {
  for (const handshake_case& row : handshake_cases()) {
    for (const delivery how : ways) {
      if (how == delivery::byte_by_byte && row.request.size() > 2000) continue;
      CAPTURE(row.name);
      CAPTURE(static_cast<int>(how));
      auto client = b.client();
      deliver(b, client, row.request, how);
      CHECK(b.until(client, [&] {
        return client.ended || client.broken || client.in.find("\r\n\r\n") != std::string::npos;
      }));
      const std::string status = "HTTP/1.1 " + std::to_string(row.status) + " ";
      CHECK(client.in.substr(0, status.size()) == status);
      std::string head = take_head(client.in);
      for (const std::string& part : row.has) CHECK(head.find(part) != std::string::npos);
      for (const std::string& part : row.lacks) CHECK(head.find(part) == std::string::npos);
      if (row.status == 101) {  // and it is a WebSocket
        CHECK(client.in.empty());
        client.send(client_frame(fin | text, "hello"));
        CHECK(b.until(client, [&] { return client.in.size() >= 7; }));
        CHECK(client.in == "\x81\x05hello");
        client.reset();
      } else {  // one answer and the end
        CHECK(b.until(client, [&] { return client.ended || client.broken; }));
        CHECK_FALSE(client.broken);
        CHECK(client.in.find("HTTP/1.1") == client.in.rfind("HTTP/1.1"));
      }
    }
  }
}

}  // namespace loopback
