// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/message.hpp>

#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/json/reader.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using agent_websocket::is_utf8;
using agent_websocket::json::document;
using agent_websocket::openrouter::assistant_message;
using agent_websocket::openrouter::chat_message;
using agent_websocket::openrouter::chat_role;

TEST_CASE("message: each maker") {
  const chat_message system = chat_message::system("Be brief.");
  CHECK(system.role() == chat_role::system);
  CHECK(system.text() == "Be brief.");
  CHECK(system.json() == R"({"role":"system","content":"Be brief."})");
  CHECK(system.bytes() == system.json().size());
  CHECK(!system.partial());

  CHECK(chat_message::user("Hi").json() == R"({"role":"user","content":"Hi"})");
  CHECK(chat_message::assistant("Yo").json() == R"({"role":"assistant","content":"Yo"})");

  const chat_message cut = chat_message::assistant_partial("Yo");
  CHECK(cut.json() == chat_message::assistant("Yo").json());
  CHECK(cut.partial());
  CHECK(cut.role() == chat_role::assistant);

  const chat_message parts = chat_message::user_parts(R"([{"type":"text","text":"Hi"}])", "Hi");
  CHECK(parts.json() == R"({"role":"user","content":[{"type":"text","text":"Hi"}]})");
  CHECK(parts.text() == "Hi");
  CHECK(parts.role() == chat_role::user);

  CHECK(chat_message().json() == R"({"role":"user","content":""})");
}

TEST_CASE("message: T44 calls, their results, and what belongs to an answer") {
  assistant_message answer;
  answer.tool_calls = {{"a", "f", R"({ "b":"\u00e9\/", "a" : 1.0 } )", true},
                       {"b", "g", "{}", true}};
  const chat_message calls = chat_message::assistant(answer);
  CHECK(calls.json() ==
        R"({"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function",)"
        R"("function":{"name":"f","arguments":"{ \"b\":\"\\u00e9\\/\", \"a\" : 1.0 } "}},)"
        R"({"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]})");
  CHECK(calls.role() == chat_role::assistant);
  CHECK(calls.text().empty());
  CHECK(!calls.partial());
  document parsed;
  REQUIRE(parsed.parse(calls.json()));
  CHECK(parsed.root()["tool_calls"][0]["function"]["arguments"].string() ==
        std::string_view(answer.tool_calls[0].arguments));

  answer.text = "Let me look";
  answer.tool_calls.pop_back();
  answer.tool_calls[0].arguments = "{}";
  answer.reasoning_details = R"([ {"type":"reasoning.text","signature":"s"}])";
  answer.annotations = R"([{"type":"file"}])";
  const chat_message all = chat_message::assistant(answer);
  CHECK(all.json() ==
        R"({"role":"assistant","content":"Let me look","tool_calls":[{"id":"a","type":"function",)"
        R"("function":{"name":"f","arguments":"{}"}}],)"
        R"("reasoning_details":[ {"type":"reasoning.text","signature":"s"}],)"
        R"("annotations":[{"type":"file"}]})");
  CHECK(all.text() == "Let me look");

  answer = {};
  CHECK(chat_message::assistant(answer).json() == chat_message::assistant("").json());
  answer.reasoning_details = "[]";
  CHECK(chat_message::assistant(answer).json() ==
        R"({"role":"assistant","content":"","reasoning_details":[]})");

  const chat_message result = chat_message::tool_result("a", "21 \"C\"");
  CHECK(result.json() == R"({"role":"tool","tool_call_id":"a","content":"21 \"C\""})");
  CHECK(result.role() == chat_role::tool);
  CHECK(result.text() == "21 \"C\"");
}

TEST_CASE("message: copies share what they say, and outlive the original") {
  auto original = chat_message::user("shared");
  const chat_message copy = original;
  CHECK(&copy.text() == &original.text());
  original = chat_message();
  CHECK(copy.text() == "shared");
}

TEST_CASE("message: T65 any text makes valid JSON and comes back") {
  const std::string texts[] = {std::string("nul\0inside", 10), "</script>\x7F\x01\n\t\"\\",
                               "\xF0\x9F\xA6\x80\xE6\x97\xA5", "\xE2\x80\xA8\xE2\x80\xA9"};
  document parsed;
  for (const std::string& text : texts) {
    const chat_message message = chat_message::user(text);
    CHECK(is_utf8(message.json()));
    CHECK(message.bytes() == message.json().size());
    REQUIRE(parsed.parse(message.json()));
    CHECK(parsed.root()["content"].string() == std::string_view(text));
  }
  // What is no text is replaced, byte by byte: a lone surrogate, a stray byte, a cut character.
  const chat_message broken = chat_message::user(
      "a\xED\xA0\x80"
      "b\xFF\xE6\x97");
  CHECK(is_utf8(broken.json()));
  REQUIRE(parsed.parse(broken.json()));
  CHECK(parsed.root()["content"].string() ==
        "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
        "b\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("message: comes back from its role, text and JSON, byte for byte") {
  agent_websocket::openrouter::assistant_message said;
  said.text = "words";
  said.reasoning_details = "[ {\"a\":1.0,  \"b\":\"\\u00e9\"} ]";
  for (const chat_message& each :
       {chat_message::user("x"), chat_message::assistant_partial("half"),
        chat_message::assistant(said), chat_message::tool_result("c1", "sunny"),
        chat_message::user_parts(R"([ {"type":"text","text":"x"} ])", "x"), chat_message()}) {
    CAPTURE(each.json());
    const chat_message back =
        chat_message::restored(each.role(), each.text(), each.json(), each.partial());
    CHECK(back.role() == each.role());
    CHECK(back.text() == each.text());
    CHECK(back.json() == each.json());
    CHECK(back.bytes() == each.json().size());
    CHECK(back.partial() == each.partial());
    if (!each.is_text_alone()) continue;
    CHECK(chat_message::restored(each.role(), each.text(), "", each.partial()).json() ==
          each.json());
  }
  CHECK(chat_message::user("x \xff").is_text_alone());
  CHECK(chat_message::assistant_partial("half").is_text_alone());
  CHECK_FALSE(chat_message::assistant(said).is_text_alone());
  CHECK_FALSE(chat_message::tool_result("c1", "sunny").is_text_alone());
  said.reasoning_details.clear();
  CHECK(chat_message::assistant(said).is_text_alone());
}

TEST_CASE("message: roles by their names") {
  using agent_websocket::openrouter::chat_role;
  using agent_websocket::openrouter::chat_role_of;
  for (const chat_role each :
       {chat_role::system, chat_role::user, chat_role::assistant, chat_role::tool})
    CHECK(chat_role_of(to_string(each)) == each);
  for (const char* each : {"", "User", "developer ", "x"}) CHECK_FALSE(chat_role_of(each));
}
