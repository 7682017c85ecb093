// SPDX-License-Identifier: MIT
//
// What all sessions of one server share: its policies, its upstream client, and those that a
// session tells of what happens. References to what outlives them.
#pragma once

#include <agent_websocket/base/random.hpp>
#include <agent_websocket/limits/upstream_slots.hpp>
#include <agent_websocket/session/coalescer.hpp>
#include <agent_websocket/session/hooks.hpp>
#include <agent_websocket/session/outlet.hpp>

#include <string>

namespace agent_websocket {

template <typename Transport, typename Client, typename Scheduler, typename Store, typename Session>
struct session_surroundings {
  using transport_type = Transport;
  using store_type = Store;

  outlet<Transport>& transport;
  Client& client;
  Scheduler& scheduler;
  Store& store;
  random_source& random;
  upstream_slots& slots;
  coalescer<Scheduler, Session>& wakes;
  const session_hooks<Session>& hooks;
  session_sink<Session>& sink;
  std::string& scratch;  ///< where frames are made, see delivery
};

}  // namespace agent_websocket
