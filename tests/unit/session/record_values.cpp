// SPDX-License-Identifier: MIT
#include <agent_websocket/session/record_values.hpp>

#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/session/records.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

using namespace agent_websocket;

namespace {

/// What `text` reads as, by read(json::value).
template <typename Read>
auto of(std::string_view text, Read read) {
  json::document document;
  REQUIRE(document.parse(text));
  return read(document.root());
}
const auto count = [](json::value from) { return records::count_of(from); };
const auto time_read = [](json::value from) { return records::milliseconds(records::time_of(from)); };

template <typename T>
std::string written(const T& what) {
  std::string text;
  json::writer w(text);
  records::write(w, what);
  return text;
}

}  // namespace

TEST_CASE("record_values: texts, and what is none") {
  const auto text = [](json::value from) { return records::text_of(from); };
  CHECK(of(R"("a\"b")", text) == "a\"b");
  for (const char* each : {"7", "null", "[]", "{}", "true"}) CHECK(of(each, text).empty());
  CHECK(records::text_of(json::value()).empty());
}

TEST_CASE("record_values: counts are never negative, nor such that they overflow") {
  CHECK(of("0", count) == 0);
  CHECK(of("41", count) == 41);
  for (const char* each : {"-1", "-9223372036854775808", "1.5", "\"7\"", "null", "1e300"}) {
    CAPTURE(std::string(each));
    CHECK(of(each, count) == 0);
  }
  CHECK(of("9223372036854775807", count) == std::int64_t{1} << 53);
  CHECK(of("9007199254740992", count) == std::int64_t{1} << 53);
}

TEST_CASE("record_values: times come back to the millisecond, also odd ones") {
  CHECK(of("1767225600123", time_read) == 1'767'225'600'123);
  CHECK(of("-5", time_read) == 0);
  CHECK(of("9223372036854775807", time_read) == 9'000'000'000'000);
}

TEST_CASE("record_values: the number in an id") {
  CHECK(records::number_in("r_17") == 17u);
  CHECK(records::number_in("q_f81d4fae_3") == 3u);
  CHECK(records::number_in("12") == 12u);
  for (const char* each : {"", "r_", "r", "_", "r_x", "r_99999999999999999999999"}) {
    CAPTURE(std::string(each));
    CHECK(records::number_in(each) == 0u);
  }
}

TEST_CASE("record_values: messages come back as they were, byte for byte") {
  openrouter::assistant_message said;
  said.text = "text";
  said.reasoning_details = "[ {\"a\":1.50e+1,  \"b\":\"\\u00e9\\/\"} ]";
  using openrouter::chat_message;
  for (const chat_message& each :
       {chat_message::user("x \"y\"\n"), chat_message::assistant("y"),
        chat_message::assistant_partial("half"), chat_message::assistant(said),
        chat_message::tool_result("c1", "sunny"),
        chat_message::user_parts(R"([ {"type":"text","text":"x"} ])", "x")}) {
    CAPTURE(each.json());
    const auto back =
        of(written(each), [](json::value from) { return records::message_of(from); });
    REQUIRE(back);
    CHECK(back->role() == each.role());
    CHECK(back->text() == each.text());
    CHECK(back->json() == each.json());
    CHECK(back->partial() == each.partial());
  }
  for (const char* each : {"null", "{}", R"({"role":"user"})", R"({"text":"x"})",
                           R"({"role":"odd","text":"x"})", R"({"role":"user","text":7})"}) {
    CAPTURE(std::string(each));
    CHECK_FALSE(of(each, [](json::value from) { return records::message_of(from); }));
  }
}

TEST_CASE("record_values: what was used comes back") {
  const usage_totals used{2, 10, 20, 0.125, true, true};
  const auto read = [](json::value from) { return records::usage_of(from); };
  const usage_totals back = of(written(used), read);
  CHECK(back.answers == 2);
  CHECK(back.prompt_tokens == 10);
  CHECK(back.completion_tokens == 20);
  CHECK(back.cost == 0.125);
  CHECK(back.counted);
  CHECK(back.priced);
  const usage_totals none = of("{}", read);
  CHECK(none.answers == 0);
  CHECK_FALSE(none.counted);
  CHECK_FALSE(none.priced);
}

TEST_CASE("record_values: feedback comes back, with or without a rating") {
  feedback_entry said;
  said.id = "f";
  said.answer = "r_1";
  said.comment = "no";
  said.correction = "42";
  said.at = wall_time(std::chrono::milliseconds(1'767'225'600'123));
  for (const bool rated : {false, true}) {
    if (rated) said.rating = -0.5;
    const feedback_entry back =
        of(records::of_feedback(said), [](json::value from) { return records::feedback_of(from); });
    CHECK(back.id == "f");
    CHECK(back.answer == "r_1");
    CHECK(back.rating.has_value() == rated);
    CHECK(back.rating.value_or(-0.5) == -0.5);
    CHECK(back.comment == "no");
    CHECK(back.correction == "42");
    CHECK(back.at == said.at);
  }
}
