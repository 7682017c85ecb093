// SPDX-License-Identifier: MIT
//
// Case: a thousand clients lose their connections at once and come back.
#pragma once

#include "bench.hpp"

namespace soak {

/// Many clients lose their connections in one moment, each with one answer had and the next one
/// under way, and come back. `rounds` times with sessions of their own.
inline void herd(bench& on) {
  double peak = 0;
  for (std::size_t round = 0; round < on["rounds"]; ++round) {
    auto clients = on.make_clients(on["clients"]);
    for (auto& each : clients) {
      each->jitters = on["jitter"] != 0;
      each->ask({5, 0, 8, tag_of(0, round)});
      each->connect();
    }
    on.until("answers before the drop", [&] { return all_answered(clients); });
    on.loop.run_for(milliseconds(200));
    if (round == 0) on.driver.wait("connected");
    for (std::size_t i = 0; i < clients.size(); ++i) clients[i]->ask({20, 20'000, 8, tag_of(i, 1)});
    on.loop.run_for(milliseconds(300));

    on.counted.attempts.clear();
    const auto dropped = clock::now();
    for (auto& each : clients) {
      each->drop();
      each->come_back();
    }
    on.until("everybody is back", [&] { return all_live(clients); });
    on.driver.figure("ms until all were back", ms_between(dropped, clock::now()));
    std::map<int, std::size_t> histogram;
    for (const auto when : on.counted.attempts)
      ++histogram[static_cast<int>(ms_between(dropped, when) / 100)];
    for (const auto& [tenth, count] : histogram) {
      const double share = static_cast<double>(count) / static_cast<double>(clients.size());
      if (round == 0)
        on.driver.figure("reconnects at " + std::to_string(tenth * 100) + " ms", count);
      peak = std::max(peak, share);
    }
    on.until("answers after the drop", [&] { return all_answered(clients); });
    on.loop.run_for(milliseconds(200));
    if (round == 0) on.driver.wait("returned");
    end_sessions(on, clients);
    on.loop.run_for(milliseconds(300));
    on.driver.wait(round == 0 ? "first round" : "later round");
  }
  on.driver.figure("peak share", peak);
  on.report();
}

}  // namespace soak
