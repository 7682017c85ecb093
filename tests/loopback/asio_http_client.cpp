// SPDX-License-Identifier: MIT
//
// What is asio_http_client's own; see http_clients.cpp for the rest.
#include <agent_websocket/adapters/asio_http_client.hpp>

#include "asio_http_bench.hpp"
#include "curl_certificates.hpp"
#include "temporary_file.hpp"
#include "tunnelling_proxy.hpp"
#include "variable.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <deque>
#include <ostream>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using agent_websocket::errc;
using agent_websocket::http_call_id;
using agent_websocket::adapters::asio_http_options;
using agent_websocket::http::request;
using loopback::answer;
using loopback::asio_http_bench;
using loopback::certificate;
using loopback::chunk;
using loopback::chunked_head;
using loopback::last_chunk;
using loopback::ok;
using loopback::reply;
using loopback::temporary_file;
using loopback::tunnelling_proxy;
using loopback::variable;

namespace {

const certificate& authority() {
  static const certificate made = certificate::of_authority();
  return made;
}

asio::ssl::context serving(const certificate& with) {
  asio::ssl::context context(asio::ssl::context::tls_server);
  const std::string chain = with.pem();
  const std::string key = with.key_pem();
  context.use_certificate_chain(asio::buffer(chain));
  context.use_private_key(asio::buffer(key), asio::ssl::context::pem);
  return context;
}

asio_http_options trusting(const temporary_file& ca) {
  asio_http_options options;
  options.ca_file = ca.name();
  return options;
}

request to(std::string url) {
  request made;
  made.target = std::move(url);
  made.headers.add("Authorization", "Bearer secret");
  return made;
}

}  // namespace

TEST_CASE("asio_http_client: shapes of smuggling are refused, and their connection is not used again") {
  const std::string line = "HTTP/1.1 200 OK\r\n";
  const std::string chunks = "3\r\nabc\r\n0\r\n\r\n";
  for (const std::string& bytes : {
           line + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks,
           line + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
           line + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunks,
           line + "Transfer-Encoding : chunked\r\n\r\n" + chunks,
           line + "Content-Length: +3\r\n\r\nabc",
           "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks,
       }) {
    CAPTURE(bytes);
    asio_http_bench bench;
    const answer got = bench.ask(reply(bytes));
    CHECK(got.failure == errc::protocol_error);
    CHECK(got.heads == 0);
    CHECK(bench.ask(reply(ok("fine"))).body == "fine");
    CHECK(bench.server.accepted == 2u);
  }
}

TEST_CASE("asio_http_client: which connections serve the next request") {
  struct row {
    std::string name;
    std::string bytes;
    bool kept;
  };
  const row rows[] = {
      {"a length", ok("a"), true},
      {"chunks", chunked_head + chunk("a") + last_chunk, true},
      {"no body", "HTTP/1.1 204 No\r\n\r\n", true},
      {"Connection: close", ok("a", "Connection: close\r\n"), false},
      {"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", false},
      {"HTTP/1.0 that keeps",
       "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", true},
      {"bytes behind the answer", ok("a") + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
       false},
      {"bytes behind no body", "HTTP/1.1 304 No\r\n\r\nHTTP/1.1 200 OK\r\n\r\nevil", false},
  };
  for (const row& each : rows) {
    CAPTURE(each.name);
    asio_http_bench bench;
    CHECK_FALSE(bench.ask(reply(each.bytes)).failure);
    CHECK(bench.client.kept_connections() == (each.kept ? 1u : 0u));
    CHECK(bench.ask(reply(ok("next"))).body == "next");
    CHECK(bench.server.accepted == (each.kept ? 1u : 2u));
  }
}

TEST_CASE("asio_http_client: bytes that come on a kept connection end it") {
  asio_http_bench bench;
  CHECK(bench.ask(reply(ok("a")).wait(5ms).send(ok("evil"))).body == "a");
  bench.run_for(20ms);
  CHECK(bench.ask(reply(ok("b"))).body == "b");
  CHECK(bench.server.accepted == 2u);
}

TEST_CASE("asio_http_client: a kept connection that was idle for too long is closed") {
  asio_http_options options;
  options.max_idle_time = 50ms;
  asio_http_bench bench(options);
  CHECK(bench.ask(reply(ok("a"))).body == "a");
  CHECK(bench.ask(reply(ok("b"))).body == "b");
  CHECK(bench.server.accepted == 1u);
  bench.run_for(80ms);
  CHECK(bench.ask(reply(ok("c"))).body == "c");
  CHECK(bench.server.accepted == 2u);
  CHECK(bench.server.ended_by_peer == 1u);
  CHECK(bench.client.kept_connections() == 1u);
}

TEST_CASE("asio_http_client: no kept connection at all") {
  asio_http_options options;
  options.max_kept_connections = 0;
  asio_http_bench bench(options);
  CHECK(bench.ask(reply(ok("a"))).body == "a");
  CHECK(bench.ask(reply(ok("b"))).body == "b");
  CHECK(bench.server.accepted == 2u);
}

TEST_CASE("asio_http_client: a request is sent again once, and on a new connection") {
  asio_http_bench bench;
  // Two kept connections, both about to be closed.
  std::vector<answer> two(2);
  bench.server.reply_with(reply().wait(10ms).send(ok("a")));
  bench.server.reply_with(reply().wait(10ms).send(ok("a")));
  for (answer& each : two) bench.client.start(bench.get(), each);
  REQUIRE(bench.wait([&] { return two[0].done() && two[1].done(); }));
  CHECK(bench.client.kept_connections() == 2u);
  bench.server.reply_with(reply().close());
  SUBCASE("which answers") {
    bench.server.reply_with(ok("b"));
    CHECK(bench.ask(bench.post("x")).body == "b");
  }
  SUBCASE("which is closed as well") {
    bench.server.reply_with(reply().close());
    const answer got = bench.ask(bench.post("x"));
    CHECK(got.failure == errc::connection_failed);
    CHECK(got.completions == 1);
  }
  CHECK(bench.server.requests.size() == 4u);
  CHECK(bench.server.requests.back().connection == 3u);
}

TEST_CASE("asio_http_client: an answer may come before its request is sent") {
  asio_http_bench bench;
  asio::ip::tcp::acceptor server(bench.context, {asio::ip::address_v4::loopback(), 0});
  asio::ip::tcp::socket kept(bench.context);
  server.async_accept(kept, [&kept](std::error_code) {
    asio::write(kept, asio::buffer("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno", 40));
  });
  request asked = bench.post(std::string(30'000'000, 'x'));
  asked.target = "http://127.0.0.1:" + std::to_string(server.local_endpoint().port()) + "/";
  const answer got = bench.ask(asked);
  CHECK_FALSE(got.failure);
  CHECK(got.status == 413);
  CHECK(got.body == "no");
  CHECK(bench.client.kept_connections() == 0u);
}

TEST_CASE("asio_http_client: a context without other work returns, with connections kept") {
  asio_http_bench bench;
  asio::io_context context(1);
  agent_websocket::adapters::asio_http_client client(context);
  bench.server.answer = [](const auto&) { return reply(ok("a")); };
  for (int i = 0; i < 3; ++i) {
    answer got;
    client.start(bench.get(), got);
    REQUIRE(bench.wait([&] {
      context.poll();
      context.restart();
      return got.done();
    }));
    CHECK(got.body == "a");
    const auto begin = std::chrono::steady_clock::now();
    context.run_for(5s);
    context.restart();
    CHECK(std::chrono::steady_clock::now() - begin < 2s);
  }
  CHECK(client.kept_connections() == 1u);
  CHECK(bench.server.accepted == 1u);
}

namespace {

/// Pauses its call when the head comes.
class pausing_sink final : public agent_websocket::http_sink {
 public:
  explicit pausing_sink(asio_http_bench& bench) : bench_(bench) {}
  void on_head(http_call_id id, int, const agent_websocket::http::header_list&) override {
    bench_.client.pause(id);
  }
  void on_body(http_call_id, std::string_view bytes) override { body += bytes; }
  void on_complete(http_call_id, std::error_code code, std::string_view) override {
    done = true;
    failure = code;
  }

  std::string body;
  bool done = false;
  std::error_code failure;

 private:
  asio_http_bench& bench_;
};

}  // namespace

TEST_CASE("asio_http_client: a head that pauses its call keeps back what came with it") {
  const std::string whole = ok("abc");
  const std::string cut = chunked_head + chunk("abc") + "zz";
  for (const std::string& bytes : {whole, cut}) {
    for (const bool cancelled : {false, true}) {
      CAPTURE(bytes);
      CAPTURE(cancelled);
      asio_http_bench bench;
      pausing_sink sink(bench);
      bench.server.reply_with(bytes);
      const http_call_id id = bench.client.start(bench.get(), sink);
      bench.run_for(30ms);
      CHECK(sink.body == "");
      CHECK_FALSE(sink.done);
      bench.client.resume(id);
      CHECK(sink.body == "");
      if (cancelled) {
        bench.client.cancel(id);
        bench.run_for(20ms);
        CHECK(sink.body == "");
        CHECK_FALSE(sink.done);
      } else {
        CHECK(bench.wait([&sink] { return sink.done; }));
        CHECK(sink.body == "abc");
        CHECK((sink.failure == errc::protocol_error) == (bytes == cut));
      }
    }
  }
}

TEST_CASE("asio_http_client: failures in words, without secrets") {
  asio_http_bench bench;
  SUBCASE("refused") {
    request asked = bench.get();
    const std::string port = std::to_string(bench.server.port());
    bench.server.stop_listening();
    const answer got = bench.ask(asked);
    CHECK(got.detail == "cannot connect to 127.0.0.1:" + port + ": Connection refused");
  }
  SUBCASE("no such name") {
    const answer got = bench.ask(to("http://name.invalid/?secret"));
    CHECK(got.failure == errc::connection_failed);
    CHECK(got.detail.find("cannot resolve name.invalid:80: ") == 0u);
    CHECK(got.detail.find("secret") == std::string::npos);
  }
  SUBCASE("a proxy that cannot be used") {
    const variable proxy("all_proxy", "socks5://user:secret@127.0.0.1:1");
    const answer got = bench.ask(to("http://upstream.invalid/"));
    CHECK(got.failure == errc::connection_failed);
    CHECK(got.detail.find("proxy") != std::string::npos);
    CHECK(got.detail.find("secret") == std::string::npos);
  }
  SUBCASE("a proxy that does not answer") {
    bench.server.stop_listening();
    const variable proxy("all_proxy", "http://user:secret@127.0.0.1:1");
    const answer got = bench.ask(to("http://upstream.invalid/"));
    CHECK(got.detail == "cannot connect to the proxy 127.0.0.1:1: Connection refused");
  }
}

TEST_CASE("asio_http_client: a proxy in plain HTTP is told who asks, and its connection is kept") {
  asio_http_bench bench;
  const variable proxy("http_proxy",
                       "http://user:word@127.0.0.1:" + std::to_string(bench.server.port()));
  for (int i = 0; i < 2; ++i) {
    bench.server.reply_with(ok("by proxy"));
    CHECK(bench.ask(to("http://upstream.invalid:81/x?y")).body == "by proxy");
    const auto& seen = bench.server.requests.back();
    CHECK(seen.line == "GET http://upstream.invalid:81/x?y HTTP/1.1");
    CHECK(seen.headers.find("Host") == "upstream.invalid:81");
    CHECK(seen.headers.find("Proxy-Authorization") == "Basic dXNlcjp3b3Jk");
  }
  CHECK(bench.server.accepted == 1u);
}

TEST_CASE("asio_http_client: TLS through a tunnel") {
  const temporary_file ca(authority().pem());
  auto tls = serving(certificate::of_server("DNS:upstream.invalid", &authority()));
  asio_http_bench bench(trusting(ca), &tls);
  bench.server.answer = [](const auto& asked) { return reply(ok("to " + asked.body)); };
  tunnelling_proxy proxy(bench.context, bench.server.port());
  const variable set("https_proxy", "http://user:word@" + proxy.host());
  request asked = to("https://upstream.invalid/x");
  asked.method = "POST";
  asked.body = "one";
  SUBCASE("stands, and is kept") {
    CHECK(bench.ask(asked).body == "to one");
    asked.body = "two";
    CHECK(bench.ask(asked).body == "to two");
    REQUIRE(proxy.heads.size() == 1u);
    CHECK(proxy.heads[0].find("CONNECT upstream.invalid:443 HTTP/1.1\r\n") == 0u);
    CHECK(proxy.heads[0].find("Proxy-Authorization: Basic dXNlcjp3b3Jk\r\n") != std::string::npos);
    CHECK(proxy.heads[0].find("Bearer") == std::string::npos);
    CHECK(bench.server.accepted == 1u);
    const auto& seen = bench.server.requests.at(0);
    CHECK(seen.line == "POST /x HTTP/1.1");
    CHECK(seen.headers.find("Authorization") == "Bearer secret");
    CHECK_FALSE(seen.headers.contains("Proxy-Authorization"));
  }
  SUBCASE("when it is paused from the start") {
    answer got;
    const http_call_id id = bench.client.start(asked, got);
    bench.client.pause(id);
    bench.run_for(50ms);
    CHECK(got.body == "");
    bench.client.resume(id);
    CHECK(bench.wait([&got] { return got.done(); }));
    CHECK(got.body == "to one");
  }
  SUBCASE("the host behind it has to prove its name") {
    asked.target = "https://other.invalid/";
    const answer got = bench.ask(asked);
    CHECK(got.failure == errc::connection_failed);
    CHECK(got.detail == "the server's certificate is for another name than other.invalid");
    CHECK(bench.server.requests.empty());
  }
  SUBCASE("a refusal is no answer of the host") {
    proxy.answer = "HTTP/1.1 407 Who\r\nContent-Length: 3\r\n\r\nwho";
    const answer got = bench.ask(asked);
    CHECK(got.failure == errc::connection_failed);
    CHECK(got.heads == 0);
    CHECK(got.detail == "the proxy refused the tunnel with status 407");
  }
  SUBCASE("what the proxy says into it is not taken for the host's word") {
    proxy.answer += "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    CHECK(bench.ask(asked).failure == errc::connection_failed);
  }
  SUBCASE("an answer that is none, and none at all") {
    proxy.answer = "<html>";
    CHECK(bench.ask(asked).failure == errc::connection_failed);
    proxy.answer = "";
    proxy.carries = false;
    CHECK(bench.ask(asked).failure == errc::connection_failed);
  }
  SUBCASE("silence") {
    proxy.answer = "";
    asked.connect_timeout = 100ms;
    const answer got = bench.ask(asked);
    CHECK(got.failure == errc::timeout_connect);
    CHECK(got.detail == "no connection to the proxy " + proxy.host() + " in time");
  }
  SUBCASE("a host that is exempt gets no tunnel") {
    const variable exempt("no_proxy", "upstream.invalid");
    CHECK(bench.ask(asked).failure == errc::connection_failed);
    CHECK(proxy.heads.empty());
  }
}

TEST_CASE("asio_http_client: why TLS was refused, in words") {
  constexpr long day = 24 * 3600;
  const temporary_file ca(authority().pem());
  struct row {
    certificate shown;
    std::string detail;
  };
  const row rows[] = {
      {certificate::of_server("DNS:other.test", &authority()),
       "the server's certificate is for another name than localhost"},
      {certificate::of_server("DNS:localhost", nullptr),
       "the server's certificate is self-signed and not among the trusted ones"},
      {certificate::of_server("DNS:localhost", &authority(), -2 * day, -day),
       "the server's certificate has expired"},
  };
  for (const row& each : rows) {
    auto tls = serving(each.shown);
    asio_http_bench bench(trusting(ca), &tls);
    CHECK(bench.ask(to(bench.server.url("/", "localhost"))).detail == each.detail);
  }
}

TEST_CASE("asio_http_client: a body without length that TLS does not end is cut") {
  const temporary_file ca(authority().pem());
  auto tls = serving(certificate::of_server("DNS:localhost", &authority()));
  asio_http_bench bench(trusting(ca), &tls);
  bench.server.reply_with(reply("HTTP/1.1 200 OK\r\n\r\nabc").close());
  const answer got = bench.ask(to(bench.server.url("/", "localhost")));
  CHECK(got.failure == errc::connection_failed);
  CHECK(got.body == "abc");
}

TEST_CASE("asio_http_client: a small buffer, and many records of TLS in one read of the socket") {
  const temporary_file ca(authority().pem());
  auto tls = serving(certificate::of_server("DNS:localhost", &authority()));
  asio_http_options options = trusting(ca);
  options.read_bytes = 1024;
  asio_http_bench bench(options, &tls);
  reply sent(chunked_head);
  std::string body;
  for (int i = 0; i < 300; ++i) {
    const std::string piece(static_cast<std::size_t>(1 + i * 37 % 700), static_cast<char>('a' + i % 26));
    sent.send(chunk(piece));  // a record of its own
    body += piece;
  }
  bench.server.reply_with(sent.send(last_chunk));
  answer got;
  const http_call_id id = bench.client.start(to(bench.server.url("/", "localhost")), got);
  got.on_bytes = [&] {
    if (got.bytes > 20'000 && got.bytes < 40'000) bench.client.pause(id);
  };
  // In the meantime the server's records come together.
  REQUIRE(bench.wait([&] {
    if (got.bytes > 20'000) {
      bench.run_for(2ms);
      bench.client.resume(id);
    }
    return got.done();
  }));
  CHECK_FALSE(got.failure);
  CHECK(got.body == body);
}

TEST_CASE("asio_http_client: many requests at once, with TLS and without") {
  const temporary_file ca(authority().pem());
  auto tls = serving(certificate::of_server("DNS:localhost", &authority()));
  for (const bool secure : {false, true}) {
    CAPTURE(secure);
    asio_http_bench bench(trusting(ca), secure ? &tls : nullptr);
    bench.server.answer = [](const auto& asked) {
      return reply(chunked_head + chunk("<")).wait(5ms).send(chunk(asked.body) + chunk(">") +
                                                             last_chunk);
    };
    std::deque<answer> answers;
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 40; ++i) {
        request asked = bench.post("call " + std::to_string(answers.size()));
        asked.target = bench.server.url("/", "localhost");
        answers.emplace_back();
        bench.client.start(asked, answers.back());
      }
      REQUIRE(bench.wait([&] { return answers.back().done() && bench.client.open_calls() == 0; }));
    }
    for (std::size_t i = 0; i < answers.size(); ++i) {
      CHECK(answers[i].body == "<call " + std::to_string(i) + ">");
    }
    CHECK(bench.server.accepted == 40u);
  }
}
