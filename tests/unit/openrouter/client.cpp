// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/client.hpp>

#include <agent_websocket/testing/manual_scheduler.hpp>
#include <agent_websocket/testing/mock_http_client.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "answers.hpp"

using namespace agent_websocket;
using namespace agent_websocket::openrouter;
using agent_websocket::testing::manual_scheduler;
using agent_websocket::testing::mock_http_client;
using call_state = mock_http_client::call_state;

// Who may call what from where, and what is left afterwards. What is said over the wire stands in
// tests/flow/openrouter_client.cpp.

namespace {

using client = basic_openrouter_client<mock_http_client, manual_scheduler>;

/// Does something from inside a sink function of its choice.
class acting final : public completion_sink {
 public:
  explicit acting(std::string when = "", std::function<void(completion_id)> act = {})
      : when_(std::move(when)), act_(std::move(act)) {}
  void on_begin(completion_id id, std::string_view) override { note("begin", id); }
  void on_text(completion_id id, std::string_view) override { note("text", id); }
  void on_reasoning(completion_id id, std::string_view) override { note("reasoning", id); }
  void on_retry(completion_id id, int, std::chrono::milliseconds, const failure&) override {
    note("retry", id);
  }
  void on_complete(completion_id id, outcome what) override {
    note(what.failed ? "failed" : "complete", id);
  }
  std::string log;

 private:
  void note(const char* what, completion_id id) {
    log += std::string(what) + " ";
    if (what == when_) act_(id);
  }
  std::string when_;
  std::function<void(completion_id)> act_;
};

struct fixture {
  mock_http_client http;
  manual_scheduler clock;
  std::unique_ptr<client> upstream =
      std::make_unique<client>(client_settings(), http, clock, random_source::seeded(7));

  static chat_request request() {
    chat_request asked;
    asked.messages = {chat_message::user("Hi")};
    return asked;
  }
  completion_id start(completion_sink& sink) { return upstream->start(request(), sink); }
  /// Two attempts: an overloaded provider, then thoughts and two pieces of text.
  void play(bool with_silent_one_between = false) {
    http.reply_with(testing::http_script().head(503).complete());
    if (with_silent_one_between) http.reply_with(testing::http_script().head(200));
    http.reply_with(testing::http_script()
                        .head(200)
                        .body(answers::delta(R"({"reasoning":"hm"})") + answers::content("a") +
                              answers::content("b") + answers::finish("stop") + answers::done)
                        .complete());
  }
  void run() {
    http.run();
    clock.advance(std::chrono::seconds(10));
    http.run();
    clock.advance(std::chrono::seconds(10));
  }
  std::size_t cancelled() const {
    std::size_t count = 0;
    for (const auto& call : http.calls()) count += call.state == call_state::cancelled ? 1u : 0u;
    return count;
  }
};

const std::string all = "retry begin reasoning text text complete ";

}  // namespace

TEST_CASE("client: ids, and who is counted") {
  fixture one;
  acting sink;
  CHECK(one.start(sink) == 1);
  CHECK(one.start(sink) == 2);
  CHECK(one.upstream->size() == 2);
  one.upstream->cancel(1);
  one.upstream->cancel(1);
  one.upstream->cancel(0);
  one.upstream->cancel(99);
  one.upstream->pause(99);
  one.upstream->resume(99);
  CHECK(one.upstream->size() == 1);
  CHECK(one.start(sink) == 3);
  CHECK(one.http.calls()[0].state == call_state::cancelled);
  CHECK(one.http.calls()[1].state == call_state::open);
  CHECK(sink.log.empty());
}

TEST_CASE("client: the order of a sink's calls") {
  fixture one;
  one.play();
  acting sink;
  one.start(sink);
  CHECK(sink.log.empty());
  one.run();
  CHECK(sink.log == all);
  CHECK(one.upstream->size() == 0);
  CHECK(!one.clock.has_work());
}

TEST_CASE("client: cancel from inside each sink function") {
  for (const std::string when : {"retry", "begin", "reasoning", "text", "complete"}) {
    CAPTURE(when);
    fixture one;
    one.play();
    acting sink(when, [&](completion_id id) { one.upstream->cancel(id); });
    one.start(sink);
    one.run();
    CHECK(sink.log == all.substr(0, all.find(when)) + when + " ");
    CHECK(one.upstream->size() == 0);
    CHECK(one.http.open_calls() == 0);
    CHECK(!one.clock.has_work());
  }
}

TEST_CASE("client: destroyed from inside each sink function") {
  for (const std::string when : {"retry", "begin", "reasoning", "text", "complete"}) {
    CAPTURE(when);
    fixture one;
    one.play(true);
    acting sink(when, [&](completion_id) { one.upstream.reset(); });
    one.start(sink);
    acting other;  // the silent one
    one.start(other);
    one.run();
    CHECK(sink.log == all.substr(0, all.find(when)) + when + " ");
    CHECK(other.log.empty());
    CHECK(one.http.open_calls() == 0);
    CHECK(!one.clock.has_work());
  }
}

TEST_CASE("client: start, pause and resume from inside each sink function") {
  for (const std::string when : {"begin", "reasoning", "text", "complete"}) {
    CAPTURE(when);
    fixture one;
    one.play();
    acting second;  // silent
    acting first(when, [&](completion_id id) {
      one.upstream->pause(id);
      one.upstream->resume(id);
      for (int i = 0; i < 100; ++i) one.start(second);  // moves the table of completions
    });
    one.start(first);
    one.run();
    CHECK(first.log == all);
    CHECK(second.log.empty());
    CHECK(one.upstream->size() == (when == "text" ? 200 : 100));
  }
}

TEST_CASE("client: the sink may die in on_complete") {
  fixture one;
  one.play();
  auto sink = std::unique_ptr<acting>();
  sink = std::make_unique<acting>("complete", [&](completion_id) { sink.reset(); });
  one.start(*sink);
  one.run();
  CHECK(!sink);
}

TEST_CASE("client: cancel at each moment of a completion's life") {
  for (int steps = 0; steps < 8; ++steps) {
    CAPTURE(steps);
    fixture one;
    one.play();
    acting sink;
    const completion_id id = one.start(sink);
    for (int i = 0; i < steps; ++i) {
      if (!one.http.step()) one.clock.advance(std::chrono::seconds(10));
    }
    const std::string before = sink.log;
    one.upstream->cancel(id);
    one.run();
    CHECK(sink.log == before);
    CHECK(one.http.open_calls() == 0);
    CHECK(!one.clock.has_work());
    CHECK(one.upstream->size() == 0);
  }
}

TEST_CASE("client: wrong requests and wrong settings fail later") {
  fixture one;
  acting sink;
  one.upstream->start(chat_request(), sink);
  CHECK(sink.log.empty());
  one.clock.run();
  CHECK(sink.log == "failed ");
  CHECK(one.http.calls().empty());

  client_settings wrong;
  wrong.base_url = "nonsense";
  client broken(wrong, one.http, one.clock);
  acting other;
  broken.start(fixture::request(), other);
  const completion_id cancelled = broken.start(fixture::request(), other);
  broken.cancel(cancelled);
  CHECK(other.log.empty());
  one.clock.run();
  CHECK(other.log == "failed ");
  CHECK(one.http.calls().empty());
}

TEST_CASE("client: destroyed with a refusal on its way") {
  fixture one;
  acting sink;
  one.upstream->start(chat_request(), sink);
  one.upstream.reset();
  one.clock.run();
  CHECK(sink.log.empty());
}

TEST_CASE("client: counts its requests, and those that it repeats") {
  fixture one;
  one.play();
  acting sink;
  CHECK(one.upstream->counts().requests == 0);
  one.start(sink);
  one.run();
  CHECK(one.upstream->counts().requests == 2);
  CHECK(one.upstream->counts().retries == 1);
  chat_request wrong;  // is never sent
  one.upstream->start(wrong, sink);
  one.run();
  CHECK(one.upstream->counts().requests == 2);
}
