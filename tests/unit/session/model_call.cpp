// SPDX-License-Identifier: MIT
#include <agent_websocket/session/model_call.hpp>

#include <agent_websocket/testing/manual_scheduler.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

using agent_websocket::completion_result;
using agent_websocket::errc;
using agent_websocket::error;
using agent_websocket::result_of;
using agent_websocket::upstream_slots;
using agent_websocket::testing::manual_scheduler;
namespace openrouter = agent_websocket::openrouter;
using namespace std::chrono_literals;

namespace {

/// Writes down what it is told.
struct fake_client {
  std::string told;
  openrouter::completion_id last = 0;
  openrouter::completion_sink* sink = nullptr;

  openrouter::completion_id start(const std::shared_ptr<const openrouter::chat_request>& request,
                                  openrouter::completion_sink& to) {
    sink = &to;
    told += "start(" + request->model + ") ";
    return ++last;
  }
  void cancel(openrouter::completion_id id) { note("cancel", id); }
  void pause(openrouter::completion_id id) { note("pause", id); }
  void resume(openrouter::completion_id id) { note("resume", id); }

 private:
  void note(const char* what, openrouter::completion_id id) {
    told += what + ("(" + std::to_string(id) + ") ");
  }
};

struct deaf_sink final : openrouter::completion_sink {
  void on_begin(openrouter::completion_id, std::string_view) override {}
  void on_text(openrouter::completion_id, std::string_view) override {}
  void on_reasoning(openrouter::completion_id, std::string_view) override {}
  void on_retry(openrouter::completion_id, int, std::chrono::milliseconds,
                const openrouter::failure&) override {}
  void on_complete(openrouter::completion_id, openrouter::outcome) override {}
};

using model_call = agent_websocket::model_call<fake_client, manual_scheduler>;

struct fixture {
  manual_scheduler scheduler;
  upstream_slots slots{1};
  fake_client client;
  deaf_sink sink;
  model_call call{client, slots, scheduler};
  int too_long = 0;

  /// As a session does: waits for its turn, then starts.
  void begin(model_call& with, const std::string& model) {
    with.await_turn([this, &with, model] {
      const auto request = std::make_shared<openrouter::chat_request>();
      request->model = model;
      with.start(request, sink);
    });
  }
  void begin(const std::string& model = "m") { begin(call, model); }
  void hold_up(std::chrono::milliseconds limit) {
    call.hold_up(limit, [this] { ++too_long; });
  }
  std::string told() { return std::exchange(client.told, {}); }
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "model_call: begins at once when a slot is free, and gives it back") {
  CHECK_FALSE(call.runs());
  begin();
  CHECK(told() == "start(m) ");
  CHECK(client.sink == &sink);
  CHECK(call.runs());
  CHECK_FALSE(call.held_up());
  CHECK(slots.taken() == 1u);
  call.ended();
  CHECK_FALSE(call.runs());
  CHECK(slots.taken() == 0u);
  CHECK(told().empty());
  begin("n");
  CHECK(told() == "start(n) ");
}

TEST_CASE_FIXTURE(fixture, "model_call: waits in line for a slot") {
  model_call other(client, slots, scheduler);
  begin();
  begin(other, "second");
  CHECK(told() == "start(m) ");
  CHECK_FALSE(other.runs());
  CHECK(slots.waiting() == 1u);
  call.ended();
  CHECK(told() == "start(second) ");
  CHECK(other.runs());
  CHECK_FALSE(call.runs());
  CHECK(slots.taken() == 1u);
  other.ended();
  CHECK(slots.taken() == 0u);
}

TEST_CASE_FIXTURE(fixture, "model_call: stopped while it waits, it leaves the line") {
  model_call other(client, slots, scheduler);
  begin();
  begin(other, "second");
  other.stop();
  CHECK(slots.waiting() == 0u);
  CHECK(told() == "start(m) ");
  call.ended();
  CHECK(told().empty());
  CHECK(slots.taken() == 0u);
}

TEST_CASE_FIXTURE(fixture,
                  "model_call: stopped while it runs, upstream is told and the next comes") {
  model_call other(client, slots, scheduler);
  begin();
  begin(other, "second");
  told();
  call.stop();
  CHECK(told() == "cancel(1) start(second) ");
  CHECK_FALSE(call.runs());
  CHECK(slots.taken() == 1u);
}

TEST_CASE_FIXTURE(fixture, "model_call: stopping what does not run changes nothing") {
  call.stop();
  CHECK(slots.taken() == 0u);
  begin();
  call.ended();
  told();
  call.stop();
  call.stop();
  CHECK(told().empty());
  CHECK(slots.taken() == 0u);  // not given back twice
  CHECK(slots.try_acquire());
  CHECK_FALSE(slots.try_acquire());
}

TEST_CASE_FIXTURE(fixture, "model_call: its slot is back also when nothing was started") {
  call.await_turn([] {});  // the application's hook closed the session
  CHECK_FALSE(call.runs());
  CHECK(slots.taken() == 1u);
  call.stop();
  CHECK(slots.taken() == 0u);
  CHECK(told().empty());
}

TEST_CASE_FIXTURE(fixture, "model_call: destroyed, it stops and gives all back") {
  {
    model_call other(client, slots, scheduler);
    begin(other, "a");
    other.hold_up(1s, [] { FAIL("too long for nobody"); });
    model_call waiting(client, slots, scheduler);
    begin(waiting, "b");
    told();
  }
  CHECK(told() == "cancel(1) ");
  CHECK(slots.taken() == 0u);
  CHECK(slots.waiting() == 0u);
  CHECK_FALSE(scheduler.has_work());
}

TEST_CASE_FIXTURE(fixture, "model_call: held up, then goes on") {
  begin();
  told();
  hold_up(30s);
  CHECK(told() == "pause(1) ");
  CHECK(call.held_up());
  CHECK(call.runs());
  scheduler.advance(30s - 1ms);
  call.go_on();
  CHECK(told() == "resume(1) ");
  CHECK_FALSE(call.held_up());
  scheduler.advance(1h);
  CHECK(too_long == 0);
  CHECK_FALSE(scheduler.has_work());
}

TEST_CASE_FIXTURE(fixture, "model_call: held up for too long, that is told once") {
  begin();
  hold_up(30s);
  scheduler.advance(30s - 1ms);
  CHECK(too_long == 0);
  scheduler.advance(1ms);
  CHECK(too_long == 1);
  CHECK(call.held_up());  // until somebody says otherwise
  scheduler.advance(1h);
  CHECK(too_long == 1);
  told();
  call.go_on();
  CHECK(told() == "resume(1) ");
}

TEST_CASE_FIXTURE(fixture, "model_call: each hold-up has the whole time") {
  begin();
  hold_up(30s);
  scheduler.advance(20s);
  call.go_on();
  scheduler.advance(5s);
  hold_up(30s);
  scheduler.advance(30s - 1ms);
  CHECK(too_long == 0);
  scheduler.advance(1ms);
  CHECK(too_long == 1);
}

TEST_CASE_FIXTURE(fixture, "model_call: ended or stopped while it is held up, the clock stops") {
  begin();
  hold_up(30s);
  call.ended();
  CHECK_FALSE(call.held_up());
  CHECK_FALSE(scheduler.has_work());
  begin();
  CHECK_FALSE(call.held_up());
  hold_up(30s);
  call.stop();
  CHECK_FALSE(call.held_up());
  scheduler.advance(1h);
  CHECK(too_long == 0);
}

TEST_CASE_FIXTURE(fixture, "model_call: may be destroyed by what is done when it takes too long") {
  auto own = std::make_unique<model_call>(client, slots, scheduler);
  begin(*own, "m");
  const auto kept = std::make_shared<std::string>("what the function holds");
  std::string seen;
  own->hold_up(30s, [&own, &seen, kept] {
    own.reset();
    seen = *kept;
  });
  scheduler.advance(30s);
  CHECK(seen == "what the function holds");
  CHECK(own == nullptr);
  CHECK(slots.taken() == 0u);
}

TEST_CASE_FIXTURE(fixture, "model_call: knows whether its request had tools, wherever they stand") {
  const auto offers = [this](const std::string& tools, const std::string& extra) {
    call.await_turn([&] {
      const auto request = std::make_shared<openrouter::chat_request>();
      request->tools = tools;
      request->extra = extra;
      call.start(request, sink);
    });
    call.ended();
    return call.offers_tools();
  };
  CHECK_FALSE(offers("", ""));
  CHECK(offers(R"([{"type":"function"}])", ""));
  CHECK_FALSE(offers("", R"({"tool_choice":"none"})"));
  CHECK(offers("", R"({"tools":[{"type":"function"}]})"));
}

// ---- result_of

TEST_CASE("result_of: a call of a tool where none was offered") {
  openrouter::outcome ended;
  CHECK_FALSE(result_of(ended, false).unoffered_call);
  ended.tool_calls.emplace_back();
  CHECK(result_of(ended, false).unoffered_call);
  CHECK_FALSE(result_of(ended, true).unoffered_call);
  CHECK(result_of(ended, false).tool_calls.size() == 1);
}

TEST_CASE("model_call: a good end as the core wants to know it") {
  openrouter::outcome ended;
  ended.finish_reason = "stop";
  ended.model = "openai/gpt-4o-mini";
  ended.usage.json = R"({"prompt_tokens":12})";
  ended.usage.prompt_tokens = 12;
  ended.usage.completion_tokens = 98;
  ended.usage.cost = 0.0004;
  const completion_result result = result_of(ended);
  CHECK_FALSE(result.failure.has_value());
  CHECK(result.finish_reason == "stop");
  CHECK(result.model == "openai/gpt-4o-mini");
  CHECK(result.usage == R"({"prompt_tokens":12})");
  CHECK(result.used.answers == 1);
  CHECK(result.used.prompt_tokens == 12);
  CHECK(result.used.completion_tokens == 98);
  CHECK(result.used.cost == 0.0004);
}

TEST_CASE("model_call: what came beside the text goes on as it came") {
  openrouter::outcome ended;
  ended.finish_reason = "tool_calls";
  ended.tool_calls = {{"c", "tool", "{ }", true}, {"d", "tool", "{", false}};
  ended.reasoning_details = R"([{"type":"reasoning.text"}])";
  ended.annotations = R"([{"type":"url_citation"}])";
  ended.images = R"([{"image_url":{}}])";
  ended.generation_id = "gen-1";
  ended.provider = "P";
  const completion_result result = result_of(ended);
  CHECK(result.tool_calls == ended.tool_calls);
  CHECK(result.reasoning_details == ended.reasoning_details);
  CHECK(result.annotations == ended.annotations);
  CHECK(result.images == ended.images);
  CHECK(result.generation_id == "gen-1");
  CHECK(result.provider == "P");
}

TEST_CASE("model_call: an end in words for the log") {
  openrouter::outcome ended;
  CHECK(agent_websocket::describe(ended) == "no id");
  ended.generation_id = "gen-1";
  ended.model = "m";
  ended.provider = "P";
  ended.finish_reason = "stop";
  ended.usage.prompt_tokens = 12;
  ended.usage.completion_tokens = 0;
  ended.usage.cost = 0.25;
  ended.attempts = 1;
  CHECK(agent_websocket::describe(ended) ==
        "gen-1 model=m provider=P finish=stop prompt=12 completion=0 cost=0.25");
  ended.attempts = 3;
  ended.failed = openrouter::failure(error(errc::truncated, "Cut off", "after 3 bytes"));
  const std::string failed = agent_websocket::describe(ended);
  CHECK(failed.find("truncated after 3 bytes gen-1") == 0u);
  CHECK(failed.find("attempts=3") != std::string::npos);
}

TEST_CASE("model_call: an upstream that does not count is not counted") {
  const completion_result result = result_of({});
  CHECK(result.used.answers == 1);
  CHECK(result.used.prompt_tokens == 0);
  CHECK(result.used.completion_tokens == 0);
  CHECK(result.used.cost == 0.0);
  CHECK(result.usage.empty());
}

TEST_CASE("model_call: what is no code of the wire is told as a failure of the provider") {
  for (const errc each : {errc::connection_failed, errc::protocol_error}) {
    openrouter::outcome ended;
    ended.failed = openrouter::failure(error(each, "Connection refused", "10.0.0.7"));
    const completion_result result = result_of(ended);
    REQUIRE(result.failure.has_value());
    CHECK(result.failure->code == errc::provider_error);
    CHECK(result.failure->detail.find("Connection refused") != std::string::npos);
  }
}

TEST_CASE("model_call: an upstream's own words are for the log only") {
  openrouter::outcome ended;
  ended.failed = openrouter::failure(
      error(errc::provider_rate_limited, "key sk-1 at 10.0.0.7 is limited", "raw body"));
  ended.failed->retry_after = 1500ms;
  ended.finish_reason = "error";
  const completion_result result = result_of(ended);
  REQUIRE(result.failure.has_value());
  CHECK(result.failure->code == errc::provider_rate_limited);
  CHECK(result.failure->message == agent_websocket::message_of(errc::provider_rate_limited));
  CHECK(result.failure->detail.find("sk-1 at 10.0.0.7") != std::string::npos);
  CHECK(result.failure->detail.find("raw body") != std::string::npos);
  CHECK(result.retry_after == 1500ms);
  CHECK(result.finish_reason == "error");
}
