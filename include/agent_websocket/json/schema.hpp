// SPDX-License-Identifier: MIT
//
// JSON Schema for the arguments of tools: the keywords of 2020-12 that models and tools use.
//   type (also a list; 1.0 is an integer), enum, const, allOf, anyOf, oneOf, not, $ref inside the
//   schema ("#", "#/$defs/...", "#/definitions/...", any place of a schema), boolean schemas,
//   properties, required, additionalProperties, minProperties, maxProperties,
//   items, prefixItems, minItems, maxItems, uniqueItems, minLength, maxLength (characters),
//   minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf (exact, without rounding).
// Older spellings: items as a list with additionalItems, exclusiveMinimum true beside minimum,
// nullable (null is then allowed, whatever else is said). All others (pattern, patternProperties,
// propertyNames, format, if, dependentRequired, ...) are annotations: the model sees them, nothing
// is checked. No regular expressions, nothing is fetched. Of a keyword that is repeated the last
// one counts; members of the arguments that share a name are checked each.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/json/schema_compiler.hpp>
#include <agent_websocket/json/schema_matcher.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace json {

/// A compiled schema. Cheap to copy; may be used from several threads at once.
class schema {
 public:
  /// errc::bad_json: no JSON. errc::bad_message: no schema, in words that name the place in it.
  static result<schema> compile(std::string_view json_text);

  /// Nothing when `arguments` fit, else one sentence that says what does not: "`city` must be a
  /// string, not a number". What takes too much work to check does not fit.
  std::optional<std::string> violation(const value& arguments) const;

 private:
  explicit schema(std::shared_ptr<const std::vector<schema_rules>> rules);

  std::shared_ptr<const std::vector<schema_rules>> rules_;  // never null
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE result<schema> schema::compile(std::string_view json_text) {
  document text;
  if (const auto parsed = text.parse(json_text); !parsed) return parsed.error();
  auto rules = schema_compiler::compile(text.root());
  if (!rules) return rules.error();
  return schema(std::make_shared<const std::vector<schema_rules>>(std::move(*rules)));
}

AGENT_WEBSOCKET_INLINE std::optional<std::string> schema::violation(const value& arguments) const {
  return schema_matcher(*rules_).violation(arguments);
}

AGENT_WEBSOCKET_INLINE schema::schema(std::shared_ptr<const std::vector<schema_rules>> rules)
    : rules_(std::move(rules)) {}

#endif

}  // namespace json
}  // namespace agent_websocket
