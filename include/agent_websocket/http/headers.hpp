// SPDX-License-Identifier: MIT
//
// A list of header fields (RFC 9110 section 5): names compare without regard to case, order and repetitions are
// kept. Field values that come from configuration pass `sanitize_field_value` before they go out.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace http {

/// ASCII case-insensitive equality, as header names and many values compare.
constexpr bool iequals(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  if (a.size() != b.size()) return false;
  if (a == b) return true;  // as nearly everybody writes it; compared in words
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

/// Without leading and trailing spaces and tabs (OWS).
constexpr std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

namespace detail {

/// Which characters a token may have (RFC 9110 section 5.6.2).
struct token_characters {
  constexpr token_characters() {
    for (std::size_t c = 0x21; c < 0x7F; ++c) {
      legal[c] = std::string_view("\"(),/:;<=>?@[\\]{}").find(static_cast<char>(c)) == std::string_view::npos;
    }
  }
  bool legal[256] = {};
};
inline constexpr token_characters of_tokens;

}  // namespace detail

/// True for what may be a method or the name of a field (RFC 9110 section 5.6.2).
constexpr bool is_token(std::string_view text) noexcept {
  for (const char c : text) {
    if (!detail::of_tokens.legal[static_cast<unsigned char>(c)]) return false;
  }
  return !text.empty();
}

/// What may stand in a field value: printable ASCII and spaces; everything else (CR, LF, NUL, bytes above
/// 0x7E) is dropped, so that no value can begin a second header.
std::string sanitize_field_value(std::string_view text);

/// True for a value that sanitize_field_value() leaves as it is.
bool is_field_value(std::string_view text) noexcept;

/// Header fields in their order.
class header_list {
 public:
  using field = std::pair<std::string, std::string>;

  header_list() = default;
  header_list(std::initializer_list<field> fields) : fields_(fields) {}

  void add(std::string name, std::string value);

  /// For so many fields no further memory is needed.
  void reserve(std::size_t count) { fields_.reserve(count); }

  /// Replaces all fields of that name by one.
  void set(std::string_view name, std::string value);

  void erase(std::string_view name);

  /// The first value of that name.
  std::optional<std::string_view> find(std::string_view name) const noexcept;
  bool contains(std::string_view name) const noexcept;

  /// Precondition: position < size().
  std::string& value_at(std::size_t position) noexcept { return fields_[position].second; }

  std::size_t size() const noexcept { return fields_.size(); }
  bool empty() const noexcept { return fields_.empty(); }
  void clear() noexcept;
  auto begin() const noexcept { return fields_.begin(); }
  auto end() const noexcept { return fields_.end(); }

  /// The same fields, letter for letter, in the same order.
  bool operator==(const header_list& other) const noexcept { return fields_ == other.fields_; }

 private:
  std::vector<field> fields_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string sanitize_field_value(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (const char c : text) {
    if (c >= 0x20 && c <= 0x7E) clean.push_back(c);
  }
  return std::string(trim(clean));
}

AGENT_WEBSOCKET_INLINE bool is_field_value(std::string_view text) noexcept {
  if (!text.empty() && (text.front() == ' ' || text.back() == ' ')) return false;
  for (const char c : text) {
    if (c < 0x20 || c > 0x7E) return false;
  }
  return true;
}

AGENT_WEBSOCKET_INLINE void header_list::add(std::string name, std::string value) {
  fields_.emplace_back(std::move(name), std::move(value));
}

AGENT_WEBSOCKET_INLINE void header_list::set(std::string_view name, std::string value) {
  std::string kept(name);  // `name` may be that of a field in this list
  erase(kept);
  add(std::move(kept), std::move(value));
}

AGENT_WEBSOCKET_INLINE void header_list::erase(std::string_view name) {
  const std::string wanted(name);  // `name` may be that of a field in this list
  for (std::size_t i = fields_.size(); i-- > 0;) {
    if (iequals(fields_[i].first, wanted))
      fields_.erase(fields_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

AGENT_WEBSOCKET_INLINE std::optional<std::string_view> header_list::find(
    std::string_view name) const noexcept {
  for (const field& each : fields_) {
    if (iequals(each.first, name)) return std::string_view(each.second);
  }
  return std::nullopt;
}

AGENT_WEBSOCKET_INLINE bool header_list::contains(std::string_view name) const noexcept {
  return find(name).has_value();
}

AGENT_WEBSOCKET_INLINE void header_list::clear() noexcept { fields_.clear(); }

#endif

}  // namespace http
}  // namespace agent_websocket
