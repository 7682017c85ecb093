// SPDX-License-Identifier: MIT
//
// Holds one value against the rules of a schema and says in one sentence what does not fit: where,
// what was found, what would be right. Written for a model that is to do it better. The work is
// bounded, because schemas come from clients and values from models.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/exact.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/json/schema_rules.hpp>
#include <agent_websocket/json/schema_words.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace json {

class schema_matcher {
 public:
  /// Steps: about one for each pair of a schema and a value that it applies to.
  static constexpr std::size_t max_work = 1'000'000;
  /// Schemas and values inside each other.
  static constexpr std::size_t max_depth = 512;

  explicit schema_matcher(const std::vector<schema_rules>& rules) : rules_(rules) {}

  std::optional<std::string> violation(value what);

 private:
  struct failure {
    std::string words;
    std::size_t depth;  // of the place that it is about
  };
  using verdict = std::optional<failure>;
  using index = schema_rules::index;

  // ---- words

  failure fail(const std::string& words) const;

  // ---- work

  bool spend(std::size_t steps);

  std::string canonical(value what);

  // ---- rules

  verdict check(index at, value what);

  verdict check_all(const schema_rules& rules, value what);

  verdict check_type(unsigned types, value what);

  verdict check_choice(const schema_rules::choice& allowed, value what);

  verdict check_number(const schema_rules& rules, value what);

  verdict check_count(std::optional<std::uint64_t> least, std::optional<std::uint64_t> most,
                      std::uint64_t count, std::string_view noun);

  verdict check_string(const schema_rules& rules, value what);

  verdict check_array(const schema_rules& rules, value what);

  verdict check_object(const schema_rules& rules, value what);

  static std::string known_words(const schema_rules& rules);

  /// Of alternatives that all fail, the one that got furthest is what was meant.
  verdict check_some(const std::vector<index>& alternatives, value what, bool only_one);

  const std::vector<schema_rules>& rules_;
  std::vector<schema_step> path_;
  std::size_t work_ = 0, depth_ = 0;
  bool exhausted_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::optional<std::string> schema_matcher::violation(value what) {
  verdict found = check(0, what);
  if (exhausted_) return "the arguments are too complex to be checked";
  if (!found) return std::nullopt;
  return std::move(found->words);
}

AGENT_WEBSOCKET_INLINE schema_matcher::failure schema_matcher::fail(
    const std::string& words) const {
  return {schema_words::place(path_) + ' ' + words, path_.size()};
}

AGENT_WEBSOCKET_INLINE bool schema_matcher::spend(std::size_t steps) {
  work_ += std::min(steps, max_work);
  if (work_ > max_work) exhausted_ = true;
  return !exhausted_;
}

AGENT_WEBSOCKET_INLINE std::string schema_matcher::canonical(value what) {
  std::string made = to_canonical(what);
  spend(made.size() / 32);
  return made;
}

AGENT_WEBSOCKET_INLINE schema_matcher::verdict schema_matcher::check(index at, value what) {
  if (depth_ >= max_depth) exhausted_ = true;
  if (!spend(1)) return fail("cannot be checked");
  const schema_rules& rules = rules_[at];
  if (rules.always) return *rules.always ? verdict() : fail("must not be given");
  if (rules.nullable && what.is_null()) return {};
  ++depth_;
  verdict found = check_all(rules, what);
  --depth_;
  return found;
}

AGENT_WEBSOCKET_INLINE schema_matcher::verdict schema_matcher::check_all(const schema_rules& rules,
                                                                         value what) {
  verdict found;
  if (rules.types != 0 && (found = check_type(rules.types, what))) return found;
  if (rules.enumerated && (found = check_choice(*rules.enumerated, what))) return found;
  if (rules.constant && (found = check_choice(*rules.constant, what))) return found;
  if (what.is_number() && (found = check_number(rules, what))) return found;
  if (what.is_string() && (found = check_string(rules, what))) return found;
  if (what.is_array() && (found = check_array(rules, what))) return found;
  if (what.is_object() && (found = check_object(rules, what))) return found;
  if (rules.ref && (found = check(*rules.ref, what))) return found;
  for (const index each : rules.all_of) {
    if ((found = check(each, what))) return found;
  }
  if (!rules.any_of.empty() && (found = check_some(rules.any_of, what, false))) return found;
  if (!rules.one_of.empty() && (found = check_some(rules.one_of, what, true))) return found;
  if (rules.ruled_out && !check(*rules.ruled_out, what))
    return fail("must not be " + (what.is_array() || what.is_object() ? "such " : std::string()) +
                schema_words::shown(what));
  return {};
}

AGENT_WEBSOCKET_INLINE schema_matcher::verdict schema_matcher::check_type(unsigned types,
                                                                          value what) {
  const auto has = [types](std::string_view name) {
    for (std::size_t i = 0; i < std::size(schema_type_names); ++i) {
      if (schema_type_names[i] == name) return (types >> i & 1u) != 0;
    }
    return false;
  };
  bool good = false, is_fraction = false;
  switch (what.kind()) {
    case kind::absent:
    case kind::null: good = has("null"); break;
    case kind::boolean: good = has("boolean"); break;
    case kind::string: good = has("string"); break;
    case kind::array: good = has("array"); break;
    case kind::object: good = has("object"); break;
    case kind::number:
      is_fraction = has("integer");
      good = has("number") || (is_fraction && parse_exact(*what.number_text()).is_integer());
      break;
  }
  if (good) return {};
  return fail("must be " + schema_words::types(types) + ", not " +
              (is_fraction ? schema_words::shown(what) : std::string(describe(what.kind()))));
}

AGENT_WEBSOCKET_INLINE schema_matcher::verdict schema_matcher::check_choice(
    const schema_rules::choice& allowed, value what) {
  const std::string found = canonical(what);
  if (std::binary_search(allowed.canonical.begin(), allowed.canonical.end(), found)) return {};
  return fail((allowed.canonical.size() == 1 ? "must be " : "must be one of ") + allowed.words +
              ", not " + schema_words::shown(what));
}

AGENT_WEBSOCKET_INLINE schema_matcher::verdict schema_matcher::check_number(
    const schema_rules& rules, value what) {
  if (!rules.minimum && !rules.maximum && !rules.above && !rules.below && !rules.multiple_of)
    return {};
  const exact_number number = parse_exact(*what.number_text());
  spend(number.digits.size() / 32);
  const auto wrong = [&](const char* words, const exact_number& limit) {
    return fail(std::string("must be ") + words + ' ' + schema_words::number(limit) + ", not " +
                schema_words::shown(what));
  };
  if (rules.minimum && compare(number, *rules.minimum) < 0)
    return wrong("at least", *rules.minimum);
  if (rules.maximum && compare(number, *rules.maximum) > 0) return wrong("at most", *rules.maximum);
  if (rules.above && compare(number, *rules.above) <= 0) return wrong("more than", *rules.above);
  if (rules.below && compare(number, *rules.below) >= 0) return wrong("less than", *rules.below);
  if (rules.multiple_of && !is_multiple(number, *rules.multiple_of))
    return wrong("a multiple of", *rules.multiple_of);
  return {};
}

AGENT_WEBSOCKET_INLINE schema_matcher::verdict schema_matcher::check_count(
    std::optional<std::uint64_t> least, std::optional<std::uint64_t> most, std::uint64_t count,
    std::string_view noun) {
  if (least && count < *least)
    return fail("must have at least " + schema_words::counted(*least, noun) + ", not " +
                std::to_string(count));
  if (most && count > *most)
    return fail("must have at most " + schema_words::counted(*most, noun) + ", not " +
                std::to_string(count));
  return {};
}

AGENT_WEBSOCKET_INLINE schema_matcher::verdict schema_matcher::check_string(
    const schema_rules& rules, value what) {
  if (!rules.min_length && !rules.max_length) return {};
  const std::string_view text = *what.string();
  spend(text.size() / 64);
  const auto characters = std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  });
  return check_count(rules.min_length, rules.max_length, static_cast<std::uint64_t>(characters),
                     "character");
}

AGENT_WEBSOCKET_INLINE schema_matcher::verdict schema_matcher::check_array(
    const schema_rules& rules, value what) {
  verdict found = check_count(rules.min_items, rules.max_items, what.size(), "item");
  if (found || (!rules.items && rules.prefix_items.empty() && !rules.unique_items)) return found;
  std::vector<std::pair<std::string, std::size_t>> seen;
  std::size_t position = 0;
  what.for_each_element([&](value each) {
    if (!found) {
      path_.push_back({{}, position, false});
      if (position < rules.prefix_items.size()) {
        found = check(rules.prefix_items[position], each);
      } else if (rules.items) {
        found = check(*rules.items, each);
      }
      path_.pop_back();
      if (rules.unique_items && !found) seen.emplace_back(canonical(each), position);
    }
    ++position;
  });
  if (found || seen.empty()) return found;
  std::sort(seen.begin(), seen.end());
  const auto twice = std::adjacent_find(
      seen.begin(), seen.end(), [](const auto& a, const auto& b) { return a.first == b.first; });
  if (twice == seen.end()) return {};
  return fail("must not have an item twice: [" + std::to_string(std::next(twice)->second) +
              "] is equal to [" + std::to_string(twice->second) + "]");
}

AGENT_WEBSOCKET_INLINE schema_matcher::verdict schema_matcher::check_object(
    const schema_rules& rules, value what) {
  for (const std::string& name : rules.required) {
    if (!spend(what.size())) break;
    if (what[name].exists()) continue;
    path_.push_back({name, 0, true});
    verdict found = fail("is missing: it is required");
    path_.pop_back();
    return found;
  }
  verdict found = check_count(rules.min_properties, rules.max_properties, what.size(), "member");
  if (found || (rules.properties.empty() && !rules.additional_properties)) return found;
  what.for_each_member([&](std::string_view name, value member) {
    if (found) return;
    const auto known = rules.properties.find(name);
    path_.push_back({name, 0, true});
    if (known != rules.properties.end()) {
      found = check(known->second, member);
    } else if (rules.additional_properties) {
      found = check(*rules.additional_properties, member);
      const auto& additional = rules_[*rules.additional_properties].always;
      if (additional && !*additional) found = fail("is not known" + known_words(rules));
    }
    path_.pop_back();
  });
  return found;
}

AGENT_WEBSOCKET_INLINE std::string schema_matcher::known_words(const schema_rules& rules) {
  std::string made;
  for (const auto& each : rules.properties) {
    made += made.empty() ? "; known are " : ", ";
    if (made.size() > 300) return made + "...";
    made += '`' + schema_words::excerpt(each.first, 60) + '`';
  }
  return made;
}

AGENT_WEBSOCKET_INLINE schema_matcher::verdict schema_matcher::check_some(
    const std::vector<index>& alternatives, value what, bool only_one) {
  std::optional<std::size_t> fits;
  verdict nearest;
  for (std::size_t i = 0; i < alternatives.size(); ++i) {
    verdict found = check(alternatives[i], what);
    if (exhausted_) return found ? found : fail("cannot be checked");
    if (found) {
      if (!nearest || found->depth > nearest->depth) nearest = std::move(found);
    } else if (!only_one) {
      return {};
    } else if (fits) {
      return fail("must fit exactly one alternative, not both number " + std::to_string(*fits + 1) +
                  " and number " + std::to_string(i + 1));
    } else {
      fits = i;
    }
  }
  if (fits) return {};
  if (alternatives.size() == 1) return nearest;
  return failure{schema_words::place(path_) + " must fit one of " +
                     std::to_string(alternatives.size()) + " alternatives; for the nearest, " +
                     nearest->words,
                 nearest->depth};
}

#endif

}  // namespace json
}  // namespace agent_websocket
