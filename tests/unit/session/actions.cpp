// SPDX-License-Identifier: MIT
#include <agent_websocket/session/actions.hpp>

#include <doctest/doctest.h>

#include <variant>

using agent_websocket::query_decision;
using agent_websocket::session_action;
using agent_websocket::usage_totals;
namespace action = agent_websocket::action;

TEST_CASE("actions: usage adds up") {
  usage_totals sum{1, 10, 20, 0.5};
  sum += usage_totals{2, 1, 2, 0.25};
  sum += usage_totals{};
  CHECK(sum.answers == 3);
  CHECK(sum.prompt_tokens == 11);
  CHECK(sum.completion_tokens == 22);
  CHECK(sum.cost == 0.75);
}

TEST_CASE("actions: a decision that says nothing lets the model answer") {
  const query_decision decision;
  CHECK(decision.what == query_decision::kind::proceed);
  CHECK(decision.extra.empty());
}

TEST_CASE("actions: a refusal says why") {
  const query_decision decision =
      query_decision::refusal(agent_websocket::error(agent_websocket::errc::forbidden, "Not now"));
  CHECK(decision.what == query_decision::kind::refuse);
  CHECK(decision.why.code == agent_websocket::errc::forbidden);
  CHECK(decision.why.message == "Not now");
  CHECK(decision.text.empty());
  CHECK(decision.extra.empty());
}

TEST_CASE("actions: an action is one of a closed set") {
  CHECK(std::variant_size_v<session_action> == 13u);
  CHECK(std::holds_alternative<action::close_session>(
      session_action(action::close_session{1000, "done"})));
  CHECK(std::holds_alternative<action::hold_clock>(session_action(action::hold_clock{true})));
}
