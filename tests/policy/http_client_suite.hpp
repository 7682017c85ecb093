// SPDX-License-Identifier: MIT
//
// What every model of the requirement HttpClient has to do. A fixture gives `client()`, `forget()`
// (destroys it), `request(body)` for a request to its server, `reply_with(script)` for the next
// request and `reply_by(function of the body)` for all others, `wait(predicate)`: lets things run
// until it holds (false: it took too long), and `settle()`: lets run what is under way.
#pragma once

#include <agent_websocket/policy/http_client.hpp>
#include <agent_websocket/testing/http_script.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace http_client_suite {

using agent_websocket::errc;
using agent_websocket::http_call_id;
using agent_websocket::http::header_list;
using agent_websocket::testing::http_script;

/// Keeps what it is told, call by call, and checks the order.
class collector final : public agent_websocket::http_sink {
 public:
  struct answer {
    int status = 0;
    header_list headers;
    std::string body;
    int completions = 0;
    std::error_code failure;
    std::string detail;
  };

  std::map<http_call_id, answer> answers;
  std::size_t calls = 0;   // of any sink function
  bool forbidden = false;  // no sink function may be called now
  std::function<void(http_call_id)> head = [](http_call_id) {};
  std::function<void(http_call_id)> body = [](http_call_id) {};
  std::function<void(http_call_id)> complete = [](http_call_id) {};

  bool done(http_call_id call) { return answers[call].completions != 0; }

  void on_head(http_call_id call, int status, const header_list& headers) override {
    answer& of = called(call);
    CHECK(of.status == 0);
    of.status = status;
    of.headers = headers;
    head(call);
  }
  void on_body(http_call_id call, std::string_view bytes) override {
    answer& of = called(call);
    CHECK(of.status != 0);
    CHECK_FALSE(bytes.empty());
    of.body += bytes;
    body(call);
  }
  void on_complete(http_call_id call, std::error_code failure, std::string_view detail) override {
    answer& of = called(call);
    ++of.completions;
    of.failure = failure;
    of.detail = detail;
    CHECK(detail.empty() == !failure);
    complete(call);
  }

 private:
  answer& called(http_call_id call) {
    CHECK_FALSE(forbidden);
    CHECK(answers[call].completions == 0);
    ++calls;
    return answers[call];
  }
};

/// Calls into the client during which no sink may be called.
template <typename Client>
class quiet {
 public:
  quiet(Client& client, collector& sink) : client_(client), sink_(sink) {}
  http_call_id start(agent_websocket::http::request request) {
    sink_.forbidden = true;
    const http_call_id id = client_.start(std::move(request), sink_);
    sink_.forbidden = false;
    return id;
  }
  void cancel(http_call_id id) {
    sink_.forbidden = true;
    client_.cancel(id);
    sink_.forbidden = false;
  }
  void pause(http_call_id id) {
    sink_.forbidden = true;
    client_.pause(id);
    sink_.forbidden = false;
  }
  void resume(http_call_id id) {
    sink_.forbidden = true;
    client_.resume(id);
    sink_.forbidden = false;
  }

 private:
  Client& client_;
  collector& sink_;
};

inline http_script whole(std::string body, int status = 200) {
  http_script script;
  return script.head(status).body(std::move(body)).complete();
}

template <typename Fixture>
struct bench {
  Fixture fixture;
  collector sink;
  quiet<std::remove_reference_t<decltype(std::declval<Fixture&>().client())>> http{fixture.client(),
                                                                                   sink};

  http_call_id start(std::string body = "") { return http.start(fixture.request(std::move(body))); }
  bool completes(http_call_id id) {
    return fixture.wait([this, id] { return sink.done(id); });
  }
};

template <typename Fixture>
void answers_arrive() {
  bench<Fixture> b;
  SUBCASE("head, body and completion") {
    http_script script;
    script.head(200, {{"X-One", "1"}, {"X-Two", "a"}, {"x-two", "b"}}).body("abc").body("def");
    b.fixture.reply_with(script.complete());
    const http_call_id id = b.start();
    CHECK(id != 0u);
    REQUIRE(b.completes(id));
    const auto& answer = b.sink.answers[id];
    CHECK(answer.status == 200);
    CHECK(answer.headers.find("x-ONE") == "1");
    std::string twos;
    for (const auto& [name, value] : answer.headers) {
      if (agent_websocket::http::iequals(name, "x-two")) twos += value;
    }
    CHECK(twos == "ab");
    CHECK(answer.body == "abcdef");
    CHECK_FALSE(answer.failure);
    b.fixture.settle();
    CHECK(answer.completions == 1);
  }
  SUBCASE("every status is a success, redirects are not followed") {
    for (const int status : {204, 302, 404, 429, 500, 503}) {
      CAPTURE(status);
      http_script script;
      script.head(status, {{"Location", "/elsewhere"}}).body(status == 204 ? "" : "words");
      b.fixture.reply_with(script.complete());
      const http_call_id id = b.start();
      REQUIRE(b.completes(id));
      CHECK(b.sink.answers[id].status == status);
      CHECK(b.sink.answers[id].body == (status == 204 ? "" : "words"));
      CHECK_FALSE(b.sink.answers[id].failure);
    }
  }
  SUBCASE("one that never ends delivers what there is") {
    http_script script;
    b.fixture.reply_with(script.head(200).body("first"));
    const http_call_id id = b.start();
    CHECK(b.fixture.wait([&] { return b.sink.answers[id].body == "first"; }));
    b.fixture.settle();
    CHECK(b.sink.answers[id].completions == 0);
  }
}

template <typename Fixture>
void failures_complete_once() {
  bench<Fixture> b;
  http_script script;
  SUBCASE("before the head") {
    b.fixture.reply_with(script.fail(errc::connection_failed));
    const http_call_id id = b.start();
    REQUIRE(b.completes(id));
    CHECK(b.sink.answers[id].failure == errc::connection_failed);
    CHECK(b.sink.answers[id].status == 0);
  }
  SUBCASE("within the body: reset") {
    b.fixture.reply_with(script.head(200).body("part").fail(errc::connection_failed));
    const http_call_id id = b.start();
    REQUIRE(b.completes(id));
    CHECK(b.sink.answers[id].failure == errc::connection_failed);
    CHECK(b.sink.answers[id].body == "part");
  }
  SUBCASE("within the body: cut short") {
    b.fixture.reply_with(script.head(200).body("part").fail(errc::protocol_error));
    const http_call_id id = b.start();
    REQUIRE(b.completes(id));
    CHECK(b.sink.answers[id].failure == errc::protocol_error);
    CHECK(b.sink.answers[id].body == "part");
  }
  b.fixture.settle();
  CHECK(b.sink.answers.size() == 1u);
  CHECK(b.sink.answers.begin()->second.completions == 1);
}

template <typename Fixture>
void cancelled_calls_are_silent() {
  bench<Fixture> b;
  b.fixture.reply_by([](const std::string& asked) { return whole("answer to " + asked); });
  SUBCASE("at once") {
    const http_call_id id = b.start("one");
    b.http.cancel(id);
    b.http.cancel(id);
    b.fixture.settle();
    CHECK(b.sink.calls == 0u);
  }
  SUBCASE("while it is under way, others go on") {
    http_script script;
    b.fixture.reply_with(script.head(200).body("x"));
    const http_call_id first = b.start();
    REQUIRE(b.fixture.wait([&] { return b.sink.answers[first].body == "x"; }));
    const http_call_id second = b.start("two");
    b.http.cancel(first);
    REQUIRE(b.completes(second));
    b.fixture.settle();
    CHECK(b.sink.answers[first].completions == 0);
    CHECK(b.sink.answers[second].body == "answer to two");
  }
  SUBCASE("by its own on_head") {
    b.sink.head = [&b](http_call_id id) { b.http.cancel(id); };
    const http_call_id id = b.start("one");
    REQUIRE(b.fixture.wait([&] { return b.sink.answers[id].status == 200; }));
    b.fixture.settle();
    CHECK(b.sink.calls == 1u);
  }
  SUBCASE("by its own on_body") {
    b.sink.body = [&b](http_call_id id) { b.http.cancel(id); };
    http_script script;
    b.fixture.reply_with(script.head(200).body("a").body("b").complete());
    const http_call_id id = b.start();
    REQUIRE(b.fixture.wait([&] { return !b.sink.answers[id].body.empty(); }));
    b.fixture.settle();
    CHECK(b.sink.calls == 2u);
  }
  SUBCASE("by the functions of another") {
    std::vector<http_call_id> ids;
    const auto cancel_others = [&](http_call_id by) {
      for (const http_call_id id : ids) {
        if (id != by) b.http.cancel(id);
      }
    };
    SUBCASE("on_head") { b.sink.head = cancel_others; }
    SUBCASE("on_body") { b.sink.body = cancel_others; }
    SUBCASE("on_complete") { b.sink.complete = cancel_others; }
    for (int i = 0; i < 5; ++i) ids.push_back(b.start(std::to_string(i)));
    const auto completed = [&] {
      return std::count_if(ids.begin(), ids.end(), [&](auto id) { return b.sink.done(id); });
    };
    REQUIRE(b.fixture.wait([&] { return completed() > 0; }));
    b.fixture.settle();
    CHECK(completed() == 1);
  }
  SUBCASE("by its own on_complete: too late to matter") {
    b.sink.complete = [&b](http_call_id id) { b.http.cancel(id); };
    const http_call_id id = b.start("one");
    REQUIRE(b.completes(id));
    b.fixture.settle();
    CHECK(b.sink.answers[id].completions == 1);
  }
  SUBCASE("ids that name nothing are ignored") {
    b.http.cancel(0);
    b.http.cancel(12'345);
    b.http.pause(12'345);
    b.http.resume(12'345);
    const http_call_id id = b.start("one");
    REQUIRE(b.completes(id));
    b.http.pause(id);
    b.http.resume(id);
    b.http.cancel(id);
    b.fixture.settle();
    CHECK(b.sink.answers[id].completions == 1);
  }
}

template <typename Fixture>
void sinks_may_start_calls() {
  bench<Fixture> b;
  b.fixture.reply_by([](const std::string& asked) { return whole("answer to " + asked); });
  std::vector<http_call_id> started;
  const auto start = [&](http_call_id) {
    if (started.size() < 3) started.push_back(b.start(std::to_string(started.size())));
  };
  SUBCASE("on_head") { b.sink.head = start; }
  SUBCASE("on_body") { b.sink.body = start; }
  SUBCASE("on_complete") { b.sink.complete = start; }
  SUBCASE("and cancel them at once") {
    b.sink.body = [&](http_call_id by) {
      start(by);
      if (started.size() < 3) b.http.cancel(started.back());
      if (started.size() < 3) start(by);
    };
  }
  const http_call_id first = b.start("first");
  REQUIRE(b.fixture.wait(
      [&] { return b.sink.done(first) && started.size() == 3 && b.sink.done(started.back()); }));
  CHECK(b.sink.answers[first].body == "answer to first");
  CHECK(b.sink.answers[started.back()].body == "answer to 2");
}

template <typename Fixture>
void paused_calls_wait() {
  bench<Fixture> b;
  http_script script;
  b.fixture.reply_with(script.head(200).body("a").body("b").body("c").complete());
  SUBCASE("from the start") {
    const http_call_id id = b.start();
    b.http.pause(id);
    b.fixture.settle();
    CHECK(b.sink.answers[id].body == "");
    CHECK(b.sink.answers[id].completions == 0);
    b.http.resume(id);
    REQUIRE(b.completes(id));
    CHECK(b.sink.answers[id].body == "abc");
    CHECK_FALSE(b.sink.answers[id].failure);
  }
  SUBCASE("by each on_body") {
    b.sink.body = [&b](http_call_id by) { b.http.pause(by); };
    const http_call_id id = b.start();
    // In three pieces, or in fewer where more was read before it could be refused.
    const std::string& body = b.sink.answers[id].body;
    while (true) {
      const std::string before = body;
      REQUIRE(b.fixture.wait([&] { return b.sink.done(id) || body != before; }));
      if (b.sink.done(id)) break;
      const std::string paused = body;
      b.fixture.settle();
      CHECK(body == paused);
      CHECK_FALSE(b.sink.done(id));
      b.http.resume(id);
    }
    CHECK(body == "abc");
    CHECK_FALSE(b.sink.answers[id].failure);
  }
  SUBCASE("also for their failure") {
    http_script cut;
    b.fixture.reply_with(cut.head(200).fail(errc::connection_failed));
    REQUIRE(b.completes(b.start()));  // takes the answer above
    const http_call_id id = b.start();
    b.http.pause(id);
    b.fixture.settle();
    CHECK_FALSE(b.sink.done(id));
    b.http.resume(id);
    b.http.pause(id);
    b.fixture.settle();
    CHECK_FALSE(b.sink.done(id));
    b.http.resume(id);
    REQUIRE(b.completes(id));
    CHECK(b.sink.answers[id].failure == errc::connection_failed);
  }
  SUBCASE("and resumed by the same on_body") {
    b.sink.body = [&b](http_call_id by) {
      b.http.pause(by);
      b.http.resume(by);
      b.http.pause(by);
      b.http.resume(by);
    };
    const http_call_id id = b.start();
    REQUIRE(b.completes(id));
    CHECK(b.sink.answers[id].body == "abc");
  }
  SUBCASE("resumed and paused again before anything ran") {
    const http_call_id id = b.start();
    b.http.pause(id);
    b.fixture.settle();
    b.http.resume(id);
    b.http.pause(id);
    b.fixture.settle();
    CHECK(b.sink.answers[id].body == "");
    b.http.resume(id);
    REQUIRE(b.completes(id));
    CHECK(b.sink.answers[id].body == "abc");
  }
  SUBCASE("until they are cancelled") {
    const http_call_id id = b.start();
    b.http.pause(id);
    b.fixture.settle();
    SUBCASE("while paused") { b.http.cancel(id); }
    SUBCASE("right after resume") {
      b.http.resume(id);
      b.http.cancel(id);
    }
    b.fixture.settle();
    CHECK(b.sink.answers[id].body == "");
    CHECK(b.sink.answers[id].completions == 0);
  }
  SUBCASE("while others go on") {
    const http_call_id id = b.start();
    b.http.pause(id);
    b.fixture.settle();
    b.fixture.reply_with(whole("other"));
    const http_call_id other = b.start();
    REQUIRE(b.completes(other));
    CHECK(b.sink.answers[other].body == "other");
    CHECK(b.sink.answers[id].body == "");
  }
}

template <typename Fixture>
void streams_are_not_mixed() {
  bench<Fixture> b;
  constexpr int count = 20;
  b.fixture.reply_by([](const std::string& asked) {
    http_script script;
    script.head(200, {{"X-Asked", asked}});
    for (int i = 0; i < 10; ++i) script.body("<" + asked + ":" + std::to_string(i) + ">");
    return script.complete();
  });
  std::vector<http_call_id> ids;
  for (int i = 0; i < count; ++i) ids.push_back(b.start("call " + std::to_string(i)));
  REQUIRE(b.fixture.wait([&] {
    return std::all_of(ids.begin(), ids.end(), [&](http_call_id id) { return b.sink.done(id); });
  }));
  for (int i = 0; i < count; ++i) {
    const auto& answer = b.sink.answers[ids[static_cast<std::size_t>(i)]];
    const std::string name = "call " + std::to_string(i);
    std::string expected;
    for (int n = 0; n < 10; ++n) expected += "<" + name + ":" + std::to_string(n) + ">";
    CHECK(answer.body == expected);
    CHECK(answer.headers.find("x-asked") == name);
    CHECK_FALSE(answer.failure);
  }
  std::sort(ids.begin(), ids.end());
  CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
}

template <typename Fixture>
void a_destroyed_client_is_silent() {
  bench<Fixture> b;
  http_script script;
  b.fixture.reply_with(script.head(200).body("x"));
  const http_call_id first = b.start();
  REQUIRE(b.fixture.wait([&] { return b.sink.answers[first].body == "x"; }));
  b.start();
  const http_call_id paused = b.start();
  b.http.pause(paused);
  b.http.resume(paused);
  b.sink.forbidden = true;
  b.fixture.forget();
  b.fixture.settle();
  CHECK(b.sink.answers[first].completions == 0);
}

template <typename Fixture>
void run_all() {
  using client = std::remove_reference_t<decltype(std::declval<Fixture&>().client())>;
  CHECK(agent_websocket::require_http_client<client>());
  SUBCASE("answers arrive") { answers_arrive<Fixture>(); }
  SUBCASE("failures complete once") { failures_complete_once<Fixture>(); }
  SUBCASE("cancelled calls are silent") { cancelled_calls_are_silent<Fixture>(); }
  SUBCASE("sinks may start calls") { sinks_may_start_calls<Fixture>(); }
  SUBCASE("paused calls wait") { paused_calls_wait<Fixture>(); }
  SUBCASE("streams are not mixed") { streams_are_not_mixed<Fixture>(); }
  SUBCASE("a destroyed client is silent") { a_destroyed_client_is_silent<Fixture>(); }
}

}  // namespace http_client_suite
