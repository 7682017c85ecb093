// SPDX-License-Identifier: MIT
//
// What all cases of the soak tests have: a loop, the way to the driver, clients and what is counted
// of them. A case says its figures to the driver and waits for it where the server is to be
// measured.
#pragma once

#include "client.hpp"

#include <algorithm>
#include <map>
#include <memory>

namespace soak {

/// "name=number" words of the command line.
using parameters = std::map<std::string, std::size_t>;

/// What all cases have.
struct bench {
  bench(std::uint16_t server, parameters words) : port(server), given(std::move(words)) {}

  std::uint16_t port;
  parameters given;
  event_loop loop;
  driver_link driver{loop};
  tallies counted;

  std::size_t operator[](const char* name) const {
    const auto found = given.find(name);
    if (found == given.end()) give_up(std::string("missing: ") + name);
    return found->second;
  }

  std::vector<std::unique_ptr<client>> make_clients(std::size_t count) {
    std::vector<std::unique_ptr<client>> made;
    for (std::size_t i = 0; i < count; ++i)
      made.push_back(std::make_unique<client>(loop, port, counted));
    return made;
  }
  template <typename Done>
  bool until(const char* what, Done&& done, clock::duration limit = std::chrono::seconds(30)) {
    const bool reached = loop.run_until(done, limit);
    if (!reached) std::fprintf(stderr, "not in time: %s\n", what);
    driver.figure(std::string("reached ") + what, reached);
    return reached;
  }
  void report() const {
    driver.figure("answered", counted.answered);
    driver.figure("resumes", counted.resumes);
    driver.figure("recovered", counted.recovered);
    driver.figure(
        "lost", counted.gaps + counted.holes + counted.wrong + counted.resumes - counted.recovered);
    driver.figure("duplicates", counted.duplicates);
    for (const auto& [code, times] : counted.closes)
      driver.figure("closed " + std::to_string(code), times);
  }
};

inline std::string tag_of(std::size_t client, std::size_t turn = 0) {
  return "c" + std::to_string(client) + "x" + std::to_string(turn);
}

template <typename Clients, typename Is>
bool all_of(const Clients& clients, Is&& is) {
  return std::all_of(clients.begin(), clients.end(), [&](const auto& each) { return is(*each); });
}
inline bool all_live(const std::vector<std::unique_ptr<client>>& clients) {
  return all_of(clients, [](const client& each) { return each.is_live(); });
}
inline bool all_answered(const std::vector<std::unique_ptr<client>>& clients) {
  return all_of(clients, [](const client& each) { return each.open_queries() == 0; });
}

/// Ends all sessions in order and waits until the sockets are closed.
inline void end_sessions(bench& on, const std::vector<std::unique_ptr<client>>& clients) {
  for (const auto& each : clients) {
    each->comes_back = false;
    each->end_session();
  }
  on.until("the sessions' end",
           [&] { return all_of(clients, [](const client& each) { return !each.is_open(); }); });
}

}  // namespace soak
