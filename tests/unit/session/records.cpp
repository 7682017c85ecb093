// SPDX-License-Identifier: MIT
#include <agent_websocket/session/records.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace agent_websocket;

namespace {
const wall_time at{std::chrono::seconds(1'767'225'600)};
}

TEST_CASE("records: a query") {
  accepted_query asked;
  asked.query.id = "q1";
  asked.query.content = "with \"quotes\" and\nlines";
  asked.stream = "r_1";
  const frame kept(records::of_query(asked, at));
  CHECK(kept.text("kind") == "query");
  CHECK(kept.text("id") == "q1");
  CHECK(kept.text("stream") == "r_1");
  CHECK(kept.content() == "with \"quotes\" and\nlines");
  CHECK(kept.text("at") == "2026-01-01T00:00:00.000Z");
  CHECK_FALSE(kept.has("parts"));

  asked.query.parts = R"([{"type":"text","text":"x"}])";
  asked.regenerate = true;
  const frame again(records::of_query(asked, at));
  CHECK(again.text("kind") == "regenerate");
  CHECK(again.json("parts") == R"([{"type":"text","text":"x"}])");
}

TEST_CASE("records: an answer") {
  answer_record ended;
  ended.query_id = "q1";
  ended.stream = "r_1";
  ended.text = "text";
  ended.status = wire::answer_status::cancelled;
  const frame kept(records::of_answer(ended, 7, at));
  CHECK(kept.text("kind") == "answer");
  CHECK(kept.ref() == "q1");
  CHECK(kept.text("stream") == "r_1");
  CHECK(kept.number("seq") == 7);
  CHECK(kept.content() == "text");
  CHECK(kept.text("status") == "cancelled");
  for (const char* absent : {"finish_reason", "model", "usage", "error", "steps"}) {
    CHECK_FALSE(kept.has(absent));
  }

  ended.finish_reason = "stop";
  ended.model = "m";
  ended.usage = R"({"cost":0.5})";
  ended.failure = error(errc::internal, "words", "the secret detail");
  const frame full(records::of_answer(ended, 8, at));
  CHECK(full.text("finish_reason") == "stop");
  CHECK(full.text("model") == "m");
  CHECK(full.json("usage.cost") == "0.5");
  CHECK(full.text("error") == "internal");
  CHECK(full.raw().find("secret") == std::string::npos);
}

TEST_CASE("records: the steps of an answer, byte for byte") {
  answer_record ended;
  ended.steps = R"([{"role":"tool","tool_call_id":"c","content":"r"}, 1.50])";
  const std::string kept = records::of_answer(ended, 7, at);
  CHECK(kept.find(R"("steps":[{"role":"tool","tool_call_id":"c","content":"r"}, 1.50])") !=
        std::string::npos);
  CHECK(frame(kept).text("steps.0.content") == "r");
}

TEST_CASE("records: feedback and clear") {
  feedback_entry said;
  said.id = "f1";
  said.answer = "r_1";
  said.at = at;
  const frame bare(records::of_feedback(said));
  CHECK(bare.text("kind") == "feedback");
  CHECK(bare.text("id") == "f1");
  CHECK(bare.text("answer") == "r_1");
  CHECK(bare.text("at") == "2026-01-01T00:00:00.000Z");
  CHECK_FALSE(bare.has("rating"));
  said.rating = -1;
  said.comment = "no";
  said.correction = "42";
  const frame full(records::of_feedback(said));
  CHECK(full.json("rating") == "-1");
  CHECK(full.text("comment") == "no");
  CHECK(full.text("correction") == "42");
  CHECK(frame(records::of_clear(at)).text("kind") == "clear");
}
