// SPDX-License-Identifier: MIT
//
// Requirement Logger: takes lines for the operator. Shipped models: adapters::stderr_logger, null_logger.
//
// | expression          | result | promise of the policy                                            |
// |---------------------|--------|------------------------------------------------------------------|
// | l.enabled(level)    | bool   | cheap; records of a level that is off are not even made          |
// | l.write(record)     | void   | does not throw; escapes control characters, one line per record  |
//
// Promise of the library: records hold no keys and no tokens; text of clients and models only at level debug.
#pragma once

#include <agent_websocket/base/detect.hpp>

#include <string_view>
#include <type_traits>
#include <utility>

namespace agent_websocket {

enum class log_level { debug, info, warning, error, off };

constexpr std::string_view to_string(log_level level) noexcept {
  switch (level) {
    case log_level::debug: return "debug";
    case log_level::info: return "info";
    case log_level::warning: return "warning";
    case log_level::error: return "error";
    case log_level::off: return "off";
  }
  return "off";
}

/// One line. The views are valid during write() only.
struct log_record {
  log_level level = log_level::info;
  std::string_view event;    ///< a fixed word: "session_opened", "completion_failed"
  std::string_view session;  ///< session id, or empty
  std::string_view text;     ///< one sentence or key=value pairs
};

/// Drops everything.
struct null_logger {
  bool enabled(log_level) const noexcept { return false; }
  void write(const log_record&) const noexcept {}
};

namespace detail {
template <typename L>
using log_enabled_expression =
    std::enable_if_t<std::is_convertible_v<decltype(std::declval<L&>().enabled(log_level::info)), bool>>;
template <typename L>
using log_write_expression = decltype(std::declval<L&>().write(std::declval<const log_record&>()));
}  // namespace detail

template <typename L>
inline constexpr bool has_log_enabled_v = is_detected_v<detail::log_enabled_expression, L>;
template <typename L>
inline constexpr bool has_log_write_v = is_detected_v<detail::log_write_expression, L>;

/// True when L meets the requirement Logger.
template <typename L>
inline constexpr bool is_logger_v = has_log_enabled_v<L> && has_log_write_v<L>;

#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
template <typename L>
concept logger_policy = is_logger_v<L>;
#endif

/// Instantiated by everything that takes a Logger, so that the first error line names the missing member.
template <typename L>
constexpr bool require_logger() {
  static_assert(has_log_enabled_v<L>, "Logger needs: bool enabled(log_level)");
  static_assert(has_log_write_v<L>, "Logger needs: void write(const log_record&)");
  return true;
}

}  // namespace agent_websocket
