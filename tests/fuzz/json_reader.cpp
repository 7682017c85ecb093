// SPDX-License-Identifier: MIT
//
// The JSON reader against the grammar written down plainly: both take the same texts, and what was
// taken can be walked with every question asked of every value.
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/json/print.hpp>
#include <agent_websocket/json/reader.hpp>

#include "../unit/json/grammar.hpp"
#include "standalone.hpp"

using agent_websocket::errc;
using agent_websocket::is_utf8;
namespace json = agent_websocket::json;

namespace {

/// The number of values and names in `what`; asks everything on the way.
std::size_t walk(const json::value& what, std::size_t depth, std::string_view input) {
  require(depth <= 65, "the depth is limited", input);
  require(what.exists(), "a listed value is there", input);
  if (const auto text = what.string()) require(is_utf8(*text), "a string is UTF-8", input);
  if (const auto text = what.number_text()) {
    require(!text->empty() && input.find(*text) != std::string_view::npos, "a number is as it was",
            input);
    if (const auto number = what.number()) require(*number * 0 == 0, "a number is finite", input);
    if (const auto whole = what.integer()) {
      require(what.number() == static_cast<double>(*whole), "integer and double agree", input);
    }
  }
  require(!what["\x01missing"].exists() && !what[-1].exists(), "what is missing is absent", input);
  require(!what[what.size()].exists(), "there is nothing behind the last element", input);
  std::size_t values = 1, children = 0;
  what.for_each_element([&](const json::value& element) {
    values += walk(element, depth + 1, input);
    ++children;
  });
  what.for_each_member([&](std::string_view name, const json::value& member) {
    require(is_utf8(name), "a name is UTF-8", input);
    require(what[name].exists(), "a listed member is found", input);
    values += 1 + walk(member, depth + 1, input);
    ++children;
  });
  require(children == what.size(), "size() counts the children", input);
  return values;
}

/// A document that knows shapes reads what one reads that does not: the input, and one of its
/// shape.
void check_shapes(std::string_view input) {
  static json::shapes seen;
  static json::document alone, again(&seen);
  std::string text(input);
  for (int i = 0; i < 3; ++i) {
    const auto parsed = alone.parse(text);
    const auto known = again.parse(text);
    require(parsed.has_value() == known.has_value(), "both take it, or none", text);
    require(json::to_text(alone.root()) == json::to_text(again.root()), "both read the same", text);
    if (!parsed) require(parsed.error().message == known.error().message, "for one reason", text);
    for (char& each : text) {
      if (each >= '1' && each <= '8') ++each;
      if (each == 'k') each = i == 0 ? '\x7F' : '\\';
    }
  }
}

void check(std::string_view input) {
  check_shapes(input);
  static json::document parsed;  // reused, as in a program
  const auto outcome = parsed.parse(input);
  const grammar::verdict expected = grammar::judge(input);
  if (expected != grammar::verdict::either) {
    require(outcome.has_value() == (expected == grammar::verdict::accept),
            "reader and grammar agree", input);
  }
  require(parsed.root().exists() == outcome.has_value(), "a failure leaves nothing", input);
  if (!outcome) {
    require(outcome.error().code == errc::bad_json && !outcome.error().message.empty(),
            "a reason is given", input);
    return;
  }
  const std::size_t values = walk(parsed.root(), 0, input);

  json::parse_limits limits;
  limits.max_values = values;
  limits.max_bytes = input.size();
  require(parsed.parse(input, limits).has_value(), "limits allow what they name", input);
  limits.max_values = values - 1;
  require(!parsed.parse(input, limits).has_value(), "one value above the limit is refused", input);
}

}  // namespace

// clang-format off
std::vector<std::string_view> fuzz_pieces() {
  return {
      "{", "}", "[", "]", ":", ",", "\"", "\"a\"", "\"a\":", "\"\"", "[]", "{}", "null", "true",
      "false", "0", "-", "1.5", "e+3", "1e-400", "12", "\\", "\\u", "00e9", "\\uD83D", "\\uDE00",
      "\\n", "\\\"", " ", "\n", "[1,2", "],", "{\"k\":1", "\xC3\xA9", "\xF0\x9F\x98\x80",
      "\xED\xA0\x80", "\x80", "[[[[[[[["};
}
// clang-format on

void fuzz(std::string_view input) {
  check(input);
  check("[" + std::string(input) + "]");
  check("{\"a\":\"" + std::string(input) + "\"}");
}
