// SPDX-License-Identifier: MIT
#include <agent_websocket/session/records.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace agent_websocket;

namespace {
const wall_time at{std::chrono::milliseconds(1'767'225'600'123)};
constexpr const char* at_text = "1767225600123";
}  // namespace

TEST_CASE("records: a query") {
  accepted_query asked;
  asked.query.id = "q1";
  asked.query.content = "with \"quotes\" and\nlines";
  asked.stream = "r_1";
  const frame kept(records::of_query(asked, false, false, 0, at));
  CHECK(kept.text("kind") == "query");
  CHECK(kept.text("id") == "q1");
  CHECK(kept.text("stream") == "r_1");
  CHECK(kept.text("question.role") == "user");
  CHECK(kept.text("question.text") == "with \"quotes\" and\nlines");
  CHECK(kept.json("at") == at_text);
  for (const char* absent :
       {"question.json", "meta", "streamed", "claimed", "started", "regenerate", "calls"})
    CHECK_FALSE(kept.has(absent));
  CHECK(kept.raw().find('\n') == std::string::npos);

  asked.query.parts = R"([ {"type":"text","text":"x"}])";
  asked.query.meta = R"({"tab": 1})";
  asked.streamed = true;
  const frame more(records::of_query(asked, true, true, 7, at));
  CHECK(more.text("question.json") == asked.question().json());
  CHECK(more.text("meta") == R"({"tab": 1})");  // as text, byte for byte
  CHECK(more.truth("streamed"));
  CHECK(more.truth("claimed"));
  CHECK(more.truth("started"));
  CHECK(more.number("calls") == 7);

  asked.regenerate = true;
  const frame again(records::of_query(asked, true, false, 0, at));
  CHECK(again.truth("regenerate"));
  CHECK_FALSE(again.has("question"));
}

TEST_CASE("records: a numbered message, whose frame stands last and as it was") {
  const std::string sent = R"({"type":"x",  "n":1.0,"frame":{"a":1}})";
  records::note about;
  CHECK(records::of_message(7, about, sent) ==
        R"({"kind":"message","seq":7,"frame":)" + sent + "}");
  about.ends = R"(a",b)";
  const std::string ends = records::of_message(7, about, sent);
  CHECK(frame(ends).text("ends") == R"(a",b)");
  CHECK(ends.substr(ends.find(records::frame_key) + records::frame_key.size()) == sent + "}");
  about = {};
  about.starts = "r_1";
  CHECK(frame(records::of_message(1, about, "{}")).text("starts") == "r_1");
  about = {};
  about.asks = "f_1";
  CHECK(frame(records::of_message(1, about, "{}")).text("asks") == "f_1");
  about = {};
  about.resolves = "f_1";
  CHECK(frame(records::of_message(1, about, "{}")).text("resolves") == "f_1");
}

TEST_CASE("records: a turn") {
  turn ended;
  ended.id = "q1";
  ended.stream = "r_1";
  ended.seq = 9;
  ended.asked = at;
  ended.answered = at + std::chrono::seconds(1);
  ended.question = openrouter::chat_message::user("x");
  ended.status = wire::answer_status::cancelled;
  const frame kept(records::of_turn(ended, false, {}, 3));
  CHECK(kept.text("kind") == "turn");
  CHECK(kept.number("seq") == 9);
  CHECK(kept.json("asked") == at_text);
  CHECK(kept.number("answered") - kept.number("asked") == 1000);
  CHECK(kept.text("status") == "cancelled");
  CHECK(kept.text("question.text") == "x");
  CHECK(kept.number("calls") == 3);
  CHECK(kept.number("used.answers") == 0);
  for (const char* absent : {"again", "model", "steps", "answer", "shown", "feedback"})
    CHECK_FALSE(kept.has(absent));

  ended.model = "m";
  ended.shown = "all of it";
  ended.steps.push_back(openrouter::chat_message::tool_result("c1", "sunny"));
  ended.answer = openrouter::chat_message::assistant_partial("half");
  feedback_entry said;
  said.id = "f";
  said.answer = "r_1";
  said.correction = "42";
  ended.feedback.push_back(said);
  const frame full(records::of_turn(ended, true, {1, 10, 20, 0.5, true, true}, 3));
  CHECK(full.truth("again"));
  CHECK(full.text("model") == "m");
  CHECK(full.text("shown") == "all of it");
  CHECK(full.text("steps.0.role") == "tool");
  CHECK(full.text("steps.0.json") == ended.steps[0].json());
  CHECK(full.text("answer.text") == "half");
  CHECK(full.truth("answer.partial"));
  CHECK(full.text("feedback.0.correction") == "42");
  CHECK(full.real("used.cost") == 0.5);
  CHECK(full.number("used.completion_tokens") == 20);
}

TEST_CASE("records: feedback, and a cleared conversation") {
  feedback_entry said;
  said.id = "f1";
  said.answer = "r_1";
  said.at = at;
  const frame plain(records::of_feedback(said));
  CHECK(plain.text("kind") == "feedback");
  CHECK(plain.text("answer") == "r_1");
  CHECK(plain.json("at") == at_text);
  for (const char* absent : {"rating", "comment", "correction"}) CHECK_FALSE(plain.has(absent));
  said.rating = -1;
  said.comment = "no";
  said.correction = "42";
  const frame full(records::of_feedback(said));
  CHECK(full.json("rating") == "-1");
  CHECK(full.text("comment") == "no");
  CHECK(full.text("correction") == "42");
  CHECK(records::of_clear() == R"({"kind":"clear"})");
}

TEST_CASE("records: what a client chose") {
  session_overrides chosen;
  CHECK(records::of_overrides(chosen) == R"({"kind":"set"})");
  chosen.model = std::string("m");
  chosen.temperature = 0.5;
  chosen.max_tokens = 7;
  chosen.system_prompt = std::string();
  CHECK(records::of_overrides(chosen) ==
        R"({"kind":"set","model":"m","temperature":0.5,"max_tokens":7,"system":""})");
}

TEST_CASE("records: claims, withdrawals and requests") {
  const frame ended(records::of_claim("q", {"r_1", 7}, at));
  CHECK(ended.text("kind") == "claim");
  CHECK(ended.text("id") == "q");
  CHECK(ended.text("stream") == "r_1");
  CHECK(ended.number("end") == 7);
  CHECK_FALSE(ended.has("without_end"));
  CHECK(ended.json("at") == at_text);
  const frame endless(records::of_claim("s", {{}, claimed_ids::without_end}, at));
  CHECK(endless.truth("without_end"));
  CHECK_FALSE(endless.has("end"));
  CHECK(records::of_withdrawal("q\"") == R"({"kind":"withdrawn","id":"q\""})");
  CHECK(records::of_request("f_1") == R"({"kind":"asked","id":"f_1"})");
}

TEST_CASE("records: resume tokens are kept as digests alone") {
  resume_tokens tokens;
  tokens.issue(1, "the secret token");
  const std::string text = records::of_tokens(tokens);
  CHECK(text.find("secret") == std::string::npos);
  const frame kept(text);
  CHECK(kept.text("kind") == "tokens");
  REQUIRE(kept.size("tokens") == 1u);
  CHECK(kept.text("tokens.0.sha256").size() == 43u);
  CHECK(kept.truth("tokens.0.known"));
  CHECK(records::of_tokens({}) == R"({"kind":"tokens","tokens":[]})");
}
