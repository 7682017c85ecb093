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

/// Where the first string `text` of `json` has its text.
std::size_t place_of(const std::string& json, std::string_view text) {
  return json.find('"' + std::string(text) + '"') + 1;
}

chunk_pattern learned(const std::string& json, std::string_view text) {
  chunk_pattern pattern;
  pattern.learn(json, place_of(json, text), text);
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
  for (const std::string text : {"", "a\\", "a\\x", "\\u00e", "\\uD83D", "a\"", "a\",\"x\":\"",
                                 "\n", "\x1F", "\xFF", "\xC3", "\xED\xA0\x80"}) {
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
  const std::string whole = chunk("Hel");
  const std::size_t place = place_of(whole, "Hel");
  struct lesson {
    std::string json;
    std::size_t position;
    std::string text;
  };
  const std::string large = R"({"x":")" + std::string(5000, 'x') + R"(","content":"Hel"})";
  for (const lesson& each :
       {lesson{whole, place, ""}, lesson{whole, place, "He"}, lesson{whole, place, "Helm"},
        lesson{whole, place - 1, "Hel"}, lesson{whole, place + 1, "el"}, lesson{whole, 0, "Hel"},
        lesson{whole, whole.size(), "Hel"}, lesson{whole, whole.size() + 9, "Hel"},
        lesson{whole.substr(0, place + 3), place, "Hel"}, lesson{chunk("Hel\\n"), place, "Hel\n"},
        lesson{chunk("Hel\\n"), place, "Hel"}, lesson{chunk("\\\\"), place, "\\"},
        lesson{chunk("\\\""), place, "\""}, lesson{chunk("\\\\\\\\"), place, "\\\\"},
        lesson{"Hel\"", 0, "Hel"}, lesson{large, place_of(large, "Hel"), "Hel"}}) {
    CAPTURE(each.json);
    CAPTURE(each.position);
    CAPTURE(each.text);
    chunk_pattern pattern;
    pattern.learn(each.json, each.position, each.text);
    CHECK(!pattern.match(each.json));
    CHECK(!pattern.match(whole));
    pattern = learned(chunk("a"), "a");
    pattern.learn(each.json, each.position, each.text);
    CHECK(pattern.match(chunk("b")) == std::string_view("b"));
  }
  chunk_pattern pattern = learned(R"({"content":"x"})", "x");
  pattern.learn(chunk("a"), place, "a");
  CHECK(pattern.match(chunk("b")) == std::string_view("b"));
  CHECK(!pattern.match(R"({"content":"y"})"));
}

TEST_CASE("chunk pattern: the place tells which of several texts it was") {
  const std::string twice = R"({"content" : "Hel","c\u006fntent":[{"content":"Hel"}]})";
  chunk_pattern pattern;
  pattern.learn(twice, twice.rfind("Hel"), "Hel");
  CHECK(pattern.match(R"({"content" : "Hel","c\u006fntent":[{"content":"lo"}]})") ==
        std::string_view("lo"));
  CHECK(!pattern.match(R"({"content" : "lo","c\u006fntent":[{"content":"Hel"}]})"));
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
  const std::string other = R"({"index":1,"delta":{"content":"no"}},)";
  const auto beside = [&](const std::string& text) {
    return with_choice(other + R"({"index":0,"delta":{"content":")" + text + R"("}})");
  };
  CHECK(both(beside("a") + beside("no") + beside("b") + done).text == "anob");
  const auto spelled = [](const std::string& text) {
    return delta(R"({"content":"x","c\u006fntent":")" + text + R"("})");
  };
  CHECK(both(spelled("a") + spelled("x") + spelled("\\u00e4") + done).text == "ax\xC3\xA4");
  // Where bytes were repaired, a text stands elsewhere: here on the quote behind it.
  const auto repaired = [](const char* behind) {
    return event(std::string("{\"a\":\"\xFF\",\"choices\":[{\"delta\":{\"content\":\",\",") +
                 behind + "\"x\":1}}]}");
  };
  CHECK(answers::decode(repaired("") + repaired("lo") + done, [](std::size_t) {
          return std::size_t{1} << 20;
        }).text == ",");
  const std::string second = with_choice(R"({"index":1,"delta":{"content":"no"}})");
  CHECK(both(content("a") + second + second + content("b") + done).text == "ab");
}
