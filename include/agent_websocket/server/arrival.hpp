// SPDX-License-Identifier: MIT
//
// A client that was let in: how it came, and who it is. Made by admission.hpp, taken by
// registry.hpp.
#pragma once

#include <agent_websocket/policy/authenticator.hpp>
#include <agent_websocket/policy/transport.hpp>

namespace agent_websocket {

struct arrival {
  handshake request;
  principal owner;
};

}  // namespace agent_websocket
