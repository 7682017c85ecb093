// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/websocketpp_framing.hpp>

#include "loopback/transport_bench.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

using namespace loopback;
using namespace std::chrono_literals;

namespace {

// The close frame that the client gets for these bytes; they are sent whole and byte by byte.
std::string closed_for(std::string_view bytes) {
  std::string words;
  for (const bool whole : {true, false}) {
    transport_bench b;
    raw_client client = b.open();
    if (whole) client.send(bytes);
    for (std::size_t i = 0; !whole && i < bytes.size(); ++i) {
      client.send(bytes.substr(i, 1));
      b.context.restart();
      b.context.poll();  // reads it before the next one comes
    }
    CHECK(b.until(client, [&] { return client.ended || client.broken; }));
    CHECK_FALSE(client.broken);
    std::string all;
    while (const auto frame = take_frame(client.in)) {
      all += frame->first_byte == (fin | bye) ? "close " + frame->words() : frame->payload + ", ";
    }
    CHECK((whole || all == words));
    words = all;
    CHECK(b.sink.closed == 1u);
  }
  return words;
}

}  // namespace

TEST_CASE("framing: pings are answered, also between fragments") {
  transport_bench b;
  raw_client client = b.open();
  client.send(client_frame(text, "a") + client_frame(fin | ping, "p1") +
              client_frame(fin | ping, "") + client_frame(fin | more, "b"));
  REQUIRE(b.until(client, [&] { return client.in.size() >= 4 + 2 + 4; }));
  CHECK(client.in == std::string("\x8A\x02p1\x8A\x00\x81\x02"
                                 "ab",
                                 10));
}

TEST_CASE("framing: what breaks the protocol ends it, with the code that says why") {
  CHECK(closed_for(client_frame(fin | text, "hi") + client_frame(fin | 3, "x")) ==
        "hi, close 1002 protocol_error");
  CHECK(closed_for(std::string("\x81\x02hi", 4)) == "close 1002 protocol_error");
  CHECK(closed_for(client_frame(fin | text, "\xFF")) == "close 1007 invalid_utf8");
  std::string jumbo = std::string("\x81\xFF\0\0\0\1\0\0\0\0key!", 14);
  CHECK(closed_for(jumbo) == "close 1009 message_too_large");
  CHECK(closed_for(client_frame(fin | bye, "x")) == "close 1002 protocol_error");
  CHECK(closed_for(close_frame(1005)) == "close 1002 protocol_error");
  std::string fragments = client_frame(text, "");
  for (int i = 0; i < 10'000; ++i) fragments += client_frame(more, "");
  transport_bench b;
  raw_client client = b.open();
  client.send(fragments);
  REQUIRE(b.until(client, [&] { return client.ended; }));
  CHECK(take_frame(client.in)->words() == "1008 too_many_fragments");
}

TEST_CASE("framing: the last words reach a peer that goes on sending") {
  transport_bench b;
  raw_client client = b.open();
  client.send(client_frame(fin | 4, "") + std::string(3'000'000, 'x'));
  REQUIRE(b.until(client, [&] { return client.ended || client.broken; }));
  CHECK_FALSE(client.broken);
  CHECK(take_frame(client.in)->words() == "1002 protocol_error");
}

TEST_CASE("framing: a close frame is answered with its code, behind what waits") {
  CHECK(closed_for(close_frame(4000, "why")) == "close 4000 ");
  CHECK(closed_for(client_frame(fin | text, "hi") + close_frame(1000)) == "hi, close 1000 ");
  CHECK(closed_for(client_frame(fin | bye, "")) == "close none");
  // Both have said it: nothing more is waited for, least of all the client's end.
  transport_bench b;
  raw_client client = b.open();
  client.send(close_frame(1000));
  REQUIRE(b.until(client, [&] { return client.ended; }));
  CHECK(b.transport.connections() == 0u);
}

TEST_CASE("framing: our close waits for the peer's, for a while") {
  transport_bench::settings settings = transport_bench::local();
  settings.close_timeout = 60ms;
  transport_bench b(settings);
  raw_client client = b.open();
  const auto begin = std::chrono::steady_clock::now();
  b.transport.close(b.sink.open.back(), 1001, "going");
  SUBCASE("a peer that answers") {
    client.send(close_frame(1000));
    REQUIRE(b.until(client, [&] { return b.sink.closed == 1; }));
  }
  SUBCASE("a peer that does not") {
    REQUIRE(b.until(client, [&] { return b.sink.closed == 1; }));
    CHECK(std::chrono::steady_clock::now() - begin >= 50ms);
  }
  SUBCASE("a peer that breaks the protocol instead") {
    client.send("rubbish!");
    REQUIRE(b.until(client, [&] { return b.sink.closed == 1; }));
  }
  SUBCASE("a peer that goes") {
    client.drop();
    REQUIRE(b.until(client, [&] { return b.sink.closed == 1; }));
  }
  CHECK(b.sink.take_log() == "closed:1001going ");
  CHECK(b.until(client, [&] { return b.transport.connections() == 0; }));
}

TEST_CASE(
    "framing: a peer that takes nothing until the end is over leaves nothing in the kernel") {
  transport_bench::settings settings = transport_bench::local();
  settings.close_timeout = 300ms;
  transport_bench b(settings);
  bool reads = false;
  SUBCASE("a peer that reads") { reads = true; }
  SUBCASE("a peer that does not") {}
  raw_client client = b.client(reads ? 0 : 4096);
  client.send(upgrade_request());
  REQUIRE(b.until(client, [&] { return !b.sink.open.empty() && !take_head(client.in).empty(); }));
  client.reading = reads;
  b.transport.send(b.sink.open.back(), std::string(100'000, 'x'));
  b.transport.close(b.sink.open.back(), 4002, "slow_consumer");
  REQUIRE(b.until(client, [&] { return b.transport.connections() == 0; }));
  client.reading = true;
  REQUIRE(b.until(client, [&] { return client.ended || client.broken; }));
  CHECK(client.broken == !reads);
}
