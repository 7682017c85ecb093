// SPDX-License-Identifier: MIT
//
// Places in a schema, as JSON pointers (RFC 6901): the empty text is the schema itself, "/items/0"
// a subschema of it. Pure.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>
#include <agent_websocket/json/schema_words.hpp>

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace json {
namespace schema_place {

/// The place of the member `name` of what stands at `place`.
std::string below(const std::string& place, std::string_view name);

/// The place that a URI fragment ("#/$defs/a%20b") names; nullopt for a URI that is not a fragment
/// alone, and for one with a wrong escape.
std::optional<std::string> of_fragment(std::string_view uri);

/// The refusal of a schema that is wrong at `place`. `words`: "must be ...".
error wrong(const std::string& place, const std::string& words);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string below(const std::string& place, std::string_view name) {
  std::string made = place + '/';
  for (const char c : name) {
    if (c == '~') {
      made += "~0";
    } else if (c == '/') {
      made += "~1";
    } else {
      made += c;
    }
  }
  return made;
}

AGENT_WEBSOCKET_INLINE std::optional<std::string> of_fragment(std::string_view uri) {
  if (uri.empty() || uri[0] != '#') return std::nullopt;
  std::string made;
  for (std::size_t i = 1; i < uri.size(); ++i) {
    unsigned byte = 0;
    if (uri[i] == '%' && i + 2 < uri.size()) {
      const auto done = std::from_chars(uri.data() + i + 1, uri.data() + i + 3, byte, 16);
      if (done.ptr != uri.data() + i + 3) return std::nullopt;
      made += static_cast<char>(byte);
      i += 2;
    } else {
      made += uri[i];
    }
  }
  return made;
}

AGENT_WEBSOCKET_INLINE error wrong(const std::string& place, const std::string& words) {
  const std::string where =
      place.empty() ? "The schema "
                    : "The schema is wrong: `" + schema_words::excerpt(place, 200) + "` ";
  return error(errc::bad_message, where + words);
}

#endif

}  // namespace schema_place
}  // namespace json
}  // namespace agent_websocket
