// SPDX-License-Identifier: MIT
//
// What was read and printed reads back as the same value, and prints as the same text; any bytes
// written as a string read back as that string.
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/json/print.hpp>

#include "standalone.hpp"

#include <utility>

namespace json = agent_websocket::json;

namespace {

bool same(const json::value& a, const json::value& b) {
  if (a.kind() != b.kind() || a.size() != b.size() || a.boolean() != b.boolean() ||
      a.string() != b.string() || a.number_text() != b.number_text()) {
    return false;
  }
  std::vector<std::pair<std::string_view, json::value>> left, right;
  a.for_each_element([&](const json::value& element) { left.emplace_back("", element); });
  b.for_each_element([&](const json::value& element) { right.emplace_back("", element); });
  a.for_each_member(
      [&](std::string_view name, const json::value& member) { left.emplace_back(name, member); });
  b.for_each_member(
      [&](std::string_view name, const json::value& member) { right.emplace_back(name, member); });
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (left[i].first != right[i].first || !same(left[i].second, right[i].second)) return false;
  }
  return left.size() == right.size();
}

void round_trip(std::string_view input) {
  static json::document first, second;
  if (!first.parse(input)) return;
  const std::string text = json::to_text(first.root());
  require(agent_websocket::is_utf8(text), "the output is UTF-8", input);
  for (const char c : text)
    require(c < 0 || c >= 0x20, "the output has no control characters", input);
  require(second.parse(text).has_value(), "the output is JSON", input);
  require(same(first.root(), second.root()), "it means the same", input);
  require(json::to_text(second.root()) == text, "it prints the same", input);
}

}  // namespace

// clang-format off
std::vector<std::string_view> fuzz_pieces() {
  return {
      "{\"a\":", "\"b\":", "[1,", "]", "}", ",", "{", "[", "\"", "\"x\"", "null", "true",
      "-0.50e+7", "12345678901234567890", "\\u0000", "\\u00e9", "\\uD83D\\uDE00", "\\n", "\\/",
      "\x7F", "\xC3\xA9", "\xF0\x9F\x98\x80", "\xFF", "\xC3", " ", "\t"};
}
// clang-format on

void fuzz(std::string_view input) {
  round_trip(input);
  round_trip("[" + std::string(input) + "]");
  round_trip("{\"a\":\"" + std::string(input) + "\"}");

  static json::document parsed;
  std::string text;
  json::writer(text).begin_object().key_escaped(input).value(input).end_object();
  require(parsed.parse(text).has_value() && parsed.root().size() == 1, "any bytes make a string",
          input);
  parsed.root().for_each_member([&](std::string_view name, const json::value& member) {
    require(member.string() == name, "names and values are escaped alike", input);
    require((name == input) == agent_websocket::is_utf8(input),
            "UTF-8 comes back, and nothing else", input);
  });
  round_trip(text);
}
