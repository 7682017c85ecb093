// SPDX-License-Identifier: MIT
//
// Case `idle`: sessions that are connected and do nothing, for the memory of each and for what
// they cost while nothing happens.
#pragma once

#include "crowd.hpp"

namespace load {

/// idle connections=N [hold_ms=M]
inline void idle(std::uint16_t port, const parameters& given) {
  crowd clients(port, given);
  const std::size_t count = given.number("connections");
  clients.connect(std::min<std::size_t>(count, 10));
  clients.loop.run_for(std::chrono::milliseconds(200));
  clients.driver.wait("ten");
  clients.connect(count);
  clients.loop.run_for(std::chrono::milliseconds(500));
  clients.driver.wait("connected");
  clients.loop.run_for(std::chrono::milliseconds(given.number_or("hold_ms", 1000)));
  clients.driver.wait("held");
  clients.driver.figure("connections", clients.all.size());
}

}  // namespace load
