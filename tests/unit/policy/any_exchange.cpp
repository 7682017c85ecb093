// SPDX-License-Identifier: MIT
#include <agent_websocket/policy/any_exchange.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>

using agent_websocket::any_exchange;
using agent_websocket::exchange_sink;

namespace {

struct recorder {
  explicit recorder(std::string& to) : said(to) {}
  std::string name() const { return "recorder"; }
  void listen(exchange_sink&) { said += "listen;"; }
  void send(std::string_view to, std::string_view text) {
    said.append("send ").append(to).append(" ").append(text).append(";");
  }
  void publish(std::string_view text) { said.append("publish ").append(text).append(";"); }
  std::string& said;
};

struct deaf final : exchange_sink {
  void on_message(std::string_view, std::string_view) override {}
  void on_gap() override {}
};

}  // namespace

TEST_CASE("any_exchange: is an Exchange, and nobody's by default") {
  CHECK(agent_websocket::is_exchange_v<any_exchange>);
  any_exchange nobody;
  deaf sink;
  nobody.listen(sink);
  nobody.publish("text");
  CHECK(nobody.name().empty());
}

TEST_CASE("any_exchange: passes all on") {
  std::string said;
  any_exchange held(std::make_unique<recorder>(said));
  any_exchange moved = std::move(held);
  deaf sink;
  CHECK(moved.name() == "recorder");
  moved.listen(sink);
  moved.send("a", "1");
  moved.publish("2");
  CHECK(said == "listen;send a 1;publish 2;");
}
