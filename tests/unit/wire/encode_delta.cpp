// SPDX-License-Identifier: MIT
#include <agent_websocket/wire/encode_delta.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace wire = agent_websocket::wire;

namespace {

constexpr std::string_view stamp = "2026-01-01T00:00:00.000Z";

std::string encoded(const wire::response_delta& message) {
  std::string text;
  wire::encode(text, message, stamp);
  return text;
}

}  // namespace

TEST_CASE("encode_delta: the whole text of a delta and of a snapshot") {
  CHECK(encoded(wire::response_delta{"r_9", 3, 2, "As"}) ==
        R"({"type":"response","stream":"r_9","phase":"delta","idx":3,"n":2,"content":"As",)"
        R"("timestamp":"2026-01-01T00:00:00.000Z"})");
  CHECK(encoded(wire::response_delta{"r_9", 0, 37, "so far", true}) ==
        R"({"type":"response","stream":"r_9","phase":"snapshot","idx":0,"n":37,)"
        R"("content":"so far","replay":true,"timestamp":"2026-01-01T00:00:00.000Z"})");
}

TEST_CASE("encode_delta: reasoning is a phase of its own") {
  CHECK(encoded(wire::response_delta{"r_1", 0, 3, "Hm", false, true}) ==
        R"({"type":"response","stream":"r_1","phase":"reasoning","idx":0,"n":3,"content":"Hm",)"
        R"("timestamp":"2026-01-01T00:00:00.000Z"})");
}

TEST_CASE("encode_delta: bytes that are not UTF-8 never reach a client") {
  const frame sent(encoded(wire::response_delta{"r_1", 0, 1, "a\xFF\xC0z\xE6\x97"}));
  CHECK(sent.content() == "a\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("encode_delta: any text comes out as valid JSON and reads back") {
  using namespace std::string_view_literals;
  for (const std::string_view text : {"\"\\/\b\f\n\r\t"sv, "\0\x01\x1F\x7F"sv,
                                      "</script> \xE2\x80\xA8 日本 \xF0\x9F\xA6\x80"sv}) {
    CHECK(frame(encoded(wire::response_delta{"r_1", 0, 1, text})).content() == text);
  }
}

TEST_CASE("encode_delta: a delta is the same whether its text is short and plain or not") {
  using wire::response_delta;
  const auto frame = [](std::string_view stream, std::string_view content) {
    std::string out = "kept";
    encode(out,
           response_delta{stream, 18446744073709551615u, 18446744073709551615u, content, false},
           "2026-01-01T00:00:00.000Z");
    return out;
  };
  const std::string head = R"(kept{"type":"response","stream":")";
  const std::string middle =
      R"(","phase":"delta","idx":18446744073709551615,"n":18446744073709551615,"content":")";
  const std::string tail = R"(","timestamp":"2026-01-01T00:00:00.000Z"})";
  for (std::size_t length = 0; length < 600; ++length) {
    const std::string text(length, 'x');
    REQUIRE(frame("r_1", text) == head + "r_1" + middle + text + tail);
    REQUIRE(frame("r_1", text + "\n") == head + "r_1" + middle + text + "\\n" + tail);
    REQUIRE(frame(text, "y") == head + text + middle + "y" + tail);
  }
  CHECK(frame("r\"1", "y") == head + "r\\\"1" + middle + "y" + tail);
}

TEST_CASE(
    "encode_delta: snapshots and reasoning are the same whether their text is short and plain or "
    "not") {
  using wire::response_delta;
  for (const std::string text : {"x", "x\n"}) {
    const std::string written = text == "x" ? "x" : R"(x\n)";
    std::string snapshot, reasoning;
    encode(snapshot, response_delta{"r_1", 0, 37, text, true}, "now");
    CHECK(snapshot ==
          R"({"type":"response","stream":"r_1","phase":"snapshot","idx":0,"n":37,"content":")" +
              written + R"(","replay":true,"timestamp":"now"})");
    encode(reasoning, response_delta{"r_1", 5, 1, text, false, true}, "now");
    CHECK(reasoning ==
          R"({"type":"response","stream":"r_1","phase":"reasoning","idx":5,"n":1,"content":")" +
              written + R"(","timestamp":"now"})");
  }
}
