// SPDX-License-Identifier: MIT
//
// One JSON message as a test looks at it: members by dotted path ("error.code", "messages.0.id").
// What is absent reads as "", 0 or false, so that a check says what it got instead of throwing.
#pragma once

#include <agent_websocket/json/print.hpp>
#include <agent_websocket/json/reader.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// True for "2026-01-01T00:00:00.000Z": ISO-8601 in UTC with milliseconds.
inline bool is_timestamp(std::string_view text) {
  constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd.dddZ";
  if (text.size() != form.size()) return false;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (form[i] == 'd' ? !digit : text[i] != form[i]) return false;
  }
  return true;
}

/// True for a lower-case UUID of version 4, variant 1.
inline bool is_uuid4(std::string_view text) {
  constexpr std::string_view form = "xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx";
  if (text.size() != form.size()) return false;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
    const bool variant = text[i] == '8' || text[i] == '9' || text[i] == 'a' || text[i] == 'b';
    const bool good = form[i] == 'x' ? hex : form[i] == 'v' ? variant : text[i] == form[i];
    if (!good) return false;
  }
  return true;
}

class frame {
 public:
  frame() : frame("{}") {}
  explicit frame(std::string text)
      : text_(std::move(text)), document_(std::make_shared<agent_websocket::json::document>()) {
    const auto parsed = document_->parse(text_);
    if (!parsed || !document_->root().is_object()) FAIL("not a JSON object: " << text_);
  }

  const std::string& raw() const noexcept { return text_; }

  agent_websocket::json::value at(std::string_view path) const {
    agent_websocket::json::value found = document_->root();
    while (!path.empty()) {
      const std::size_t dot = path.find('.');
      const std::string_view name = path.substr(0, dot);
      path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
      found = found.is_array() ? found[std::stoul(std::string(name))] : found[name];
    }
    return found;
  }
  bool has(std::string_view path) const { return at(path).exists(); }
  std::string text(std::string_view path) const {
    return std::string(at(path).string().value_or(""));
  }
  std::int64_t number(std::string_view path) const { return at(path).integer().value_or(0); }
  double real(std::string_view path) const { return at(path).number().value_or(0); }
  bool truth(std::string_view path) const { return at(path).boolean().value_or(false); }
  std::size_t size(std::string_view path) const { return at(path).size(); }
  /// The value as compact JSON text; "null" when it is absent.
  std::string json(std::string_view path) const { return agent_websocket::json::to_text(at(path)); }

  std::string type() const { return text("type"); }
  std::string op() const { return text("op"); }
  std::string code() const { return text("code"); }
  std::string ref() const { return text("ref"); }
  std::string content() const { return text("content"); }
  std::string phase() const { return text("phase"); }

  bool is_status(std::string_view wanted) const { return type() == "status" && op() == wanted; }
  /// The last message of a query: a whole answer, the end of a streamed one, or its error.
  bool is_terminal() const {
    if (type() == "response") return phase() == "full" || phase() == "end";
    return type() == "error" && truth("terminal");
  }
  /// Numbered messages are durable; of those that carry `seq`, welcome and live only tell it.
  bool is_numbered() const { return has("seq") && op() != "welcome" && op() != "live"; }

  friend doctest::String toString(const frame& shown) { return shown.raw().c_str(); }

 private:
  std::string text_;
  std::shared_ptr<agent_websocket::json::document> document_;
};

inline std::vector<frame> frames_of(const std::vector<std::string>& texts) {
  std::vector<frame> all;
  for (const std::string& each : texts) all.emplace_back(each);
  return all;
}

/// Those of `frames` that end a query.
inline std::vector<frame> terminals(const std::vector<frame>& frames) {
  std::vector<frame> found;
  for (const frame& each : frames) {
    if (each.is_terminal()) found.push_back(each);
  }
  return found;
}

/// A JSON string, quotes included.
inline std::string quoted(std::string_view text) {
  std::string json;
  agent_websocket::json::writer(json).value(text);
  return json;
}
