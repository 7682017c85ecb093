// SPDX-License-Identifier: MIT
//
// What a parsed JSON document is made of: one buffer of text and one flat vector of nodes, in the
// order of the text. Parsers fill it, reader.hpp gives it out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace agent_websocket {
namespace json {

enum class kind : std::uint8_t { absent, null, boolean, number, string, array, object };

/// "an array", "a string": for error messages.
inline const char* describe(kind what) noexcept {
  switch (what) {
    case kind::absent: return "nothing";
    case kind::null: return "null";
    case kind::boolean: return "a boolean";
    case kind::number: return "a number";
    case kind::string: return "a string";
    case kind::array: return "an array";
    case kind::object: return "an object";
  }
  return "nothing";
}

struct parse_limits {
  std::size_t max_depth = 64;         ///< nested arrays and objects
  std::size_t max_bytes = 64u << 20;  ///< of text
  std::size_t max_values = 1u << 20;  ///< values and keys in all; bounds the nodes' memory
};

namespace detail {

struct node {
  kind what = kind::absent;
  bool truth = false;
  std::uint32_t offset = 0;  // of the text of a string or number
  std::uint32_t length =
      0;  // of that text; of a container: its direct children (members of an object)
  std::uint32_t next = 0;  // the node behind this subtree
};

struct tape {
  std::string text;
  std::vector<node> nodes;
};

}  // namespace detail

}  // namespace json
}  // namespace agent_websocket
