// SPDX-License-Identifier: MIT
//
// A whole server on mocks and virtual time: the test plays the clients, the upstream and the clock.
// No socket, no thread, no sleep. Everything that any client is sent goes through a watcher that
// knows the rules of the protocol, whatever else the test looks at.
#pragma once

#include <agent_websocket/policy/authenticator.hpp>
#include <agent_websocket/policy/logger.hpp>
#include <agent_websocket/policy/any_store.hpp>
#include <agent_websocket/server/server.hpp>
#include <agent_websocket/testing/http_script.hpp>
#include <agent_websocket/testing/manual_scheduler.hpp>
#include <agent_websocket/testing/mock_http_client.hpp>
#include <agent_websocket/testing/mock_transport.hpp>

#include "flow/frame.hpp"
#include "flow/watching_client.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <ostream>  // prints a shared_ptr
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace flow {

namespace aw = agent_websocket;
using namespace std::chrono_literals;

/// The key of the server under test; no client may ever see it.
inline constexpr std::string_view secret_key = "sk-or-v1-0123456789abcdef0123456789";

// ---- what an upstream says

inline std::string chunk(std::string_view text) {
  return aw::testing::sse(
      R"({"id":"gen-1","object":"chat.completion.chunk","model":"served/model","provider":"P",)"
      R"("choices":[{"index":0,"delta":{"role":"assistant","content":)" +
      quoted(text) + R"(},"finish_reason":null}]})");
}
inline std::string finish(std::string_view reason = "stop") {
  return aw::testing::sse(
      R"({"id":"gen-1","model":"served/model","choices":[{"index":0,"delta":{"content":""},"finish_reason":")" +
      std::string(reason) +
      R"("}],"usage":{"prompt_tokens":12,"completion_tokens":98,"total_tokens":110,"cost":0.0004}})");
}
inline std::string done() { return aw::testing::sse("[DONE]"); }

inline aw::http::header_list event_stream() { return {{"Content-Type", "text/event-stream"}}; }

/// A whole good answer, chunk by chunk.
inline aw::testing::http_script answer(const std::vector<std::string>& pieces) {
  aw::testing::http_script script;
  script.head(200, event_stream());
  for (const std::string& each : pieces) script.body(chunk(each));
  return script.body(finish()).body(done()).complete();
}
/// A whole answer of that status.
inline aw::testing::http_script refusal(int status, std::string body,
                                        aw::http::header_list headers = {}) {
  aw::testing::http_script script;
  return script.head(status, std::move(headers)).body(std::move(body)).complete();
}

// ---- the server

/// Keeps every line that would be logged.
struct kept_log {
  std::vector<std::string> lines;
  bool enabled(aw::log_level) const noexcept { return true; }
  void write(const aw::log_record& record) {
    lines.push_back(std::string(record.event) + " " + std::string(record.text));
  }
  bool has(std::string_view event) const {
    for (const std::string& each : lines) {
      if (each.substr(0, event.size()) == event) return true;
    }
    return false;
  }
};

inline aw::options settings() {
  aw::options chosen;
  chosen.base_url = "http://localhost/v1";
  chosen.api_key = std::string(secret_key);
  chosen.max_retries = 0;
  chosen.session.system_prompt = "P";
  // Sessions end with their socket and each piece of text is sent at once, where a test does not
  // want it otherwise.
  chosen.session.resume_window = chosen.run_grace = 0ms;
  chosen.session.coalesce = 0ms;
  // Where it is not about them, there are no limits of connections and messages.
  chosen.access.messages_per_minute = chosen.access.user_messages_per_minute = 0;
  chosen.access.new_connections_per_second = 0;
  chosen.access.max_connections_per_address = chosen.access.max_sessions_per_user = 0;
  chosen.level = aw::log_level::debug;
  return chosen;
}

template <typename Transport = aw::testing::mock_transport, typename Authenticator = aw::allow_all>
struct basic_fixture {
  using server_type =
      aw::basic_server<Transport, aw::testing::mock_http_client, aw::testing::manual_scheduler,
                       aw::any_store, Authenticator, kept_log>;
  using session_type = typename server_type::session_type;
  using reply_type = aw::query_reply<session_type>;

  explicit basic_fixture(aw::options chosen = settings(), aw::any_store keeps = aw::any_store(),
                         std::uint64_t seed = 1)
      : store(std::move(keeps)),
        server(std::move(chosen), transport, http, clock, store, doors, log,
               aw::random_source::seeded(seed)) {}

  Transport transport;
  aw::testing::mock_http_client http;
  aw::testing::manual_scheduler clock;
  aw::any_store store;
  Authenticator doors;
  kept_log log;
  server_type server;
  std::map<aw::connection_id, watching_client> clients;
  std::map<aw::connection_id, std::size_t> answered_pings;

  auto& router() { return server.router(); }

  void start() {
    const auto started = server.start();
    if (!started) FAIL(started.error().message);
  }
  /// Until nothing moves any more without time passing.
  void run() {
    std::size_t moved = 0;
    do {
      transport.run();
      moved = clock.run();
      moved += http.run();
    } while (moved != 0);
  }
  /// Lets time pass; clients answer pings.
  void pass(aw::duration time) {
    run();
    while (time > aw::duration::zero()) {
      const aw::duration step = std::min<aw::duration>(time, 1s);
      pass_in_silence(step);
      time -= step;
      for (auto& each : clients) {
        const std::size_t pings = transport.pings(each.first);
        if (std::exchange(answered_pings[each.first], pings) == pings) continue;
        transport.receive_pong(each.first);
        run();
      }
    }
  }
  /// Lets time pass; nobody answers pings.
  void pass_in_silence(aw::duration time) {
    run();
    clock.advance(time);
    run();
  }

  /// A client connects; its welcome has been looked at. Starts the server when nobody has.
  aw::connection_id connect(aw::handshake request = {}) {
    if (!transport.listening()) start();
    const aw::connection_id id = transport.connect(std::move(request));
    run();
    const auto frames = heard(id);
    REQUIRE_FALSE(frames.empty());
    CHECK(frames[0].op() == "welcome");
    return id;
  }
  /// What the client was sent since it was asked last.
  std::vector<frame> heard(aw::connection_id id) {
    std::vector<frame> frames;
    for (std::string& each : transport.take_sent(id)) {
      frames.emplace_back(std::move(each));
      clients[id].take(frames.back());
    }
    return frames;
  }
  /// The client says `text`; gives what it is sent thereupon.
  std::vector<frame> say(aw::connection_id id, std::string_view text) {
    transport.receive(id, text);
    run();
    return heard(id);
  }
  /// Asks, and the upstream answers at once with these pieces.
  std::vector<frame> ask(aw::connection_id id, std::string_view query,
                         const std::vector<std::string>& pieces) {
    http.reply_with(answer(pieces));
    return say(id, query);
  }
  /// The session of the client, as its welcome named it.
  std::shared_ptr<session_type> session(aw::connection_id id) {
    return server.find_session(clients.at(id).session_id());
  }
};

using fixture = basic_fixture<>;

}  // namespace flow

// Made once, in instances.cpp: compiling them again in each file would take most of its time. A
// program of one file says AGENT_WEBSOCKET_TESTS_ALONE.
#ifndef AGENT_WEBSOCKET_TESTS_ALONE
namespace agent_websocket {
extern template class openrouter::basic_openrouter_client<testing::mock_http_client,
                                                          testing::manual_scheduler>;
extern template class basic_session<testing::mock_transport, testing::mock_http_client,
                                    testing::manual_scheduler, any_store>;
extern template class basic_server<testing::mock_transport, testing::mock_http_client,
                                   testing::manual_scheduler, any_store, allow_all,
                                   flow::kept_log>;
}  // namespace agent_websocket
#endif

namespace flow {

// ---- looking at frames

/// The one terminal message among them.
inline frame terminal(const std::vector<frame>& frames) {
  const auto found = terminals(frames);
  REQUIRE(found.size() == 1u);
  return found[0];
}
inline bool mentions(std::string_view text, std::string_view what) {
  return text.find(what) != std::string_view::npos;
}
/// "system:P|user:x": what the body of an upstream request says.
inline std::string transcript(const aw::http::request& request) {
  const frame body(request.body);
  std::string all;
  body.at("messages").for_each_element([&all](const aw::json::value& each) {
    if (!all.empty()) all += '|';
    all.append(each["role"].string().value_or("?")).append(":");
    all.append(each["content"].string().value_or("(parts)"));
  });
  return all;
}

}  // namespace flow
