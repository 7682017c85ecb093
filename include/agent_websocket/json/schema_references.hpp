// SPDX-License-Identifier: MIT
//
// Where each $ref of a schema leads. Refuses one that leads nowhere, out of the schema or only back
// to itself, and schemas that apply to one and the same value too deep inside each other. Knows no
// other keyword: which subschemas there are is told by schema_compiler.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/json/schema_place.hpp>
#include <agent_websocket/json/schema_rules.hpp>
#include <agent_websocket/json/schema_words.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace json {

class schema_references {
 public:
  using index = schema_rules::index;

  /// Subschemas that apply to one and the same value, inside each other.
  static constexpr std::size_t max_nesting = 32;

  /// There is a subschema at `place`. Of several at one place, as in an object with a repeated
  /// member, the last one counts. To be called for each index, from 0.
  void add_target(index at, const std::string& place);

  /// The subschema `from` has a $ref, which stands at `place`.
  void add(index from, std::string uri, const std::string& place);

  /// Sets `ref` of the rules whose schema has one. To be called once. Precondition: as many rules
  /// as targets, and no index in them beyond. errc::bad_message says where it is wrong.
  result<void> resolve(std::vector<schema_rules>& rules);

 private:
  struct reference {
    index from;
    std::string uri, place;
  };

  static constexpr std::size_t unknown = static_cast<std::size_t>(-1);
  static constexpr std::size_t under_way = unknown - 1;

  /// Only the first refusal counts; what follows it may be a consequence.
  void refuse(const std::string& place, const std::string& words);

  void resolve(const reference& each, std::vector<schema_rules>& rules);

  /// How many schemas are applied inside each other without going into the value. Bounds the
  /// recursion here and when a value is checked.
  std::size_t height(const std::vector<schema_rules>& rules, index at, std::size_t above);

  std::vector<std::string> places_;  // by index
  std::map<std::string, index, std::less<>> by_place_;
  std::vector<reference> references_;
  std::vector<std::size_t> heights_;
  std::optional<error> failure_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void schema_references::add_target(index at, const std::string& place) {
  places_.push_back(place);
  by_place_.insert_or_assign(place, at);
}

AGENT_WEBSOCKET_INLINE void schema_references::add(index from, std::string uri,
                                                   const std::string& place) {
  references_.push_back({from, std::move(uri), place});
}

AGENT_WEBSOCKET_INLINE result<void> schema_references::resolve(std::vector<schema_rules>& rules) {
  for (const reference& each : references_) resolve(each, rules);
  heights_.assign(rules.size(), unknown);
  for (std::size_t i = 0; i < rules.size() && !failure_; ++i) height(rules, i, 0);
  if (failure_) return *failure_;
  return {};
}

AGENT_WEBSOCKET_INLINE void schema_references::refuse(const std::string& place,
                                                      const std::string& words) {
  if (!failure_) failure_ = schema_place::wrong(place, words);
}

AGENT_WEBSOCKET_INLINE void schema_references::resolve(const reference& each,
                                                       std::vector<schema_rules>& rules) {
  const auto target = schema_place::of_fragment(each.uri);
  const auto found = target ? by_place_.find(*target) : by_place_.end();
  if (found != by_place_.end()) {
    rules[each.from].ref = found->second;
  } else if (each.uri.empty() || each.uri[0] != '#') {
    refuse(each.place, "leads out of the schema: only `#`, `#/$defs/...` and the like work");
  } else {
    refuse(each.place, "leads to nothing: " + schema_words::excerpt(each.uri, 100));
  }
}

AGENT_WEBSOCKET_INLINE std::size_t schema_references::height(const std::vector<schema_rules>& rules,
                                                             index at, std::size_t above) {
  if (failure_) return 0;
  if (heights_[at] == under_way) refuse(places_[at], "leads only back to itself");
  const std::size_t known = heights_[at] < under_way ? heights_[at] : 0;
  if (above + std::max<std::size_t>(known, 1) > max_nesting) refuse(places_[at], "refers too deep");
  if (failure_ || known > 0) return known;
  heights_[at] = under_way;
  std::size_t most = 0;
  const schema_rules& of = rules[at];
  for (const auto* list : {&of.all_of, &of.any_of, &of.one_of}) {
    for (const index each : *list) most = std::max(most, height(rules, each, above + 1));
  }
  for (const auto* one : {&of.ref, &of.ruled_out}) {
    if (*one) most = std::max(most, height(rules, **one, above + 1));
  }
  return heights_[at] = most + 1;
}

#endif

}  // namespace json
}  // namespace agent_websocket
