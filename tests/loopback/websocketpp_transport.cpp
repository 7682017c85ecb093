// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/websocketpp_transport.hpp>

#include "loopback/busy_turns.hpp"
#include "loopback/transport_bench.hpp"

#include <doctest/doctest.h>

#include <sys/resource.h>

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

using namespace loopback;
using namespace std::chrono_literals;
using agent_websocket::adapters::websocketpp_transport;

TEST_CASE("transport: meets the requirement") {
  CHECK(agent_websocket::is_transport_v<websocketpp_transport>);
}

TEST_CASE("transport: a port that is taken is named") {
  transport_bench b;
  transport_bench::settings settings = transport_bench::local();
  settings.port = b.transport.port();
  websocketpp_transport second(b.context, settings);
  const auto started = second.start(b.sink);
  REQUIRE_FALSE(started);
  CHECK(started.error().message.find("cannot listen on 127.0.0.1:" +
                                     std::to_string(settings.port)) == 0);
  // And free again afterwards, for the one that failed.
  b.transport.stop();
  CHECK(second.start(b.sink));
  CHECK(second.port() == settings.port);
}

TEST_CASE("transport: all replies to what came in one read leave in one segment") {
  transport_bench b;
  raw_client client = b.open();
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += client_frame(fin | text, "message");
  const auto before = client.data_segments();
  client.send(bytes);
  REQUIRE(b.until(client, [&] { return client.in.size() == 100 * 9; }));
  CHECK(client.data_segments() == before + 1);
  // The same from outside of the sink.
  for (int i = 0; i < 100; ++i)
    CHECK(b.transport.send(b.sink.open.back(), "message") == static_cast<std::size_t>(i + 1) * 9);
  REQUIRE(b.until(client, [&] { return client.in.size() == 200 * 9; }));
  CHECK(client.data_segments() == before + 2);
}

TEST_CASE("transport: the answer to the upgrade and the first words are one segment") {
  struct greeting final : agent_websocket::transport_sink {
    websocketpp_transport* transport = nullptr;
    void on_request(agent_websocket::connection_id id, agent_websocket::handshake) override {
      transport->answer(id, {101, {}, ""});
    }
    void on_abandoned(agent_websocket::connection_id) override {}
    void on_open(agent_websocket::connection_id id) override { transport->send(id, "welcome"); }
    void on_text(agent_websocket::connection_id, std::string_view) override {}
    void on_binary(agent_websocket::connection_id, std::size_t) override {}
    void on_oversized(agent_websocket::connection_id, std::size_t) override {}
    void on_alive(agent_websocket::connection_id) override {}
    void on_drained(agent_websocket::connection_id) override {}
    void on_close(agent_websocket::connection_id, std::uint16_t, std::string_view) override {}
  };
  asio::io_context context(1);
  websocketpp_transport transport(context, transport_bench::local());
  greeting sink;
  sink.transport = &transport;
  REQUIRE(transport.start(sink));
  raw_client client(transport.port());
  client.send(upgrade_request());
  REQUIRE(run_until(context, {&client},
                    [&] { return client.in.find("welcome") != std::string::npos; }));
  CHECK(client.data_segments() == 1u);
}

TEST_CASE("transport: a slow reader of much gets all of it, and the others wait for nobody") {
  transport_bench::settings settings = transport_bench::local();
  settings.so_sndbuf = 64 * 1024;
  transport_bench b(settings);
  raw_client slow = b.open();
  const auto slow_id = b.sink.open.back();
  raw_client quick = b.open();
  slow.reading = false;
  std::size_t last = 0;
  std::string wanted;
  for (int i = 0; i < 200; ++i) {
    const std::string words = std::to_string(i) + std::string(50'000, 'x');
    const std::size_t waiting = b.transport.send(slow_id, words);
    CHECK(waiting > last);
    last = waiting;
    wanted += words;
  }
  quick.send(client_frame(fin | text, "hello"));
  REQUIRE(b.until(quick, [&] { return quick.in.size() == 7; }));
  const std::size_t drained = b.sink.drained;
  slow.reading = true;
  std::string got;
  REQUIRE(b.until(slow, [&] {
    while (const auto frame = take_frame(slow.in)) got += frame->payload;
    return got.size() >= wanted.size();
  }));
  CHECK(got == wanted);
  b.idle(5ms);
  CHECK(b.sink.drained == drained + 1);
}

TEST_CASE("transport: pings without reading do not fill the memory") {
  transport_bench::settings settings = transport_bench::local();
  settings.so_sndbuf = 16 * 1024;
  transport_bench b(settings);
  raw_client client = b.open();
  client.reading = false;
  std::string pings;
  for (int i = 0; i < 1000; ++i) pings += client_frame(fin | ping, std::string(125, 'p'));
  for (int i = 0; i < 30; ++i) {
    client.send(pings);
    REQUIRE(b.until(client, [&] { return !client.has_unsent(); }));
  }
  b.idle(20ms);
  CHECK(b.transport.send(b.sink.open.back(), "") < 100'000u);
  // The last ping is answered as soon as there is room (RFC 6455 section 5.5.3).
  client.send(client_frame(fin | ping, "still there?"));
  REQUIRE(b.until(client, [&] { return !client.has_unsent(); }));
  b.idle(20ms);
  client.reading = true;
  std::size_t pongs = 0;
  std::string last;
  REQUIRE(b.until(client, [&] {
    while (const auto frame = take_frame(client.in)) {
      if (frame->first_byte != (fin | pong)) continue;
      ++pongs;
      last = frame->payload;
    }
    return last == "still there?";
  }));
  CHECK(pongs < 30'000u);
}

TEST_CASE("transport: a ping behind much output is answered behind it, but for the last words") {
  transport_bench b;
  raw_client client = b.open();
  client.send(client_frame(fin | text, std::string(64 * 1024, 'x')) +
              client_frame(fin | ping, "p"));
  std::string pong;
  REQUIRE(b.until(client, [&] {
    while (const auto frame = take_frame(client.in)) {
      if (frame->first_byte == (fin | loopback::pong)) pong = frame->payload;
    }
    return !pong.empty();
  }));
  CHECK(pong == "p");
  client.reading = false;
  b.transport.send(b.sink.open.back(), std::string(20'000'000, 'x'));
  client.send(client_frame(fin | ping, "late"));
  b.idle(20ms);
  b.transport.close(b.sink.open.back(), 1001, "");
  client.reading = true;
  int first_byte = 0;
  REQUIRE(b.until(client, [&] {
    while (const auto frame = take_frame(client.in)) first_byte = frame->first_byte;
    return first_byte == (fin | bye);
  }));
  b.idle(5ms);
  CHECK(client.in.empty());
}

TEST_CASE("transport: slow handshakes are cut, however they drip") {
  transport_bench::settings settings = transport_bench::local();
  settings.handshake_timeout = 100ms;
  transport_bench b(settings);
  raw_client silent = b.client();
  raw_client dripping = b.client();
  raw_client body = b.client();
  body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
  const auto begin = std::chrono::steady_clock::now();
  const std::string request = upgrade_request();
  std::size_t sent = 0;
  CHECK(run_until(b.context, {&silent, &dripping, &body}, [&] {
    const auto now = std::chrono::steady_clock::now();
    if (now - begin > sent * 5ms && !dripping.ended) dripping.send(request.substr(sent++, 1));
    if (now - begin > sent * 5ms && !body.ended) body.send("x");
    return silent.ended && (dripping.ended || dripping.broken) && (body.ended || body.broken);
  }));
  const auto time = std::chrono::steady_clock::now() - begin;
  CHECK(time >= 90ms);
  CHECK(time < 2s);
  CHECK(b.transport.connections() == 0u);
  CHECK(b.sink.last == 0u);
}

TEST_CASE("transport: above max_connections there is a 503, and a place again afterwards") {
  transport_bench::settings settings = transport_bench::local();
  settings.max_connections = 3;
  transport_bench b(settings);
  std::deque<raw_client> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(b.open());
  const std::string refused = b.ask(upgrade_request());
  CHECK(refused.substr(0, 12) == "HTTP/1.1 503");
  CHECK(refused.find("Retry-After: 5\r\n") != std::string::npos);
  CHECK(b.sink.open.size() == 3u);
  // Those who were refused and stay take no place.
  std::deque<raw_client> refused_ones;
  for (int i = 0; i < 200; ++i) refused_ones.push_back(b.client());
  b.idle(20ms);
  CHECK(b.transport.connections() <= 3u + 128u);
  clients.front().drop();
  REQUIRE(b.until(clients.back(), [&] { return b.sink.closed == 1; }));
  clients.push_back(b.open());
  CHECK(b.sink.open.size() == 4u);
  // Nor does one that was closed and does not go.
  clients.back().send(client_frame(fin | 3, ""));
  REQUIRE(b.until(clients.back(), [&] { return b.sink.closed == 2; }));
  clients.push_back(b.open());
  CHECK(b.sink.open.size() == 5u);
}

TEST_CASE("transport: oversized messages are passed over in passing") {
  transport_bench b;
  raw_client client = b.open();
  client.send(client_frame(fin | text, std::string(70'000, 'x')) +
              client_frame(fin | binary, "abc") + client_frame(fin | text, "next"));
  REQUIRE(b.until(client, [&] { return client.in.size() == 6; }));
  CHECK(b.sink.take_log() == "oversized:70000 binary:3 text:next ");
}

TEST_CASE("transport: a thousand connections, echoing, closing in every way") {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit before = limit;
  limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t count = limit.rlim_cur >= 2100 ? 1000 : (limit.rlim_cur - 60) / 2;
  {
    transport_bench b;
    std::deque<raw_client> clients;
    std::vector<raw_client*> all;
    for (std::size_t i = 0; i < count; ++i) {
      clients.push_back(b.client());
      all.push_back(&clients.back());
      clients.back().send(upgrade_request());
      if (i % 100 == 99) run_until(b.context, all, [] { return true; });
    }
    REQUIRE(run_until(b.context, all, [&] { return b.sink.open.size() == count; }));
    for (std::size_t i = 0; i < count; ++i) {
      clients[i].send(client_frame(fin | text, "message number " + std::to_string(i)));
    }
    std::size_t answered = 0;
    REQUIRE(run_until(b.context, all, [&] {
      for (std::size_t i = 0; i < count; ++i) {
        if (!take_head(clients[i].in).empty()) continue;
        if (const auto frame = take_frame(clients[i].in)) {
          CHECK(frame->payload == "message number " + std::to_string(i));
          ++answered;
        }
      }
      return answered == count;
    }));
    CHECK(b.transport.connections() == count);
    for (std::size_t i = 0; i < count; ++i) {
      switch (i % 4) {
        case 0: clients[i].send(close_frame(1000)); break;
        case 1: clients[i].drop(); break;
        case 2: clients[i].reset(); break;
        default: b.transport.close(b.sink.open[i], 1001, ""); break;
      }
    }
    for (std::size_t i = 3; i < count; i += 4) clients[i].send(close_frame(1001));
    CHECK(run_until(b.context, all,
                    [&] { return b.sink.closed == count && b.transport.connections() == 0; }));
  }
  ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST_CASE("transport: its end closes everything and calls nobody, in every state") {
  auto b = std::make_unique<transport_bench>();
  std::deque<raw_client> clients;
  clients.push_back(b->client());
  clients.back().send("GET / HT");
  clients.push_back(b->open());
  clients.back().reading = false;
  b->transport.send(b->sink.open.back(), std::string(20'000'000, 'x'));
  clients.push_back(b->open());
  b->transport.close(b->sink.open.back(), 1000, "");
  clients.push_back(b->open());
  clients.back().send(client_frame(text, "half a message"));
  b->sink.answers = false;
  clients.push_back(b->client());
  clients.back().send(upgrade_request());
  REQUIRE(b->until(clients.back(), [&] { return b->transport.connections() == 5; }));
  b->sink.take_log();
  SUBCASE("the transport before its context") {
    asio::io_context context(1);
    auto transport = std::make_unique<websocketpp_transport>(context, transport_bench::local());
    REQUIRE(transport->start(b->sink));
    raw_client client(transport->port());
    client.send(upgrade_request());
    REQUIRE(run_until(context, {&client}, [&] { return transport->connections() == 1; }));
    transport->send(b->sink.last, "x");
    transport->answer(b->sink.last, {101, {}, ""});
    transport->close(b->sink.last, 1006, "");
    transport.reset();
    context.restart();
    context.run();  // returns: nothing is left pending
    CHECK(run_until(context, {&client}, [&] { return client.ended || client.broken; }));
    CHECK(b->sink.take_log() == "");
  }
  SUBCASE("with a turn that was posted") {
    b->transport.send(b->sink.open.back(), "x");
    b->transport.close(b->sink.open.back(), 1006, "");
  }
  b.reset();
  for (raw_client& each : clients) {
    each.reading = true;
    for (int i = 0; i < 1000 && !each.ended && !each.broken; ++i) each.pump();
    CHECK((each.ended || each.broken));
  }
}

TEST_CASE(
    "transport: with turns that go on, the last words go out before what is posted behind them") {
  transport_bench b;
  raw_client client = b.open();
  make_busy(b.context, b.transport.turns());
  b.sink.at_close = [&] { asio::post(b.context, [&] { b.context.stop(); }); };
  client.send(close_frame(1000));
  b.context.restart();
  b.context.run();
  for (int i = 0; i < 1000 && client.in.size() < 4; ++i) client.pump();
  CHECK(client.in == std::string("\x88\x02\x03\xE8", 4));
}

TEST_CASE("transport: with turns that go on, a peer that closes its end gets what was sent to it") {
  transport_bench b;
  raw_client asking = b.open();
  raw_client leaving = b.open();
  make_busy(b.context, b.transport.turns());
  const auto last = b.sink.open.back();
  b.sink.at_text = [&] { b.transport.send(last, "hello"); };
  asking.send(client_frame(fin | text, "x"));
  leaving.finish_sending();
  REQUIRE(b.until(leaving, [&] { return leaving.ended || leaving.broken; }));
  CHECK_FALSE(leaving.broken);
  CHECK(leaving.in == "\x81\x05hello");
}

TEST_CASE("transport: a sink that runs the context within its turn is told everything once") {
  transport_bench b;
  std::deque<raw_client> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(b.open());
  for (const bool busy : {false, true}) {
    if (busy) make_busy(b.context, b.transport.turns());
    b.sink.closed = 0;
    b.sink.at_close = [&] { b.context.poll(); };
    for (const auto each : b.sink.open) b.transport.close(each, 1006, "");
    b.context.restart();
    b.context.poll();
    b.context.poll();
    CHECK(b.sink.closed == (busy ? 2u : 3u));
    CHECK(b.transport.connections() == 0u);
    b.sink.open.clear();
    b.sink.at_close = [] {};
    if (!busy) clients.push_back(b.open());
    if (!busy) clients.push_back(b.open());
  }
}

TEST_CASE("transport: stopped and left by all, it lets the context return") {
  transport_bench b;
  raw_client client = b.open();
  b.transport.stop();
  client.send(close_frame(1000));
  REQUIRE(b.until(client, [&] { return b.sink.closed == 1; }));
  const auto begin = std::chrono::steady_clock::now();
  b.context.restart();
  b.context.run_for(4s);
  CHECK(std::chrono::steady_clock::now() - begin < 2s);
  CHECK_FALSE(raw_client(b.transport.port()).connected);
}

TEST_CASE("transport: one address has so many connections that say nothing") {
  transport_bench::settings settings = transport_bench::local();
  settings.max_unanswered_per_address = 2;
  transport_bench b(settings);
  raw_client first = b.client(), second = b.client();
  CHECK(b.until(second, [&] { return b.transport.connections() == 2; }));
  raw_client third = b.client();
  CHECK(b.until(third, [&] { return third.ended || third.broken; }));
  CHECK(third.in.empty());
  CHECK(b.transport.connections() == 2u);
  // An answer makes room; a socket that stands takes none.
  first.send(upgrade_request());
  CHECK(b.until(first, [&] { return b.sink.open.size() == 1; }));
  raw_client fourth = b.open();
  CHECK(b.sink.open.size() == 2u);
}

TEST_CASE("transport: proxies are not held to the limit of an address") {
  transport_bench::settings settings = transport_bench::local();
  settings.max_unanswered_per_address = 1;
  const auto loopback = agent_websocket::http::trusted_proxies::parse({"loopback"});
  REQUIRE(loopback.has_value());
  settings.proxies = *loopback;
  transport_bench b(settings);
  raw_client first = b.client(), second = b.client();
  CHECK(b.until(second, [&] { return b.transport.connections() == 2; }));
}

TEST_CASE("transport: who speaks TLS to a plain port is not kept waiting") {
  transport_bench b;
  raw_client client = b.client();
  client.send(std::string("\x16\x03\x01\x02\x00\x01", 6));
  CHECK(b.until(client, [&] { return client.ended || client.broken; }));
  CHECK(client.in.find("This port speaks no TLS") != std::string::npos);
}
