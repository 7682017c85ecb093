// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/json_repair.hpp>

#include <agent_websocket/json/reader.hpp>

#include <doctest/doctest.h>

#include <random>
#include <string>

using agent_websocket::is_utf8;
using agent_websocket::json::document;
using agent_websocket::openrouter::repair_characters;

TEST_CASE("json repair: halves of characters become U+FFFD, the rest stays") {
  struct row {
    const char* text;
    const char* repaired;
  };
  const row rows[] = {
      {R"({"a":"\ud83e\udd80"})", R"({"a":"\ud83e\udd80"})"},
      {R"("\ud83e")", R"("\ufffd")"},
      {R"("\uDD80x")", R"("\ufffdx")"},
      {R"("\ud83e\ud83e\udd80")", R"("\ufffd\ud83e\udd80")"},
      {R"("\ud83e\n")", R"("\ufffd\n")"},
      {R"("\\ud83e")", R"("\\ud83e")"},  // an escaped backslash, and letters
      {R"("\\\ud83e")", R"("\\\ufffd")"},
      {R"("\u12")", R"("\u12")"},
      {R"("\)", R"("\)"},
      {"\"\xE6\x97\"", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
      {"\"\xE6\x97\xA5\"", "\"\xE6\x97\xA5\""},
      {"", ""},
  };
  for (const row& each : rows) CHECK(repair_characters(each.text) == each.repaired);
}

TEST_CASE("json repair: what it makes of strings can be read") {
  std::mt19937 random(20260104);
  document parsed;
  static const char* const pieces[] = {"\\ud83e", "\\udd80",  "\\n", "\\\\",
                                       "x",       "\xF0\x9F", "\xA6"};
  for (int round = 0; round < 300; ++round) {
    std::string text = "\"";
    for (int i = 0; i < 8; ++i) text += pieces[random() % 7];
    const std::string repaired = repair_characters(text + "\"");
    CAPTURE(repaired);
    CHECK(is_utf8(repaired));
    CHECK(parsed.parse(repaired).has_value());
  }
}
