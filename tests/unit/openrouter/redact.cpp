// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/redact.hpp>

#include <agent_websocket/base/utf8.hpp>

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>

using agent_websocket::is_utf8;
using agent_websocket::openrouter::mask_keys;
using agent_websocket::openrouter::words_for_client;
using agent_websocket::openrouter::words_for_log;

TEST_CASE("redact: keys by their form") {
  struct row {
    const char* text;
    const char* masked;
  };
  const row rows[] = {
      {"key sk-or-v1-0123456789abcdef refused", "key sk-*** refused"},
      {"{\"k\":\"sk-proj-****************abcd\"}", "{\"k\":\"sk-***\"}"},
      {"Authorization: Bearer abc.def-123", "Authorization: Bearer ***"},
      {"authorization: bearer ABCDEFGH", "authorization: bearer ***"},
      {"Basic dXNlcjpwYXNz", "Basic ***"},
      {"gsk_0123456789, hf_0123456789, AIzaSyA0123456789", "gsk_***, hf_***, AIza***"},
      {"eyJhbGciOi.eyJzdWIi.c2ln", "eyJ***"},
      {"https://user:pass@host/x and http://me@h", "https://***@host/x and http://***@h"},
      {"https://host/a@b", "https://host/a@b"},
      {"risk-management-strategy-2026", "risk-management-strategy-2026"},
      {"sk-learn, the task-force", "sk-learn, the task-force"},
      {"the bearer of news", "the bearer of news"},
      {"", ""},
  };
  for (const row& each : rows) CHECK(mask_keys(each.text) == each.masked);
}

TEST_CASE("redact: the one key that is known, wherever it stands") {
  CHECK(mask_keys("xhemligy hemlig", "hemlig") == "x***y ***");
  CHECK(mask_keys("abc", "a") == "abc");  // too short to be one
  CHECK(mask_keys("hemlighemlig", "hemlig") == "******");
}

TEST_CASE("redact: for the log") {
  const std::string cut = words_for_log(std::string(2040, 'x') + " sk-0123456789abcdef");
  CHECK(cut.size() <= 2048);
  CHECK(cut.find("0123") == std::string::npos);
  CHECK(words_for_log("line\nline") == "line\nline");
  CHECK(is_utf8(words_for_log(std::string(2047, 'x') + "\xC3\xA4")));
}

TEST_CASE("redact: for clients, words") {
  struct row {
    const char* text;
    const char* shown;
  };
  const row rows[] = {
      {"Model a/b is not  available\r\n for\tyou", "Model a/b is not available for you"},
      {"  ", ""},
      {"<html><body>502</body></html>", ""},
      {"{\"error\":{\"message\":\"x\"}}", ""},
      {"Upstream said: {\"error\":\"x\"} and more", "Upstream said"},
      {"Gateway <html>x</html>", "Gateway"},
      {"No endpoints found. See: https://openrouter.ai/docs/routing",
       "No endpoints found. See: https://openrouter.ai/docs/routing"},
      {"see https://openrouter.ai/x?key=1", "see [link]"},
      {"see http://10.0.0.7:8000/v1 or (https://evil)", "see [link] or [link]"},
      {"cannot open /var/lib/models/x.gguf", "cannot open [path]"},
      {"cannot open \"/var/lib/x\" or ~/a/b or C:\\x", "cannot open [path] or [path] or [path]"},
      {"and/or km/h /v1", "and/or km/h /v1"},
      {"user_2abcdefghijklmnopqrstuvwxyz0123456789 unknown", "*** unknown"},
      {"internationalization-of-everything-we-have", "internationalization-of-everything-we-have"},
      {"bad\x7F\x01key sk-0123456789", "bad key sk-***"},
      {"\xFF\xC3\xA4", "\xEF\xBF\xBD\xC3\xA4"},
      {"Rate limit:", "Rate limit"},
  };
  for (const row& each : rows) CHECK(words_for_client(each.text) == each.shown);
  CHECK(words_for_client("the hemlig word", "hemlig") == "the *** word");
}

TEST_CASE("redact: for clients, at most 300 bytes of valid UTF-8") {
  std::string long_text;
  for (int i = 0; i < 100; ++i) long_text += "w\xC3\xB6rter ";
  const std::string shown = words_for_client(long_text);
  CHECK(shown.size() <= 300);
  CHECK(shown.size() > 290);
  CHECK(shown.substr(shown.size() - 3) == "...");
  std::mt19937 random(20260103);
  for (int round = 0; round < 300; ++round) {
    std::string noise;
    for (int i = 0; i < 60; ++i) noise.push_back(static_cast<char>(random() % 256));
    const std::string words = words_for_client(noise);
    CHECK(is_utf8(words));
    CHECK(words.find('\n') == std::string::npos);
    words_for_log(noise, "x:/@");
  }
}
