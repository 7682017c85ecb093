// SPDX-License-Identifier: MIT
#include <agent_websocket/session/kept_settings.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

using namespace agent_websocket;

namespace {

std::string written(const session_settings& own, const session_settings& shared = {}) {
  std::string text;
  json::writer w(text);
  write_kept_settings(w, own, shared);
  return text;
}

session_settings read(std::string_view text, session_settings into = {}) {
  json::document document;
  REQUIRE(document.parse(text));
  read_kept_settings(document.root(), into);
  return into;
}

/// With each member that is kept other than by default.
session_settings other() {
  session_settings made;
  made.agent_name = "a \"b\"";
  made.model = "m";
  made.fallback_models = {"f", "g"};
  made.system_prompt = "line\nline";
  made.temperature = 0.125;
  made.max_tokens = 7;
  made.reasoning_effort = "high";
  made.max_history = 3;
  made.max_history_bytes = 0;
  made.max_content_bytes = 11;
  made.max_queue = 2;
  made.allowed_models.clear();
  made.client_settings = {"model"};
  made.client_tools = false;
  made.max_tool_rounds = 1;
  made.welcome_data = R"({"a":[1,2]})";
  return made;
}

}  // namespace

TEST_CASE("kept_settings: only what differs from those of all is written") {
  CHECK(written({}) == "{}");
  CHECK(written(other(), other()) == "{}");
  session_settings own;
  own.model = "m";
  CHECK(written(own) == R"({"model":"m"})");
  own.fallback_models = {"x"};
  CHECK(written(own) == R"({"model":"m","fallback_models":["x"]})");
}

TEST_CASE("kept_settings: every one comes back, and changes no other") {
  const session_settings back = read(written(other()));
  CHECK(written(back, other()) == "{}");
  CHECK(back.agent_name == "a \"b\"");
  CHECK(back.fallback_models.size() == 2u);
  CHECK(back.system_prompt == "line\nline");
  CHECK(back.temperature == 0.125);
  CHECK(back.max_tokens == 7);
  CHECK(back.max_history_bytes == 0u);
  CHECK(back.allowed_models.empty());
  CHECK_FALSE(back.client_tools);
  CHECK(back.max_tool_rounds == 1u);
  CHECK(back.welcome_data == R"({"a":[1,2]})");
  const session_settings same = read("{}", other());
  CHECK(written(same, other()) == "{}");
  CHECK(read(R"({"model":"n"})", other()).max_history == 3u);
  CHECK(written(session_settings(), other()).find("\"client_tools\":true") != std::string::npos);
}

TEST_CASE("kept_settings: clocks, tools and limits of the server are not kept") {
  session_settings own;
  own.resume_window = std::chrono::milliseconds(1);
  own.tools = std::make_shared<const toolbox>();
  own.commands.push_back({"roll", "rolls"});
  own.max_log_messages = 1;
  CHECK(written(own) == "{}");
}

TEST_CASE("kept_settings: what is of another type stays as it is") {
  const session_settings back = read(
      R"({"model":7,"temperature":"hot","max_tokens":"many","max_history":-1,"max_queue":1.5,)"
      R"("fallback_models":"x","client_tools":1,"allowed_models":null,"unknown":1})",
      other());
  CHECK(written(back, other()) == "{}");
  CHECK(read(R"({"fallback_models":["x",1,null,"y"]})").fallback_models.size() == 2u);
  CHECK(written(read("[]", other()), other()) == "{}");
  CHECK(written(read("null", other()), other()) == "{}");
}
