// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/stderr_logger.hpp>

#include <agent_websocket/json/reader.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

using agent_websocket::is_utf8;
using agent_websocket::log_level;
using agent_websocket::log_record;
using agent_websocket::adapters::format_log_line;
using agent_websocket::adapters::log_format;
using agent_websocket::adapters::max_log_line_bytes;
using agent_websocket::adapters::stderr_logger;

namespace {

const agent_websocket::wall_time new_year{std::chrono::seconds(1'767'225'600)};

std::string text(std::string_view what) {
  return format_log_line({log_level::info, "e", "", what}, new_year, log_format::text);
}
std::string json(std::string_view what) {
  return format_log_line({log_level::info, "e", "", what}, new_year, log_format::json);
}

}  // namespace

TEST_CASE("stderr_logger: lines of text") {
  CHECK(format_log_line({log_level::warning, "session_opened", "4f0c", "resumed=false"}, new_year,
                        log_format::text) ==
        "2026-01-01T00:00:00.000Z warning session_opened session=4f0c resumed=false\n");
  CHECK(format_log_line({log_level::error, "stopped", "", ""}, new_year, log_format::text) ==
        "2026-01-01T00:00:00.000Z error stopped\n");
}

TEST_CASE("stderr_logger: lines of JSON") {
  CHECK(format_log_line({log_level::debug, "session_opened", "4f0c", "a \"b\""}, new_year,
                        log_format::json) ==
        "{\"time\":\"2026-01-01T00:00:00.000Z\",\"level\":\"debug\",\"event\":\"session_opened\","
        "\"session\":\"4f0c\",\"text\":\"a \\\"b\\\"\"}\n");
  CHECK(format_log_line({log_level::error, "stopped", "", ""}, new_year, log_format::json) ==
        "{\"time\":\"2026-01-01T00:00:00.000Z\",\"level\":\"error\",\"event\":\"stopped\"}\n");
}

TEST_CASE("stderr_logger: no text leaves its line or reaches the terminal as a command") {
  const std::string prefix = "2026-01-01T00:00:00.000Z info e ";
  CHECK(text("a\nb\r\tc\\") == prefix + "a\\nb\\r\\tc\\\\\n");
  CHECK(text("\x1b[2J\x7f" + std::string(1, '\0')) == prefix + "\\x1b[2J\\x7f\\x00\n");
  CHECK(text("\xc2\x9b"
             "2J") == prefix + "\\u009b2J\n");
  CHECK(text("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80") ==
        prefix + "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\n");
  CHECK(text("\xff\xc3(\xed\xa0\x80") == prefix + "\\xff\\xc3(\\xed\\xa0\\x80\n");
  CHECK(text("\xc3") == prefix + "\\xc3\n");
  const std::string hostile =
      format_log_line({log_level::info, "e\n", "s\n", "t\n"}, new_year, log_format::text);
  CHECK(std::count(hostile.begin(), hostile.end(), '\n') == 1);
}

TEST_CASE("stderr_logger: nor does one that is not seen: separators, and marks of direction") {
  const std::string prefix = "2026-01-01T00:00:00.000Z info e ";
  const std::string hostile =
      "a\xE2\x80\xA8" "b\xE2\x80\xA9" "c\xE2\x80\xAE" "d\xE2\x81\xA6" "e\xE2\x80\x8F" "f\xD8\x9C" "g\xC2\x85" "h";
  const std::string harmless = "a\\u2028b\\u2029c\\u202ed\\u2066e\\u200ff\\u061cg\\u0085h";
  CHECK(text(hostile) == prefix + harmless + "\n");
  CHECK(json(hostile).find("\"text\":\"" + harmless + "\"}\n") != std::string::npos);
  agent_websocket::json::document document;
  REQUIRE(document.parse(json(hostile)).has_value());
  CHECK(document.root()["text"].string() == std::string_view(hostile));
  // What stands beside them in Unicode is text.
  const std::string plain =
      "\xC2\xA0\xD8\x9B\xE2\x80\x8D\xE2\x80\x90\xE2\x80\xA7\xE2\x80\xAF\xE2\x81\xA5\xE2\x81\xAA\xEF\xBB\xBF";
  CHECK(text(plain) == prefix + plain + "\n");
}

TEST_CASE("stderr_logger: all bytes, in every field, give one line of valid UTF-8") {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  for (const log_format format : {log_format::text, log_format::json}) {
    const std::string line = format_log_line({log_level::info, all, all, all}, new_year, format);
    CHECK(std::count(line.begin(), line.end(), '\n') == 1);
    CHECK(line.back() == '\n');
    CHECK(is_utf8(line));
    CHECK(std::all_of(line.begin(), line.end() - 1,
                      [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '\x7f'; }));
  }
}

TEST_CASE("stderr_logger: long lines are cut, in between characters, and stay what they are") {
  for (const std::string_view unit : {"x", "\n", "\xc3\xbc", "\xf0\x9f\x98\x80", "\xff", "\""}) {
    for (std::size_t shift = 0; shift < 8; ++shift) {
      std::string huge(shift, 'a');
      while (huge.size() < 3 * max_log_line_bytes) huge += unit;
      for (const log_format format : {log_format::text, log_format::json}) {
        for (const log_record& record : {log_record{log_level::info, "e", "s", huge},
                                         log_record{log_level::info, "e", huge, "t"},
                                         log_record{log_level::info, huge, huge, huge}}) {
          const std::string line = format_log_line(record, new_year, format);
          CHECK(line.size() <= max_log_line_bytes);
          CHECK(line.find("...") != std::string::npos);
          CHECK(is_utf8(line));
          CHECK(line.back() == '\n');
          if (format == log_format::json) {
            agent_websocket::json::document document;
            CHECK(document.parse(line.substr(0, line.size() - 1)).has_value());
          }
        }
      }
      CHECK(text(huge).size() > max_log_line_bytes - 16);
    }
  }
}

TEST_CASE("stderr_logger: the limit is exact") {
  const std::size_t around = text("x").size() - 1;
  const std::string fits(max_log_line_bytes - around, 'x');
  CHECK(text(fits).size() == max_log_line_bytes);
  CHECK(text(fits).find("...") == std::string::npos);
  CHECK(text(fits + "x").size() == max_log_line_bytes);
  CHECK(text(fits + "x").find("x...\n") != std::string::npos);
  const std::size_t json_around = json("x").size() - 1;
  CHECK(json(std::string(max_log_line_bytes - json_around, 'x')).find("...") == std::string::npos);
}

TEST_CASE("stderr_logger: levels") {
  CHECK(agent_websocket::require_logger<stderr_logger>());
  const stderr_logger standard;
  CHECK_FALSE(standard.enabled(log_level::debug));
  CHECK(standard.enabled(log_level::info));
  CHECK(standard.enabled(log_level::error));
  CHECK_FALSE(standard.enabled(log_level::off));
  CHECK(stderr_logger(log_level::debug).enabled(log_level::debug));
  CHECK_FALSE(stderr_logger(log_level::off).enabled(log_level::error));
  CHECK_FALSE(stderr_logger(log_level::off).enabled(log_level::off));
}

TEST_CASE("stderr_logger: writes to its file descriptor, and survives one that is closed") {
  std::FILE* const file = std::tmpfile();
  REQUIRE(file != nullptr);
  const stderr_logger log(log_level::info, log_format::text, fileno(file));
  log.write({log_level::info, "one", "", ""});
  log.write({log_level::info, "two", "", ""});
  std::rewind(file);
  char bytes[200];
  const std::string_view written(bytes, std::fread(bytes, 1, sizeof bytes, file));
  CHECK(written.find("Z info one\n") != std::string_view::npos);
  CHECK(written.find("Z info two\n") == written.size() - 11);
  std::fclose(file);
  const stderr_logger broken(log_level::info, log_format::text, -1);
  broken.write({log_level::info, "lost", "", ""});
}
