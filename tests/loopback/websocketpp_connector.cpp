// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/websocketpp_connector.hpp>

#include "loopback/tls_client.hpp"
#include "loopback/transport_bench.hpp"

#include <asio/write.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

using agent_websocket::client_transport_sink;
using agent_websocket::errc;
using agent_websocket::adapters::connector_settings;
using agent_websocket::adapters::websocketpp_connector;
using namespace loopback;
using namespace std::chrono_literals;

namespace {

struct listener final : client_transport_sink {
  void on_open() override {
    log += "open ";
    opened();
  }
  void on_text(std::string_view text) override {
    log += text.size() < 20 ? "text:" + std::string(text) + " "
                            : "text:#" + std::to_string(text.size()) + " ";
    received();
  }
  void on_close(std::uint16_t code, std::string_view reason) override {
    log += "closed:" + std::to_string(code) + std::string(reason) + " ";
    closed();
  }
  void on_alive() override { ++alive; }
  void on_failed(std::error_code failure, int status, std::string_view words) override {
    log += "failed:" + std::string(to_string(static_cast<errc>(failure.value()))) + " ";
    refused_with = status;
    detail = std::string(words);
  }
  std::string log;
  std::string detail;
  int refused_with = 0;
  int alive = 0;
  std::function<void()> opened = [] {};
  std::function<void()> received = [] {};
  std::function<void()> closed = [] {};
};

// Transport and connector on one context.
struct bench : transport_bench {
  explicit bench(const settings& chosen = local(), connector_settings own = {})
      : transport_bench(chosen), connector(context, own) {
    connector.start(sink_);
  }

  std::string secure_url(const std::string& host) const {
    return "wss://" + host + ":" + std::to_string(transport.port()) + "/ws";
  }
  std::string url(const std::string& path = "/ws") const {
    return "ws://127.0.0.1:" + std::to_string(transport.port()) + path;
  }
  bool logs(const std::string& wanted) {
    run_until(context, {}, [&] { return sink_.log.size() >= wanted.size(); });
    CHECK(sink_.log == wanted);
    return sink_.log == wanted;
  }

  listener sink_;
  websocketpp_connector connector;
};

}  // namespace

TEST_CASE("connector: connects, talks, and closes") {
  bench b;
  b.connector.open(b.url("/ws?x=1"), {{"Authorization", "Bearer t"}});
  CHECK(b.connector.send("too early") == 0u);
  CHECK(b.sink_.log == "");
  REQUIRE(b.logs("open "));
  CHECK(b.connector.is_open());
  CHECK(b.sink.request.request.target == "/ws?x=1");
  CHECK(b.sink.request.request.headers.find("authorization") == "Bearer t");
  CHECK(b.sink.request.request.headers.find("host") ==
        "127.0.0.1:" + std::to_string(b.transport.port()));
  CHECK(b.connector.send("hello") > 0u);
  CHECK(b.connector.send(std::string(60'000, 'x')) > 60'000u);
  b.connector.ping();
  REQUIRE(b.logs("open text:hello text:#60000 "));
  CHECK(b.sink_.alive > 0);
  b.connector.close(1000, "bye");
  CHECK(b.connector.send("too late") == 0u);
  REQUIRE(b.logs("open text:hello text:#60000 closed:1000bye "));
  CHECK_FALSE(b.connector.is_open());
  CHECK(run_until(b.context, {}, [&] { return b.sink.closed == 1; }));
  CHECK(b.sink.take_log() == "text:hello closed:1000bye ");
}

TEST_CASE("connector: the server closes, vanishes, or sends too much") {
  connector_settings own;
  own.max_message_bytes = 1000;
  bench b(transport_bench::local(), own);
  b.connector.open(b.url());
  REQUIRE(b.logs("open "));
  const auto id = b.sink.open.back();
  SUBCASE("closes") {
    b.transport.send(id, "last");
    b.transport.close(id, 1012, "drain");
    CHECK(b.logs("open text:last closed:1012drain "));
    CHECK(run_until(b.context, {}, [&] { return b.sink.closed == 1; }));
    CHECK(b.sink.take_log() == "closed:1012drain ");
  }
  SUBCASE("vanishes") {
    b.transport.close(id, 1006, "");
    CHECK(b.logs("open closed:1006 "));
  }
  SUBCASE("sends too much") {
    b.transport.send(id, std::string(1001, 'x'));
    CHECK(b.logs("open closed:1009message_too_large "));
  }
  // The same connector connects again.
  b.sink_.log.clear();
  b.connector.open(b.url());
  CHECK(b.logs("open "));
}

TEST_CASE("connector: pings are answered with the same words") {
  bench b;
  asio::ip::tcp::acceptor acceptor(b.context, {asio::ip::address_v4::loopback(), 0});
  b.connector.open("ws://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/");
  asio::ip::tcp::socket peer(b.context);
  acceptor.async_accept(peer, [](std::error_code) {});
  REQUIRE(run_until(b.context, {}, [&] { return peer.is_open() && peer.available() > 100; }));
  std::string request(2000, '\0');
  request.resize(peer.read_some(asio::buffer(request)));
  const std::size_t at = request.find("Sec-WebSocket-Key: ") + 19;
  websocketpp::http::parser::request parsed;
  parsed.consume(request.data(), request.size());
  const std::string accept = agent_websocket::adapters::accept_key_of(parsed.get_header("Sec-WebSocket-Key"));
  CHECK(request.substr(at, 24) != "AAAAAAAAAAAAAAAAAAAAAA==");
  // The answer, a ping and a text in one piece, and a cut one.
  const std::string bytes =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
      "Connection: Upgrade\r\nSec-WebSocket-Accept: " +
      accept + "\r\n\r\n" + std::string("\x89\x02pp\x81\x02hi\x81\x02", 10);
  peer.write_some(asio::buffer(bytes));
  REQUIRE(b.logs("open text:hi "));
  peer.write_some(asio::buffer("yo", 2));
  REQUIRE(b.logs("open text:hi text:yo "));
  REQUIRE(run_until(b.context, {}, [&] { return peer.available() >= 8; }));
  std::string pong(100, '\0');
  pong.resize(peer.read_some(asio::buffer(pong)));
  REQUIRE(pong.size() == 8u);
  CHECK(pong.substr(0, 2) == "\x8A\x82");
  CHECK(static_cast<char>(pong[6] ^ pong[2]) == 'p');
  CHECK(static_cast<char>(pong[7] ^ pong[3]) == 'p');
  SUBCASE("a masked frame from a server is refused") {
    peer.write_some(asio::buffer(client_frame(fin | text, "x")));
    CHECK(b.logs("open text:hi text:yo closed:1002protocol_error "));
  }
  SUBCASE("a peer that does not answer a close is left") {
    b.connector.close(1000, "");
    b.connector.close(1006, "");
    CHECK(b.logs("open text:hi text:yo closed:1000 "));
  }
}

TEST_CASE("connector: what does not come about is told once, with a reason") {
  transport_bench::settings settings = transport_bench::local();
  bench b(settings);
  b.sink.answers = false;
  SUBCASE("wrong URLs") {
    for (const char* url : {"http://127.0.0.1/", "wss:/x", "wss://", "ws:/x", "", "ws://user@host/",
                            "ws://host/?a b", "ws://host:99999/", "ws://host/#x"}) {
      b.sink_.log.clear();
      b.connector.open(url);
      CHECK(b.sink_.log == "");
      CAPTURE(url);
      CHECK(b.logs("failed:bad_configuration "));
      CHECK_FALSE(b.sink_.detail.empty());
    }
  }
  SUBCASE("nobody listens") {
    b.transport.stop();
    b.connector.open(b.url());
    REQUIRE(b.logs("failed:connection_failed "));
    CHECK(b.sink_.detail.find("Connection refused") != std::string::npos);
  }
  SUBCASE("refused by the server") {
    b.connector.open(b.url());
    REQUIRE(run_until(b.context, {}, [&] { return b.sink.last != 0; }));
    b.transport.answer(b.sink.last, agent_websocket::http::response::text(401, "who are you"));
    REQUIRE(b.logs("failed:connection_failed "));
    CHECK(b.sink_.refused_with == 401);
    CHECK(b.sink_.detail == "HTTP/1.1 401 Unauthorized");
  }
  SUBCASE("given up before the answer") {
    b.connector.open(b.url());
    REQUIRE(run_until(b.context, {}, [&] { return b.sink.last != 0; }));
    b.connector.close(1000, "");
    CHECK(b.sink_.log == "");
    CHECK(b.logs("failed:cancelled "));
    CHECK(run_until(b.context, {}, [&] { return b.sink.log == "abandoned "; }));
  }
  SUBCASE("given up before anything") {
    b.connector.open(b.url());
    b.connector.close(1000, "");
    CHECK(b.logs("failed:cancelled "));
  }
  b.idle(5ms);
  CHECK(b.sink_.log.find("failed:") == b.sink_.log.rfind("failed:"));
}

TEST_CASE("connector: a server that does not answer is waited for, for a while") {
  connector_settings own;
  own.connect_timeout = 50ms;
  bench b(transport_bench::local(), own);
  b.sink.answers = false;
  b.connector.open(b.url());
  CHECK(b.logs("failed:timeout_connect "));
}

TEST_CASE("connector: opening again drops what was, also from inside the sink") {
  bench b;
  int rounds = 0;
  b.sink_.opened = [&] {
    if (++rounds < 4) b.connector.open(b.url());
  };
  b.connector.open(b.url("/never"));
  b.connector.open(b.url());
  REQUIRE(b.logs("open open open open "));
  CHECK(run_until(b.context, {}, [&] { return b.sink.closed == 3; }));
  b.connector.send("hello");
  b.sink_.received = [&] { b.connector.open(b.url()); };
  CHECK(b.logs("open open open open text:hello open "));
  b.sink_.closed = [&] { b.connector.open(b.url()); };
  b.connector.close(1000, "");
  CHECK(b.logs("open open open open text:hello open closed:1000 open "));
}

TEST_CASE("connector: a server that does not read keeps nobody else waiting") {
  bench b;
  asio::ip::tcp::acceptor acceptor(b.context, {asio::ip::address_v4::loopback(), 0});
  asio::ip::tcp::socket peer(b.context);
  acceptor.async_accept(peer, [](std::error_code) {});
  b.connector.open("WS://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()));
  REQUIRE(run_until(b.context, {}, [&] { return peer.is_open() && peer.available() > 100; }));
  std::string request(2000, '\0');
  request.resize(peer.read_some(asio::buffer(request)));
  websocketpp::http::parser::request parsed;
  parsed.consume(request.data(), request.size());
  const std::string answer =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      agent_websocket::adapters::accept_key_of(parsed.get_header("Sec-WebSocket-Key")) + "\r\n\r\n";
  peer.write_some(asio::buffer(answer));
  REQUIRE(b.logs("open "));
  const std::size_t size = 20'000'000;
  CHECK(b.connector.send(std::string(size, 'x')) >= size);
  std::size_t waiting = 0;
  for (int i = 0; i < 10; ++i) {
    b.idle(5ms);
    waiting = b.connector.send("");  // its write would not come back if it could block
  }
  CHECK(waiting > 1'000'000u);
  CHECK(waiting < size);
}

TEST_CASE("connector: its end calls nobody, in every state") {
  bench b;
  b.sink.answers = false;
  listener sink;
  for (const int turns : {0, 1, 2, 3, 50}) {
    auto connector = std::make_unique<websocketpp_connector>(b.context);
    connector->start(sink);
    connector->open(b.url());
    for (int i = 0; i < turns; ++i) b.context.run_one_for(1ms);
    connector.reset();
    b.idle(3ms);
  }
  b.sink.answers = true;
  {
    websocketpp_connector connector(b.context);
    connector.start(sink);
    connector.open(b.url());
    REQUIRE(run_until(b.context, {}, [&] { return sink.log == "open "; }));
    connector.send(std::string(1'000'000, 'x'));
  }
  b.idle(3ms);
  CHECK(sink.log == "open ");
}

namespace {

const certificate& authority() { return served_certificate::authority(); }

// A server that shows this certificate, and a connector that trusts the test's authority.
struct secure_bench {
  explicit secure_bench(const certificate& shown)
      : chain(shown.pem()), key(shown.key_pem()), ca(authority().pem()), b(serving(), trusting()) {}

  transport_bench::settings serving() const {
    transport_bench::settings chosen = transport_bench::local();
    chosen.tls = {chain.name(), key.name()};
    return chosen;
  }
  connector_settings trusting() const {
    connector_settings chosen;
    chosen.ca_file = ca.name();
    return chosen;
  }

  temporary_file chain;
  temporary_file key;
  temporary_file ca;
  bench b;
};

}  // namespace

TEST_CASE("connector: wss, to a server that proves its name") {
  secure_bench s(certificate::of_server("DNS:localhost,IP:127.0.0.1", &authority()));
  for (const char* host : {"127.0.0.1", "localhost", "LOCALHOST"}) {
    s.b.sink_.log.clear();
    s.b.connector.open(s.b.secure_url(host));
    REQUIRE(s.b.logs("open "));
    s.b.connector.send("hello");
    CHECK(s.b.logs("open text:hello "));
    s.b.connector.close(1000, "bye");
    CHECK(s.b.logs("open text:hello closed:1000bye "));
  }
}

TEST_CASE("connector: wss, large messages both ways") {
  secure_bench s(certificate::of_server("IP:127.0.0.1", &authority()));
  s.b.connector.open(s.b.secure_url("127.0.0.1"));
  REQUIRE(s.b.logs("open "));
  s.b.connector.send(std::string(60'000, 'x'));
  CHECK(s.b.logs("open text:#60000 "));
  s.b.transport.send(s.b.sink.open.at(0), std::string(3'000'000, 'y'));
  CHECK(s.b.logs("open text:#60000 text:#3000000 "));
}

TEST_CASE("connector: wss, all others are refused with the reason, and told nothing") {
  constexpr long day = 24 * 3600;
  const certificate strange = certificate::of_authority();
  struct row {
    certificate shown;
    const char* host;
    const char* words;
  };
  const row rows[] = {
      {certificate::of_server("DNS:other.test", &authority()), "localhost",
       "the server's certificate is for another name than localhost"},
      {certificate::of_server("DNS:*.localhost", &authority()), "localhost",
       "the server's certificate is for another name than localhost"},
      {certificate::of_server("DNS:localhost,DNS:127.0.0.1", &authority()), "127.0.0.1",
       "the server's certificate is for another name than 127.0.0.1"},
      {certificate::of_server("DNS:localhost", nullptr), "localhost",
       "the server's certificate is self-signed and not among the trusted ones"},
      {certificate::of_server("DNS:localhost", &strange), "localhost",
       "the server's certificate is signed by no authority that is trusted here"},
      {certificate::of_server("DNS:localhost", &authority(), -2 * day, -day), "localhost",
       "the server's certificate has expired"},
      {certificate::of_server("DNS:localhost", &authority(), day, 2 * day), "localhost",
       "the server's certificate is not valid yet"},
  };
  for (const row& each : rows) {
    CAPTURE(each.words);
    secure_bench s(each.shown);
    s.b.connector.open(s.b.secure_url(each.host), {{"Authorization", "Bearer secret"}});
    CHECK(s.b.logs("failed:connection_failed "));
    CHECK(s.b.sink_.detail == each.words);
    CHECK(s.b.sink.last == 0u);
    CHECK(run_until(s.b.context, {}, [&] { return s.b.transport.connections() == 0; }));
    CHECK(s.b.sink.last == 0u);
  }
}

TEST_CASE("connector: wss without a file of its own trusts the system's authorities only") {
  secure_bench s(certificate::of_server("DNS:localhost", &authority()));
  bench untrusting(s.serving(), {});
  untrusting.connector.open(untrusting.secure_url("localhost"));
  CHECK(untrusting.logs("failed:connection_failed "));
  CHECK(untrusting.sink_.detail.find("no authority that is trusted here") != std::string::npos);
}

TEST_CASE("connector: wss, what is wrong on this side or the wire") {
  SUBCASE("a file of authorities that is missing is a failure, not trust") {
    connector_settings own;
    own.ca_file = "/nonexistent/ca.pem";
    bench b(transport_bench::local(), own);
    b.connector.open(b.secure_url("127.0.0.1"));
    CHECK(b.logs("failed:bad_configuration "));
    CHECK(b.sink_.detail.find("/nonexistent/ca.pem") != std::string::npos);
  }
  SUBCASE("a server without TLS") {
    bench b;
    asio::ip::tcp::acceptor plain(b.context, {asio::ip::address_v4::loopback(), 0});
    asio::ip::tcp::socket accepted(b.context);
    plain.async_accept(accepted, [&accepted](std::error_code) {
      asio::write(accepted, asio::buffer("HTTP/1.1 400 No\r\n\r\n", 19));
    });
    b.connector.open("wss://127.0.0.1:" + std::to_string(plain.local_endpoint().port()) + "/");
    CHECK(b.logs("failed:connection_failed "));
    CHECK(b.sink_.detail == "the server does not speak TLS there");
  }
  SUBCASE("ws to a server with TLS") {
    secure_bench s(certificate::of_server("IP:127.0.0.1", &authority()));
    s.b.connector.open(s.b.url());
    CHECK(s.b.logs("failed:connection_failed "));
    CHECK(s.b.sink_.refused_with == 400);
  }
  SUBCASE("a server that accepts and says nothing") {
    connector_settings own;
    own.connect_timeout = 50ms;
    bench b(transport_bench::local(), own);
    asio::ip::tcp::acceptor silent(b.context, {asio::ip::address_v4::loopback(), 0});
    b.connector.open("wss://127.0.0.1:" + std::to_string(silent.local_endpoint().port()) + "/");
    CHECK(b.logs("failed:timeout_connect "));
  }
}

TEST_CASE("connector: wss, an end without close_notify is abnormal") {
  secure_bench s(certificate::of_server("IP:127.0.0.1", &authority()));
  s.b.connector.open(s.b.secure_url("127.0.0.1"));
  REQUIRE(s.b.logs("open "));
  s.b.transport.close(s.b.sink.open.at(0), 1006, "");
  CHECK(s.b.logs("open closed:1006 "));
}
