// SPDX-License-Identifier: MIT
#include <agent_websocket/policy/logger.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <type_traits>

using agent_websocket::has_log_enabled_v;
using agent_websocket::has_log_write_v;
using agent_websocket::is_logger_v;
using agent_websocket::log_level;
using agent_websocket::log_record;
using agent_websocket::null_logger;
using agent_websocket::require_logger;
using agent_websocket::to_string;

namespace {

/// The smallest Logger: keeps what is at least a warning.
struct smallest {
  std::string kept;
  bool enabled(log_level level) { return level >= log_level::warning; }
  void write(const log_record& record) { kept += record.event; }
};

struct converts {
  std::true_type enabled(log_level) const { return {}; }
  void write(log_record) {}
};

struct no_enabled : smallest {
  bool enabled(log_level) = delete;
};
struct no_write : smallest {
  void write(const log_record&) = delete;
};
struct enabled_says_nothing : smallest {
  void enabled(log_level) {}
};
struct enabled_by_name : smallest {
  bool enabled(const char*) { return true; }
};
struct writes_text : smallest {
  void write(std::string_view) {}
};

}  // namespace

TEST_CASE("logger: models") {
  CHECK(is_logger_v<smallest>);
  CHECK(is_logger_v<converts>);
  CHECK(is_logger_v<null_logger>);
  CHECK(is_logger_v<const null_logger>);
  CHECK(require_logger<smallest>());
#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
  CHECK(agent_websocket::logger_policy<smallest>);
  CHECK_FALSE(agent_websocket::logger_policy<no_write>);
#endif
}

TEST_CASE("logger: one expression missing, and only that one is reported") {
  CHECK_FALSE(is_logger_v<no_enabled>);
  CHECK_FALSE(has_log_enabled_v<no_enabled>);
  CHECK(has_log_write_v<no_enabled>);

  CHECK_FALSE(is_logger_v<no_write>);
  CHECK_FALSE(has_log_write_v<no_write>);
  CHECK(has_log_enabled_v<no_write>);
}

TEST_CASE("logger: an expression with another meaning") {
  CHECK_FALSE(is_logger_v<enabled_says_nothing>);
  CHECK_FALSE(is_logger_v<enabled_by_name>);
  CHECK_FALSE(is_logger_v<writes_text>);
  CHECK_FALSE(is_logger_v<const smallest>);
  CHECK_FALSE(is_logger_v<int>);
}

TEST_CASE("logger: levels have their names and their order") {
  CHECK(to_string(log_level::debug) == "debug");
  CHECK(to_string(log_level::info) == "info");
  CHECK(to_string(log_level::warning) == "warning");
  CHECK(to_string(log_level::error) == "error");
  CHECK(to_string(log_level::off) == "off");
  CHECK(log_level::debug < log_level::info);
  CHECK(log_level::info < log_level::warning);
  CHECK(log_level::warning < log_level::error);
  CHECK(log_level::error < log_level::off);
}

TEST_CASE("null_logger: nothing is even made for it") {
  const null_logger none;
  for (const auto level :
       {log_level::debug, log_level::info, log_level::warning, log_level::error, log_level::off}) {
    CHECK_FALSE(none.enabled(level));
  }
  none.write(log_record{log_level::error, "event", "session", "text"});
}
