// SPDX-License-Identifier: MIT
//
// Completions over real connections: what of OpenRouter's protocol depends on the HTTP client.
#include <agent_websocket/adapters/asio_scheduler.hpp>
#include <agent_websocket/adapters/curl_http_client.hpp>
#include <agent_websocket/openrouter/client.hpp>

#include "../conformance/openrouter/bench.hpp"
#include "curl_bench.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using agent_websocket::errc;
using agent_websocket::adapters::asio_scheduler;
using agent_websocket::adapters::curl_http_client;
using agent_websocket::openrouter::basic_openrouter_client;
using agent_websocket::openrouter::client_settings;
using loopback::curl_bench;
using loopback::reply;
using upstream::recorder;

namespace {

/// `events` as a server streams them.
std::string streamed(const std::string& events, const std::string& fields = "") {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + fields +
         "Transfer-Encoding: chunked\r\n\r\n" + loopback::chunk(events) + loopback::last_chunk;
}

struct bench : curl_bench {
  explicit bench(client_settings with = {}) {
    with.base_url = server.url("/api/v1");
    with.api_key = upstream::key;
    with.retry.base = 1ms;
    models.emplace(with, client, scheduler);
    server.answer = [](const auto&) { return reply(streamed(upstream::answer())); };
  }

  recorder ask() {
    recorder sink;
    models->start(upstream::question(), sink);
    CHECK(wait([&] { return sink.ended.has_value() && client.open_calls() == 0; }));
    CHECK(sink.broken == std::vector<std::string>());
    CHECK(models->size() == 0);
    return sink;
  }

  asio_scheduler scheduler{context};
  std::optional<basic_openrouter_client<curl_http_client, asio_scheduler>> models;
};

}  // namespace

TEST_CASE("T66: the request on the wire, and no second header") {
  client_settings settings;
  settings.attribution = agent_websocket::openrouter::openrouter_headers::always;
  settings.title = "My app\r\nX-Evil: 1";
  settings.referer = "https://app.example/\r\n\r\nGET / HTTP/1.1";
  bench one(settings);
  CHECK(one.ask().complete());
  REQUIRE(one.server.requests.size() == 1);
  const auto& seen = one.server.requests[0];
  CHECK(seen.line == "POST /api/v1/chat/completions HTTP/1.1");
  CHECK(seen.headers.find("Authorization") == "Bearer " + upstream::key);
  CHECK(seen.headers.find("Content-Type") == "application/json");
  CHECK(seen.headers.find("X-OpenRouter-Title").value_or("").substr(0, 6) == "My app");
  CHECK(!seen.headers.contains("X-Evil"));
  CHECK(!seen.headers.contains("Expect"));
  CHECK(seen.body.front() == '{');
}

TEST_CASE("T68: the next request goes out on the same connection") {
  bench one;
  for (int i = 0; i < 3; ++i) {
    const recorder told = one.ask();
    CHECK(told.complete());
    CHECK(told.text == "Hello");
  }
  CHECK(one.server.accepted == 1);
  CHECK(one.server.requests.size() == 3);
  // Also when the bytes behind DONE come late.
  one.server.reply_with(reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                              loopback::chunk(upstream::answer()))
                            .wait(20ms)
                            .send(loopback::last_chunk));
  CHECK(one.ask().complete());
  CHECK(one.ask().complete());
  CHECK(one.server.accepted == 1);
}

TEST_CASE("T68: a kept connection that the server has closed costs one silent reconnect") {
  bench one;
  CHECK(one.ask().complete());
  SUBCASE("closed while idle") {
    one.run_for(5ms);
    CHECK(one.server.close_idle() == 1);
    one.run_for(5ms);
  }
  SUBCASE("closed when the request came") { one.server.reply_with(reply().close()); }
  const recorder told = one.ask();
  CHECK(told.complete());
  CHECK(told.text == "Hello");
  CHECK(told.waits.empty());  // no attempt was lost
  CHECK(told.ended->attempts == 1);
  CHECK(one.server.accepted == 2);
  const auto& requests = one.server.requests;
  CHECK(std::count_if(requests.begin(), requests.end(),
                      [](const auto& each) { return each.connection == 2; }) == 1);
  CHECK(requests.back().body == requests.front().body);
}

TEST_CASE("T70: a stream that is compressed without being asked for is never garbage") {
  // gzip of a chunk with the content Hello and the reason stop, and DONE.
  static const unsigned char bytes[] = {
      0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x1d, 0xcd, 0x31, 0x0a,
      0x02, 0x31, 0x10, 0x46, 0xe1, 0x3e, 0xa7, 0x90, 0xbf, 0x8e, 0xa0, 0xed, 0xd4, 0x2b,
      0x58, 0xe9, 0x01, 0x96, 0x65, 0x09, 0x99, 0x59, 0x37, 0x10, 0x66, 0xc4, 0x4c, 0x21,
      0x2c, 0xb9, 0xbb, 0xc1, 0xfa, 0xe3, 0xf1, 0x38, 0x79, 0xa2, 0xd3, 0x81, 0xc2, 0x20,
      0xbc, 0x44, 0xcf, 0x57, 0x44, 0xe4, 0xdd, 0x4a, 0x96, 0x06, 0x9a, 0x07, 0x28, 0xcb,
      0x17, 0x74, 0x89, 0x60, 0xa9, 0x9e, 0x40, 0x07, 0xb2, 0xa9, 0x8b, 0xfa, 0x08, 0xee,
      0x52, 0xab, 0xa1, 0x47, 0x6c, 0x45, 0x4b, 0xdb, 0xd7, 0x8f, 0xa4, 0x66, 0x3a, 0xa0,
      0xb9, 0xbd, 0xd1, 0x97, 0x1e, 0x02, 0xff, 0x07, 0xf3, 0xf4, 0x7c, 0xdc, 0x96, 0x10,
      0x7e, 0xae, 0xc1, 0xbe, 0x3c, 0x6f, 0x00, 0x00, 0x00};
  const std::string packed(reinterpret_cast<const char*>(bytes), sizeof bytes);
  bench one;
  one.server.answer = [&](const auto&) {
    return reply(streamed(packed, "Content-Encoding: gzip\r\n"));
  };
  const recorder told = one.ask();
  CHECK(!one.server.requests[0].headers.contains("Accept-Encoding"));
  if (told.complete()) {
    CHECK(told.text == "Hello");
  } else {
    CHECK(told.text.empty());
    CHECK(told.code() == errc::provider_error);
    CHECK(told.why().why.detail.find("gzip") != std::string::npos);
    CHECK(one.server.requests.size() == 1);
  }
}

TEST_CASE("T71: twenty requests at once from twenty threads, none mixed") {
  constexpr int count = 20;
  bench one;
  // The server repeats the number that it is asked for, in pieces.
  one.server.answer = [](const auto& request) {
    const std::string start = "\"content\":\"n";
    const std::size_t at = request.body.find(start) + start.size();
    const std::string number = request.body.substr(at, request.body.find('"', at) - at);
    reply made("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 10; ++i) {
      const std::string event = upstream::content(number + ".");
      made.send(loopback::chunk(event.substr(0, 40))).wait(1ms);
      made.send(loopback::chunk(event.substr(40)));
    }
    const std::string end = upstream::finish("stop") + upstream::usage + upstream::done;
    return made.send(loopback::chunk(end)).send(loopback::last_chunk);
  };
  std::vector<recorder> sinks(count);
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&one, &sinks, i] {
      one.scheduler.post([&one, &sinks, i] {
        auto asked = upstream::question();
        asked.messages = {agent_websocket::openrouter::chat_message::user("n" + std::to_string(i))};
        one.models->start(asked, sinks[static_cast<std::size_t>(i)]);
      });
    });
  }
  CHECK(one.wait([&] {
    return std::all_of(sinks.begin(), sinks.end(),
                       [](const recorder& each) { return each.ended.has_value(); });
  }));
  for (std::thread& each : threads) each.join();
  for (int i = 0; i < count; ++i) {
    const recorder& told = sinks[static_cast<std::size_t>(i)];
    std::string expected;
    for (int part = 0; part < 10; ++part) expected += std::to_string(i) + ".";
    CHECK(told.complete());
    CHECK(told.text == expected);
    CHECK(told.broken == std::vector<std::string>());
  }
  CHECK(one.server.requests.size() == static_cast<std::size_t>(count));
}
