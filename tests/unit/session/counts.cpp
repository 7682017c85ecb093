// SPDX-License-Identifier: MIT
#include <agent_websocket/session/counts.hpp>

#include <doctest/doctest.h>

#include <chrono>

namespace wire = agent_websocket::wire;
using agent_websocket::errc;
using agent_websocket::errc_counts;
using agent_websocket::session_counts;
using agent_websocket::usage_totals;
using namespace std::chrono_literals;

TEST_CASE("counts: every code has a number of its own") {
  errc_counts of;
  int i = 0;
  for (const auto& row : agent_websocket::detail::errc_table) {
    for (int n = 0; n < i; ++n) of.add(row.code);
    ++i;
  }
  i = 0;
  for (const auto& row : agent_websocket::detail::errc_table)
    CHECK(of[row.code] == static_cast<unsigned>(i++));
}

TEST_CASE("counts: errors, those that end a query and others") {
  session_counts counts;
  wire::failure_notice notice;
  notice.code = errc::queue_full;
  counts.made(notice);
  CHECK(counts.errors[errc::queue_full] == 1u);
  CHECK(counts.answers_of(wire::answer_status::failed) == 0u);
  notice.code = errc::timeout_idle;
  notice.seq = 3;
  counts.made(notice);
  CHECK(counts.errors[errc::timeout_idle] == 1u);
  CHECK(counts.failed_answers[errc::timeout_idle] == 1u);
  CHECK(counts.answers_of(wire::answer_status::failed) == 1u);
  notice.replay = true;  // told again
  counts.made(notice);
  CHECK(counts.errors[errc::timeout_idle] == 1u);
}

TEST_CASE("counts: answers by how they ended") {
  session_counts counts;
  wire::response_end end;
  counts.made(end);
  end.status = wire::answer_status::incomplete;
  counts.made(end);
  wire::failure_notice notice;
  notice.code = errc::truncated;
  end.status = wire::answer_status::failed;
  end.failure = &notice;
  counts.made(end);
  end.replay = true;
  counts.made(end);
  CHECK(counts.answers_of(wire::answer_status::completed) == 1u);
  CHECK(counts.answers_of(wire::answer_status::incomplete) == 1u);
  CHECK(counts.answers_of(wire::answer_status::failed) == 1u);
  CHECK(counts.answers_of(wire::answer_status::cancelled) == 0u);
  CHECK(counts.failed_answers[errc::truncated] == 1u);
  CHECK(counts.errors[errc::truncated] == 1u);
}

TEST_CASE("counts: notifications and tools") {
  session_counts counts;
  wire::notification said;
  counts.made(said);
  said.seq = 1;
  counts.made(said);
  counts.made(said);
  CHECK(counts.volatile_notifications == 1u);
  CHECK(counts.numbered_notifications == 2u);
  wire::tool_status tool;
  for (const auto* state : {"calling", "waiting", "done", "failed", "failed"}) {
    tool.state = state;
    counts.made(tool);
  }
  CHECK(counts.tools_done == 1u);
  CHECK(counts.tools_failed == 2u);
  counts.made(wire::queued{});  // not counted
}

TEST_CASE("counts: times in seconds, tokens, cost") {
  session_counts counts;
  counts.first_text_after(300ms);
  CHECK(counts.first_text.count() == 1u);
  CHECK(counts.first_text.sum() == doctest::Approx(0.3));
  usage_totals used;
  used.prompt_tokens = 12;
  used.completion_tokens = 98;
  used.cost = 0.5;
  counts.answered_after(2s, used);
  used.cost = -1;  // no counter goes down
  counts.answered_after(2s, used);
  CHECK(counts.whole_answer.count() == 2u);
  CHECK(counts.whole_answer.sum() == doctest::Approx(4));
  CHECK(counts.used.prompt_tokens == 24);
  CHECK(counts.used.completion_tokens == 196);
  CHECK(counts.used.cost == doctest::Approx(0.5));
  counts.sent(10);
  counts.sent(5);
  CHECK(counts.frames == 2u);
  CHECK(counts.bytes == 15u);
}
