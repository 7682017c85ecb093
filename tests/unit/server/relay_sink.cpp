// SPDX-License-Identifier: MIT
#include <agent_websocket/server/relay_sink.hpp>

#include <agent_websocket/policy/any_exchange.hpp>
#include <agent_websocket/server/relay.hpp>
#include <agent_websocket/testing/manual_scheduler.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace aw = agent_websocket;
using namespace std::chrono_literals;

namespace {

/// Sends nothing anywhere: every other server is dead.
struct dead_exchange {
  std::string name() const { return "a"; }
  void listen(aw::exchange_sink& to) { sink = &to; }
  void send(std::string_view to, std::string_view text) {
    sent->push_back(std::string(to) + " " + std::string(text));
  }
  void publish(std::string_view) {}
  aw::exchange_sink* sink = nullptr;
  std::shared_ptr<std::vector<std::string>> sent = std::make_shared<std::vector<std::string>>();
};

struct told final : aw::relay_sink {
  void on_arrival(aw::connection_id, std::string_view) override { said += "arrival "; }
  void on_guest_text(aw::connection_id, std::string_view) override { said += "text "; }
  void on_guest_drained(aw::connection_id) override { said += "drained "; }
  void on_guest_gone(aw::connection_id, std::uint16_t) override { said += "gone "; }
  std::size_t on_frame(aw::connection_id, std::string_view) override { return 0; }
  void on_refused(aw::connection_id socket, aw::errc why) override {
    said += "refused " + std::to_string(socket) + " " + aw::to_string(why) + " ";
  }
  void on_closed(aw::connection_id socket, std::uint16_t code, std::string_view) override {
    said += "closed " + std::to_string(socket) + " " + std::to_string(code) + " ";
  }
  void on_notice(std::string_view, std::string_view) override { said += "notice "; }
  std::string said;
};

}  // namespace

TEST_CASE("relay_sink: a socket whose session's server does not answer is told of soon") {
  auto way = std::make_unique<dead_exchange>();
  const auto sent = way->sent;
  aw::any_exchange exchange(std::move(way));
  aw::testing::manual_scheduler clock;
  told sink;
  aw::relay<aw::testing::manual_scheduler> relay(exchange, clock, sink);
  relay.start();
  relay.send_away(7, "b", "hello");
  clock.advance(2s);
  CHECK(sink.said.empty());
  clock.advance(3s);
  CHECK(sink.said == "refused 7 moved ");
  CHECK_FALSE(relay.is_away(7));
  clock.advance(60s);
  CHECK(sink.said == "refused 7 moved ");
}
