// SPDX-License-Identifier: MIT
#include <agent_websocket/wire/message.hpp>

#include <doctest/doctest.h>

#include <string>
#include <variant>

namespace wire = agent_websocket::wire;

TEST_CASE("message: the spelling of each answer status") {
  CHECK(wire::to_string(wire::answer_status::completed) == "completed");
  CHECK(wire::to_string(wire::answer_status::cancelled) == "cancelled");
  CHECK(wire::to_string(wire::answer_status::failed) == "failed");
  CHECK(wire::to_string(wire::answer_status::incomplete) == "incomplete");
}

TEST_CASE("message: a query that says nothing more than its content has the protocol's defaults") {
  const wire::query asked;
  CHECK(asked.priority == 5);
  CHECK(asked.overlap == wire::overlap::queue);
  CHECK_FALSE(asked.stream.has_value());
  CHECK_FALSE(asked.timeout.has_value());
  CHECK(asked.id.empty());
  CHECK(asked.model.empty());
  CHECK(asked.meta.empty());
}

TEST_CASE("message: what a client may send is one of three types, or no message") {
  CHECK(std::variant_size_v<wire::client_message> == 4u);
  CHECK(std::holds_alternative<wire::query>(wire::client_message(wire::query())));
  CHECK(std::holds_alternative<wire::command>(wire::client_message(wire::command())));
  CHECK(std::holds_alternative<wire::human_feedback>(wire::client_message(wire::human_feedback())));
  CHECK(std::holds_alternative<wire::rejection>(wire::client_message(wire::rejection())));
}

TEST_CASE("message: by default no failure ends a query and an answer is whole") {
  CHECK(wire::response_end().status == wire::answer_status::completed);
  CHECK(wire::response_end().failure == nullptr);
  CHECK_FALSE(wire::failure_notice().seq.has_value());
  CHECK_FALSE(wire::notification().seq.has_value());
  CHECK_FALSE(wire::status().seq.has_value());
}
