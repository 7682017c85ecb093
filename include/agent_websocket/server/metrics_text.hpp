// SPDX-License-Identifier: MIT
//
// Writes metrics in Prometheus' text format, version 0.0.4 (Prometheus docs, "Exposition formats"):
// each family with its help and type, then its samples. Keeps nothing and counts nothing.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/histogram.hpp>
#include <agent_websocket/json/number.hpp>

#include <cassert>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace agent_websocket {

///     metrics_text out(text);
///     out.counter("shop_orders_total", "Orders taken").sample({{"kind", "book"}}, 7);
class metrics_text {
 public:
  using labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  explicit metrics_text(std::string& out) : out_(out) {}

  /// Begins a family whose value only grows; its name ends in _total. Names have letters, digits
  /// and underscores, and no family is begun twice.
  metrics_text& counter(std::string_view name, std::string_view help);
  /// Begins a family whose value goes up and down.
  metrics_text& gauge(std::string_view name, std::string_view help);
  /// A whole family of one histogram.
  template <std::size_t Size>
  metrics_text& whole_histogram(std::string_view name, std::string_view help,
                                const histogram<Size>& measured) {
    family(name, help, "histogram");
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < Size; ++i) {
      below += measured.counted(i);
      append("_bucket", {{"le", json::print_double(measured.bounds()[i])}}, below);
    }
    append("_bucket", {{"le", "+Inf"}}, measured.count());
    append("_sum", {}, measured.sum());
    append("_count", {}, measured.count());
    return *this;
  }

  /// A value of the family that was begun last.
  template <typename Number>
  metrics_text& sample(Number value) {
    return append({}, {}, value);
  }
  /// Likewise, told apart by labels. Their values come from small fixed sets: each combination is a
  /// series that is kept for long.
  template <typename Number>
  metrics_text& sample(labels by, Number value) {
    return append({}, by, value);
  }

 private:
  static bool is_name(std::string_view name) noexcept;

  metrics_text& family(std::string_view name, std::string_view help, std::string_view type);

  template <typename Number>
  metrics_text& append(std::string_view suffix, labels by, Number value) {
    out_.append(name_).append(suffix);
    char before = '{';
    for (const auto& [name, of] : by) {
      assert(is_name(name));
      out_.push_back(before);
      out_.append(name).append("=\"");
      append_escaped(of, true);
      out_.push_back('"');
      before = ',';
    }
    if (before == ',') out_.push_back('}');
    out_.push_back(' ');
    append_number(value);
    out_.push_back('\n');
    return *this;
  }

  void append_escaped(std::string_view text, bool is_label);

  template <typename Number>
  void append_number(Number value) {
    if constexpr (std::is_floating_point_v<Number>) {
      if (std::isfinite(value)) {
        out_.append(json::print_double(value));
      } else {
        out_.append(std::isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
      }
    } else if constexpr (std::is_same_v<Number, bool>) {
      out_.push_back(value ? '1' : '0');
    } else {
      char digits[24];
      const auto done = std::to_chars(digits, digits + sizeof digits, value);
      out_.append(digits, static_cast<std::size_t>(done.ptr - digits));
    }
  }

  std::string& out_;
  std::string name_;  // of the family
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE metrics_text& metrics_text::counter(std::string_view name,
                                                           std::string_view help) {
  assert(name.size() > 6 && name.substr(name.size() - 6) == "_total");
  return family(name, help, "counter");
}

AGENT_WEBSOCKET_INLINE metrics_text& metrics_text::gauge(std::string_view name,
                                                         std::string_view help) {
  return family(name, help, "gauge");
}

AGENT_WEBSOCKET_INLINE bool metrics_text::is_name(std::string_view name) noexcept {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (const char c : name) {
    const bool legal =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!legal) return false;
  }
  return true;
}

AGENT_WEBSOCKET_INLINE metrics_text& metrics_text::family(std::string_view name,
                                                          std::string_view help,
                                                          std::string_view type) {
  assert(is_name(name));
  name_ = std::string(name);
  out_.append("# HELP ").append(name).append(" ");
  append_escaped(help, false);
  out_.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
  return *this;
}

AGENT_WEBSOCKET_INLINE void metrics_text::append_escaped(std::string_view text, bool is_label) {
  for (const char c : text) {
    if (c == '\\') {
      out_.append("\\\\");
    } else if (c == '\n') {
      out_.append("\\n");
    } else if (c == '"' && is_label) {
      out_.append("\\\"");
    } else {
      out_.push_back(c);
    }
  }
}

#endif

}  // namespace agent_websocket
