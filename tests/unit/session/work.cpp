// SPDX-License-Identifier: MIT
#include <agent_websocket/session/work.hpp>

#include <agent_websocket/testing/manual_scheduler.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

using namespace agent_websocket;
using namespace std::chrono_literals;
using agent_websocket::testing::manual_scheduler;

namespace {

struct fake_client {
  openrouter::completion_id start(const std::shared_ptr<const openrouter::chat_request>&,
                                  openrouter::completion_sink&) {
    return 7;
  }
  void cancel(openrouter::completion_id id) { cancelled += std::to_string(id); }
  void pause(openrouter::completion_id) {}
  void resume(openrouter::completion_id) {}

  std::string cancelled;
};
struct fake_session {
  void tool_ended(run_number, const std::string&, tool_result) {}
};
struct deaf_sink final : openrouter::completion_sink {
  void on_begin(openrouter::completion_id, std::string_view) override {}
  void on_text(openrouter::completion_id, std::string_view) override {}
  void on_reasoning(openrouter::completion_id, std::string_view) override {}
  void on_retry(openrouter::completion_id, int, std::chrono::milliseconds,
                const openrouter::failure&) override {}
  void on_complete(openrouter::completion_id, openrouter::outcome) override {}
};
struct surroundings {
  fake_client client;
  upstream_slots slots{0};
  manual_scheduler scheduler;
};
using work_type = session_work<fake_session, fake_client, manual_scheduler>;

}  // namespace

TEST_CASE("work: one pointer until the first query, and stopping nothing makes nothing") {
  work_type work;
  CHECK(sizeof work == sizeof(void*));
  CHECK(work.running_call() == nullptr);
  work.stop();
  surroundings around;
  auto& made = work.in(around);
  CHECK(&work.in(around) == &made);
  CHECK(work.running_call() == nullptr);  // made, and at rest
}

TEST_CASE("work: stops the call and the clocks") {
  surroundings around;
  deaf_sink sink;
  work_type work;
  bool over = false;
  work.in(around).call.await_turn([&] { work.in(around).call.start(std::make_shared<openrouter::chat_request>(), sink); });
  work.in(around).timeout.start(1s, [&] { over = true; });
  work.in(around).tools.start_clock("t_1", 1s, [&] { over = true; });
  REQUIRE(work.running_call() == &work.in(around).call);
  work.stop();
  CHECK(work.running_call() == nullptr);
  CHECK(around.client.cancelled == "7");
  around.scheduler.advance(2s);
  CHECK_FALSE(over);
}

TEST_CASE("work: its end stops what is under way") {
  surroundings around;
  deaf_sink sink;
  {
    work_type work;
    work.in(around).call.await_turn([&] { work.in(around).call.start(std::make_shared<openrouter::chat_request>(), sink); });
  }
  CHECK(around.client.cancelled == "7");
}
