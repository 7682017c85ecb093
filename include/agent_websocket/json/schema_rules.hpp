// SPDX-License-Identifier: MIT
//
// A compiled schema: what schema_compiler makes and schema_matcher reads. Nothing in it refers to
// the text that it was made of.
#pragma once

#include <agent_websocket/json/exact.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agent_websocket {
namespace json {

/// One schema, its subschemas as indices into the vector that they all stand in.
struct schema_rules {
  using index = std::size_t;

  /// Values that are allowed: canonical texts, sorted, and how to name them.
  struct choice {
    std::vector<std::string> canonical;
    std::string words;
  };

  std::optional<bool> always;  ///< `true` or `false` in place of an object
  unsigned types = 0;          ///< bits by schema_type_names; 0: any
  bool nullable = false;
  bool unique_items = false;
  std::optional<choice> enumerated, constant;
  std::optional<exact_number> minimum, maximum, above, below, multiple_of;
  std::optional<std::uint64_t> min_length, max_length, min_items, max_items;
  std::optional<std::uint64_t> min_properties, max_properties;
  std::map<std::string, index, std::less<>> properties;
  std::vector<std::string> required;
  std::vector<index> all_of, any_of, one_of, prefix_items;
  std::optional<index> additional_properties, items, ruled_out, ref;
};

/// Bit i of schema_rules::types.
inline constexpr std::string_view schema_type_names[] = {"string", "integer", "number", "boolean",
                                                         "array",  "object",  "null"};

}  // namespace json
}  // namespace agent_websocket
