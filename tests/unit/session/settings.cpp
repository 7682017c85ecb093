// SPDX-License-Identifier: MIT
#include <agent_websocket/session/settings.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <ostream>
#include <string>
#include <string_view>

using agent_websocket::apply_overrides;
using agent_websocket::errc;
using agent_websocket::result;
using agent_websocket::session_overrides;
using agent_websocket::session_settings;
using agent_websocket::to_string;

namespace {

result<session_overrides> applied(std::string_view data, const session_settings& settings = {},
                                  const session_overrides& current = {}) {
  agent_websocket::json::document parsed;
  REQUIRE(parsed.parse(data));
  return apply_overrides(current, settings, parsed.root());
}

std::string verdict(std::string_view data, const session_settings& settings = {}) {
  const auto outcome = applied(data, settings);
  return outcome ? "good" : to_string(outcome.error().code);
}

}  // namespace

TEST_CASE("settings: the defaults") {
  const session_settings settings;
  CHECK(settings.agent_name == "agent_websocket");
  CHECK(settings.model == "openai/gpt-4-turbo");
  CHECK(settings.system_prompt ==
        "You are Agent WebSocket, an AI assistant communicating via WebSocket.");
  CHECK(settings.temperature == 0.7);
  CHECK(settings.max_tokens == 1500);
  CHECK(settings.max_history == 50u);
  CHECK(settings.max_queue == 16u);
  CHECK(settings.max_message_bytes == 65'536u);
  CHECK(settings.max_outbound_bytes == 1'048'576u);
  CHECK(settings.heartbeat_interval.count() == 25'000);
  CHECK(settings.heartbeat_timeout.count() == 8'000);
}

TEST_CASE("settings: the defaults of the tool loop") {
  const session_settings plain;
  CHECK(plain.tools == nullptr);
  CHECK(plain.client_tools);
  CHECK(plain.max_tool_rounds == 8u);
  CHECK(plain.tool_timeout == std::chrono::seconds(60));
  CHECK(plain.approval_timeout == std::chrono::seconds(300));
  CHECK(plain.reasoning_effort.empty());
}

TEST_CASE("settings: which models a client may choose") {
  session_settings settings;
  settings.model = "a/main";
  settings.fallback_models = {"b/spare"};
  CHECK(settings.allows_model("any/thing"));
  settings.allowed_models = {"c/extra"};
  CHECK(settings.allows_model("c/extra"));
  CHECK(settings.allows_model("a/main"));
  CHECK(settings.allows_model("b/spare"));
  CHECK_FALSE(settings.allows_model("any/thing"));
  CHECK_FALSE(settings.allows_model("c/extra:free"));
  CHECK_FALSE(settings.allows_model("*"));
  settings.allowed_models.clear();
  CHECK(settings.allows_model("a/main"));
  CHECK_FALSE(settings.allows_model("c/extra"));
}

TEST_CASE("settings: set takes all it is given") {
  const auto changed =
      applied(R"({"model":"m","temperature":0.2,"max_tokens":500,"system":"Be brief."})");
  REQUIRE(changed);
  CHECK(changed->model == "m");
  CHECK(changed->temperature == 0.2);
  CHECK(changed->max_tokens == 500);
  CHECK(changed->system_prompt == "Be brief.");
}

TEST_CASE("settings: set keeps what it does not name, and null takes a choice back") {
  session_overrides current;
  current.model = "m";
  current.temperature = 1.0;
  current.max_tokens = 5;
  current.system_prompt = "s";
  const auto changed = applied(R"({"temperature":null,"max_tokens":7})", {}, current);
  REQUIRE(changed);
  CHECK(changed->model == "m");
  CHECK_FALSE(changed->temperature.has_value());
  CHECK(changed->max_tokens == 7);
  CHECK(changed->system_prompt == "s");
  const auto none =
      applied(R"({"model":null,"temperature":null,"max_tokens":null,"system":null})", {}, current);
  REQUIRE(none);
  CHECK_FALSE(none->model.has_value());
  CHECK_FALSE(none->temperature.has_value());
  CHECK_FALSE(none->max_tokens.has_value());
  CHECK_FALSE(none->system_prompt.has_value());
}

TEST_CASE("settings: each value has its limits") {
  CHECK(verdict(R"({"temperature":0})") == "good");
  CHECK(verdict(R"({"temperature":2})") == "good");
  CHECK(verdict(R"({"temperature":2.01})") == "bad_message");
  CHECK(verdict(R"({"temperature":-0.1})") == "bad_message");
  CHECK(verdict(R"({"temperature":"0.5"})") == "bad_message");
  CHECK(verdict(R"({"max_tokens":1})") == "good");
  CHECK(verdict(R"({"max_tokens":1500})") == "good");
  CHECK(verdict(R"({"max_tokens":1501})") == "bad_message");
  CHECK(verdict(R"({"max_tokens":0})") == "bad_message");
  CHECK(verdict(R"({"max_tokens":1.5})") == "bad_message");
  CHECK(verdict(R"({"max_tokens":99999999999999999999})") == "bad_message");
  CHECK(verdict(R"({"model":""})") == "bad_message");
  CHECK(verdict(R"({"model":")" + std::string(200, 'm') + R"("})") == "good");
  CHECK(verdict(R"({"model":")" + std::string(201, 'm') + R"("})") == "bad_message");
  CHECK(verdict(R"({"model":7})") == "bad_message");
  CHECK(verdict(R"({"system":""})") == "good");
  CHECK(verdict(R"({"system":7})") == "bad_message");
}

TEST_CASE("settings: what is no object with members is refused") {
  for (const std::string data : {"null", "{}", "[]", "7", R"("model")", R"([{"model":"m"}])"}) {
    CAPTURE(data);
    CHECK(verdict(data) == "bad_message");
  }
}

TEST_CASE("settings: what the operator does not allow is forbidden") {
  session_settings settings;
  settings.client_settings = {"temperature"};
  CHECK(verdict(R"({"temperature":1})", settings) == "good");
  CHECK(verdict(R"({"model":"m"})", settings) == "forbidden");
  CHECK(verdict(R"({"system":"s"})", settings) == "forbidden");
  CHECK(verdict(R"({"system":null})", settings) == "forbidden");
  CHECK(verdict(R"({"max_tokens":5})", settings) == "forbidden");
  settings = {};
  settings.allowed_models = {};
  CHECK(verdict(R"({"model":"other"})", settings) == "forbidden");
  CHECK(verdict(R"({"model":"openai/gpt-4-turbo"})", settings) == "good");
  CHECK(verdict(R"({"api_key":"x"})") == "forbidden");
  CHECK(verdict(R"({"max_history":5000})") == "forbidden");
}

TEST_CASE("settings: one wrong thing and nothing is changed") {
  session_overrides current;
  current.model = "m";
  CHECK_FALSE(applied(R"({"temperature":1,"max_tokens":0})", {}, current));
  CHECK_FALSE(applied(R"({"temperature":1,"unknown":0})", {}, current));
  CHECK(current.model == "m");
}

TEST_CASE("settings: the words name the field, and nothing of the client's text") {
  const auto wrong = applied(R"({"temperature":9})");
  CHECK(wrong.error().message.find("temperature") != std::string::npos);
  CHECK(wrong.error().message.find("0 to 2") != std::string::npos);
  const auto unknown = applied(R"({"<script>":1})");
  CHECK(unknown.error().message.find("script") == std::string::npos);
}
