// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/chunk_pattern.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "answers.hpp"

using agent_websocket::openrouter::chunk_pattern;

namespace {

std::string chunk(const std::string& text) {
  return R"({"id":"g","choices":[{"delta":{"role":"assistant","content":")" + text +
         R"("},"finish_reason":null}]})";
}

chunk_pattern learned(const std::string& json, std::string_view text) {
  chunk_pattern pattern;
  pattern.learn(json, text);
  return pattern;
}

}  // namespace

TEST_CASE("chunk pattern: the same but for its text") {
  chunk_pattern pattern = learned(chunk("Hel"), "Hel");
  for (const std::string text :
       {"lo", "x", " ", "\xC3\xA4", "\x7F", "content", "a much longer one"}) {
    CHECK(pattern.match(chunk(text)) == std::string_view(text));
  }
}

TEST_CASE("chunk pattern: escapes are read as a parser reads them") {
  chunk_pattern pattern = learned(chunk("Hel"), "Hel");
  CHECK(pattern.match(chunk("a\\n")) == std::string_view("a\n"));
  CHECK(pattern.match(chunk("\\u00e4\\uD83D\\uDE00")) ==
        std::string_view("\xC3\xA4\xF0\x9F\x98\x80"));
  CHECK(pattern.match(chunk("\\\"\\\\")) == std::string_view("\"\\"));
  CHECK(pattern.match(chunk("b")) == std::string_view("b"));
}

TEST_CASE("chunk pattern: silent wherever a parser would have to look") {
  chunk_pattern pattern = learned(chunk("Hel"), "Hel");
  for (const std::string text : {"", "a\\", "a\\x", "\\u00e", "\\uD83D", "a\"", "a\",\"x\":\"", "\n",
                                 "\x1F", "\xFF", "\xC3", "\xED\xA0\x80"}) {
    CAPTURE(text);
    CHECK(!pattern.match(chunk(text)));
  }
  CHECK(!pattern.match(chunk("x") + " "));
  CHECK(!pattern.match(" " + chunk("x")));
  CHECK(!pattern.match(chunk("x").substr(1)));
  std::string other = chunk("x");
  other.replace(other.find("null"), 4, "\"st\"");
  CHECK(!pattern.match(other));
  CHECK(!pattern.match(""));
  // Too short to hold both sides without overlap.
  CHECK(!pattern.match(chunk("").substr(0, chunk("").size() - 1)));
  CHECK(!chunk_pattern().match(chunk("x")));
}

TEST_CASE("chunk pattern: what teaches nothing, and takes nothing away") {
  for (const std::string& json :
       {chunk("Hel\\n"), R"({"content":"Hel","x":{"content":"Hel"}})" + std::string(),
        std::string(R"({"c\u006fntent":"Hel","x":{"content":"Hel"}})"),
        std::string(R"({"content" : "Hel"})"), std::string(R"({"content":["Hel"]})"),
        std::string(R"({"type":"content","text":"Hel"})"), std::string(R"({"content":"other"})"),
        std::string(R"({"content":"Hello"})"), std::string(R"({"text":"Hel"})"),
        R"({"x":")" + std::string(5000, 'x') + R"(","content":"Hel"})"}) {
    CAPTURE(json);
    chunk_pattern pattern = learned(json, "Hel");
    CHECK(!pattern.match(json));
    pattern = learned(chunk("a"), "a");
    pattern.learn(json, "Hel");
    CHECK(pattern.match(chunk("b")) == std::string_view("b"));
  }
  chunk_pattern pattern = learned(chunk("a"), "");
  CHECK(!pattern.match(chunk("b")));
  pattern.learn(R"({"content":"x"})", "x");
  pattern.learn(chunk("a"), "a");
  CHECK(pattern.match(chunk("b")) == std::string_view("b"));
  CHECK(!pattern.match(R"({"content":"y"})"));
}

TEST_CASE(
    "chunk pattern: a stream is decoded the same with chunks that fit and chunks that do not") {
  // A blank before the brace is nothing to JSON and no fit to the pattern.
  const auto both = [](const std::string& stream) {
    std::string unfit;
    int spaces = 0;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t end = std::min(stream.find("\n\n", at), stream.size() - 2) + 2;
      std::string event = stream.substr(at, end - at);
      if (const std::size_t brace = event.find('{'); brace != std::string::npos) {
        event.insert(brace + 1, std::string(static_cast<std::size_t>(++spaces), ' '));
      }
      unfit += event;
      at = end;
    }
    const auto whole = [](std::size_t) { return std::size_t{1} << 20; };
    CHECK(answers::decode(stream, whole).summary() == answers::decode(unfit, whole).summary());
    return answers::decode(stream, whole);
  };
  using namespace answers;
  const std::string thinking = delta(R"({"content":"t","reasoning":"r"})");
  CHECK(both(content("a") + content("b") + content("c\n") + content("d") + done).text == "abc\nd");
  CHECK(both(thinking + thinking + content("a") + content("b") + done).reasoning == "rr");
  const std::string last =
      with_choice(R"({"index":0,"delta":{"content":"e"},"finish_reason":"length"})");
  CHECK(both(last + finish("stop") + last + done).ended.finish_reason == "length");
  const auto counted = [](const char* text, const char* tokens) {
    return with_choice(std::string(R"({"index":0,"delta":{"content":")") + text + R"("}})",
                       std::string(R"(,"usage":{"completion_tokens":)") + tokens + "}");
  };
  const std::string between = with_choice("", R"(,"usage":{"completion_tokens":2})");
  CHECK(
      both(counted("a", "1") + between + counted("c", "1") + done).ended.usage.completion_tokens ==
      1);
  const std::string message = event(R"({"choices":[{"message":{"content":"all"}}]})");
  CHECK(both(message + message + done).text == "all");
  const std::string tool =
      delta(R"({"content":"x","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]})");
  CHECK(both(tool + tool + done).ended.tool_calls.size() == 2);
  CHECK(both(content("a") + tool + content("b") + tool + done).ended.tool_calls.size() == 2);
  const std::string cited = delta(R"({"content":"x","annotations":[{"n":1}]})");
  CHECK(both(cited + cited + done).ended.annotations == R"([{"n":1}])");
  const std::string details =
      delta(R"({"content":"x","reasoning_details":[{"index":0,"type":"t","data":"d"}]})");
  CHECK(both(details + details + done).ended.reasoning_details ==
        R"([{"index":0,"type":"t","data":"dd"}])");
  const std::string empty = delta(R"({"content":"x","reasoning_details":[],"tool_calls":[]})");
  CHECK(both(empty + empty + done).ended.reasoning_details == "[]");
  const std::string second = with_choice(R"({"index":1,"delta":{"content":"no"}})");
  CHECK(both(content("a") + second + second + content("b") + done).text == "ab");
}
