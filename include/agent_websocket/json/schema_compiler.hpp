// SPDX-License-Identifier: MIT
//
// JSON Schema (2020-12, the subset that schema.hpp states) -> rules that a value can be held
// against. Refuses a keyword whose value cannot be meant; what it does not know is an annotation.
// Where a $ref leads is in schema_references.hpp.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/json/exact.hpp>
#include <agent_websocket/json/print.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/json/schema_place.hpp>
#include <agent_websocket/json/schema_references.hpp>
#include <agent_websocket/json/schema_rules.hpp>
#include <agent_websocket/json/schema_words.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace json {

class schema_compiler {
 public:
  /// The rules of the schema, the top one first. errc::bad_message says where it is wrong.
  static result<std::vector<schema_rules>> compile(value top);

 private:
  using index = schema_rules::index;

  template <typename Member>
  struct keyword {
    std::string_view name;
    Member schema_rules::*member;
  };

  /// Only the first refusal counts; what follows it may be a consequence.
  void refuse(const std::string& place, const std::string& words);
  bool require(bool good, const std::string& place, const char* what, value found);

  // ---- schemas

  index add(value what, const std::string& place);

  std::vector<index> add_list(value what, const std::string& place);

  std::map<std::string, index, std::less<>> add_named(value what, const std::string& place);

  // ---- keywords

  void add_keyword(schema_rules& to, index at, value schema, std::string_view name, value what,
                   const std::string& place);

  void add_other(schema_rules& to, index at, value schema, std::string_view name, value what,
                 const std::string& place);

  unsigned types(value what, const std::string& place);

  static schema_rules::choice choice(value list);

  std::uint64_t count(value what, const std::string& place);

  exact_number number(value what, const std::string& place);

  /// OpenAPI 3.0 says `true` for "the minimum itself is excluded".
  std::optional<exact_number> bound(value schema, std::string_view name, value what,
                                    const std::string& place);

  std::vector<schema_rules> rules_;
  schema_references references_;
  std::optional<error> failure_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE result<std::vector<schema_rules>> schema_compiler::compile(value top) {
  schema_compiler self;
  self.add(top, "");
  if (self.failure_) return *self.failure_;
  if (auto resolved = self.references_.resolve(self.rules_); !resolved) return resolved.error();
  return std::move(self.rules_);
}

AGENT_WEBSOCKET_INLINE void schema_compiler::refuse(const std::string& place,
                                                    const std::string& words) {
  if (!failure_) failure_ = schema_place::wrong(place, words);
}

AGENT_WEBSOCKET_INLINE bool schema_compiler::require(bool good, const std::string& place,
                                                     const char* what, value found) {
  if (!good) refuse(place, std::string("must be ") + what + ", not " + schema_words::shown(found));
  return good;
}

AGENT_WEBSOCKET_INLINE schema_compiler::index schema_compiler::add(value what,
                                                                   const std::string& place) {
  const index at = rules_.size();
  rules_.emplace_back();
  references_.add_target(at, place);
  schema_rules made;
  if (what.is_boolean()) {
    made.always = what.boolean();
  } else if (require(what.is_object(), place, "an object, true or false", what)) {
    what.for_each_member([&](std::string_view name, value member) {
      add_keyword(made, at, what, name, member, schema_place::below(place, name));
    });
  }
  rules_[at] = std::move(made);
  return at;
}

AGENT_WEBSOCKET_INLINE std::vector<schema_compiler::index> schema_compiler::add_list(
    value what, const std::string& place) {
  std::vector<index> made;
  if (!require(what.is_array() && what.size() > 0, place, "a list of schemas", what)) return made;
  what.for_each_element([&](value each) {
    made.push_back(add(each, schema_place::below(place, std::to_string(made.size()))));
  });
  return made;
}

AGENT_WEBSOCKET_INLINE std::map<std::string, schema_compiler::index, std::less<>>
schema_compiler::add_named(value what, const std::string& place) {
  std::map<std::string, index, std::less<>> made;
  require(what.is_object(), place, "an object of schemas", what);
  what.for_each_member([&](std::string_view name, value each) {
    made.insert_or_assign(std::string(name), add(each, schema_place::below(place, name)));
  });
  return made;
}

AGENT_WEBSOCKET_INLINE void schema_compiler::add_keyword(schema_rules& to, index at, value schema,
                                                         std::string_view name, value what,
                                                         const std::string& place) {
  using optional_index = std::optional<index>;
  using optional_count = std::optional<std::uint64_t>;
  using optional_number = std::optional<exact_number>;
  static constexpr keyword<optional_count> counts[] = {
      {"minLength", &schema_rules::min_length},
      {"maxLength", &schema_rules::max_length},
      {"minItems", &schema_rules::min_items},
      {"maxItems", &schema_rules::max_items},
      {"minProperties", &schema_rules::min_properties},
      {"maxProperties", &schema_rules::max_properties}};
  static constexpr keyword<std::vector<index>> lists[] = {
      {"allOf", &schema_rules::all_of},
      {"anyOf", &schema_rules::any_of},
      {"oneOf", &schema_rules::one_of},
      {"prefixItems", &schema_rules::prefix_items}};
  static constexpr keyword<optional_index> schemas[] = {
      {"additionalProperties", &schema_rules::additional_properties},
      {"not", &schema_rules::ruled_out}};
  static constexpr keyword<bool> flags[] = {{"nullable", &schema_rules::nullable},
                                            {"uniqueItems", &schema_rules::unique_items}};
  static constexpr keyword<optional_number> numbers[] = {
      {"minimum", &schema_rules::minimum},
      {"maximum", &schema_rules::maximum},
      {"exclusiveMinimum", &schema_rules::above},
      {"exclusiveMaximum", &schema_rules::below}};
  for (const auto& each : counts) {
    if (each.name == name) to.*each.member = count(what, place);
  }
  for (const auto& each : lists) {
    if (each.name == name) to.*each.member = add_list(what, place);
  }
  for (const auto& each : schemas) {
    if (each.name == name) to.*each.member = add(what, place);
  }
  for (const auto& each : flags) {
    if (each.name == name && require(what.is_boolean(), place, "true or false", what))
      to.*each.member = *what.boolean();
  }
  for (const auto& each : numbers) {
    if (each.name == name) to.*each.member = bound(schema, name, what, place);
  }
  add_other(to, at, schema, name, what, place);
}

AGENT_WEBSOCKET_INLINE void schema_compiler::add_other(schema_rules& to, index at, value schema,
                                                       std::string_view name, value what,
                                                       const std::string& place) {
  if (name == "type") {
    to.types = types(what, place);
  } else if (name == "enum") {
    if (require(what.is_array() && what.size() > 0, place, "a list of values", what))
      to.enumerated = choice(what);
  } else if (name == "const") {
    to.constant = {{to_canonical(what)}, schema_words::excerpt(to_text(what), 100)};
  } else if (name == "properties") {
    to.properties = add_named(what, place);
  } else if (name == "$defs" || name == "definitions") {
    add_named(what, place);
  } else if (name == "required") {
    to.required.clear();
    require(what.is_array(), place, "a list of names", what);
    what.for_each_element([&](value each) {
      if (require(each.is_string(), place, "a list of names", each))
        to.required.emplace_back(*each.string());
    });
  } else if (name == "multipleOf") {
    to.multiple_of = number(what, place);
    const exact_number& by = *to.multiple_of;
    require(!by.digits.empty() && !by.negative && by.digits.size() <= max_divisor_digits, place,
            "a number above 0 of at most 18 digits", what);
  } else if (name == "items" && what.is_array()) {  // before 2020-12
    to.prefix_items = add_list(what, place);
  } else if (name == "items" || (name == "additionalItems" && schema["items"].is_array())) {
    to.items = add(what, place);
  } else if (name == "$ref" && require(what.is_string(), place, "a string", what)) {
    references_.add(at, std::string(*what.string()), place);
  }
}

AGENT_WEBSOCKET_INLINE unsigned schema_compiler::types(value what, const std::string& place) {
  if (what.is_array()) {
    unsigned all = 0;
    what.for_each_element([&](value each) {
      if (require(each.is_string(), place, "a list of names of types", each))
        all |= types(each, place);
    });
    require(what.size() > 0, place, "the name of a type or a list of them", what);
    return all;
  }
  for (std::size_t i = 0; i < std::size(schema_type_names); ++i) {
    if (what.string() == schema_type_names[i]) return 1u << i;
  }
  require(false, place, "null, boolean, object, array, number, string, integer or a list of these",
          what);
  return 0;
}

AGENT_WEBSOCKET_INLINE schema_rules::choice schema_compiler::choice(value list) {
  constexpr std::size_t most = 20, most_bytes = 300;
  schema_rules::choice made;
  list.for_each_element([&](value each) {
    if (made.canonical.size() < most && made.words.size() < most_bytes) {
      if (!made.words.empty()) made.words += ", ";
      made.words += schema_words::excerpt(to_text(each), 60);
    } else if (made.words.back() != '.') {
      made.words += ", ...";
    }
    made.canonical.push_back(to_canonical(each));
  });
  std::sort(made.canonical.begin(), made.canonical.end());
  return made;
}

AGENT_WEBSOCKET_INLINE std::uint64_t schema_compiler::count(value what, const std::string& place) {
  const auto number = what.integer();
  require(number && *number >= 0, place, "an integer of at least 0", what);
  return static_cast<std::uint64_t>(std::max<std::int64_t>(number.value_or(0), 0));
}

AGENT_WEBSOCKET_INLINE exact_number schema_compiler::number(value what, const std::string& place) {
  return require(what.is_number(), place, "a number", what) ? parse_exact(*what.number_text())
                                                            : exact_number();
}

AGENT_WEBSOCKET_INLINE std::optional<exact_number> schema_compiler::bound(
    value schema, std::string_view name, value what, const std::string& place) {
  if (!what.is_boolean() || name.substr(0, 9) != "exclusive") return number(what, place);
  const value limit = schema[name == "exclusiveMinimum" ? "minimum" : "maximum"];
  if (!*what.boolean() || !limit.is_number()) return std::nullopt;
  return parse_exact(*limit.number_text());
}

#endif

}  // namespace json
}  // namespace agent_websocket
