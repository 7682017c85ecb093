// SPDX-License-Identifier: MIT
#include <agent_websocket/server/journal.hpp>

#include <agent_websocket/server/router.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

using namespace agent_websocket;

namespace {

struct fake_session {
  void decide(run_number, const query_decision&) {}
};
using router = basic_router<fake_session>;

/// Writes down what it is given, from a level on.
struct fake_logger {
  log_level from = log_level::debug;
  std::string written;
  bool enabled(log_level level) const { return level >= from; }
  void write(const log_record& record) {
    written += line(record.level, record.event, record.session, record.text);
  }

  static std::string line(log_level level, std::string_view event, std::string_view session,
                          std::string_view text) {
    return std::string(to_string(level)) + ":" + std::string(event) + ":" + std::string(session) +
           ":" + std::string(text) + ";";
  }
};

struct fixture {
  router hooks;
  fake_logger logger;
  std::string events;

  fixture() {
    hooks.on_event([this](const server_event& what) {
      events += fake_logger::line(what.level, what.name, what.session, what.text);
    });
  }
  journal<fake_logger, router> from(log_level level) { return {hooks, logger, level}; }
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "journal: what happens goes to the application and to the log") {
  from(log_level::info).write(log_level::info, "session_opened", "s1", "from 127.0.0.1");
  CHECK(events == "info:session_opened:s1:from 127.0.0.1;");
  CHECK(logger.written == events);
}

TEST_CASE_FIXTURE(fixture, "journal: the log begins at its level, the application sees all") {
  auto made = from(log_level::warning);
  for (const log_level level :
       {log_level::debug, log_level::info, log_level::warning, log_level::error}) {
    made.write(level, "e", "", "");
  }
  CHECK(events == "debug:e::;info:e::;warning:e::;error:e::;");
  CHECK(logger.written == "warning:e::;error:e::;");
}

TEST_CASE_FIXTURE(fixture, "journal: the log may be off, and the logger may have its own level") {
  from(log_level::off).write(log_level::error, "e", "", "");
  CHECK(logger.written.empty());
  logger.from = log_level::error;
  from(log_level::debug).write(log_level::warning, "w", "", "");
  CHECK(logger.written.empty());
  from(log_level::debug).write(log_level::error, "e", "", "");
  CHECK(logger.written == "error:e::;");
}

TEST_CASE_FIXTURE(fixture, "journal: who reads a level, before words are made for it") {
  logger.from = log_level::warning;
  CHECK(from(log_level::info).is_read(log_level::debug));  // the application, all levels
  hooks.on_event(nullptr);
  CHECK_FALSE(from(log_level::info).is_read(log_level::info));
  CHECK(from(log_level::info).is_read(log_level::warning));
  CHECK_FALSE(from(log_level::error).is_read(log_level::warning));
  CHECK_FALSE(from(log_level::off).is_read(log_level::error));
}

TEST_CASE_FIXTURE(fixture,
                  "journal: a hook that throws while it is told costs no line of the log") {
  hooks.on_event([](const server_event&) { throw std::runtime_error("not now"); });
  CHECK_NOTHROW(from(log_level::info).write(log_level::info, "e", "s", "t"));
  CHECK(logger.written == "info:e:s:t;");
  hooks.on_event([](const server_event&) { throw 7; });
  CHECK_NOTHROW(from(log_level::info).write(log_level::info, "e", "s", "t"));
}

TEST_CASE_FIXTURE(fixture, "journal: a hook that throws is written down by its name") {
  auto made = from(log_level::info);
  made.guard("on_connect", "s1", [] { throw std::runtime_error("no such table"); });
  CHECK(events == "error:handler_threw:s1:on_connect: no such table;");
  CHECK(logger.written == events);
  events.clear();
  made.guard("on_end", "s2", [] { throw 7; });
  CHECK(events == "error:handler_threw:s2:on_end;");
}

TEST_CASE_FIXTURE(fixture,
                  "journal: a hook that does not throw is called, and nothing is written") {
  int called = 0;
  from(log_level::debug).guard("on_end", "s1", [&called] { ++called; });
  CHECK(called == 1);
  CHECK(events.empty());
  CHECK(logger.written.empty());
}
