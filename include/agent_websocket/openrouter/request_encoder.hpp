// SPDX-License-Identifier: MIT
//
// Writes the fields of a request, one by one: what is not set is left out, what is out of its range
// is refused with words that name the field ("provider.max_price.prompt"), no name goes out twice.
// Knows no field; those are request.hpp's and its parts'.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/json/print.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/json/writer.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace openrouter {
namespace detail {

/// How many characters UTF-8 text has.
std::size_t count_characters(std::string_view text) noexcept;

/// One object. Keeps the first refusal; after one the text is of no use.
class request_encoder {
 public:
  static constexpr int any = std::numeric_limits<int>::max();

  /// `path` stands in front of the names in a refusal.
  explicit request_encoder(std::string& out, std::string path = {});
  request_encoder(const request_encoder&) = delete;
  request_encoder& operator=(const request_encoder&) = delete;

  void text(std::string_view name, const std::string& what);
  void text(std::string_view name, const std::string& what, std::size_t max_characters);
  void texts(std::string_view name, const std::vector<std::string>& what);
  template <typename T>  // bool or an integer
  void plain(std::string_view name, const std::optional<T>& what) {
    if (what) key(name).value(*what);
  }
  void integer(std::string_view name, const std::optional<int>& what, int low, int high,
               std::string_view range);
  void real(std::string_view name, const std::optional<double>& what, double low, double high,
            std::string_view range, bool low_is_open = false);
  /// JSON text that goes out byte for byte; of at least so many elements or members.
  void raw(std::string_view name, const std::string& what, json::kind wanted,
           json::kind also = json::kind::absent, std::size_t at_least = 0);
  /// An object that `members` writes through an encoder of its own; left out when it stays empty.
  template <typename Members>
  void object(std::string_view name, Members&& members) {
    std::string text;
    request_encoder inner(text, *this, name);
    members(inner);
    inner.finish();
    if (inner.refusal_) {
      if (!refusal_) refusal_ = std::move(inner.refusal_);
    } else if (text.size() > 2) {  // more than the braces
      key(name).raw(text);
    }
  }
  /// The members of an object given as JSON text. To be called last but for key().
  void members_of(std::string_view name, const std::string& what);

  json::writer& key(std::string_view name);

  void refuse(std::string_view name, std::string_view what, std::string_view range = {});

  /// Closes the object.
  void finish();
  const std::optional<error>& refusal() const noexcept { return refusal_; }

 private:
  /// Of the object with that name in `outer`.
  request_encoder(std::string& out, const request_encoder& outer, std::string_view name);

  /// What stands in front of the names in a refusal.
  std::string path() const;

  bool parse(std::string_view name, const std::string& what, json::kind wanted, json::kind also);

  json::writer writer_;
  std::string path_;
  const request_encoder* outer_ = nullptr;
  std::string_view name_;
  json::document parsed_;
  std::vector<std::string_view>
      names_;  // the caller's, or in parsed_, which `members_of` fills last
  bool has_foreign_names_ = false;
  std::optional<error> refusal_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::size_t count_characters(std::string_view text) noexcept {
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins));
}

AGENT_WEBSOCKET_INLINE request_encoder::request_encoder(std::string& out, std::string path)
    : writer_(out), path_(std::move(path)) {
  writer_.begin_object();
  names_.reserve(16);
}

AGENT_WEBSOCKET_INLINE void request_encoder::text(std::string_view name, const std::string& what) {
  if (!what.empty()) key(name).value(what);
}

AGENT_WEBSOCKET_INLINE void request_encoder::text(std::string_view name, const std::string& what,
                                                  std::size_t max_characters) {
  if (count_characters(what) > max_characters) {
    refuse(name, "must have at most " + std::to_string(max_characters) + " characters");
  }
  text(name, what);
}

AGENT_WEBSOCKET_INLINE void request_encoder::texts(std::string_view name,
                                                   const std::vector<std::string>& what) {
  if (what.empty()) return;
  key(name).begin_array();
  for (const std::string& each : what) writer_.value(each);
  writer_.end_array();
}

AGENT_WEBSOCKET_INLINE void request_encoder::integer(std::string_view name,
                                                     const std::optional<int>& what, int low,
                                                     int high, std::string_view range) {
  if (!what) return;
  if (*what < low || *what > high) return refuse(name, "must be a whole number", range);
  key(name).value(*what);
}

AGENT_WEBSOCKET_INLINE void request_encoder::real(std::string_view name,
                                                  const std::optional<double>& what, double low,
                                                  double high, std::string_view range,
                                                  bool low_is_open) {
  if (!what) return;
  // Written so that NaN, which compares false with everything, is refused.
  const bool fits = *what <= high && (low_is_open ? *what > low : *what >= low);
  if (!fits) return refuse(name, "must be a number", range);
  key(name).value(*what);
}

AGENT_WEBSOCKET_INLINE void request_encoder::raw(std::string_view name, const std::string& what,
                                                 json::kind wanted, json::kind also,
                                                 std::size_t at_least) {
  if (what.empty() || !parse(name, what, wanted, also)) return;
  if (parsed_.root().size() < at_least) refuse(name, "must not be empty");
  key(name).raw(what);
}

AGENT_WEBSOCKET_INLINE void request_encoder::members_of(std::string_view name,
                                                        const std::string& what) {
  if (what.empty() || !parse(name, what, json::kind::object, json::kind::absent)) return;
  has_foreign_names_ = true;
  parsed_.root().for_each_member([this](std::string_view member, const json::value& value) {
    json::print(key(member), value);
  });
}

AGENT_WEBSOCKET_INLINE json::writer& request_encoder::key(std::string_view name) {
  names_.push_back(name);
  return writer_.key_escaped(name);
}

AGENT_WEBSOCKET_INLINE void request_encoder::refuse(std::string_view name, std::string_view what,
                                                    std::string_view range) {
  if (refusal_) return;
  std::string words("`");
  words.append(path()).append(name).append("` ").append(what).append(range);
  refusal_ = error(errc::bad_message, std::move(words));
}

AGENT_WEBSOCKET_INLINE void request_encoder::finish() {
  writer_.end_object();
  if (!has_foreign_names_) return;
  std::sort(names_.begin(), names_.end());
  const auto twice = std::adjacent_find(names_.begin(), names_.end());
  if (twice != names_.end()) refuse(*twice, "is given twice");
}

AGENT_WEBSOCKET_INLINE request_encoder::request_encoder(std::string& out,
                                                        const request_encoder& outer,
                                                        std::string_view name)
    : writer_(out), outer_(&outer), name_(name) {
  writer_.begin_object();
}

AGENT_WEBSOCKET_INLINE std::string request_encoder::path() const {
  return outer_ == nullptr ? path_ : outer_->path().append(name_).append(".");
}

AGENT_WEBSOCKET_INLINE bool request_encoder::parse(std::string_view name, const std::string& what,
                                                   json::kind wanted, json::kind also) {
  const result<void> outcome = parsed_.parse(what);
  if (!outcome) {
    refuse(name, "is wrong: ", outcome.error().message);
    return false;
  }
  const json::kind found = parsed_.root().kind();
  if (found == wanted || found == also) return true;
  refuse(name, "must be ", json::describe(wanted));
  return false;
}

#endif

}  // namespace detail
}  // namespace openrouter
}  // namespace agent_websocket
