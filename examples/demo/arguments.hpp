// SPDX-License-Identifier: MIT
//
// What the demo model finds in a question (words, an expression, a path, a number), and arguments
// made of it that fit a tool's JSON Schema. The schema's common words only: no $ref, no patterns.
#pragma once

#include "script.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace demo {
namespace tools {

// ---- words

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr char lower(char c) { return is_upper(c) ? static_cast<char>(c + 32) : c; }
constexpr bool is_word(char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || is_digit(c); }

inline std::string lowered(std::string_view text) {
  std::string made(text);
  std::transform(made.begin(), made.end(), made.begin(), lower);
  return made;
}

/// The words of a text or of a name like `get_weather` or `getWeather`, in lower case.
inline std::vector<std::string> words_in(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false, was_upper = true;
  for (const char c : text) {
    const bool begins = !inside || (is_upper(c) && !was_upper);
    inside = is_word(c);
    was_upper = is_upper(c);
    if (!inside) continue;
    if (begins) words.emplace_back();
    words.back().push_back(lower(c));
  }
  return words;
}

/// True when one of the words begins with one of the stems.
inline bool has_stem(const std::vector<std::string>& words,
                     std::initializer_list<std::string_view> stems) {
  for (const std::string& word : words) {
    for (const std::string_view stem : stems) {
      if (std::string_view(word).substr(0, stem.size()) == stem) return true;
    }
  }
  return false;
}

inline bool has_phrase(const std::string& text, std::initializer_list<std::string_view> phrases) {
  return std::any_of(phrases.begin(), phrases.end(), [&text](std::string_view phrase) {
    return text.find(phrase) != std::string::npos;
  });
}

inline std::string_view trimmed(std::string_view text, std::string_view off = " \n\t.,:;?!") {
  const std::size_t first = text.find_first_not_of(off);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(off) - first + 1);
}

// ---- what stands in a question

/// The first "12 * (3 + 4)", or nothing. Two numbers and an operator are the least.
inline std::string_view expression_in(std::string_view text) {
  constexpr std::string_view parts = "0123456789.+-*/%^() ";
  for (std::size_t at = text.find_first_of("0123456789(-"); at < text.size();) {
    const std::size_t end = std::min(text.find_first_not_of(parts, at), text.size());
    const std::string_view found = trimmed(text.substr(at, end - at), " .");
    const std::size_t digit = found.find_first_of("0123456789");
    const std::size_t sign = found.find_first_of("+-*/%^", digit);
    if (found.find_first_of("0123456789", sign) != std::string_view::npos) return found;
    at = text.find_first_of("0123456789(-", end);
  }
  return {};
}

/// The first word that looks like a path: with a dot or a slash inside.
inline std::string_view path_in(std::string_view text) {
  while (!(text = trimmed(text, " \n\t")).empty()) {
    std::string_view word = text.substr(0, text.find_first_of(" \n\t"));
    text.remove_prefix(word.size());
    while (!word.empty() && std::string_view(".,:;?!").find(word.back()) != std::string_view::npos)
      word.remove_suffix(1);
    const bool is_path = word.find('/') != std::string_view::npos ||
                         (word.find('.') != std::string_view::npos && !is_digit(word.front()));
    if (is_path) return trimmed(word, "\"'`");
  }
  return {};
}

/// The first number, with its sign when that does not belong to a word before it.
inline std::string_view number_in(std::string_view text) {
  std::size_t at = text.find_first_of("0123456789");
  if (at == std::string_view::npos) return {};
  std::size_t end = std::min(text.find_first_not_of("0123456789", at), text.size());
  if (end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1])) {
    end = std::min(text.find_first_not_of("0123456789", end + 1), text.size());
  }
  if (at > 0 && text[at - 1] == '-') --at;
  return text.substr(at, end - at);
}

/// The number behind "UTC" or "GMT", or nothing.
inline std::string_view offset_in(std::string_view text) {
  const std::string low = lowered(text);
  const std::size_t at = std::min(low.find("utc"), low.find("gmt"));
  return at == std::string::npos ? std::string_view() : number_in(text.substr(at));
}

/// What the question is about: behind its last preposition, or all of it.
inline std::string_view subject_in(std::string_view text) {
  for (const std::string_view word : {" in ", " of ", " for ", " about ", " to "}) {
    const std::size_t at = text.rfind(word);
    if (at != std::string_view::npos) return trimmed(text.substr(at + word.size()));
  }
  return trimmed(text);
}

// ---- arguments

inline void write_value(json::writer& out, const json::value& schema, std::string_view name,
                        std::string_view question);

/// An object with what the schema requires, and what the question gives besides.
inline void write_object(json::writer& out, const json::value& schema, std::string_view question) {
  out.begin_object();
  schema["properties"].for_each_member([&](std::string_view name, const json::value& property) {
    bool wanted = false;
    schema["required"].for_each_element(
        [&](const json::value& each) { wanted = wanted || each.string() == name; });
    const std::vector<std::string> words = words_in(name);
    wanted = wanted || (has_stem(words, {"path", "file"}) && !path_in(question).empty()) ||
             (has_stem(words, {"offset", "zone", "utc"}) && !offset_in(question).empty());
    if (!wanted) return;
    out.key_escaped(name);
    write_value(out, property, name, question);
  });
  out.end_object();
}

inline void write_text(json::writer& out, std::string_view name, std::string_view question) {
  const std::vector<std::string> words = words_in(name);
  std::string_view text = subject_in(question);
  const std::string_view expression = expression_in(question), path = path_in(question);
  if (has_stem(words, {"expr", "formula", "calc", "math", "input"}) && !expression.empty())
    text = expression;
  if (has_stem(words, {"path", "file", "name"}) && !path.empty()) text = path;
  if (has_stem(words, {"folder", "dir"})) text = path.empty() ? "." : path;
  out.value(text);
}

inline void write_number(json::writer& out, const json::value& schema, std::string_view name,
                         bool whole, std::string_view question) {
  json::document read;
  double number = schema["minimum"].number().value_or(0);
  const bool offset = has_stem(words_in(name), {"offset", "zone", "utc"});
  if (read.parse(offset ? offset_in(question) : number_in(question)))
    number = read.root().number().value_or(number);
  number = std::max(number, schema["minimum"].number().value_or(number));
  number = std::min(number, schema["maximum"].number().value_or(number));
  const bool fits = number > -1e15 && number < 1e15;
  whole ? out.value(fits ? static_cast<std::int64_t>(number) : 0) : out.value(number);
}

/// One value of that schema for the property `name`.
inline void write_value(json::writer& out, const json::value& schema, std::string_view name,
                        std::string_view question) {
  if (schema["const"]) return print(out, schema["const"]);
  if (schema["enum"].size() > 0) {
    json::value chosen = schema["enum"][0];
    const std::vector<std::string> words = words_in(question);
    schema["enum"].for_each_element([&](const json::value& each) {
      const std::string word = lowered(each.string().value_or(""));
      if (std::find(words.begin(), words.end(), word) != words.end()) chosen = each;
    });
    return print(out, chosen);
  }
  for (const char* const word : {"anyOf", "oneOf"}) {
    if (schema[word].size() > 0) return write_value(out, schema[word][0], name, question);
  }
  json::value type = schema["type"];
  if (type.is_array()) type = type[0].string() == "null" ? type[1] : type[0];
  const std::string_view kind = type.string().value_or(schema["properties"] ? "object" : "string");
  if (kind == "object") return write_object(out, schema, question);
  if (kind == "integer" || kind == "number")
    return write_number(out, schema, name, kind == "integer", question);
  if (kind == "boolean") return void(out.value(false));
  if (kind == "null") return void(out.null());
  if (kind != "array") return write_text(out, name, question);
  out.begin_array();
  if (schema["minItems"].integer().value_or(0) > 0)
    write_value(out, schema["items"], name, question);
  out.end_array();
}

inline std::string arguments_for(const offered_tool& tool, std::string_view question) {
  std::string arguments;
  json::writer out(arguments);
  json::document schema;
  (void)schema.parse(tool.parameters);
  write_object(out, schema.root(), question);
  return arguments;
}

}  // namespace tools
}  // namespace demo
