// SPDX-License-Identifier: MIT
//
// What both HTTP clients do on real sockets, with plain HTTP.
#include "asio_http_bench.hpp"
#include "curl_bench.hpp"
#include "variable.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using agent_websocket::errc;
using agent_websocket::http_call_id;
using agent_websocket::http::request;
using loopback::answer;
using loopback::asio_http_bench;
using loopback::chunk;
using loopback::chunked_head;
using loopback::curl_bench;
using loopback::last_chunk;
using loopback::ok;
using loopback::reply;
using loopback::variable;

TEST_CASE_TEMPLATE("http clients: answers in every framing, whole and byte by byte",
                   bench_type, curl_bench, asio_http_bench) {
  struct row {
    std::string name;
    std::string bytes;
    bool closes;
  };
  const std::string chunks = chunk("ab") + chunk("cd") + chunk("ef");
  const std::vector<row> rows = {
      {"Content-Length", ok("abcdef"), false},
      {"chunks", chunked_head + chunks + last_chunk, false},
      {"chunks with trailers", chunked_head + chunks + "0\r\nX-One: 2\r\nX-Two: 3\r\n\r\n", false},
      {"chunks with extensions", std::string(chunked_head) + "6;a=b\r\nabcdef\r\n0\r\n\r\n", false},
      {"until the end of the connection", "HTTP/1.1 200 OK\r\n\r\nabcdef", true},
      {"HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nabcdef", true},
      {"no reason phrase", "HTTP/1.1 200\r\nContent-Length: 6\r\n\r\nabcdef", false},
      {"bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 6\n\nabcdef", false},
      {"interim answers",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok("abcdef"),
       false},
  };
  for (const row& each : rows) {
    for (const bool drip : {false, true}) {
      CAPTURE(each.name);
      CAPTURE(drip);
      bench_type bench;
      reply bytes;
      if (drip) {
        bytes.drip(each.bytes);
      } else {
        bytes.send(each.bytes);
      }
      if (each.closes) bytes.close();
      const answer got = bench.ask(bytes);
      CHECK(got.heads == 1);
      CHECK(got.status == 200);
      CHECK(got.body == "abcdef");
      CHECK_FALSE(got.failure);
      CHECK(got.completions == 1);
      CHECK_FALSE(got.headers.contains("Link"));
      CHECK_FALSE(got.headers.contains("X-One"));
    }
  }
}

TEST_CASE_TEMPLATE("http clients: header fields arrive as they were sent",
                   bench_type, curl_bench, asio_http_bench) {
  bench_type bench;
  const answer got = bench.ask(ok(
      "", "A: 1\r\nb:2\r\nEmpty:\r\nA: 3\r\nSpaced:  x y  \r\nLong: one\r\n\ttwo\r\n  three\r\n"));
  CHECK(got.headers.find("a") == "1");
  CHECK(got.headers.find("B") == "2");
  CHECK(got.headers.find("empty") == "");
  CHECK(got.headers.find("spaced") == "x y");
  CHECK(got.headers.find("long") == "one two three");
  CHECK(got.headers.size() == 7u);  // with Content-Length
}

TEST_CASE_TEMPLATE("http clients: a body that nobody asked to compress is handed on as it is",
                   bench_type, curl_bench, asio_http_bench) {
  bench_type bench;
  const std::string bytes("\x1f\x8b\x08\0not really", 14);
  const answer got = bench.ask(ok(bytes, "Content-Encoding: gzip\r\n"));
  CHECK(got.body == bytes);
  CHECK(got.headers.find("content-encoding") == "gzip");
  CHECK_FALSE(got.failure);
  CHECK_FALSE(bench.server.requests[0].headers.contains("Accept-Encoding"));
}

TEST_CASE_TEMPLATE("http clients: answers that are cut or are no HTTP",
                   bench_type, curl_bench, asio_http_bench) {
  struct row {
    std::string name;
    reply bytes;
    errc failure;
    int status;
    std::string body;
  };
  constexpr bool by_curl = std::is_same_v<bench_type, curl_bench>;
  const std::string long_head = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n";
  const std::vector<row> rows = {
      {"nothing at all", reply().close(), errc::connection_failed, 0, ""},
      {"reset at once", reply().reset(), errc::connection_failed, 0, ""},
      {"half a status line", reply("HTTP/1.1 20").close(), errc::connection_failed, 0, ""},
      {"half a head", reply("HTTP/1.1 200 OK\r\nA: 1\r\n").close(), errc::protocol_error, 0, ""},
      {"only an interim answer", reply("HTTP/1.1 100 Continue\r\n\r\n").close(),
       errc::connection_failed, 0, ""},
      {"short of its Content-Length", reply(long_head + "abc").close(), errc::protocol_error, 200,
       "abc"},
      {"no byte of its body", reply(long_head).close(), errc::protocol_error, 200, ""},
      {"reset in its body", reply(long_head + "abc").wait(5ms).reset(), errc::connection_failed,
       200, "abc"},
      {"half a chunk", reply(std::string(chunked_head) + "6\r\nabc").close(), errc::protocol_error,
       200, "abc"},
      {"no last chunk", reply(chunked_head + chunk("abc")).close(), errc::protocol_error, 200,
       "abc"},
      {"half a last chunk", reply(chunked_head + chunk("abc") + "0\r\n").close(),
       errc::protocol_error, 200, "abc"},
      {"a chunk size that is none", reply(std::string(chunked_head) + "zz\r\nabc\r\n").close(),
       by_curl ? errc::connection_failed : errc::protocol_error, 200, ""},
      {"a length that is none", reply("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc").close(),
       errc::protocol_error, 0, ""},
      {"garbage", reply("\x16\x03\x01\x02 this is not HTTP\r\n\r\n").close(), errc::protocol_error,
       0, ""},
      {"a page without head", reply("<html>hello</html>\r\n").close(), errc::protocol_error, 0, ""},
      {"a switch of protocols",
       reply("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nabc"),
       errc::protocol_error, 0, ""},
  };
  for (const row& each : rows) {
    CAPTURE(each.name);
    bench_type bench;
    const answer got = bench.ask(each.bytes);
    CAPTURE(got.detail);
    CHECK(got.failure == each.failure);
    CHECK(got.status == each.status);
    CHECK(got.body == each.body);
    CHECK(got.completions == 1);
    CHECK_FALSE(got.detail.empty());
    CHECK(bench.server.requests.size() == 1u);  // not asked again on a fresh connection
    const answer next = bench.ask(reply(ok("fine")));
    CHECK(next.body == "fine");
  }
}

TEST_CASE_TEMPLATE("http clients: the header section has a limit",
                   bench_type, curl_bench, asio_http_bench) {
  struct row {
    std::string name;
    reply bytes;
    bool fits;
  };
  const std::string line = "X: " + std::string(995, 'x') + "\r\n";
  std::string sixty;
  for (int i = 0; i < 60; ++i) sixty += line;
  const std::string start = "HTTP/1.1 200 OK\r\n";
  const std::vector<row> rows = {
      {"60 kB", reply(ok("a", sixty)), true},
      {"70 kB", reply(ok("a", sixty + sixty)), false},
      {"one line of 70 kB", reply(ok("a", "X: " + std::string(70'000, 'x') + "\r\n")), false},
      {"a line without end", reply(start + "X: ").flood(std::string(1000, 'x'), 100'000), false},
      {"lines without end", reply(start).flood(line, 100'000), false},
      {"interim answers without end", reply().flood("HTTP/1.1 103 E\r\n" + line + "\r\n", 100'000),
       false},
  };
  for (const row& each : rows) {
    CAPTURE(each.name);
    bench_type bench;
    const answer got = bench.ask(each.bytes);
    CAPTURE(got.detail);
    if (each.fits) {
      CHECK_FALSE(got.failure);
    } else {
      CHECK(got.failure == errc::too_large);
      CHECK(got.heads == 0);
    }
  }
  bench_type bench;
  request small = bench.get();
  small.max_header_bytes = 100;
  bench.server.reply_with(ok("a", "X: " + std::string(100, 'x') + "\r\n"));
  CHECK(bench.ask(small).failure == errc::too_large);
}

TEST_CASE_TEMPLATE("http clients: what a request looks like on the wire",
                   bench_type, curl_bench, asio_http_bench) {
  bench_type bench;
  bench.server.answer = [](const auto&) { return reply(ok("")); };
  SUBCASE("GET") {
    request asked = bench.get("/a/b?c=d");
    asked.headers.add("Authorization", "Bearer secret");
    asked.headers.add("Empty", "");
    CHECK_FALSE(bench.ask(asked).failure);
    const auto& seen = bench.server.requests.at(0);
    CHECK(seen.line == "GET /a/b?c=d HTTP/1.1");
    CHECK(seen.headers.find("Host") == "127.0.0.1:" + std::to_string(bench.server.port()));
    CHECK(seen.headers.find("Authorization") == "Bearer secret");
    CHECK(seen.headers.find("Empty") == "");
    CHECK(seen.headers.find("User-Agent") == "agent_websocket/" AGENT_WEBSOCKET_VERSION_STRING);
    CHECK_FALSE(seen.headers.contains("Accept-Encoding"));
    CHECK_FALSE(seen.headers.contains("Content-Type"));
  }
  SUBCASE("POST, also a large one, with any bytes") {
    for (const std::size_t size : {std::size_t(0), std::size_t(3), std::size_t(3'000'000)}) {
      std::string body(size, '\0');
      for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>(i * 7);
      CHECK_FALSE(bench.ask(bench.post(body)).failure);
      const auto& seen = bench.server.requests.back();
      CHECK(seen.line == "POST / HTTP/1.1");
      CHECK((seen.body == body));
      CHECK(seen.headers.find("Content-Type") == "application/json");
      CHECK(seen.headers.find("Content-Length") == std::to_string(size));
      CHECK_FALSE(seen.headers.contains("Expect"));
    }
  }
  SUBCASE("a POST without a type does not get one") {
    request asked = bench.post("x");
    asked.headers.clear();
    CHECK_FALSE(bench.ask(asked).failure);
    CHECK_FALSE(bench.server.requests.at(0).headers.contains("Content-Type"));
  }
  SUBCASE("other methods") {
    for (const std::string method : {"PUT", "PATCH", "DELETE", "OPTIONS"}) {
      request asked = bench.get();
      asked.method = method;
      CHECK_FALSE(bench.ask(asked).failure);
      CHECK(bench.server.requests.back().line == method + " / HTTP/1.1");
    }
    request head = bench.get();
    head.method = "HEAD";
    bench.server.reply_with("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
    const answer got = bench.ask(head);
    CHECK(got.status == 200);
    CHECK_FALSE(got.failure);
    CHECK(bench.server.requests.back().line == "HEAD / HTTP/1.1");
  }
  SUBCASE("no value begins a second header, no framing is taken over") {
    request asked = bench.post("abc");
    asked.headers.set("User-Agent", "mine");
    asked.headers.add("X-Title", "one\r\nX-Evil: 1\r\n\r\nGET /evil HTTP/1.1");
    asked.headers.add("X-Bad\r\nX-Evil2", "1");
    asked.headers.add("Content-Length", "1");
    asked.headers.add("Transfer-Encoding", "chunked");
    CHECK_FALSE(bench.ask(asked).failure);
    const auto& seen = bench.server.requests.at(0);
    CHECK(seen.headers.find("User-Agent") == "mine");
    CHECK(seen.headers.find("X-Title") == "oneX-Evil: 1GET /evil HTTP/1.1");
    CHECK_FALSE(seen.headers.contains("X-Evil"));
    CHECK_FALSE(seen.headers.contains("X-Evil2"));
    CHECK_FALSE(seen.headers.contains("Transfer-Encoding"));
    CHECK(seen.headers.find("Content-Length") == "3");
    CHECK(seen.body == "abc");
    bench.run_for(10ms);
    CHECK(bench.server.requests.size() == 1u);
  }
}

TEST_CASE_TEMPLATE("http clients: requests that cannot be sent complete with an error, later",
                   bench_type, curl_bench, asio_http_bench) {
  bench_type bench;
  for (const std::string target :
       {"", "nonsense", "http://", "ftp://127.0.0.1/", "file:///etc/passwd", "http://a b/",
        "http://127.0.0.1:99999/", "http://127.0.0.1/\r\nX: 1"}) {
    CAPTURE(target);
    request asked;
    asked.target = target;
    const answer got = bench.ask(asked);
    CAPTURE(got.detail);
    CHECK((got.failure == errc::protocol_error || got.failure == errc::connection_failed));
    CHECK(got.heads == 0);
    CHECK(got.bytes == 0u);
    CHECK_FALSE(got.detail.empty());
  }
  request asked = bench.get();
  asked.target.insert(7, "user:word@");
  const answer refused = bench.ask(asked);
  CHECK(refused.failure == errc::protocol_error);
  CHECK(refused.detail.find("word") == std::string::npos);
  asked = bench.get();
  asked.method = "GET / HTTP/1.1\r\nX-Evil: 1\r\n\r\nGET";
  CHECK(bench.ask(asked).failure == errc::protocol_error);
  CHECK(bench.server.accepted == 0u);
}

TEST_CASE_TEMPLATE("http clients: connections are kept and used again",
                   bench_type, curl_bench, asio_http_bench) {
  bench_type bench;
  for (int i = 0; i < 3; ++i) CHECK(bench.ask(reply(ok("a"))).body == "a");
  CHECK(bench.ask(reply(chunked_head + chunk("b") + last_chunk)).body == "b");
  CHECK(bench.server.accepted == 1u);
  bench.server.reply_with(ok("c"));
  CHECK(bench.ask(bench.post("x")).body == "c");
  CHECK(bench.server.accepted == 1u);
}

TEST_CASE_TEMPLATE("http clients: a sink may start the next request on the connection just used",
                   bench_type, curl_bench, asio_http_bench) {
  bench_type bench;
  bench.server.answer = [](const auto&) { return reply(ok("a")); };
  struct chain final : agent_websocket::http_sink {
    explicit chain(bench_type& owner) : bench(owner) {}
    void on_head(http_call_id, int, const agent_websocket::http::header_list&) override {}
    void on_body(http_call_id, std::string_view) override {}
    void on_complete(http_call_id, std::error_code failure, std::string_view) override {
      CHECK_FALSE(failure);
      if (++completed < 5) bench.client.start(bench.get(), *this);
    }
    bench_type& bench;
    int completed = 0;
  } sink(bench);
  bench.client.start(bench.get(), sink);
  CHECK(bench.wait([&sink] { return sink.completed == 5; }));
  CHECK(bench.server.accepted == 1u);
}

TEST_CASE_TEMPLATE("http clients: a kept connection that the server has closed is replaced silently",
                   bench_type, curl_bench, asio_http_bench) {
  bench_type bench;
  SUBCASE("closed while idle") {
    CHECK(bench.ask(reply(ok("a"))).body == "a");
    bench.run_for(5ms);
    CHECK(bench.server.close_idle() == 1u);
    bench.run_for(5ms);
  }
  SUBCASE("closed when the request came") {
    CHECK(bench.ask(reply(ok("a"))).body == "a");
    bench.server.reply_with(reply().close());
  }
  SUBCASE("reset when the request came") {
    CHECK(bench.ask(reply(ok("a"))).body == "a");
    bench.server.reply_with(reply().reset());
  }
  const std::size_t before = bench.server.requests.size();
  bench.server.reply_with(ok("b"));
  const answer got = bench.ask(bench.post("the body"));
  CHECK(got.body == "b");
  CHECK(got.heads == 1);
  CHECK_FALSE(got.failure);
  CHECK(bench.server.accepted == 2u);
  CHECK(bench.server.requests.size() > before);
  CHECK(bench.server.requests.back().connection == 2u);
  CHECK(bench.server.requests.back().body == "the body");
}

TEST_CASE_TEMPLATE("http clients: a request that got some answer is not repeated on a new connection",
                   bench_type, curl_bench, asio_http_bench) {
  bench_type bench;
  CHECK(bench.ask(reply(ok("a"))).body == "a");
  bench.server.reply_with(reply("HTTP/1.1 200 OK\r\n").close());
  const answer got = bench.ask(bench.post("x"));
  CHECK(got.failure == errc::protocol_error);
  CHECK(bench.server.requests.size() == 2u);
}

TEST_CASE_TEMPLATE("http clients: pooled connections above the limit are closed",
                   bench_type, curl_bench, asio_http_bench) {
  typename bench_type::options_type options;
  options.max_kept_connections = 2;
  bench_type bench(options);
  bench.server.answer = [](const auto&) { return reply().wait(30ms).send(ok("a")); };
  std::vector<answer> answers(6);
  for (answer& each : answers) bench.client.start(bench.get(), each);
  CHECK(bench.wait([&] {
    for (const answer& each : answers) {
      if (!each.done()) return false;
    }
    return true;
  }));
  bench.run_for(20ms);
  CHECK(bench.server.accepted == 6u);
  CHECK(bench.server.ended_by_peer == 4u);
}

TEST_CASE_TEMPLATE("http clients: the connect timeout is for connecting only",
                   bench_type, curl_bench, asio_http_bench) {
  bench_type bench;
  request asked = bench.get();
  asked.connect_timeout = 50ms;
  SUBCASE("a head that comes later") {
    bench.server.reply_with(reply().wait(200ms).send(ok("late")));
    const answer got = bench.ask(asked);
    CHECK_FALSE(got.failure);
    CHECK(got.body == "late");
  }
  SUBCASE("a body that stops for longer") {
    bench.server.reply_with(
        reply(chunked_head + chunk("a")).wait(200ms).send(chunk("b") + last_chunk));
    CHECK(bench.ask(asked).body == "ab");
  }
  SUBCASE("silence") {
    answer got;
    bench.client.start(asked, got);
    bench.run_for(250ms);
    CHECK_FALSE(got.done());
    CHECK(bench.server.requests.size() == 1u);
  }
  SUBCASE("none at all") {
    asked.connect_timeout = 0ms;
    bench.server.reply_with(ok("a"));
    CHECK(bench.ask(asked).body == "a");
  }
}

TEST_CASE_TEMPLATE("http clients: hosts that do not accept",
                   bench_type, curl_bench, asio_http_bench) {
  bench_type bench;
  SUBCASE("refused") {
    const request asked = bench.get();
    bench.server.stop_listening();
    const answer got = bench.ask(asked);
    CHECK(got.failure == errc::connection_failed);
  }
  SUBCASE("silent: a full backlog answers no SYN") {
    asio::ip::tcp::acceptor full(bench.context);
    full.open(asio::ip::tcp::v4());
    full.bind({asio::ip::address_v4::loopback(), 0});
    full.listen(0);
    std::vector<asio::ip::tcp::socket> fillers;
    for (int i = 0; i < 3; ++i) {
      fillers.emplace_back(bench.context);
      fillers.back().async_connect(full.local_endpoint(), [](std::error_code) {});
    }
    bench.run_for(20ms);
    request asked;
    asked.target = "http://127.0.0.1:" + std::to_string(full.local_endpoint().port()) + "/";
    asked.connect_timeout = 200ms;
    const auto begin = std::chrono::steady_clock::now();
    const answer got = bench.ask(asked);
    const auto took = std::chrono::steady_clock::now() - begin;
    CHECK(got.failure == errc::timeout_connect);
    CHECK(took >= 190ms);
    CHECK(took < 2s);
  }
}

TEST_CASE_TEMPLATE("http clients: cancel closes the connection at once",
                   bench_type, curl_bench, asio_http_bench) {
  bench_type bench;
  answer got;
  SUBCASE("before an answer") {}
  SUBCASE("within a body") { bench.server.reply_with(chunked_head + chunk("a")); }
  SUBCASE("within a large body") {
    got.keep_body = false;
    bench.server.reply_with(reply(chunked_head).flood(chunk(std::string(10'000, 'x')), 100'000));
  }
  const http_call_id id = bench.client.start(bench.get(), got);
  REQUIRE(bench.wait([&bench] { return bench.server.requests.size() == 1u; }));
  bench.run_for(10ms);
  CHECK(bench.server.ended_by_peer == 0u);
  bench.client.cancel(id);
  const auto begin = std::chrono::steady_clock::now();
  CHECK(bench.wait([&bench] { return bench.server.ended_by_peer == 1u; }));
  CHECK(std::chrono::steady_clock::now() - begin < 200ms);
  CHECK(got.completions == 0);
  CHECK(bench.client.open_calls() == 0u);
}

TEST_CASE_TEMPLATE("http clients: so does a cancel from inside a sink function",
                   bench_type, curl_bench, asio_http_bench) {
  bench_type bench;
  answer silent;
  const http_call_id victim = bench.client.start(bench.get(), silent);
  REQUIRE(bench.wait([&bench] { return bench.server.requests.size() == 1u; }));
  bench.server.reply_with(chunked_head + chunk("a"));
  answer got;
  http_call_id id = 0;
  std::size_t expected = 1;
  SUBCASE("of another call") {
    got.on_bytes = [&] { bench.client.cancel(victim); };
  }
  SUBCASE("of both") {
    got.on_bytes = [&] {
      bench.client.cancel(id);
      bench.client.cancel(victim);
    };
    expected = 2;
  }
  id = bench.client.start(bench.get(), got);
  CHECK(bench.wait([&] { return bench.server.ended_by_peer == expected; }));
  CHECK(silent.completions + got.completions == 0);
}

TEST_CASE_TEMPLATE("http clients: a paused call makes the server wait, and loses nothing",
                   bench_type, curl_bench, asio_http_bench) {
  bench_type bench;
  constexpr std::size_t piece = 10'000;
  constexpr std::size_t pieces = 3'000;
  bench.server.reply_with(
      reply(chunked_head).flood(chunk(std::string(piece, 'x')), pieces).send(last_chunk));
  answer got;
  got.keep_body = false;
  http_call_id id = 0;
  bool pause_once = true;
  got.on_bytes = [&] {
    if (std::exchange(pause_once, false)) bench.client.pause(id);
  };
  id = bench.client.start(bench.get(), got);
  REQUIRE(bench.wait([&got] { return got.bytes > 0; }));
  bench.run_for(100ms);
  const std::size_t received = got.bytes;
  const std::size_t sent = bench.server.flooded;
  CHECK(sent < pieces);  // the kernel's buffers hold a part of it
  bench.run_for(100ms);
  CHECK(bench.server.flooded == sent);
  CHECK(got.bytes == received);
  // No more than what was read when it was paused.
  CHECK(received <= (std::is_same_v<bench_type, curl_bench> ? 16u : 64u) * 1024);
  bench.client.resume(id);
  REQUIRE(bench.wait([&got] { return got.done(); }));
  CHECK_FALSE(got.failure);
  CHECK(got.bytes == piece * pieces);
}

TEST_CASE_TEMPLATE("http clients: a client is destroyed with requests in every state",
                   bench_type, curl_bench, asio_http_bench) {
  asio::io_context context(1);
  loopback::raw_http_server server(context);
  server.answer = [](const auto& asked) {
    if (asked.line.find("/whole") != std::string::npos) return reply(ok("a"));
    if (asked.line.find("/part") != std::string::npos) return reply(chunked_head + chunk("a"));
    return reply();
  };
  std::vector<answer> answers(12);
  {
    auto client = std::make_unique<typename bench_type::client_type>(context);
    const char* const paths[] = {"/whole", "/part", "/silent"};
    std::vector<http_call_id> ids;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      request asked;
      asked.target = server.url(paths[i % 3]);
      ids.push_back(client->start(asked, answers[i]));
      if (i == 1 || i == 4) client->pause(ids.back());
      if (i == 5) context.run_for(std::chrono::milliseconds(30));
    }
    client->resume(ids[1]);
    client.reset();
  }
  int completions = 0;
  for (const answer& each : answers) completions += each.completions;
  CHECK(completions == 2);
  context.run_for(std::chrono::milliseconds(30));
  for (const answer& each : answers) completions -= each.completions;
  CHECK(completions == 0);
}

TEST_CASE_TEMPLATE("http clients: proxies of the environment",
                   bench_type, curl_bench, asio_http_bench) {
  bench_type bench;
  request asked;
  asked.headers.add("Authorization", "Bearer secret");
  SUBCASE("are used for other hosts") {
    const variable proxy("http_proxy", bench.server.url(""));
    bench.server.reply_with(ok("by proxy"));
    asked.target = "http://upstream.invalid/x";
    CHECK(bench.ask(asked).body == "by proxy");
    CHECK(bench.server.requests.at(0).line == "GET http://upstream.invalid/x HTTP/1.1");
  }
  SUBCASE("are not told what is meant for the host behind them") {
    const variable proxy("https_proxy", bench.server.url(""));
    bench.server.reply_with("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    asked.target = "https://upstream.invalid/x";
    const answer got = bench.ask(asked);
    CHECK(got.failure == errc::connection_failed);
    CHECK(got.heads == 0);
    REQUIRE(bench.server.requests.size() == 1u);
    CHECK(bench.server.requests[0].line == "CONNECT upstream.invalid:443 HTTP/1.1");
    CHECK_FALSE(bench.server.requests[0].headers.contains("Authorization"));
  }
  SUBCASE("are never used for this machine") {
    const variable proxy("http_proxy", "http://127.0.0.1:1");
    const variable all("all_proxy", "http://127.0.0.1:1");
    bench.server.reply_with(ok("direct"));
    SUBCASE("by address") { asked.target = bench.server.url("/"); }
    SUBCASE("by name") { asked.target = bench.server.url("/", "localhost"); }
    CHECK(bench.ask(asked).body == "direct");
  }
}
