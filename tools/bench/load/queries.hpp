// SPDX-License-Identifier: MIT
//
// Cases of short answers: `queries`, one after the other in conversations of some length, and
// `turns`, the same for one, some and all of the sessions, by which stores are compared.
#pragma once

#include "crowd.hpp"

namespace load {

/// queries sessions=N ms=M history=H stream=0|1 [active=N] [width=8]
inline void queries(std::uint16_t port, const parameters& given) {
  crowd clients(port, given);
  const std::size_t history = given.number("history");
  const bool streamed = given.number("stream") != 0;
  const std::chrono::nanoseconds time(std::chrono::milliseconds(given.number("ms")));
  const question asked{1, 0, given.number_or("width", 8)};
  clients.connect(given.number("sessions"), given);
  clients.warm_up(asked.width);
  for (const auto& each : clients.all) {
    if (history > 2) each->ask_on(asked, history / 2 - 1);
  }
  clients.until_quiet();
  clients.measure([&] {
    const std::uint64_t end = now_ns() + static_cast<std::uint64_t>(time.count());
    for (const auto& each : clients.all) each->ask_on(asked, ~std::size_t{0}, end, streamed);
    clients.until_quiet();
  });
  clients.driver.figure("queries", clients.read.answers);
  clients.driver.figure("messages", clients.read.messages);
  clients.quantiles("", clients.read.answer_us);
}

/// turns sessions=N ms=M: connects them ten at once, each with a turn, so that the server's
/// connections to the upstream are not counted as theirs; then 1, 50 and all of them ask.
inline void turns(std::uint16_t port, const parameters& given) {
  crowd clients(port, given);
  const std::size_t count = given.number("sessions");
  const std::chrono::nanoseconds time(std::chrono::milliseconds(given.number("ms")));
  const question asked{1, 0, 8};
  while (clients.all.size() < count) {
    const std::size_t before = clients.all.size();
    clients.connect(std::min(count, before + 10));
    for (std::size_t i = before; i < clients.all.size(); ++i) clients.all[i]->ask(asked);
    clients.until_quiet();
    if (clients.all.size() == 10) clients.driver.wait("ten");
  }
  clients.loop.run_for(std::chrono::milliseconds(100));
  clients.driver.wait("connected");
  for (const std::size_t active : {std::size_t{1}, std::size_t{50}, count}) {
    const std::string name = std::to_string(active) + " ";
    clients.measure(
        [&] {
          const std::uint64_t end = now_ns() + static_cast<std::uint64_t>(time.count());
          for (std::size_t i = 0; i < std::min(active, count); ++i)
            clients.all[i]->ask_on(asked, ~std::size_t{0}, end);
          clients.until_quiet();
          clients.driver.figure(name + "turns", clients.read.answers);
          clients.quantiles(name + "ack_", clients.read.ack_us);
          clients.quantiles(name + "end_", clients.read.answer_us);
        },
        name);
  }
}

}  // namespace load
