// SPDX-License-Identifier: MIT
//
// The store that the options ask for, opened: memory, a file of SQLite, or Redis, as far as the
// program was compiled with them.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/redis_store.hpp>
#include <agent_websocket/adapters/sqlite_store.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/policy/any_store.hpp>
#include <agent_websocket/server/options.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

/// Is told what happens to a store, for the log: a fixed word, and words for people.
using store_event_handler = std::function<void(std::string_view event, std::string_view text)>;

namespace detail {

inline error without_store(const char* what, const char* macro, const char* library) {
  return error(errc::bad_configuration, std::string("STORE: this program was compiled without ") +
                                            what + "; compile it with -D" + macro + "=1 and link " +
                                            library);
}

}  // namespace detail

/// Blocks while a file is opened and looked through. A Redis that does not answer yet is no error.
/// The error (bad_configuration) names the variable, and what is wrong.
inline result<any_store> make_store(asio::io_context& context, const options& from,
                                    store_event_handler told) {
  const auto keep = std::chrono::duration_cast<std::chrono::seconds>(from.store_keep);
  if (from.store == "memory") return any_store();
  if (from.store.rfind("sqlite:", 0) == 0) {
#if AGENT_WEBSOCKET_WITH_SQLITE
    adapters::sqlite_options chosen;
    chosen.file = from.store.substr(7);
    chosen.keep = keep;
    auto made = std::make_unique<adapters::sqlite_store>(context, std::move(chosen));
    if (auto opened = made->open(); !opened)
      return error(errc::bad_configuration, "STORE: " + opened.error().message);
    return any_store(std::move(made));
#else
    return detail::without_store("SQLite", "AGENT_WEBSOCKET_WITH_SQLITE", "sqlite3");
#endif
  }
#if AGENT_WEBSOCKET_WITH_REDIS
  adapters::redis_settings chosen;
  chosen.url = from.store;
  chosen.keep = keep;
  chosen.on_event = std::move(told);
  auto made = std::make_unique<adapters::redis_store>(context, std::move(chosen));
  if (auto opened = made->open(); !opened)
    return error(errc::bad_configuration, "STORE: " + opened.error().message);
  return any_store(std::move(made));
#else
  return detail::without_store("Redis", "AGENT_WEBSOCKET_WITH_REDIS", "hiredis");
#endif
  static_cast<void>(context);
  static_cast<void>(keep);
  static_cast<void>(told);
}

}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
