// SPDX-License-Identifier: MIT
//
// A client whose socket is open: how it came, and who it is. Made by admission.hpp, taken by
// registry.hpp.
#pragma once

#include <agent_websocket/policy/authenticator.hpp>
#include <agent_websocket/policy/transport.hpp>

#include <optional>

namespace agent_websocket {

struct arrival {
  handshake request;
  /// nullopt: it has shown nothing yet; its first message has to.
  std::optional<principal> owner;
};

}  // namespace agent_websocket
