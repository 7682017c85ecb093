// SPDX-License-Identifier: MIT
//
// Cases of relayed tokens: `relay`, as fast as the upstream and the server can, for CPU per token;
// `paced`, a token per delay, for the time from the upstream's write to the client's receive.
#pragma once

#include "crowd.hpp"

namespace load {

/// relay sessions=N queries=Q tokens=T width=W [active=N]
inline void relay(std::uint16_t port, const parameters& given) {
  crowd clients(port, given);
  const question asked{given.number("tokens"), 0, given.number("width")};
  const std::size_t queries = given.number("queries");
  asked.answer();
  clients.connect(given.number("sessions"), given);
  clients.warm_up(asked.width);
  clients.measure([&] {
    for (const auto& each : clients.all) each->ask_on(asked, queries);
    clients.until_quiet();
  });
  if (clients.read.tokens != clients.all.size() * queries * asked.count)
    soak::give_up("not all tokens have come");
  clients.driver.figure("tokens", clients.read.tokens);
  clients.driver.figure("messages", clients.read.messages);
  clients.driver.figure("answers", clients.read.answers);
  clients.quantiles("answer_", clients.read.answer_us);
}

/// paced sessions=N tokens=T delay_us=D width=W [active=N]
inline void paced(std::uint16_t port, const parameters& given) {
  crowd clients(port, given);
  const question asked{given.number("tokens"), given.number("delay_us"), given.number("width")};
  if (!asked.is_stamped()) soak::give_up("paced needs a delay_us");
  clients.connect(given.number("sessions"), given);
  clients.warm_up(asked.width);
  // The upstream spreads the tokens over the delay; the start is spread over what queries take.
  const std::chrono::microseconds start(
      std::max(asked.delay_us, clients.all.size() * std::size_t{100}));
  clients.measure([&] {
    const std::size_t count = clients.all.size();
    std::size_t begun = 0;
    for (std::size_t i = 0; i < count; ++i) {
      clients.loop.after(start * i / count, [&, one = clients.all[i].get()] {
        one->ask(asked);
        ++begun;
      });
    }
    if (!clients.loop.run_until([&] { return begun == count; }, start + std::chrono::seconds(20)))
      soak::give_up("not all sessions could begin");
    clients.until_quiet();
  });
  if (clients.read.tokens != clients.all.size() * asked.count ||
      clients.read.token_us.size() != clients.read.tokens)
    soak::give_up("not all tokens have come");
  clients.driver.figure("tokens", clients.read.tokens);
  clients.driver.figure("messages", clients.read.messages);
  clients.quantiles("", clients.read.token_us);
}

}  // namespace load
