// SPDX-License-Identifier: MIT
//
// What a supervisor tells a worker that it starts: which descriptors it inherits and what they are
// for, as the text of one environment variable. Pure; worker_link.hpp uses it.
#pragma once

#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace agent_websocket {

struct worker_ticket {
  static constexpr const char* variable = "AGENT_WEBSOCKET_WORKER";
  static constexpr std::size_t max_listeners = 64;

  unsigned slot = 1;           ///< the worker's number, from 1
  unsigned place = 0;          ///< in the table of loads
  int control = -1;            ///< the line to the supervisor
  int loads = -1;              ///< the table of loads; -1: there is none
  std::vector<int> listeners;  ///< sockets that listen

  /// "slot=1 place=0 control=5 loads=6 listeners=7,8"
  std::string text() const;

  /// Nothing when it is not what text() makes.
  static std::optional<worker_ticket> parse(std::string_view from);

 private:
  static bool take(std::string_view& from, std::string_view name, int& number);
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string worker_ticket::text() const {
  std::string all = "slot=" + std::to_string(slot) + " place=" + std::to_string(place) +
                    " control=" + std::to_string(control) + " loads=" + std::to_string(loads) +
                    " listeners=";
  for (std::size_t i = 0; i < listeners.size(); ++i)
    all += (i == 0 ? "" : ",") + std::to_string(listeners[i]);
  return all;
}

AGENT_WEBSOCKET_INLINE std::optional<worker_ticket> worker_ticket::parse(std::string_view from) {
  worker_ticket ticket;
  int slot = 0;
  int place = 0;
  int listener = 0;
  if (!take(from, "slot=", slot) || !take(from, " place=", place) ||
      !take(from, " control=", ticket.control) || !take(from, " loads=", ticket.loads) ||
      !take(from, " listeners=", listener)) {
    return std::nullopt;
  }
  do {
    if (listener < 0 || ticket.listeners.size() == max_listeners) return std::nullopt;
    ticket.listeners.push_back(listener);
  } while (take(from, ",", listener));
  if (!from.empty() || slot < 1 || place < 0 || ticket.control < 0 || ticket.loads < -1)
    return std::nullopt;
  ticket.slot = static_cast<unsigned>(slot);
  ticket.place = static_cast<unsigned>(place);
  return ticket;
}

AGENT_WEBSOCKET_INLINE bool worker_ticket::take(std::string_view& from, std::string_view name,
                                                int& number) {
  if (from.substr(0, name.size()) != name) return false;
  const char* const begin = from.data() + name.size();
  const auto [end, failure] = std::from_chars(begin, from.data() + from.size(), number);
  if (failure != std::errc()) return false;
  from.remove_prefix(static_cast<std::size_t>(end - from.data()));
  return true;
}

#endif

}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
