// SPDX-License-Identifier: MIT
#include <agent_websocket/testing/mock_http_client.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <stdexcept>
#include <ostream>  // prints a std::error_code
#include <string>
#include <string_view>
#include <system_error>

using agent_websocket::errc;
using agent_websocket::http_call_id;
using agent_websocket::http::header_list;
using agent_websocket::http::request;
using agent_websocket::testing::http_script;
using agent_websocket::testing::mock_http_client;
using call_state = mock_http_client::call_state;

namespace {

// Writes down what it sees: "1:200 1:body 1:ok".
class notes final : public agent_websocket::http_sink {
 public:
  std::string text;
  std::function<void()> on_each = [] {};

  void on_head(http_call_id call, int status, const header_list& headers) override {
    note(call, std::to_string(status) + (headers.contains("x") ? "x" : ""));
  }
  void on_body(http_call_id call, std::string_view bytes) override {
    note(call, std::string(bytes));
  }
  void on_complete(http_call_id call, std::error_code failure, std::string_view detail) override {
    note(call, failure ? failure.message() + "/" + std::string(detail) : "ok");
  }

 private:
  void note(http_call_id call, const std::string& what) {
    if (!text.empty()) text += ' ';
    text += std::to_string(call) + ":" + what;
    on_each();
  }
};

request asking(std::string body) {
  request made;
  made.method = "POST";
  made.body = std::move(body);
  return made;
}

}  // namespace

TEST_CASE("mock_http_client: records what was asked") {
  mock_http_client http;
  notes sink;
  CHECK_THROWS_AS(http.last(), std::logic_error);
  CHECK(http.start(asking("one"), sink) == 1u);
  CHECK(http.start(asking("two"), sink) == 2u);
  REQUIRE(http.calls().size() == 2u);
  CHECK(http.calls()[0].request.body == "one");
  CHECK(http.last().id == 2u);
  CHECK(http.last().request.body == "two");
  CHECK(http.last().state == call_state::open);
  CHECK(http.open_calls() == 2u);
  CHECK(http.run() == 0u);
  CHECK(sink.text.empty());
}

TEST_CASE("mock_http_client: driven by hand it delivers at once") {
  mock_http_client http;
  notes sink;
  const http_call_id id = http.start({}, sink);
  http.respond_head(id, 200, {{"X", "1"}});
  CHECK(sink.text == "1:200x");
  http.respond_body(id, "a");
  http.respond_body(id, "");
  CHECK(sink.text == "1:200x 1:a");
  CHECK(http.last().body_bytes_delivered == 1u);
  http.complete(id, errc::protocol_error, "why");
  CHECK(sink.text == "1:200x 1:a 1:The peer broke the protocol/why");
  CHECK(http.last().state == call_state::completed);
  http.respond_body(id, "late");
  http.complete(id);
  CHECK(sink.text == "1:200x 1:a 1:The peer broke the protocol/why");
  CHECK(http.open_calls() == 0u);
  CHECK_THROWS_AS(http.respond_body(0, "x"), std::logic_error);
  CHECK_THROWS_AS(http.respond_body(2, "x"), std::logic_error);
}

TEST_CASE("mock_http_client: scripts go to coming calls in their order, and wait for run") {
  mock_http_client http;
  notes sink;
  http.reply_with(http_script().head(200).body("a").body("b").complete());
  http.reply_with(http_script().fail(errc::connection_failed, "refused"));
  CHECK(http.scripts_left() == 2u);
  http.start({}, sink);
  http.start({}, sink);
  http.start({}, sink);  // no script: stays open
  CHECK(http.scripts_left() == 0u);
  CHECK(sink.text.empty());
  CHECK(http.step());
  CHECK(sink.text == "1:200");
  CHECK(http.step());  // calls take turns
  CHECK(sink.text == "1:200 2:The connection failed/refused");
  CHECK(http.run() == 3u);
  CHECK(sink.text == "1:200 2:The connection failed/refused 1:a 1:b 1:ok");
  CHECK_FALSE(http.step());
  CHECK(http.last().state == call_state::open);
}

TEST_CASE("mock_http_client: cut_after, at every byte") {
  const std::string body = "abcd";
  for (std::size_t n = 0; n <= body.size() + 1; ++n) {
    for (const std::size_t piece : {0u, 1u, 3u}) {
      CAPTURE(n);
      CAPTURE(piece);
      mock_http_client http;
      notes sink;
      http.split(piece);
      http.cut_after(n);
      http.reply_with(http_script().head(200).body("ab").body("cd").complete());
      http.reply_with(http_script().head(200).body("ab").complete());
      http.start({}, sink);
      http.run();
      CHECK(http.last().body_bytes_delivered == std::min(n, body.size()));
      CHECK(http.last().state == call_state::completed);
      const bool cut = sink.text.find("The connection failed") != std::string::npos;
      CHECK(cut == (n <= body.size()));
      sink.text.clear();
      http.start({}, sink);  // the next call is whole
      http.run();
      CHECK(http.last().body_bytes_delivered == 2u);
      CHECK(sink.text.find("2:ok") != std::string::npos);
    }
  }
}

TEST_CASE("mock_http_client: cut_after of one script, and of an open call") {
  mock_http_client http;
  notes sink;
  http.reply_with(http_script().head(200).body("abc").complete().cut_after(1));
  http.start({}, sink);
  http.run();
  CHECK(sink.text == "1:200 1:a 1:The connection failed/cut by the test");
  sink.text.clear();
  const http_call_id id = http.start({}, sink);
  http.respond_head(id, 200);
  http.respond_body(id, "ab");
  http.cut_after(id, 2);
  CHECK(sink.text == "2:200 2:ab");
  http.run();
  CHECK(sink.text == "2:200 2:ab 2:The connection failed/cut by the test");
}

TEST_CASE("mock_http_client: split gives each piece as a step") {
  mock_http_client http;
  notes sink;
  http.split(2);
  http.reply_with(http_script().head(200).body("abcde").body("f").complete());
  http.start({}, sink);
  CHECK(http.run() == 6u);
  CHECK(sink.text == "1:200 1:ab 1:cd 1:e 1:f 1:ok");
}

TEST_CASE("mock_http_client: sink functions may pause, cancel, start and drive") {
  mock_http_client http;
  notes sink;
  http.reply_with(http_script().head(200).body("ab").complete());
  http.split(1);
  SUBCASE("cancel between two pieces") {
    sink.on_each = [&] {
      if (sink.text == "1:200 1:a") http.cancel(1);
    };
    http.start({}, sink);
    http.run();
    CHECK(sink.text == "1:200 1:a");
    CHECK(http.last().state == call_state::cancelled);
  }
  SUBCASE("pause holds the rest until resume") {
    sink.on_each = [&] { http.pause(1); };
    http.start({}, sink);
    CHECK(http.run() == 1u);
    CHECK(http.last().paused);
    http.respond_body(1, "c");
    CHECK(http.run() == 0u);
    CHECK(sink.text == "1:200");
    http.resume(1);
    CHECK(sink.text == "1:200");
    CHECK(http.run() == 1u);
    CHECK(sink.text == "1:200 1:a");
  }
  SUBCASE("start many: the list of calls moves") {
    sink.on_each = [&] {
      for (int i = 0; i < 50; ++i) http.start({}, sink);
    };
    http.start({}, sink);
    http.run();
    CHECK(sink.text == "1:200 1:a 1:b 1:ok");
    CHECK(http.calls().size() == 201u);
  }
  SUBCASE("drive: only queued, never from inside a sink function") {
    const http_call_id first = http.start({}, sink);
    const http_call_id second = http.start({}, sink);
    bool inside = false;
    sink.on_each = [&] {
      CHECK_FALSE(inside);
      inside = true;
      if (sink.text == "1:200") http.respond(second, 204, {}, "");
      inside = false;
    };
    CHECK(first == 1u);
    http.run();
    CHECK(sink.text == "1:200 2:204 1:a 2:ok 1:b 1:ok");
  }
}

TEST_CASE("mock_http_client: reply_by answers what no script is left for") {
  mock_http_client http;
  notes sink;
  http.reply_by([](const request& asked) {
    http_script script;
    return script.head(200).body("re " + asked.body).complete();
  });
  http.reply_with(http_script().head(503).complete());
  http.start(asking("one"), sink);
  http.run();
  http.start(asking("two"), sink);
  http.run();
  CHECK(sink.text == "1:503 1:ok 2:200 2:re two 2:ok");
}

TEST_CASE("mock_http_client: an answer out of order is the test's mistake") {
  mock_http_client http;
  notes sink;
  const http_call_id id = http.start({}, sink);
  CHECK_THROWS_AS(http.respond_body(id, "x"), std::logic_error);
  const http_call_id other = http.start({}, sink);
  http.respond_head(other, 200);
  CHECK_THROWS_AS(http.respond_head(other, 200), std::logic_error);
}
