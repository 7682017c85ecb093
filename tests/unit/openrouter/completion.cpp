// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/completion.hpp>

#include <agent_websocket/testing/manual_scheduler.hpp>
#include <agent_websocket/testing/mock_http_client.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "answers.hpp"

using namespace agent_websocket;
using namespace agent_websocket::openrouter;
using agent_websocket::testing::manual_scheduler;
using agent_websocket::testing::mock_http_client;
using std::chrono::milliseconds;

// One completion without the client around it: what it tells its owner, and that nothing of it is
// left. Whole conversations are in tests/flow/openrouter_client.cpp.

namespace {

class owner final : public completion_owner, public completion_sink {
 public:
  void on_ended(completion_id) override { log += "ended "; }
  void on_finished(completion_id) override { log += "finished "; }
  void on_begin(completion_id, std::string_view) override { log += "begin "; }
  void on_text(completion_id, std::string_view text) override {
    log += std::string(text) + " ";
    if (const auto act = std::exchange(on_first_text, nullptr)) act();
  }
  void on_reasoning(completion_id, std::string_view) override {}
  void on_retry(completion_id, int, milliseconds, const failure&) override { log += "retry "; }
  void on_complete(completion_id, outcome what) override {
    log += what.failed ? to_string(what.failed->why.code) : "complete";
    log += " ";
  }
  std::string log;
  std::function<void()> on_first_text;
};

struct fixture {
  using completion = basic_completion<mock_http_client, manual_scheduler>;

  mock_http_client http;
  manual_scheduler clock;
  owner seen;
  completion::surroundings around{{}, {}, {}, {}, http, clock, random_source::seeded(1), seen};
  std::shared_ptr<completion> made = std::make_shared<completion>(around, 1, request(), seen);

  static std::shared_ptr<const chat_request> request() {
    const auto asked = std::make_shared<chat_request>();
    asked->messages = {chat_message::user("Hi")};
    return asked;
  }
};

}  // namespace

TEST_CASE("completion: after [DONE] it has ended, and is finished when its connection is") {
  fixture one;
  one.made->begin();
  one.http.respond_head(1, 200);
  one.http.respond_body(1, answers::content("x") + answers::done);
  CHECK(one.seen.log == "begin x ended complete ");
  CHECK(one.http.last().state == mock_http_client::call_state::open);
  one.http.complete(1);
  CHECK(one.seen.log == "begin x ended complete finished ");
  CHECK(!one.clock.has_work());
}

TEST_CASE("completion: T17 a connection that stays open behind [DONE] is closed after a second") {
  fixture one;
  one.made->begin();
  one.http.respond_head(1, 200);
  one.http.respond_body(1, answers::content("x") + answers::done);
  one.clock.advance(milliseconds(999));
  CHECK(one.http.last().state == mock_http_client::call_state::open);
  one.clock.advance(milliseconds(1));
  CHECK(one.http.last().state == mock_http_client::call_state::cancelled);
  CHECK(one.seen.log == "begin x ended complete finished ");
  CHECK(!one.clock.has_work());
}

TEST_CASE("completion: whatever fails is finished at once") {
  fixture one;
  one.made->begin();
  one.http.respond_head(1, 200);
  one.http.respond_body(1, answers::content("x") + "data: {broken\n\n");
  CHECK(one.seen.log == "begin x finished provider_error ");
  CHECK(one.http.last().state == mock_http_client::call_state::cancelled);
  CHECK(!one.clock.has_work());
}

TEST_CASE("completion: a clock that runs out gives what may have become a tag") {
  fixture one;
  one.made->begin();
  one.http.respond_head(1, 200);
  one.http.respond_body(1, answers::content("<thi"));
  CHECK(one.seen.log == "begin ");
  one.clock.advance(std::chrono::minutes(2));
  CHECK(one.seen.log == "begin <thi finished timeout_idle ");
  // The sink may end it then.
  fixture other;
  other.made->begin();
  other.http.respond_head(1, 200);
  other.http.respond_body(1, answers::content("<thi"));
  other.seen.on_first_text = [&] { other.made->abandon(); };
  other.clock.advance(std::chrono::minutes(2));
  CHECK(other.seen.log == "begin <thi ");
  CHECK(!other.clock.has_work());
}

TEST_CASE("completion: thoughts in tags are text where the dialect says so") {
  for (const bool apart : {true, false}) {
    fixture one;
    one.around.settings.dialect.think_tags = apart;
    one.made->begin();
    one.http.respond_head(1, 200);
    one.http.respond_body(1, answers::content("<think>a</think>b") + answers::done);
    CHECK(one.seen.log ==
          (apart ? "begin b ended complete " : "begin <think>a</think>b ended complete "));
  }
}

TEST_CASE("completion: nothing holds it but its owner") {
  fixture one;
  one.made->begin();
  one.made->pause();
  one.http.respond_head(1, 503);
  one.made->resume();
  one.http.run();
  one.http.complete(1);
  CHECK(one.seen.log == "retry ");
  const std::weak_ptr<fixture::completion> weak = one.made;
  one.made->abandon();
  one.made.reset();
  CHECK(weak.expired());
  CHECK(!one.clock.has_work());
  one.clock.advance(std::chrono::hours(1));
  CHECK(one.seen.log == "retry ");
}

TEST_CASE("completion: a request that cannot be sent is refused later, never inside begin") {
  fixture one;
  one.around.checked = error(errc::bad_configuration, "base URL: no");
  one.made->begin();
  CHECK(one.seen.log.empty());
  CHECK(one.http.calls().empty());
  one.clock.run();
  CHECK(one.seen.log == "finished bad_configuration ");
}
