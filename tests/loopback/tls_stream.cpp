// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/tls_stream.hpp>

#include "loopback/tls_client.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

using agent_websocket::adapters::asio_socket;
using agent_websocket::adapters::io_outcome;
using agent_websocket::adapters::tls_context;
using agent_websocket::adapters::tls_stream;
using loopback::served_certificate;
using loopback::tls_client;

namespace {

// The server's stream without anything around it: calls are repeated instead of waited for.
struct bench {
  served_certificate files;
  tls_context context_of_server = tls_context::of_server(files.files()).value();
  asio::io_context context{1};
  asio::ip::tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), 0}};
  tls_client client;
  asio_socket socket{context};
  std::unique_ptr<tls_stream> stream;
  std::string in;
  io_outcome last = io_outcome::blocked;

  explicit bench(const tls_client::tuning& tune = {})
      : client(acceptor.local_endpoint().port(), 0, tune) {
    acceptor.accept(socket);
    socket.non_blocking(true);
    stream = tls_stream::accept(context_of_server, socket);
    REQUIRE(stream != nullptr);
  }

  io_outcome read(std::size_t most = 100'000) {
    std::string buffer(most, '\0');
    std::size_t size = 0;
    last = stream->read(buffer.data(), buffer.size(), size);
    in.append(buffer, 0, size);
    CHECK(ERR_peek_error() == 0u);
    CHECK((size > 0) == (last == io_outcome::done));
    return last;
  }

  template <typename Predicate>
  bool until(Predicate predicate) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!predicate()) {
      if (std::chrono::steady_clock::now() > end) return false;
      const bool moved = client.pump();
      if (last != io_outcome::ended) read();
      if (!moved) std::this_thread::yield();
    }
    return true;
  }
  void shake_hands() {
    REQUIRE(until([this] { return client.is_established() && stream->is_established(); }));
  }
};

}  // namespace

TEST_CASE("tls stream: the handshake lies within the first reads, then bytes go both ways") {
  bench b;
  CHECK(b.read() == io_outcome::blocked);
  CHECK(b.stream->read_waits_for() == tls_stream::wait::readable);
  CHECK_FALSE(b.stream->is_established());
  b.client.send("hello");
  REQUIRE(b.until([&] { return b.in == "hello"; }));
  CHECK(b.client.shown() == b.files.shown.pem());
  CHECK(b.client.version() == "TLSv1.3");
  std::size_t sent = 0;
  CHECK(b.stream->write("world", sent) == io_outcome::done);
  CHECK(sent == 5u);
  CHECK(b.until([&] { return b.client.in == "world"; }));
}

TEST_CASE("tls stream: a write may begin before the handshake and wait for reads") {
  bench b;
  std::size_t sent = 1;
  CHECK(b.stream->write("early", sent) == io_outcome::blocked);
  CHECK(sent == 0u);
  CHECK(b.stream->write_waits_for() == tls_stream::wait::readable);
  b.shake_hands();
  CHECK(b.stream->write("early", sent) == io_outcome::done);
  CHECK(b.until([&] { return b.client.in == "early"; }));
}

TEST_CASE("tls stream: what a small read leaves inside is told") {
  bench b;
  b.shake_hands();
  CHECK_FALSE(b.stream->has_buffered());
  b.client.send(std::string(1000, 'x'));
  while (b.read(10) == io_outcome::blocked) b.client.pump();
  CHECK(b.stream->has_buffered());
  CHECK(b.read() == io_outcome::done);
  CHECK_FALSE(b.stream->has_buffered());
  CHECK(b.in == std::string(1000, 'x'));
}

TEST_CASE("tls stream: one read takes many records") {
  bench b;
  b.shake_hands();
  std::size_t bytes = 0;
  for (int i = 0; i < 10; ++i, bytes += 4 + 22) b.client.send("part");
  while (b.socket.available() < bytes) std::this_thread::yield();
  b.read();
  CHECK(b.in.size() == 40u);
}

TEST_CASE("tls stream: a blocked write goes on with the same bytes at another place") {
  bench b;
  b.shake_hands();
  b.client.reading = false;
  const std::string all(20'000'000, 'y');
  std::size_t sent = 0;
  CHECK(b.stream->write(all, sent) == io_outcome::blocked);
  CHECK(b.stream->write_waits_for() == tls_stream::wait::writable);
  CHECK(sent > 0u);
  CHECK(sent < all.size());
  b.client.reading = true;
  CHECK(b.until([&] {
    if (sent == all.size()) return b.client.in.size() == all.size();
    const std::string rest = all.substr(sent, 100'000);  // grows and moves from call to call
    std::size_t more = 0;
    CHECK(b.stream->write(rest, more) != io_outcome::ended);
    sent += more;
    return false;
  }));
  CHECK(b.client.in == all);
}

TEST_CASE("tls stream: an end with close_notify is an end, one without is a failure") {
  bench b;
  b.shake_hands();
  b.client.send("last words");
  SUBCASE("with") {
    b.client.finish_sending();
    CHECK(b.until([&] { return b.last == io_outcome::ended; }));
    CHECK_FALSE(b.stream->has_failed());
    std::size_t sent = 0;
    CHECK(b.stream->write("the other direction stands", sent) == io_outcome::done);
    CHECK(b.until([&] { return b.client.in.size() == 26u; }));
    CHECK(b.stream->shut() == io_outcome::done);
    CHECK(b.stream->shut() == io_outcome::done);
    CHECK(b.until([&] { return b.client.ended; }));
    CHECK_FALSE(b.client.truncated);
    CHECK(b.stream->write("x", sent) == io_outcome::ended);
  }
  SUBCASE("without") {
    b.client.raw_client::finish_sending();
    CHECK(b.until([&] { return b.last == io_outcome::ended; }));
    CHECK(b.stream->has_failed());
    std::size_t sent = 0;
    CHECK(b.stream->write("x", sent) == io_outcome::ended);
    CHECK(b.stream->shut() == io_outcome::ended);
  }
  CHECK(b.in == "last words");
}

TEST_CASE("tls stream: an end that came with the last bytes is told, though the socket tells nothing more") {
  bench b;
  b.shake_hands();
  REQUIRE(SSL_write(b.client.native(), "last", 4) == 4);
  SSL_shutdown(b.client.native());  // both in one segment, and the connection stays open
  REQUIRE(b.until([&] { return b.in == "last"; }));
  if (b.last == io_outcome::done) CHECK(b.stream->has_buffered());
  CHECK(b.read() == io_outcome::ended);
  CHECK_FALSE(b.stream->has_buffered());
}

TEST_CASE("tls stream: a peer that is gone is an outcome, not a signal") {
  bench b;
  b.shake_hands();
  b.client.reset();
  SUBCASE("written to") {
    std::size_t sent = 0;
    io_outcome outcome = io_outcome::done;
    while (outcome == io_outcome::done) {
      outcome = b.stream->write("x", sent);
    }
    CHECK(outcome == io_outcome::ended);
  }
  SUBCASE("told of the end") { b.stream->shut(); }
  SUBCASE("read from") {
    while (b.read() == io_outcome::blocked) std::this_thread::yield();
    CHECK(b.last == io_outcome::ended);
  }
  CHECK(ERR_peek_error() == 0u);
}

TEST_CASE("tls stream: handshakes that cannot be") {
  struct row {
    const char* name;
    tls_client::tuning tune;
  };
  const row rows[] = {
      {"TLS 1.1", [](SSL_CTX& c) { SSL_CTX_set_max_proto_version(&c, TLS1_1_VERSION); }},
      {"TLS 1.0", [](SSL_CTX& c) { SSL_CTX_set_max_proto_version(&c, TLS1_VERSION); }},
      {"no AEAD",
       [](SSL_CTX& c) {
         SSL_CTX_set_max_proto_version(&c, TLS1_2_VERSION);
         SSL_CTX_set_cipher_list(&c, "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:AES128-SHA");
       }},
      {"a static key",
       [](SSL_CTX& c) {
         SSL_CTX_set_max_proto_version(&c, TLS1_2_VERSION);
         SSL_CTX_set_cipher_list(&c, "AES128-GCM-SHA256:AES256-GCM-SHA384");
       }},
      {"other protocols",
       [](SSL_CTX& c) {
         static const unsigned char ftp[] = "\x03" "ftp\x02h2";
         SSL_CTX_set_alpn_protos(&c, ftp, sizeof ftp - 1);
       }},
  };
  for (const row& each : rows) {
    CAPTURE(each.name);
    bench b(each.tune);
    CHECK(b.until([&] { return b.last == io_outcome::ended && !b.client.failure.empty(); }));
    CHECK(b.stream->has_failed());
    CHECK_FALSE(b.client.is_established());
    CHECK(b.in.empty());
  }
}

TEST_CASE("tls stream: handshakes that can") {
  struct row {
    const char* version;
    const char* cipher;
    tls_client::tuning tune;
  };
  const row rows[] = {
      {"TLSv1.3", "TLS_AES_128_GCM_SHA256", {}},
      {"TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256",
       [](SSL_CTX& c) { SSL_CTX_set_max_proto_version(&c, TLS1_2_VERSION); }},
      {"TLSv1.2", "ECDHE-ECDSA-CHACHA20-POLY1305",  // who prefers it has no AES in hardware
       [](SSL_CTX& c) {
         SSL_CTX_set_max_proto_version(&c, TLS1_2_VERSION);
         SSL_CTX_set_cipher_list(&c, "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256");
       }},
      {"TLSv1.3", "TLS_AES_128_GCM_SHA256",
       [](SSL_CTX& c) {
         static const unsigned char both[] = "\x02h2\x08http/1.1";
         SSL_CTX_set_alpn_protos(&c, both, sizeof both - 1);
       }},
  };
  for (const row& each : rows) {
    bench b(each.tune);
    b.shake_hands();
    CHECK(b.client.version() == each.version);
    CHECK(SSL_get_cipher_name(b.client.native()) == std::string(each.cipher));
    const unsigned char* chosen = nullptr;
    unsigned int size = 0;
    SSL_get0_alpn_selected(b.client.native(), &chosen, &size);
    CHECK((size == 0 || std::string(chosen, chosen + size) == "http/1.1"));
    CHECK(SSL_session_reused(b.client.native()) == 0);
    CHECK(SSL_SESSION_has_ticket(SSL_get_session(b.client.native())) == 0);
  }
}

TEST_CASE("tls stream: renegotiation is refused, new keys are not") {
  SUBCASE("TLS 1.2") {
    bench b([](SSL_CTX& c) { SSL_CTX_set_max_proto_version(&c, TLS1_2_VERSION); });
    b.shake_hands();
    CHECK(SSL_renegotiate(b.client.native()) == 1);
    b.client.send("x");
    b.until([&] { return b.last == io_outcome::ended || !b.client.failure.empty(); });
    CHECK(b.client.failure == "no renegotiation");
  }
  SUBCASE("TLS 1.3") {
    bench b;
    b.shake_hands();
    for (int i = 0; i < 5; ++i) {
      CHECK(SSL_key_update(b.client.native(), SSL_KEY_UPDATE_REQUESTED) == 1);
      b.client.send("x");
      std::size_t sent = 0;
      CHECK(b.stream->write("y", sent) == io_outcome::done);
    }
    CHECK(b.until([&] { return b.in == "xxxxx" && b.client.in == "yyyyy"; }));
  }
}

TEST_CASE("tls stream: new keys without end do not hold the loop") {
  bench b;
  b.shake_hands();
  constexpr int updates = 200;
  for (int i = 0; i < updates; ++i) {
    REQUIRE(SSL_key_update(b.client.native(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
    REQUIRE(SSL_do_handshake(b.client.native()) == 1);
    b.client.pump();
  }
  while (b.client.has_unsent()) b.client.pump();
  while (b.socket.available() < updates * 27u) std::this_thread::yield();
  CHECK(b.read() == io_outcome::blocked);
  CHECK(b.socket.available() > updates * 20u);
  b.client.send("x");
  CHECK(b.until([&] { return b.in == "x"; }));
}

TEST_CASE("tls stream: garbage, cut at each place, is a failure and nothing more") {
  const std::string hello("\x16\x03\x01\x00\x20\x01\x00\x00\x1c\x03\x03garbage", 18);
  for (std::size_t size = 0; size <= hello.size(); ++size) {
    bench b;
    ::loopback::raw_client raw(b.acceptor.local_endpoint().port());
    asio_socket socket(b.context);
    b.acceptor.accept(socket);
    socket.non_blocking(true);
    const auto stream = tls_stream::accept(b.context_of_server, socket);
    raw.send(hello.substr(0, size));
    raw.finish_sending();
    char buffer[100];
    std::size_t got = 0;
    io_outcome outcome = io_outcome::blocked;
    while (outcome == io_outcome::blocked) {
      outcome = stream->read(buffer, sizeof buffer, got);
    }
    CHECK(outcome == io_outcome::ended);
    CHECK(stream->has_failed());
    CHECK(stream->read(buffer, sizeof buffer, got) == io_outcome::ended);
    CHECK(ERR_peek_error() == 0u);
  }
}

TEST_CASE("tls stream: of both sides, client and server") {
  const served_certificate good;
  bench b;
  const loopback::temporary_file ca(served_certificate::authority().pem());
  const tls_context trusting = tls_context::of_client(ca.name()).value();
  asio_socket left(b.context);
  left.connect(b.acceptor.local_endpoint());
  asio_socket right(b.context);
  b.acceptor.accept(right);
  left.non_blocking(true);
  right.non_blocking(true);
  const auto attempt = [&](const std::string& host) {
    const auto client = tls_stream::connect(trusting, left, host);
    const auto server = tls_stream::accept(b.context_of_server, right);
    char byte = 0;
    std::size_t count = 0;
    while (client->write("x", count) == io_outcome::blocked) {
      server->read(&byte, 1, count);
    }
    CHECK(client->is_established() == !client->has_failed());
    return client->refusal_words();
  };
  SUBCASE("name") { CHECK(attempt("localhost") == ""); }
  SUBCASE("address") { CHECK(attempt("127.0.0.1") == ""); }
  SUBCASE("other name") {
    CHECK(attempt("a.test") == "the server's certificate is for another name than a.test");
  }
  SUBCASE("other address") {
    CHECK(attempt("127.0.0.2") == "the server's certificate is for another name than 127.0.0.2");
  }
}
