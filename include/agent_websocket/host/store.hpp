// SPDX-License-Identifier: MIT
//
// The store that the options ask for, and the way to the servers that share it: memory, a file of
// SQLite, or Redis, as far as the program was compiled with them.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/redis_exchange.hpp>
#include <agent_websocket/adapters/redis_store.hpp>
#include <agent_websocket/adapters/redis_url.hpp>
#include <agent_websocket/adapters/sqlite_store.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/policy/any_exchange.hpp>
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

struct opened_store {
  any_store store;        ///< outlives the exchange
  any_exchange exchange;  ///< a null_exchange where nobody shares the store
};

namespace detail {

bool is_sqlite(const options& from);

error without_store(const char* what, const char* macro, const char* library);

}  // namespace detail

/// Blocks while a file is opened and looked through. A Redis that does not answer yet is no error.
/// The error (bad_configuration) names the variable, and what is wrong.
result<opened_store> open_store(asio::io_context& context, const options& from,
                                store_event_handler told);

/// What can be said of the options without a look at the store itself.
result<void> check_store(const options& from);

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

AGENT_WEBSOCKET_INLINE bool is_sqlite(const options& from) {
  return from.store.rfind("sqlite:", 0) == 0;
}

inline error wrong_store(const std::string& words) {
  return error(errc::bad_configuration, "STORE: " + words);
}

AGENT_WEBSOCKET_INLINE error without_store(const char* what, const char* macro,
                                           const char* library) {
  return wrong_store(std::string("this program was compiled without ") + what +
                     "; compile it with -D" + macro + "=1 and link " + library);
}

inline result<opened_store> open_sqlite([[maybe_unused]] asio::io_context& context,
                                        [[maybe_unused]] const options& from) {
#if AGENT_WEBSOCKET_WITH_SQLITE
  adapters::sqlite_options chosen;
  chosen.file = from.store.substr(7);
  chosen.keep = std::chrono::duration_cast<std::chrono::seconds>(from.store_keep);
  auto made = std::make_unique<adapters::sqlite_store>(context, std::move(chosen));
  if (auto opened = made->open(); !opened) return wrong_store(opened.error().message);
  return opened_store{any_store(std::move(made)), any_exchange()};
#else
  return without_store("SQLite", "AGENT_WEBSOCKET_WITH_SQLITE", "sqlite3");
#endif
}

inline result<opened_store> open_redis([[maybe_unused]] asio::io_context& context,
                                       [[maybe_unused]] const options& from,
                                       [[maybe_unused]] store_event_handler told) {
#if AGENT_WEBSOCKET_WITH_REDIS
  adapters::redis_settings chosen;
  chosen.url = from.store;
  chosen.keep = std::chrono::duration_cast<std::chrono::seconds>(from.store_keep);
  chosen.on_event = std::move(told);
  auto made = std::make_unique<adapters::redis_store>(context, std::move(chosen));
  if (auto opened = made->open(); !opened) return wrong_store(opened.error().message);
  auto exchange = std::make_unique<adapters::redis_exchange>(*made);
  return opened_store{any_store(std::move(made)), any_exchange(std::move(exchange))};
#else
  return without_store("Redis", "AGENT_WEBSOCKET_WITH_REDIS", "hiredis");
#endif
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE result<opened_store> open_store(asio::io_context& context,
                                                       const options& from,
                                                       store_event_handler told) {
  if (from.store == "memory") return opened_store();
  return detail::is_sqlite(from) ? detail::open_sqlite(context, from)
                                 : detail::open_redis(context, from, std::move(told));
}

AGENT_WEBSOCKET_INLINE result<void> check_store(const options& from) {
  if (from.store == "memory") return {};
  if (detail::is_sqlite(from)) {
#if !AGENT_WEBSOCKET_WITH_SQLITE
    return detail::without_store("SQLite", "AGENT_WEBSOCKET_WITH_SQLITE", "sqlite3");
#else
    return {};
#endif
  }
#if AGENT_WEBSOCKET_WITH_REDIS
  if (const auto url = adapters::parse_redis_url(from.store); !url)
    return detail::wrong_store(url.error().message);
  return {};
#else
  return detail::without_store("Redis", "AGENT_WEBSOCKET_WITH_REDIS", "hiredis");
#endif
}

#endif

}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
