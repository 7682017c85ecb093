// SPDX-License-Identifier: MIT
#include <agent_websocket/server/option_variables.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <string_view>

using agent_websocket::option_variable;
using agent_websocket::option_variables;
using agent_websocket::options;
using namespace std::chrono_literals;

namespace {

const option_variable& named(std::string_view name) {
  for (const option_variable& each : option_variables()) {
    if (each.name == name) return each;
  }
  FAIL("no variable " << std::string(name));
  return option_variables().front();
}

/// Why the text is refused; "" when it is taken.
std::string wrong(options& into, std::string_view name, std::string_view text) {
  const auto words = named(name).apply(into, text);
  if (words) CHECK_FALSE(words->empty());
  return words.value_or("");
}
bool takes(std::string_view name, std::string_view text) {
  options scratch;
  return wrong(scratch, name, text).empty();
}

}  // namespace

TEST_CASE("option_variables: each has its own name in capitals, and words") {
  const std::set<std::string_view> secrets{"OPENROUTER_API_KEY", "ADMIN_TOKEN", "AUTH_TOKENS",
                                           "JWT_SECRET", "JWT_PREVIOUS_SECRET", "STORE"};
  std::set<std::string_view> names;
  for (const option_variable& each : option_variables()) {
    CAPTURE(std::string(each.name));
    CHECK(names.insert(each.name).second);
    CHECK(std::all_of(each.name.begin(), each.name.end(),
                      [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; }));
    CHECK(each.meaning.size() > 3u);
    CHECK(each.meaning.find('\n') == std::string_view::npos);
    REQUIRE_FALSE(!each.apply);
    CHECK(each.secret == (secrets.count(each.name) == 1));
  }
}

TEST_CASE("option_variables: each takes its own default") {
  for (const option_variable& each : option_variables()) {
    CAPTURE(std::string(each.name));
    options into;
    if (!each.default_text.empty()) CHECK_FALSE(each.apply(into, each.default_text).has_value());
  }
}

TEST_CASE("option_variables: what is refused changes nothing that was there") {
  options into;
  for (const char* name : {"MAX_TOOL_ROUNDS", "TOOL_TIMEOUT", "APPROVAL_TIMEOUT", "CLIENT_TOOLS",
                           "MAX_TOKENS_FIELD", "REASONING_EFFORT"}) {
    CAPTURE(std::string(name));
    CHECK_FALSE(wrong(into, name, "some thing").empty());
  }
  const options plain;
  CHECK(into.session.max_tool_rounds == plain.session.max_tool_rounds);
  CHECK(into.session.tool_timeout == plain.session.tool_timeout);
  CHECK(into.session.approval_timeout == plain.session.approval_timeout);
  CHECK(into.session.client_tools == plain.session.client_tools);
  CHECK(into.max_tokens_field == plain.max_tokens_field);
  CHECK(into.session.reasoning_effort.empty());
}

TEST_CASE("option_variables: those of the tool loop") {
  options into;
  CHECK(wrong(into, "MAX_TOOL_ROUNDS", "3").empty());
  CHECK(into.session.max_tool_rounds == 3u);
  CHECK(wrong(into, "TOOL_TIMEOUT", "2.5").empty());
  CHECK(into.session.tool_timeout == 2500ms);
  CHECK(wrong(into, "APPROVAL_TIMEOUT", "86400").empty());
  CHECK(into.session.approval_timeout == 24h);
  CHECK(wrong(into, "CLIENT_TOOLS", "off").empty());
  CHECK_FALSE(into.session.client_tools);
  CHECK(wrong(into, "CLIENT_TOOLS", "on").empty());
  CHECK(into.session.client_tools);
  CHECK(wrong(into, "REASONING_EFFORT", "high").empty());
  CHECK(into.session.reasoning_effort == "high");

  for (const char* text : {"-1", "1.5", "1001", "many", ""}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(takes("MAX_TOOL_ROUNDS", text));
  }
  for (const char* text : {"0", "-1", "ten", "86401", ""}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(takes("TOOL_TIMEOUT", text));
  }
  for (const char* text : {"0", "-1", "604801", "5m"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(takes("APPROVAL_TIMEOUT", text));
  }
  for (const char* text : {"ON", "true", "1", "yes"}) CHECK_FALSE(takes("CLIENT_TOOLS", text));
}

TEST_CASE("option_variables: which limit of tokens is sent") {
  using name = agent_websocket::openrouter::max_tokens_name;
  options into;
  CHECK(into.max_tokens_field == name::max_tokens);
  CHECK(wrong(into, "MAX_TOKENS_FIELD", "both").empty());
  CHECK(into.max_tokens_field == name::both);
  CHECK(wrong(into, "MAX_TOKENS_FIELD", "max_completion_tokens").empty());
  CHECK(into.max_tokens_field == name::max_completion_tokens);
  CHECK(wrong(into, "MAX_TOKENS_FIELD", "max_tokens").empty());
  CHECK(into.max_tokens_field == name::max_tokens);
  CHECK(wrong(into, "MAX_TOKENS_FIELD", "none").find("both") != std::string::npos);
}

TEST_CASE("option_variables: where sessions are kept") {
  options into;
  CHECK(into.store == "memory");
  for (const char* each : {"sqlite:sessions.db", "redis://localhost", "rediss://u:p@host:6380/1"}) {
    CAPTURE(std::string(each));
    CHECK(wrong(into, "STORE", each).empty());
    CHECK(into.store == each);
  }
  for (const char* each : {"", "Memory", "sqlite:", "sqlite", "redis://", "redis:localhost",
                           "file:x", "memory "}) {
    CAPTURE(std::string(each));
    CHECK(wrong(into, "STORE", each).find("redis://") != std::string::npos);
    CHECK(into.store == "rediss://u:p@host:6380/1");
  }
  // A password may stand in it, but not in what is said of it.
  CHECK(wrong(into, "STORE", "postgres://u:secret@host").find("secret") == std::string::npos);
  CHECK(wrong(into, "STORE", "memory").empty());
  CHECK(into.store == "memory");
}

TEST_CASE("option_variables: for how long, and how long without the store") {
  options into;
  CHECK(into.store_keep == 30 * 24h);
  CHECK(into.session.store_patience == 60s);
  CHECK(wrong(into, "STORE_KEEP", "7").empty());
  CHECK(into.store_keep == 7 * 24h);
  CHECK(wrong(into, "STORE_KEEP", "0.5").empty());
  CHECK(into.store_keep == 12h);
  CHECK(wrong(into, "STORE_PATIENCE", "2.5").empty());
  CHECK(into.session.store_patience == 2500ms);
  for (const char* each : {"0", "-1", "3651", "for ever", ""}) {
    CAPTURE(std::string(each));
    CHECK_FALSE(takes("STORE_KEEP", each));
  }
  for (const char* each : {"0", "0.5", "-1", "3601", "1m", ""}) {
    CAPTURE(std::string(each));
    CHECK_FALSE(takes("STORE_PATIENCE", each));
  }
}
