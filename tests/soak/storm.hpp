// SPDX-License-Identifier: MIT
//
// Case: resumes at a steady rate beside answers that are streamed to others.
#pragma once

#include "bench.hpp"

namespace soak {

/// Resumes at a steady rate, every other one while the old connection still stands for the server,
/// beside answers that are streamed to others.
inline void storm(bench& on) {
  const milliseconds time(on["time_ms"]);
  const std::size_t rate = on["rate"];
  auto listeners = on.make_clients(on["listeners"]);
  std::vector<clock::time_point> last(listeners.size());
  std::vector<double> pauses;
  bool storms = false;
  std::size_t turn = 0;
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    client& each = *listeners[i];
    each.told.on_delta = [&, i](client&) {
      const auto now = clock::now();
      if (storms) pauses.push_back(ms_between(last[i], now));
      last[i] = now;
    };
    each.ask({static_cast<std::size_t>(time.count() + 2000) / 20, 20'000, 8, tag_of(i, 9)});
    each.connect();
  }
  auto resumers = on.make_clients(on["resumers"]);
  for (std::size_t i = 0; i < resumers.size(); ++i) {
    resumers[i]->told.on_answer = [&, i](client& self) {
      if (storms) self.ask({30, 20'000, 8, tag_of(i, ++turn)});
    };
    resumers[i]->ask({5, 0, 8, tag_of(i, ++turn)});
    resumers[i]->connect();
  }
  on.until("answers before the storm", [&] { return all_answered(resumers); });
  on.loop.run_for(milliseconds(200));
  on.driver.wait("before the storm");

  storms = true;
  for (std::size_t i = 0; i < resumers.size(); ++i)
    resumers[i]->ask({30, 20'000, 8, tag_of(i, ++turn)});
  const auto begun = clock::now();
  std::size_t sent = 0;
  std::vector<double> verdicts;
  std::vector<clock::time_point> left(resumers.size());
  for (std::size_t i = 0; i < resumers.size(); ++i) {
    resumers[i]->told.on_live = [&, i](client&) {
      if (storms) verdicts.push_back(ms_between(left[i], clock::now()));
    };
  }
  const std::function<void()> strike = [&] {
    const auto due = static_cast<std::size_t>(ms_between(begun, clock::now()) / 1000 *
                                              static_cast<double>(rate));
    for (; sent < due; ++sent) {
      const std::size_t i = sent % resumers.size();
      left[i] = clock::now();
      sent % 2 == 0 ? resumers[i]->connect() : resumers[i]->connect_beside();
    }
    if (clock::now() < begun + time) on.loop.after(milliseconds(5), strike);
  };
  strike();
  on.loop.run_for(time);
  storms = false;
  on.until("everybody is live", [&] { return all_live(resumers); });
  on.until("answers after the storm", [&] { return all_answered(resumers); });
  on.until("the long answers", [&] { return all_answered(listeners); });
  on.driver.wait("after the storm");
  on.driver.figure("resumes begun", sent);
  on.driver.figure("verdict p99", quantile(verdicts, 0.99));
  on.driver.figure("deltas", pauses.size());
  on.driver.figure("pause between deltas p50", quantile(pauses, 0.5));
  on.driver.figure("pause between deltas p99", quantile(pauses, 0.99));
  on.driver.figure("pause between deltas worst", quantile(pauses, 1));
  end_sessions(on, listeners);
  end_sessions(on, resumers);
  on.report();
}

}  // namespace soak
