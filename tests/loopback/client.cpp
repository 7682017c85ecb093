// SPDX-License-Identifier: MIT
// The shipped client and the shipped server, on 127.0.0.1.
#include <agent_websocket/host/client.hpp>
#include <agent_websocket/host/server.hpp>

#include "loopback/cutting_proxy.hpp"
#include "loopback/raw_client.hpp"
#include "loopback/raw_http_server.hpp"
#include "loopback/tls_client.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

/// Shows answers as they come, as a person would see them.
struct application final : client_sink {
  struct exchange {
    std::string shown, text;
    int ends = 0;
    std::optional<wire::answer_status> status;
  };

  void on_state(client_state state) override {
    states[state] += 1;
    changed(state);
  }
  void on_text(const std::string& id, text_change change, std::string_view piece) override {
    std::string& shown = exchanges[id].shown;
    if (change == text_change::rewritten) {
      ++rewritten;
      shown.clear();
    }
    shown += piece;
  }
  void on_answer(const client_answer& answer) override {
    if (!answer.own) return;
    exchange& of = exchanges[answer.id];
    ++of.ends;
    of.text = answer.text();
    of.status = answer.status;
    ++ended;
  }
  void on_reset() override { ++resets; }

  std::map<std::string, exchange> exchanges;
  std::map<client_state, int> states;
  std::size_t ended = 0;
  int resets = 0, rewritten = 0;
  std::function<void(client_state)> changed = [](client_state) {};
};

/// A server whose upstream answers a question with its words, piece by piece.
struct bench {
  static constexpr int pieces = 60;

  asio::io_context context{1};
  loopback::raw_http_server upstream{context};
  std::unique_ptr<server> subject;
  application sink;
  std::size_t asked = 0;

  explicit bench(options chosen = {}) {
    upstream.answer = [this](const loopback::raw_http_server::request& request) {
      ++asked;
      const std::string mark = R"("content":")";
      const std::size_t at = request.body.rfind(mark) + mark.size();
      const std::string question = request.body.substr(at, request.body.find('"', at) - at);
      loopback::reply made;
      made.send(
          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
          "chunked\r\n\r\n");
      for (int i = 0; i < pieces; ++i) {
        const std::string piece = question + "/" + std::to_string(i) + "\xC3\xA4 ";
        made.send(
            loopback::chunk(R"(data: {"choices":[{"delta":{"content":")" + piece + "\"}}]}\n\n"));
        if (i % 4 == 0) made.wait(1ms);
      }
      made.send(loopback::chunk(
          "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"));
      return made.send(loopback::last_chunk);
    };
    chosen.host = "127.0.0.1";
    chosen.port = 0;
    chosen.base_url = upstream.url("/v1");
    chosen.level = log_level::off;
    subject = std::make_unique<server>(std::move(chosen), context);
    REQUIRE(subject->start());
  }

  static std::string answer_to(const std::string& question) {
    std::string text;
    for (int i = 0; i < pieces; ++i) text += question + "/" + std::to_string(i) + "\xC3\xA4 ";
    return text;
  }
  static client_options options_for(std::uint16_t port) {
    client_options made;
    made.url = "ws://127.0.0.1:" + std::to_string(port) + "/ws";
    return made;
  }
  template <typename Predicate>
  bool run_until(Predicate predicate, std::chrono::milliseconds limit = 10s) {
    return loopback::run_until(context, {}, predicate, limit);
  }
};

}  // namespace

TEST_CASE("client: asks and is answered, on the program's own loop") {
  bench b;
  client subject(b.sink, bench::options_for(b.subject->port()), b.context);
  const auto early = subject.query("early");
  subject.start();
  REQUIRE(early);
  REQUIRE(b.run_until([&] { return b.sink.ended == 1; }));
  CHECK(subject.state() == client_state::live);
  CHECK(b.sink.exchanges[*early].text == bench::answer_to("early"));
  CHECK(b.sink.exchanges[*early].shown == bench::answer_to("early"));
  const auto stopped = subject.query("another");
  REQUIRE(b.run_until([&] { return !b.sink.exchanges[*stopped].shown.empty(); }));
  CHECK(subject.cancel(*stopped));
  REQUIRE(b.run_until([&] { return b.sink.ended == 2; }));
  CHECK(b.sink.exchanges[*stopped].status == wire::answer_status::cancelled);
  subject.stop();
  CHECK(subject.state() == client_state::stopped);
}

TEST_CASE("client: asks and is answered over TLS, by a server that it has reason to trust") {
  const loopback::served_certificate files;
  const loopback::temporary_file ca(loopback::served_certificate::authority().pem());
  options secure;
  secure.access.tls_cert_file = files.files().certificate;
  secure.access.tls_key_file = files.files().key;
  bench b(secure);
  client_options chosen = bench::options_for(b.subject->port());
  chosen.url.replace(0, 2, "wss");
  SUBCASE("trusted") {
    chosen.ca_file = ca.name();
    client subject(b.sink, chosen, b.context);
    subject.start();
    const auto asked = subject.query("secret");
    REQUIRE(asked);
    REQUIRE(b.run_until([&] { return b.sink.ended == 1; }));
    CHECK(b.sink.exchanges[*asked].text == bench::answer_to("secret"));
  }
  SUBCASE("not trusted") {
    client subject(b.sink, chosen, b.context);
    subject.start();
    b.run_until([&] { return b.sink.states[client_state::waiting] > 0; }, 300ms);
    CHECK(b.subject->basic().session_count() == 0u);
  }
}

TEST_CASE("client: runs by itself until it is stopped from another thread") {
  bench b;
  application sink;
  client subject(sink, bench::options_for(b.subject->port()));
  std::thread runs([&] { subject.run(); });
  CHECK(b.run_until([&] { return b.subject->basic().session_count() == 1; }));
  subject.post([&] { subject.stop(); });
  runs.join();
  CHECK(subject.state() == client_state::stopped);
}

TEST_CASE("client: runs by itself until the server says that it is no use") {
  bench b;
  application sink;
  client_options wrong = bench::options_for(b.subject->port());
  wrong.url += "/nothing/here";
  client subject(sink, std::move(wrong));
  std::atomic<bool> done{false};
  std::thread runs([&] {
    subject.run();
    done = true;
  });
  CHECK(b.run_until([&] { return done.load(); }));
  runs.join();
  CHECK(subject.state() == client_state::stopped);
}

TEST_CASE("client: a server that is not there is tried again") {
  asio::io_context context(1);
  asio::ip::tcp::acceptor nobody(context, {asio::ip::address_v4::loopback(), 0});
  const std::uint16_t port = nobody.local_endpoint().port();
  nobody.close();
  application sink;
  client_options options = bench::options_for(port);
  options.random = random_source([] { return std::uint64_t{0}; });  // half a second
  client subject(sink, std::move(options), context);
  subject.start();
  CHECK(
      loopback::run_until(context, {}, [&] { return sink.states[client_state::connecting] == 3; }));
}

TEST_CASE("client: connections cut at random bytes lose, repeat and break nothing") {
  std::mt19937 dice(20'260'101);
  bench b;
  loopback::cutting_proxy proxy(b.context, b.subject->port());
  constexpr std::size_t max_cuts = 40, questions = 24;
  proxy.allowance = [&]() -> std::optional<std::size_t> {
    if (proxy.cuts() >= max_cuts) return std::nullopt;
    return std::uniform_int_distribution<std::size_t>(1, 8'000)(dice);
  };
  client subject(b.sink, bench::options_for(proxy.port()), b.context);
  // The backoff is judged elsewhere; here it would only take time.
  b.sink.changed = [&](client_state state) {
    if (state == client_state::waiting) subject.post([&] { subject.start(); });
  };
  subject.start();
  std::map<std::string, std::string> asked;
  const bool all_ended = b.run_until(
      [&] {
        if (asked.size() < questions && asked.size() < b.sink.ended + 3) {
          const std::string question = "question " + std::to_string(asked.size());
          const auto id = subject.query(question);
          REQUIRE(id);
          asked[*id] = question;
        }
        return b.sink.ended >= questions;
      },
      60s);
  CHECK(all_ended);
  CHECK(proxy.cuts() >= 10u);
  CHECK(b.sink.resets == 0);
  CHECK(b.sink.rewritten == 0);
  CHECK(b.asked == questions);  // none was answered twice
  for (const auto& each : asked) {
    const std::string& question = each.second;
    const application::exchange& of = b.sink.exchanges[each.first];
    CAPTURE(question);
    CHECK(of.ends == 1);
    CHECK(of.status == wire::answer_status::completed);
    CHECK(of.text == bench::answer_to(question));
    CHECK(of.shown == of.text);
  }
}
