// SPDX-License-Identifier: MIT
#include <agent_websocket/policy/exchange.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using agent_websocket::exchange_sink;
using agent_websocket::has_exchange_name_v;
using agent_websocket::has_exchange_send_v;
using agent_websocket::has_listen_v;
using agent_websocket::has_publish_v;
using agent_websocket::is_exchange_v;
using agent_websocket::null_exchange;
using agent_websocket::require_exchange;

namespace {

/// The smallest Exchange.
struct smallest {
  std::string name() const { return "me"; }
  void listen(exchange_sink&) {}
  void send(std::string_view, std::string_view) {}
  void publish(std::string_view) {}
};

struct by_reference : smallest {
  const std::string& name() const { return kept; }
  std::string kept = "me";
};

struct no_name : smallest {
  std::string name() const = delete;
};
struct no_listen : smallest {
  void listen(exchange_sink&) = delete;
};
struct no_send : smallest {
  void send(std::string_view, std::string_view) = delete;
};
struct no_publish : smallest {
  void publish(std::string_view) = delete;
};
struct changing_name : smallest {
  std::string name() { return "me"; }
};
struct listens_to_a_function : smallest {
  void listen(void (*)(std::string_view)) {}
};

}  // namespace

TEST_CASE("exchange: models") {
  CHECK(is_exchange_v<smallest>);
  CHECK(is_exchange_v<by_reference>);
  CHECK(is_exchange_v<null_exchange>);
  CHECK(require_exchange<smallest>());
#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
  CHECK(agent_websocket::exchange_policy<smallest>);
  CHECK_FALSE(agent_websocket::exchange_policy<no_send>);
#endif
}

TEST_CASE("exchange: one expression missing, and only that one is reported") {
  CHECK_FALSE(is_exchange_v<no_name>);
  CHECK_FALSE(has_exchange_name_v<no_name>);
  CHECK((has_listen_v<no_name> && has_exchange_send_v<no_name> && has_publish_v<no_name>));
  CHECK_FALSE(is_exchange_v<no_listen>);
  CHECK_FALSE(has_listen_v<no_listen>);
  CHECK((has_exchange_name_v<no_listen> && has_exchange_send_v<no_listen>));
  CHECK_FALSE(is_exchange_v<no_send>);
  CHECK_FALSE(has_exchange_send_v<no_send>);
  CHECK((has_listen_v<no_send> && has_publish_v<no_send>));
  CHECK_FALSE(is_exchange_v<no_publish>);
  CHECK_FALSE(has_publish_v<no_publish>);
  CHECK((has_listen_v<no_publish> && has_exchange_send_v<no_publish>));
}

TEST_CASE("exchange: an expression with another meaning") {
  CHECK_FALSE(is_exchange_v<changing_name>);
  CHECK_FALSE(is_exchange_v<listens_to_a_function>);
  CHECK_FALSE(is_exchange_v<const smallest>);
}

TEST_CASE("null_exchange: nobody is there") {
  struct : exchange_sink {
    void on_message(std::string_view, std::string_view) override { ++calls; }
    void on_gap() override { ++calls; }
    int calls = 0;
  } sink;
  null_exchange nobody;
  nobody.listen(sink);
  nobody.send("a", "text");
  nobody.send(nobody.name(), "text");
  nobody.publish("text");
  CHECK(nobody.name().empty());
  CHECK(sink.calls == 0);
}
