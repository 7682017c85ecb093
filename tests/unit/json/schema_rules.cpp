// SPDX-License-Identifier: MIT
#include <agent_websocket/json/schema_rules.hpp>

#include <doctest/doctest.h>

#include <iterator>

using agent_websocket::json::schema_rules;
using agent_websocket::json::schema_type_names;

TEST_CASE("schema_rules: nothing is forbidden before a keyword says so; a bit for each type") {
  const schema_rules none;
  CHECK(none.types == 0);
  CHECK_FALSE(none.always);
  CHECK_FALSE(none.additional_properties);
  CHECK(none.required.empty());
  CHECK(std::size(schema_type_names) == 7);
}
