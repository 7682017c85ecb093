// SPDX-License-Identifier: MIT
//
// The life of the one answer that a session works on, as a table: which state follows which event.
// What is not in the table cannot happen to the session: late events (a token after a cancel) are
// dropped where they arrive.
#pragma once

#include <array>
#include <optional>

namespace agent_websocket {

enum class run_state {
  none,       ///< nothing runs; the next query may begin
  deciding,   ///< the application's on_query hook has the query
  thinking,   ///< asked upstream, no token yet
  streaming,  ///< tokens have come
  calling,    ///< the model has called tools, or a person is asked
};

enum class run_event { begin, proceed, token, call, again, finish };

namespace detail {
struct run_row {
  run_state from;
  run_event event;
  run_state to;
};
inline constexpr std::array<run_row, 11> run_table{{
    {run_state::none, run_event::begin, run_state::deciding},
    {run_state::deciding, run_event::proceed, run_state::thinking},
    {run_state::deciding, run_event::finish, run_state::none},
    {run_state::thinking, run_event::token, run_state::streaming},
    {run_state::thinking, run_event::finish, run_state::none},
    {run_state::streaming, run_event::token, run_state::streaming},
    {run_state::streaming, run_event::finish, run_state::none},
    {run_state::thinking, run_event::call, run_state::calling},
    {run_state::streaming, run_event::call, run_state::calling},
    {run_state::calling, run_event::again, run_state::thinking},
    {run_state::calling, run_event::finish, run_state::none},
}};
}  // namespace detail

/// The state after `event`, or nullopt when it does not apply.
constexpr std::optional<run_state> next_state(run_state from, run_event event) noexcept {
  for (const detail::run_row& row : detail::run_table) {
    if (row.from == from && row.event == event) return row.to;
  }
  return std::nullopt;
}

}  // namespace agent_websocket
