// SPDX-License-Identifier: MIT
//
// The words of a schema's sentences: places, types, numbers and what was found, each of bounded
// length. Pure.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/json/escape.hpp>
#include <agent_websocket/json/exact.hpp>
#include <agent_websocket/json/print.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/json/schema_rules.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace agent_websocket {
namespace json {

/// One step into a value: to a member, or to an element of an array.
struct schema_step {
  std::string_view name;
  std::size_t position = 0;
  bool is_name = false;
};

namespace schema_words {

/// Cut where it is long.
std::string excerpt(std::string_view text, std::size_t max_bytes);

/// "`options.size`", "`list[2]`", "`[\"a b\"].c`"; "the arguments" for no step at all.
std::string place(const std::vector<schema_step>& path);

/// A value as it was found: its text, of arrays and objects only the kind.
std::string shown(const value& what);

/// "1 item", "2 items".
std::string counted(std::uint64_t count, std::string_view noun);

/// "a string, an integer or null". `types`: as in schema_rules.
std::string types(unsigned types);

/// Without exponent unless it would be long.
std::string number(const exact_number& of);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string excerpt(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  return std::string(cut_utf8(text, max_bytes)) + "...";
}

AGENT_WEBSOCKET_INLINE std::string place(const std::vector<schema_step>& path) {
  constexpr std::size_t most = 300, most_of_name = 60;
  const auto is_plain = [](std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '-' || c == '$';
    });
  };
  if (path.empty()) return "the arguments";
  std::string made;
  for (const schema_step& each : path) {
    if (made.size() > most) {
      made += "...";
      break;
    }
    if (!each.is_name) {
      made += '[' + std::to_string(each.position) + ']';
    } else if (is_plain(each.name)) {
      made += (made.empty() ? "" : ".") + excerpt(each.name, most_of_name);
    } else {
      made += "[\"";
      append_escaped(made, excerpt(each.name, most_of_name));
      made += "\"]";
    }
  }
  return '`' + made + '`';
}

AGENT_WEBSOCKET_INLINE std::string shown(const value& what) {
  constexpr std::size_t most = 60;
  if (!what.is_string()) {
    const bool is_short = what.is_number() || what.is_boolean();
    return is_short ? excerpt(to_text(what), most) : describe(what.kind());
  }
  std::string made = "\"";
  append_escaped(made, excerpt(*what.string(), most));
  return made + '"';
}

AGENT_WEBSOCKET_INLINE std::string counted(std::uint64_t count, std::string_view noun) {
  return std::to_string(count) + ' ' + std::string(noun) + (count == 1 ? "" : "s");
}

AGENT_WEBSOCKET_INLINE std::string types(unsigned types) {
  std::string made;
  for (std::size_t i = 0; i < std::size(schema_type_names); ++i) {
    if ((types >> i & 1u) == 0) continue;
    const std::string_view name = schema_type_names[i];
    if (!made.empty()) made += (types >> i) == 1u ? " or " : ", ";
    if (name != "null") made += std::string_view("aeio").find(name[0]) < 4 ? "an " : "a ";
    made += name;
  }
  return made;
}

AGENT_WEBSOCKET_INLINE std::string number(const exact_number& of) {
  const auto size = static_cast<std::int64_t>(of.digits.size());
  const std::string sign = of.negative ? "-" : "";
  if (size == 0) return "0";
  if (of.order > 21 || of.order < -6 || size > 40)
    return sign + "0." + excerpt(of.digits, 40) + 'e' + std::to_string(of.order);
  if (of.order <= 0)
    return sign + "0." + std::string(static_cast<std::size_t>(-of.order), '0') + of.digits;
  if (of.order >= size)
    return sign + of.digits + std::string(static_cast<std::size_t>(of.order - size), '0');
  const auto whole = static_cast<std::size_t>(of.order);
  return sign + of.digits.substr(0, whole) + '.' + of.digits.substr(whole);
}

#endif

}  // namespace schema_words
}  // namespace json
}  // namespace agent_websocket
