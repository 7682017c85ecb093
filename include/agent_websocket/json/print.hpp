// SPDX-License-Identifier: MIT
//
// Writes a parsed value back as compact JSON text: members in their order, numbers exactly as they were written.
// For what passes through (`meta`, content parts, tool arguments), not for building messages.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/json/writer.hpp>

#include <string>
#include <string_view>

namespace agent_websocket {
namespace json {

/// Writes `what` through `out`. Recursion is bounded by the depth limit of the parser. An absent value is null.
void print(writer& out, const value& what);

/// `what` as compact JSON text.
std::string to_text(const value& what);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void print(writer& out, const value& what) {
  switch (what.kind()) {
    case kind::absent:
    case kind::null: out.null(); return;
    case kind::boolean: out.value(*what.boolean()); return;
    case kind::number: out.raw(*what.number_text()); return;
    case kind::string: out.value(*what.string()); return;
    case kind::array:
      out.begin_array();
      what.for_each_element([&out](const value& element) { print(out, element); });
      out.end_array();
      return;
    case kind::object:
      out.begin_object();
      what.for_each_member([&out](std::string_view name, const value& member) {
        out.key_escaped(name);
        print(out, member);
      });
      out.end_object();
      return;
  }
}

AGENT_WEBSOCKET_INLINE std::string to_text(const value& what) {
  std::string text;
  writer out(text);
  print(out, what);
  return text;
}

#endif

}  // namespace json
}  // namespace agent_websocket
