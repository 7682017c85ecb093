// SPDX-License-Identifier: MIT
//
// websocketpp_transport with a certificate. What TLS does not change is in the suite of
// tests/policy, which runs over it as well.
#include <agent_websocket/adapters/websocketpp_transport.hpp>

#include "loopback/tls_client.hpp"
#include "loopback/transport_bench.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace loopback;
using namespace std::chrono_literals;

namespace {

const served_certificate& first() {
  static const served_certificate made;
  return made;
}

struct tls_bench : transport_bench {
  static settings secure(const served_certificate& with = first()) {
    settings chosen = local();
    chosen.tls = with.files();
    return chosen;
  }

  explicit tls_bench(const settings& chosen = secure()) : transport_bench(chosen) {}

  tls_client tls(int receive_buffer = 0, const tls_client::tuning& tune = {}) {
    return tls_client(transport.port(), receive_buffer, tune);
  }
  tls_client open_tls(int receive_buffer = 0) {
    tls_client made = tls(receive_buffer);
    made.send(upgrade_request());
    const std::size_t before = sink.open.size();
    REQUIRE(until(made, [&] { return sink.open.size() > before && !take_head(made.in).empty(); }));
    return made;
  }
  bool is_empty() {
    return run_until(context, {}, [this] { return transport.connections() == 0; });
  }
};

// What a client gets that says these bytes without TLS.
std::string plain_answer(std::string_view bytes) {
  tls_bench b;
  const std::string got = b.ask(bytes);
  CHECK(b.sink.last == 0u);
  CHECK(b.is_empty());
  return got;
}

}  // namespace

TEST_CASE("tls transport: a request, and an upgrade with an echo") {
  tls_bench b;
  tls_client asking = b.tls();
  asking.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(b.until(asking, [&] { return asking.ended; }));
  CHECK(asking.in.find("HTTP/1.1 200 OK\r\n") == 0u);
  CHECK_FALSE(asking.truncated);
  tls_client client = b.open_tls();
  client.send(client_frame(fin | text, "hello"));
  REQUIRE(b.until(client, [&] { return client.in == "\x81\x05hello"; }));
  CHECK(b.sink.take_log() == "text:hello ");
}

TEST_CASE("tls transport: who speaks plain HTTP is told, garbage is not") {
  for (const std::string& request :
       {std::string("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), upgrade_request(), std::string("P"),
        "POST / HTTP/1.1\r\nContent-Length: 500000\r\n\r\n" + std::string(500'000, 'x')}) {
    const std::string answer = plain_answer(request);
    CHECK(answer.find("HTTP/1.1 400 Bad Request\r\n") == 0u);
    CHECK(answer.find("\r\n\r\nThis port speaks TLS: use https:// or wss://\n") !=
          std::string::npos);
  }
  for (const std::string_view garbage :
       {std::string_view("\0\0\0\0", 4), std::string_view("\x80\x2e\x01"), std::string_view("\r\n"),
        std::string_view("\x17\x03\x03\x00\x05hello")}) {
    tls_bench b;
    raw_client client = b.client();
    client.send(garbage);
    CHECK(b.until(client, [&] { return client.ended || client.broken; }));
    CHECK(client.in.empty());
    CHECK(b.is_empty());
  }
}

TEST_CASE("tls transport: a handshake that is garbage behind its first byte costs nothing") {
  tls_bench b;
  for (const std::string_view garbage :
       {std::string_view("\x16garbagegarbagegarbage"), std::string_view("\x16\x03\x01\x40\x01", 5),
        std::string_view("\x16\x03\x01\x00\x04\x01\xFF\xFF\xFF", 9)}) {
    raw_client client = b.client();
    client.send(garbage);
    client.finish_sending();
    CHECK(b.until(client, [&] { return client.ended || client.broken; }));
    CHECK(b.is_empty());
  }
  CHECK(b.sink.last == 0u);
  CHECK(b.sink.log.empty());
}

TEST_CASE("tls transport: the handshake counts against the handshake timeout") {
  transport_bench::settings settings = tls_bench::secure();
  settings.handshake_timeout = 50ms;
  tls_bench b(settings);
  SUBCASE("nothing is said") {
    raw_client client = b.client();
    CHECK(b.until(client, [&] { return client.ended || client.broken; }));
  }
  SUBCASE("a hello byte by byte") {
    tls_client client = b.tls();
    client.most_bytes = 0;
    client.pump();
    auto next = std::chrono::steady_clock::now();
    CHECK(b.until(client, [&] {
      if (std::chrono::steady_clock::now() >= next) {
        next += 1ms;
        client.most_bytes = 1;
      }
      return client.ended || client.broken;
    }));
    CHECK_FALSE(client.is_established());
  }
  SUBCASE("a handshake without a request") {
    tls_client client = b.tls();
    CHECK(b.until(client, [&] { return client.ended; }));
    CHECK(client.is_established());
    CHECK_FALSE(client.truncated);
  }
  CHECK(b.is_empty());
  CHECK(b.sink.last == 0u);
}

TEST_CASE("tls transport: a peer that goes anywhere within its handshake") {
  tls_bench b;
  for (const bool reset : {true, false}) {
    for (std::size_t size = 0; size < 700; size += size < 20 ? 1 : 23) {
      tls_client client = b.tls();
      client.most_bytes = size;
      client.send(upgrade_request());
      b.until(client, [&, rounds = 0]() mutable { return ++rounds > 8; });
      if (reset) client.reset();
      if (!reset) client.drop();
      CHECK(b.is_empty());
    }
  }
  CHECK(b.sink.closed == b.sink.open.size());
  b.open_tls();
}

TEST_CASE("tls transport: messages of all sizes, whole") {
  transport_bench::settings settings = tls_bench::secure();
  settings.max_message_bytes = 2 * 1024 * 1024;
  tls_bench b(settings);
  tls_client client = b.open_tls();
  for (const std::size_t size : {0u, 1u, 16'383u, 16'384u, 16'385u, 65'536u, 1'048'576u}) {
    std::string words(size, 'x');
    for (std::size_t i = 0; i < size; ++i) words[i] = static_cast<char>('a' + i % 23);
    client.send(client_frame(fin | text, words));
    std::string got = "none";
    REQUIRE(b.until(client, [&] {
      const auto frame = take_frame(client.in);
      if (frame) got = frame->payload;
      return frame.has_value();
    }));
    CHECK(got == words);
  }
}

TEST_CASE("tls transport: a slow reader waits in our buffer, to the record") {
  transport_bench::settings settings = tls_bench::secure();
  settings.so_sndbuf = 32 * 1024;
  tls_bench b(settings);
  tls_client client = b.open_tls(16 * 1024);
  client.reading = false;
  const std::string words(10'000, 'x');
  std::size_t sent = 0;
  std::size_t waiting = 0;
  while (waiting < 1'000'000) {
    waiting = b.transport.send(b.sink.open.at(0), words);
    sent += words.size() + 4;
    REQUIRE(waiting <= sent);
    b.idle(0ms);
  }
  // What is not with us is in the kernels, which were told to hold little.
  CHECK(sent - waiting < 400'000u);
  CHECK(b.sink.drained == 0u);
  b.idle(20ms);
  client.reading = true;
  std::size_t frames = 0;
  CHECK(b.until(client, [&] {
    while (take_frame(client.in)) ++frames;
    return frames == sent / (words.size() + 4);
  }));
  CHECK(b.sink.drained == 1u);
  CHECK(b.transport.send(b.sink.open.at(0), "x") == 3u);
}

TEST_CASE("tls transport: an end without close_notify is abnormal, also behind whole frames") {
  tls_bench b;
  tls_client client = b.open_tls();
  client.send(client_frame(fin | text, "last"));
  REQUIRE(b.until(client, [&] { return b.sink.texts == 1u; }));
  client.raw_client::finish_sending();
  CHECK(b.until(client, [&] { return b.sink.closed == 1u; }));
  CHECK(b.sink.take_log() == "text:last closed:1006 ");
  CHECK(b.is_empty());
}

TEST_CASE("tls transport: ends are told by close_notify") {
  tls_bench b;
  SUBCASE("the peer's close frame") {
    tls_client client = b.open_tls();
    client.send(close_frame(1000, "bye"));
    REQUIRE(b.until(client, [&] { return client.ended; }));
    CHECK(client.in == std::string("\x88\x02\x03\xE8", 4));
    CHECK_FALSE(client.truncated);
    CHECK(b.sink.take_log() == "closed:1000bye ");
    CHECK(b.transport.connections() == 1u);  // a reset would answer the peer's close_notify
    client.finish_sending();
    CHECK(b.is_empty());
  }
  SUBCASE("the peer's close frame, with its close_notify right behind") {
    tls_client client = b.open_tls();
    client.send(close_frame(1000));
    client.finish_sending();
    REQUIRE(b.until(client, [&] { return client.ended || client.broken; }));
    CHECK_FALSE(client.broken);
    CHECK_FALSE(client.truncated);
    CHECK(client.in == std::string("\x88\x02\x03\xE8", 4));
    CHECK(b.is_empty());
  }
  SUBCASE("our close frame") {
    tls_client client = b.open_tls();
    b.transport.close(b.sink.open.at(0), 1001, "going");
    REQUIRE(b.until(client, [&] { return client.in.size() == 9u; }));
    client.send(close_frame(1001));
    REQUIRE(b.until(client, [&] { return client.ended; }));
    CHECK_FALSE(client.truncated);
    CHECK(b.sink.take_log() == "closed:1001going ");
    client.finish_sending();
    CHECK(b.is_empty());
  }
  SUBCASE("a refusal, while the body still comes") {
    tls_client client = b.tls();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n" +
                std::string(5'000'000, 'x'));
    REQUIRE(b.until(client, [&] { return client.ended; }));
    CHECK(client.in.find("HTTP/1.1 413 ") == 0u);
    CHECK_FALSE(client.truncated);
  }
}

TEST_CASE("tls transport: above the limit, the refusal comes through TLS") {
  transport_bench::settings settings = tls_bench::secure();
  settings.max_connections = 1;
  tls_bench b(settings);
  tls_client kept = b.open_tls();
  tls_client turned_away = b.tls();
  turned_away.send(upgrade_request());
  REQUIRE(b.until(turned_away, [&] { return turned_away.ended; }));
  CHECK(turned_away.in.find("HTTP/1.1 503 ") == 0u);
  CHECK_FALSE(turned_away.truncated);
}

TEST_CASE("tls transport: another certificate, without an end of what stands") {
  served_certificate files;
  tls_bench b(tls_bench::secure(files));
  tls_client old = b.open_tls();
  const std::string before = old.shown();
  CHECK(before == files.shown.pem());
  const served_certificate other;
  const auto shown_now = [&] {
    tls_client now = b.open_tls();
    return now.shown();
  };
  SUBCASE("both files are right") {
    files.chain_file.replace(other.shown.pem());
    files.key_file.replace(other.shown.key_pem());
    CHECK(shown_now() == before);  // not by itself
    CHECK(b.transport.reload_certificates());
    CHECK(shown_now() == other.shown.pem());
  }
  SUBCASE("one of them is wrong") {
    files.chain_file.replace(other.shown.pem());
    const auto outcome = b.transport.reload_certificates();
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().message.find("does not belong to the first certificate") !=
          std::string::npos);
    CHECK(shown_now() == before);
  }
  old.send(client_frame(fin | text, "still here"));
  CHECK(b.until(old, [&] { return old.in == "\x81\x0astill here"; }));
}

TEST_CASE("tls transport: with wrong files it does not listen") {
  asio::io_context context{1};
  transport_bench::settings settings = transport_bench::local();
  settings.tls = {first().key_file.name(), first().chain_file.name()};
  agent_websocket::adapters::websocketpp_transport transport(context, settings);
  echo_sink sink(transport);
  const auto outcome = transport.start(sink);
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().message.find("TLS_CERT_FILE") != std::string::npos);
  CHECK(transport.port() == 0);
}

TEST_CASE("tls transport: without a certificate there is nothing to reload") {
  transport_bench b;
  CHECK(b.transport.reload_certificates());
  CHECK(b.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").find("HTTP/1.1 200 OK") == 0u);
}

TEST_CASE("tls transport: an RSA certificate, and TLS 1.2") {
  const certificate rsa = certificate::of_rsa_server("DNS:localhost", nullptr);
  const temporary_file chain(rsa.pem());
  const temporary_file key(rsa.key_pem());
  transport_bench::settings settings = transport_bench::local();
  settings.tls = {chain.name(), key.name()};
  tls_bench b(settings);
  tls_client client =
      b.tls(0, [](SSL_CTX& c) { SSL_CTX_set_max_proto_version(&c, TLS1_2_VERSION); });
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(b.until(client, [&] { return client.ended; }));
  CHECK(client.version() == "TLSv1.2");
  CHECK(client.in.find("HTTP/1.1 200 OK") == 0u);
  CHECK_FALSE(client.truncated);
}
