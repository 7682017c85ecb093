// SPDX-License-Identifier: MIT
//
// What both HTTP clients do on real sockets, with TLS: whom they trust.
#include "asio_http_bench.hpp"
#include "curl_bench.hpp"
#include "curl_certificates.hpp"
#include "temporary_file.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <type_traits>

using namespace std::chrono_literals;
using agent_websocket::errc;
using agent_websocket::http_call_id;
using agent_websocket::http::request;
using loopback::answer;
using loopback::asio_http_bench;
using loopback::certificate;
using loopback::chunk;
using loopback::chunked_head;
using loopback::curl_bench;
using loopback::last_chunk;
using loopback::ok;
using loopback::reply;
using loopback::temporary_file;

namespace {

constexpr long day = 24 * 3600;

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

template <typename Bench>
typename Bench::options_type trusting(const temporary_file& ca) {
  typename Bench::options_type options;
  options.ca_file = ca.name();
  return options;
}

template <typename Bench>
request to(const Bench& bench, std::string_view host) {
  request made;
  made.target = bench.server.url("/", host);
  made.headers.add("Authorization", "Bearer secret");
  return made;
}

}  // namespace

TEST_CASE_TEMPLATE("http clients tls: a server that proves its name is accepted",
                   bench_type, curl_bench, asio_http_bench) {
  const temporary_file ca(authority().pem());
  auto tls = serving(certificate::of_server("DNS:localhost,IP:127.0.0.1", &authority()));
  bench_type bench(trusting<bench_type>(ca), &tls);
  bench.server.answer = [](const auto&) { return reply(ok("secure")); };
  for (const char* const host : {"localhost", "127.0.0.1", "localhost"}) {
    const answer got = bench.ask(to(bench, host));
    CHECK(got.body == "secure");
    CHECK_FALSE(got.failure);
  }
  CHECK(bench.server.accepted == 2u);  // the third request used the first connection
  CHECK(bench.server.requests.at(0).headers.find("Authorization") == "Bearer secret");
}

TEST_CASE_TEMPLATE("http clients tls: all others are refused, before anything is said to them",
                   bench_type, curl_bench, asio_http_bench) {
  const temporary_file ca(authority().pem());
  const certificate strange_authority = certificate::of_authority();
  struct row {
    std::string name;
    certificate shown;
    std::string host;
  };
  const row rows[] = {
      {"another name", certificate::of_server("DNS:other.test", &authority()), "localhost"},
      {"a name below", certificate::of_server("DNS:*.localhost", &authority()), "localhost"},
      {"an address that is not in it", certificate::of_server("DNS:localhost", &authority()),
       "127.0.0.1"},
      {"signed by itself", certificate::of_server("DNS:localhost", nullptr), "localhost"},
      {"signed by somebody else", certificate::of_server("DNS:localhost", &strange_authority),
       "localhost"},
      {"expired", certificate::of_server("DNS:localhost", &authority(), -2 * day, -day),
       "localhost"},
      {"not yet valid", certificate::of_server("DNS:localhost", &authority(), day, 2 * day),
       "localhost"},
  };
  for (const row& each : rows) {
    CAPTURE(each.name);
    auto tls = serving(each.shown);
    bench_type bench(trusting<bench_type>(ca), &tls);
    bench.server.answer = [](const auto&) { return reply(ok("secret")); };
    const answer got = bench.ask(to(bench, each.host));
    CAPTURE(got.detail);
    CHECK(got.failure == errc::connection_failed);
    CHECK(got.heads == 0);
    bench.run_for(5ms);
    CHECK(bench.server.requests.empty());
  }
}

TEST_CASE_TEMPLATE("http clients tls: without a file of its own the client trusts the system's authorities only",
                   bench_type, curl_bench, asio_http_bench) {
  auto tls = serving(certificate::of_server("DNS:localhost", &authority()));
  bench_type bench({}, &tls);
  const answer got = bench.ask(to(bench, "localhost"));
  CHECK(got.failure == errc::connection_failed);
  CHECK(bench.server.requests.empty());
}

TEST_CASE_TEMPLATE("http clients tls: a file of authorities that is missing is a failure, not trust",
                   bench_type, curl_bench, asio_http_bench) {
  auto tls = serving(certificate::of_server("DNS:localhost", &authority()));
  typename bench_type::options_type options;
  options.ca_file = "/nonexistent/ca.pem";
  bench_type bench(options, &tls);
  CHECK(bench.ask(to(bench, "localhost")).failure == errc::connection_failed);
  CHECK(bench.server.requests.empty());
}

TEST_CASE_TEMPLATE("http clients tls: a server that does not speak TLS, and one that stops within its handshake",
                   bench_type, curl_bench, asio_http_bench) {
  bench_type bench;
  request asked = bench.get();
  asked.target.replace(0, 4, "https");
  asked.connect_timeout = 200ms;
  SUBCASE("speaks plain HTTP") {
    bench.server.answer = [](const auto&) { return reply(ok("plain")); };
    asio::ip::tcp::acceptor plain(bench.context, {asio::ip::address_v4::loopback(), 0});
    std::vector<asio::ip::tcp::socket> kept;
    plain.async_accept([&kept](std::error_code, asio::ip::tcp::socket socket) {
      asio::write(socket, asio::buffer("HTTP/1.1 400 No\r\n\r\n", 19));
      kept.push_back(std::move(socket));
    });
    asked.target = "https://127.0.0.1:" + std::to_string(plain.local_endpoint().port()) + "/";
    const answer got = bench.ask(asked);
    CHECK(got.failure == errc::connection_failed);
  }
  SUBCASE("says nothing") { CHECK(bench.ask(asked).failure == errc::timeout_connect); }
}

TEST_CASE_TEMPLATE("http clients tls: bodies that are cut",
                   bench_type, curl_bench, asio_http_bench) {
  const temporary_file ca(authority().pem());
  auto tls = serving(certificate::of_server("DNS:localhost", &authority()));
  bench_type bench(trusting<bench_type>(ca), &tls);
  SUBCASE("chunks") { bench.server.reply_with(reply(chunked_head + chunk("abc")).close()); }
  SUBCASE("Content-Length") {
    bench.server.reply_with(reply("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").close());
  }
  const answer got = bench.ask(to(bench, "localhost"));
  CAPTURE(got.detail);
  CHECK((got.failure == errc::protocol_error || got.failure == errc::connection_failed));
  CHECK(got.body == "abc");
}

TEST_CASE_TEMPLATE("http clients tls: pause and cancel",
                   bench_type, curl_bench, asio_http_bench) {
  const temporary_file ca(authority().pem());
  auto tls = serving(certificate::of_server("DNS:localhost", &authority()));
  bench_type bench(trusting<bench_type>(ca), &tls);
  constexpr std::size_t piece = 10'000;
  constexpr std::size_t pieces = 2'000;
  bench.server.reply_with(
      reply(chunked_head).flood(chunk(std::string(piece, 'x')), pieces).send(last_chunk));
  answer got;
  got.keep_body = false;
  http_call_id id = 0;
  int pauses = 0;
  got.on_bytes = [&] {
    if (++pauses % 100 == 1) bench.client.pause(id);
  };
  id = bench.client.start(to(bench, "localhost"), got);
  REQUIRE(bench.wait([&got] { return got.bytes > 0; }));
  bench.run_for(50ms);
  const std::size_t received = got.bytes;
  CHECK(received <= (std::is_same_v<bench_type, curl_bench> ? 16u : 64u) * 1024);
  CHECK(bench.server.flooded < pieces);
  SUBCASE("resumed as often as it is paused, all arrives") {
    CHECK(bench.wait([&] {
      bench.client.resume(id);
      return got.done();
    }));
    CHECK_FALSE(got.failure);
    CHECK(got.bytes == piece * pieces);
  }
  SUBCASE("cancelled") {
    bench.client.cancel(id);
    CHECK(bench.wait([&bench] { return bench.server.ended_by_peer == 1u; }));
    CHECK(got.bytes == received);
    CHECK_FALSE(got.done());
  }
}

TEST_CASE_TEMPLATE("http clients tls: a kept connection that the server has closed is replaced silently",
                   bench_type, curl_bench, asio_http_bench) {
  const temporary_file ca(authority().pem());
  auto tls = serving(certificate::of_server("DNS:localhost", &authority()));
  bench_type bench(trusting<bench_type>(ca), &tls);
  bench.server.reply_with(ok("a"));
  CHECK(bench.ask(to(bench, "localhost")).body == "a");
  SUBCASE("while idle") {
    bench.run_for(5ms);
    CHECK(bench.server.close_idle() == 1u);
    bench.run_for(5ms);
  }
  SUBCASE("when the request came") { bench.server.reply_with(reply().close()); }
  bench.server.reply_with(ok("b"));
  request asked = to(bench, "localhost");
  asked.method = "POST";
  asked.body = "the body";
  const answer got = bench.ask(asked);
  CHECK(got.body == "b");
  CHECK_FALSE(got.failure);
  CHECK(bench.server.requests.back().body == "the body");
  CHECK(bench.server.accepted == 2u);
}

TEST_CASE_TEMPLATE("http clients tls: a connection to one name serves no other",
                   bench_type, curl_bench, asio_http_bench) {
  const temporary_file ca(authority().pem());
  auto tls = serving(certificate::of_server("DNS:localhost", &authority()));
  bench_type bench(trusting<bench_type>(ca), &tls);
  bench.server.answer = [](const auto&) { return reply(ok("secure")); };
  CHECK(bench.ask(to(bench, "localhost")).body == "secure");
  // The same server, port and certificate, by a name that it does not prove.
  const answer other = bench.ask(to(bench, "127.0.0.1"));
  CHECK(other.failure == errc::connection_failed);
  CHECK(other.body.empty());
  CHECK(bench.ask(to(bench, "localhost")).body == "secure");
  CHECK(bench.server.requests.size() == 2u);
}

TEST_CASE_TEMPLATE("http clients tls: a certificate that is wrong on a later connection is refused as on the first",
                   bench_type, curl_bench, asio_http_bench) {
  const temporary_file ca(authority().pem());
  auto tls = serving(certificate::of_server("DNS:localhost", &authority()));
  const certificate late = certificate::of_server("DNS:localhost", &authority(), -2 * day, -day);
  bench_type bench(trusting<bench_type>(ca), &tls);
  bench.server.reply_with(ok("a"));
  CHECK(bench.ask(to(bench, "localhost")).body == "a");
  bench.run_for(5ms);
  REQUIRE(bench.server.close_idle() == 1u);
  bench.run_for(5ms);
  const std::string chain = late.pem();
  const std::string key = late.key_pem();
  tls.use_certificate_chain(asio::buffer(chain));
  tls.use_private_key(asio::buffer(key), asio::ssl::context::pem);
  // Neither a session that is resumed nor a verdict that is remembered lets it in.
  const answer got = bench.ask(to(bench, "localhost"));
  CHECK(got.failure == errc::connection_failed);
  CHECK(bench.server.requests.size() == 1u);
}

TEST_CASE_TEMPLATE("http clients tls: a redirect is handed over, not followed with the key to somebody else",
                   bench_type, curl_bench, asio_http_bench) {
  const temporary_file ca(authority().pem());
  auto tls = serving(certificate::of_server("DNS:localhost", &authority()));
  auto strange = serving(certificate::of_server("DNS:localhost", nullptr));
  bench_type bench(trusting<bench_type>(ca), &tls);
  loopback::raw_http_server elsewhere(bench.context, &strange);
  elsewhere.answer = [](const auto&) { return reply(ok("secret")); };
  bench.server.reply_with(reply("HTTP/1.1 307 Temporary Redirect\r\nLocation: " +
                                elsewhere.url("/", "localhost") +
                                "\r\nContent-Length: 0\r\n\r\n"));
  const answer got = bench.ask(to(bench, "localhost"));
  CHECK_FALSE(got.failure);
  CHECK(got.status == 307);
  bench.run_for(5ms);
  CHECK(elsewhere.accepted == 0u);
}
