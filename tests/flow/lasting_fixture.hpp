// SPDX-License-Identifier: MIT
//
// A server whose sessions wait for their clients, and a client that comes back by hand: the test
// says what it knows and what it has seen.
#pragma once

#include "flow/fixture.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace flow {

inline aw::options lasting() {
  auto chosen = settings();
  chosen.session.resume_window = 300s;
  chosen.run_grace = 120s;
  return chosen;
}

/// What a client remembers of its session.
struct ticket {
  std::string session_id, token, epoch;
};

struct lasting_fixture : fixture {
  explicit lasting_fixture(aw::options chosen = lasting(), aw::any_store keeps = aw::any_store(),
                           std::uint64_t seed = 1)
      : fixture(std::move(chosen), std::move(keeps), seed) {}

  /// Connects and gives what the welcome says of the session.
  aw::connection_id arrive(ticket& of) {
    if (!transport.listening()) start();
    const auto id = transport.connect();
    run();
    of = ticket_in(frames_of(transport.take_sent(id)).at(0));
    return id;
  }
  static ticket ticket_in(const frame& welcome) {
    return {welcome.text("session_id"), welcome.text("resume_token"), welcome.text("epoch")};
  }
  /// A new socket that asks for the session; gives all it is sent after its own welcome.
  std::vector<frame> come_back(aw::connection_id& id, const ticket& of, std::int64_t last_seq,
                               const std::string& more = {}) {
    ticket throw_away;
    id = arrive(throw_away);
    return hello(id, of, last_seq, more);
  }
  std::vector<frame> hello(aw::connection_id id, const ticket& of, std::int64_t last_seq,
                           const std::string& more = {}) {
    transport.receive(
        id, R"({"type":"command","op":"hello","v":1,"caps":["delta"],"session_id":")" +
                of.session_id + R"(","resume":{"token":")" + of.token + R"(","epoch":")" +
                of.epoch + R"(","last_seq":)" + std::to_string(last_seq) + "}" + more + "}");
    run();
    return taken(id);
  }
  std::vector<frame> taken(aw::connection_id id) { return frames_of(transport.take_sent(id)); }
  std::vector<frame> tell(aw::connection_id id, std::string_view text) {
    transport.receive(id, text);
    run();
    return taken(id);
  }
};

}  // namespace flow
