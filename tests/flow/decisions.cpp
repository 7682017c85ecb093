// SPDX-License-Identifier: MIT
//
// People in the loop: a tool that needs approval asks by a numbered message; the first decision
// counts, everybody is told; without one the default holds. Survives a reconnect.
#include "flow/tool_fixture.hpp"

using namespace flow;

namespace {

struct approval_fixture : tool_fixture {
  explicit approval_fixture(aw::options chosen = lasting()) : tool_fixture(std::move(chosen)) {
    aw::tool_definition definition{"erase", "Erases a city", city_schema};
    definition.requires_approval = true;
    add_slow(definition);
    aw::tool_definition question{"ask_user", "Asks the user", ""};
    question.asks_person = true;
    question.question = "Which colour?";
    server.tool(question);
  }
  static aw::options lasting() {
    aw::options chosen = settings();
    chosen.session.resume_window = 600s;
    chosen.run_grace = 30s;
    return chosen;
  }
  /// The model calls the tool; gives the request for a decision.
  frame call_tool(aw::connection_id id, std::string_view name = "erase",
                  std::string_view arguments = R"({"city":"Rome"})",
                  std::string_view query = R"({"id":"q","content":"x","stream":true})") {
    http.reply_with(calls({{"c", std::string(name), std::string(arguments)}}));
    http.reply_with(answer({"done"}));
    const auto asked = of_type(say(id, query), "human_feedback");
    REQUIRE(asked.size() == 1u);
    return asked[0];
  }
};

std::string told(const approval_fixture& f) { return told_by_tools(f.http.last().request); }

}  // namespace

TEST_CASE_FIXTURE(approval_fixture, "decisions: approve runs the tool") {
  const auto id = greet();
  const frame asked = call_tool(id);
  CHECK(asked.is_numbered());
  CHECK(asked.text("kind") == "approval");
  CHECK(asked.text("default") == "reject");
  CHECK(asked.ref() == "q");
  CHECK(asked.content() == "Run erase?");
  CHECK(asked.text("tool.name") == "erase");
  CHECK(asked.json("tool.arguments") == R"({"city":"Rome"})");
  CHECK(is_timestamp(asked.text("expires_at")));
  CHECK(ran.empty());
  const auto frames = say(id, R"({"type":"human_feedback","id":"d1","ref":")" + asked.text("id") +
                                  R"(","decision":"approve"})");
  CHECK(with_op(frames, "ack").size() == 1u);
  const auto resolved = with_op(frames, "feedback_resolved");
  REQUIRE(resolved.size() == 1u);
  CHECK(resolved[0].is_numbered());
  CHECK(resolved[0].text("decision") == "approve");
  CHECK_FALSE(resolved[0].has("reason"));
  REQUIRE(replies.size() == 1u);
  replies[0]("gone");
  run();
  CHECK(told(*this) == "c=gone");
  CHECK(terminal(heard(id)).content() == "done");
}

TEST_CASE_FIXTURE(approval_fixture, "decisions: reject tells the model why") {
  const auto id = greet();
  call_tool(id);
  const auto frames = say(id, R"({"type":"human_feedback","decision":"reject","content":"mine!"})");
  CHECK(ran.empty());
  CHECK(told(*this) == R"(c={"error":"A person has declined this call: mine!"})");
  CHECK(terminal(frames).content() == "done");
}

TEST_CASE_FIXTURE(approval_fixture, "decisions: edit changes the arguments, and they are checked") {
  const auto id = greet();
  const std::string ref = call_tool(id).text("id");
  const frame refused = say(id, R"({"type":"human_feedback","id":"d1","ref":")" + ref +
                                    R"(","decision":"edit","data":{"city":5}})")
                            .at(0);
  CHECK(refused.code() == "feedback_invalid");
  CHECK(refused.truth("retryable"));
  CHECK(mentions(refused.content(), "city"));
  say(id, R"({"type":"human_feedback","id":"d2","ref":")" + ref +
              R"(","decision":"edit","data":{"city":"Oslo"}})");
  CHECK(ran == std::vector<std::string>{R"({"city":"Oslo"})"});
  replies.at(0)("gone");
  run();
  CHECK(told(*this) == "c=A person has changed the arguments to {\"city\":\"Oslo\"}\ngone");
  // What the model said stays as it was.
  CHECK(frame(http.last().request.body).text("messages.2.tool_calls.0.function.arguments") ==
        R"({"city":"Rome"})");
}

TEST_CASE_FIXTURE(approval_fixture, "decisions: answer takes the place of the tool") {
  const auto id = greet();
  call_tool(id);
  say(id, R"({"type":"human_feedback","decision":"answer","data":{"erased":false}})");
  CHECK(ran.empty());
  CHECK(told(*this) == R"(c={"erased":false})");
}

TEST_CASE_FIXTURE(approval_fixture, "decisions: a question is answered by a person") {
  const auto id = greet();
  const frame asked = call_tool(id, "ask_user", "{}");
  CHECK(asked.text("kind") == "question");
  CHECK(asked.content() == "Which colour?");
  CHECK(say(id, R"({"type":"human_feedback","decision":"approve"})").at(0).code() ==
        "feedback_invalid");
  CHECK(say(id, R"({"type":"human_feedback","decision":"answer"})").at(0).code() ==
        "feedback_invalid");
  say(id, R"({"type":"human_feedback","decision":"answer","content":"blue"})");
  CHECK(told(*this) == "c=blue");
}

TEST_CASE_FIXTURE(approval_fixture, "decisions: the first counts, others are told") {
  const auto one = greet();
  const frame asked = call_tool(one);
  const std::string ref = asked.text("id");
  say(one, R"({"type":"human_feedback","id":"d1","ref":")" + ref + R"(","decision":"reject"})");
  const frame late =
      say(one, R"({"type":"human_feedback","id":"d2","ref":")" + ref + R"(","decision":"approve"})")
          .at(0);
  CHECK(late.code() == "feedback_unknown");
  CHECK(mentions(late.content(), "reject"));
  CHECK(ran.empty());
  // The same message once more, from a client that does not know that it arrived.
  const frame again =
      say(one, R"({"type":"human_feedback","id":"d1","ref":")" + ref + R"(","decision":"reject"})")
          .at(0);
  CHECK(again.is_status("ack"));
  CHECK(again.truth("duplicate"));
}

TEST_CASE_FIXTURE(approval_fixture, "decisions: nobody decides in time") {
  const auto id = greet();
  const std::string ref = call_tool(id).text("id");
  pass(301s);
  const auto frames = heard(id);
  const auto resolved = with_op(frames, "feedback_resolved");
  REQUIRE(resolved.size() == 1u);
  CHECK(resolved[0].text("decision") == "reject");
  CHECK(resolved[0].text("reason") == "expired");
  CHECK(ran.empty());
  CHECK(mentions(told(*this), "Nobody has decided"));
  CHECK(terminal(frames).content() == "done");
  CHECK(say(id, R"({"type":"human_feedback","ref":")" + ref + R"(","decision":"approve"})")
            .at(0)
            .code() == "feedback_expired");
}

TEST_CASE_FIXTURE(approval_fixture, "decisions: a cancel withdraws the request") {
  const auto id = greet();
  call_tool(id);
  const auto frames = say(id, R"({"type":"command","op":"cancel"})");
  const auto resolved = with_op(frames, "feedback_resolved");
  REQUIRE(resolved.size() == 1u);
  CHECK(resolved[0].text("reason") == "cancelled");
  CHECK(terminal(frames).text("status") == "cancelled");
  CHECK(ran.empty());
}

TEST_CASE_FIXTURE(approval_fixture, "decisions: the query's clock stands still meanwhile") {
  const auto id = greet();
  call_tool(id, "erase", R"({"city":"Rome"})",
            R"({"id":"q","content":"x","stream":true,"timeout_ms":10000})");
  pass(60s);
  CHECK(terminals(heard(id)).empty());
  say(id, R"({"type":"human_feedback","decision":"approve"})");
  pass(11s);
  const frame end = terminal(heard(id));
  CHECK(end.text("error.code") == "timeout_total");
  CHECK(cancelled.size() == 1u);
}

TEST_CASE_FIXTURE(approval_fixture, "decisions: that nobody came back for end the answer") {
  const auto one = greet();
  call_tool(one);
  const auto kept = session(one);
  transport.disconnect(one);
  run();
  pass(120s);  // the grace of 30 s is over, the decision is still open
  CHECK(kept->core().running());
  pass(200s);
  CHECK_FALSE(kept->core().running());
  CHECK(http.calls().size() == 1u);  // the model was not asked again
}

TEST_CASE_FIXTURE(approval_fixture, "decisions: survive a reconnect, and are in the welcome") {
  const auto one = connect();
  const auto hello =
      say(one, R"({"type":"command","op":"hello","v":1,"caps":["delta","feedback"]})");
  const frame welcome = with_op(hello, "welcome").at(0);
  const frame asked = call_tool(one);
  transport.disconnect(one);
  run();
  pass(120s);  // longer than the grace
  const auto two = transport.connect({});
  run();
  heard(two);
  const auto frames = say(
      two, R"({"type":"command","op":"hello","v":1,"caps":["delta","feedback"],"session_id":")" +
               welcome.text("session_id") + R"(","resume":{"token":")" +
               welcome.text("resume_token") + R"(","epoch":")" + welcome.text("epoch") +
               R"(","last_seq":0}})");
  const frame back = with_op(frames, "welcome").at(0);
  CHECK(back.truth("recovered"));
  CHECK(back.size("pending_feedback") == 1u);
  CHECK(back.text("pending_feedback.0.id") == asked.text("id"));
  CHECK(back.text("pending_feedback.0.tool.name") == "erase");
  CHECK(back.text("pending_feedback.0.expires_at") == asked.text("expires_at"));
  CHECK(of_type(frames, "human_feedback").size() == 1u);  // in the replay
  say(two, R"({"type":"human_feedback","ref":")" + asked.text("id") + R"(","decision":"approve"})");
  REQUIRE(replies.size() == 1u);
  replies[0]("gone");
  run();
  CHECK(terminal(heard(two)).content() == "done");
}
