// SPDX-License-Identifier: MIT
#include <agent_websocket/policy/transport.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace http = agent_websocket::http;
using agent_websocket::connection_id;
using agent_websocket::handshake;
using agent_websocket::has_transport_answer_v;
using agent_websocket::has_transport_close_v;
using agent_websocket::has_transport_ping_v;
using agent_websocket::has_transport_send_v;
using agent_websocket::has_transport_start_v;
using agent_websocket::has_transport_stop_v;
using agent_websocket::is_transport_v;
using agent_websocket::require_transport;
using agent_websocket::result;
using agent_websocket::transport_sink;

namespace {

/// The smallest Transport: nobody ever comes.
struct smallest {
  result<void> start(transport_sink&) { return {}; }
  void stop() {}
  void answer(connection_id, http::response) {}
  std::size_t send(connection_id, std::string_view) { return 0; }
  void ping(connection_id) {}
  void close(connection_id, std::uint16_t, std::string_view) {}
};

struct other_signatures {
  result<void> start(transport_sink&) noexcept { return {}; }
  bool stop() { return true; }
  void answer(connection_id, const http::response&) {}
  std::size_t send(connection_id, std::string_view, int = 0) { return 0; }
  void ping(connection_id) const {}
  void close(connection_id, int, std::string_view) {}
};

struct no_start : smallest {
  result<void> start(transport_sink&) = delete;
};
struct no_stop : smallest {
  void stop() = delete;
};
struct no_answer : smallest {
  void answer(connection_id, http::response) = delete;
};
struct no_send : smallest {
  std::size_t send(connection_id, std::string_view) = delete;
};
struct no_ping : smallest {
  void ping(connection_id) = delete;
};
struct no_close : smallest {
  void close(connection_id, std::uint16_t, std::string_view) = delete;
};
struct starts_without_outcome : smallest {
  void start(transport_sink&) {}
};
struct starts_without_sink : smallest {
  result<void> start() { return {}; }
};
struct sends_without_count : smallest {
  void send(connection_id, std::string_view) {}
};
struct sends_with_flag : smallest {
  bool send(connection_id, std::string_view) { return true; }
};
struct closes_without_reason : smallest {
  void close(connection_id, std::uint16_t) {}
};

template <typename T>
constexpr int expressions() {
  return has_transport_start_v<T> + has_transport_stop_v<T> + has_transport_answer_v<T> +
         has_transport_send_v<T> + has_transport_ping_v<T> + has_transport_close_v<T>;
}

}  // namespace

TEST_CASE("transport: models") {
  CHECK(is_transport_v<smallest>);
  CHECK(is_transport_v<other_signatures>);
  CHECK(expressions<smallest>() == 6);
  CHECK(require_transport<smallest>());
#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
  CHECK(agent_websocket::transport_policy<smallest>);
  CHECK_FALSE(agent_websocket::transport_policy<no_ping>);
#endif
}

TEST_CASE("transport: one expression missing, and only that one is reported") {
  CHECK_FALSE(is_transport_v<no_start>);
  CHECK_FALSE(has_transport_start_v<no_start>);
  CHECK(expressions<no_start>() == 5);

  CHECK_FALSE(is_transport_v<no_stop>);
  CHECK_FALSE(has_transport_stop_v<no_stop>);
  CHECK(expressions<no_stop>() == 5);

  CHECK_FALSE(is_transport_v<no_answer>);
  CHECK_FALSE(has_transport_answer_v<no_answer>);
  CHECK(expressions<no_answer>() == 5);

  CHECK_FALSE(is_transport_v<no_send>);
  CHECK_FALSE(has_transport_send_v<no_send>);
  CHECK(expressions<no_send>() == 5);

  CHECK_FALSE(is_transport_v<no_ping>);
  CHECK_FALSE(has_transport_ping_v<no_ping>);
  CHECK(expressions<no_ping>() == 5);

  CHECK_FALSE(is_transport_v<no_close>);
  CHECK_FALSE(has_transport_close_v<no_close>);
  CHECK(expressions<no_close>() == 5);
}

TEST_CASE("transport: an expression with another meaning") {
  CHECK_FALSE(is_transport_v<starts_without_outcome>);
  CHECK_FALSE(is_transport_v<starts_without_sink>);
  CHECK_FALSE(is_transport_v<sends_without_count>);
  CHECK_FALSE(is_transport_v<sends_with_flag>);
  CHECK_FALSE(is_transport_v<closes_without_reason>);
  CHECK_FALSE(is_transport_v<const smallest>);
  CHECK_FALSE(is_transport_v<int>);
}

TEST_CASE("transport: a handshake is a plain request until it is known to be more") {
  const handshake arriving;
  CHECK_FALSE(arriving.is_upgrade);
  CHECK(arriving.remote_address.empty());
}

TEST_CASE("transport: a sink is abstract and never deleted through its base") {
  CHECK(std::is_abstract_v<transport_sink>);
  CHECK_FALSE(std::is_destructible_v<transport_sink>);
}
