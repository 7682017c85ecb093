// SPDX-License-Identifier: MIT
//
// The environment variables of access_options.hpp, how each gets into the options: a part of the
// table in option_variables.hpp.
#pragma once

#include <agent_websocket/server/option_variable.hpp>
#include <agent_websocket/server/variable_text.hpp>

#include <string_view>
#include <vector>

namespace agent_websocket {

/// In the order in which people read about them.
inline const std::vector<option_variable>& access_variables() {
  static const std::vector<option_variable> table{
      {"AUTH_TIMEOUT", "10",
       "seconds for a client without a token in its handshake to send one; 0: it must have one",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.access.auth_timeout, text, 0, 600);
       }},
      {"AUTH_GRACE", "30", "seconds after its token has expired until a socket is closed with 4004",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.access.auth_grace, text, 0, 3600);
       }},
  };
  return table;
}

}  // namespace agent_websocket
