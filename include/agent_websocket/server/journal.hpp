// SPDX-License-Identifier: MIT
//
// What a server reports of itself: to the application's on_event hook always, to the logger from a
// level on. Also the place where hooks of the application are called: one that throws is reported.
#pragma once

#include <agent_websocket/policy/logger.hpp>

#include <exception>
#include <string>
#include <string_view>

namespace agent_websocket {

template <typename Logger, typename Router>
class journal {
 public:
  journal(const Router& router, Logger& logger, log_level from)
      : router_(router), logger_(logger), from_(from) {}

  /// Somebody reads what is written with that level.
  bool is_read(log_level level) const { return router_.takes_events() || is_logged(level); }

  void write(log_level level, std::string_view event, std::string_view session,
             std::string_view text) const {
    try {
      router_.event({level, event, session, text});
    } catch (...) {  // nobody is left to tell
    }
    if (is_logged(level)) logger_.write({level, event, session, text});
  }

  /// Calls hook(); what it throws is written down.
  template <typename Hook>
  void guard(const char* name, std::string_view session, Hook&& hook) const {
    try {
      hook();
    } catch (const std::exception& thrown) {
      write(log_level::error, "handler_threw", session, std::string(name) + ": " + thrown.what());
    } catch (...) {
      write(log_level::error, "handler_threw", session, name);
    }
  }

 private:
  bool is_logged(log_level level) const { return level >= from_ && logger_.enabled(level); }

  const Router& router_;
  Logger& logger_;
  log_level from_;
};

}  // namespace agent_websocket
