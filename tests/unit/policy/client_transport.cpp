// SPDX-License-Identifier: MIT
#include <agent_websocket/policy/client_transport.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace http = agent_websocket::http;
using agent_websocket::client_transport_sink;
using agent_websocket::has_client_close_v;
using agent_websocket::has_client_open_v;
using agent_websocket::has_client_send_v;
using agent_websocket::has_client_start_v;
using agent_websocket::is_client_transport_v;
using agent_websocket::require_client_transport;

namespace {

/// The smallest ClientTransport: no attempt ever ends.
struct smallest {
  void start(client_transport_sink&) {}
  void open(std::string_view, const http::header_list&) {}
  std::size_t send(std::string_view) { return 0; }
  void close(std::uint16_t, std::string_view) {}
};

struct other_signatures {
  bool start(client_transport_sink&) noexcept { return true; }
  void open(std::string_view, http::header_list = {}) {}
  std::size_t send(std::string_view, int = 0) { return 0; }
  void close(int, std::string_view) const {}
};

struct no_start : smallest {
  void start(client_transport_sink&) = delete;
};
struct no_open : smallest {
  void open(std::string_view, const http::header_list&) = delete;
};
struct no_send : smallest {
  std::size_t send(std::string_view) = delete;
};
struct no_close : smallest {
  void close(std::uint16_t, std::string_view) = delete;
};
struct opens_without_headers : smallest {
  void open(std::string_view) {}
};
struct sends_without_count : smallest {
  void send(std::string_view) {}
};
struct sends_with_flag : smallest {
  bool send(std::string_view) { return true; }
};
struct closes_without_reason : smallest {
  void close(std::uint16_t) {}
};

template <typename T>
constexpr int expressions() {
  return has_client_start_v<T> + has_client_open_v<T> + has_client_send_v<T> +
         has_client_close_v<T>;
}

}  // namespace

TEST_CASE("client transport: models") {
  CHECK(is_client_transport_v<smallest>);
  CHECK(is_client_transport_v<other_signatures>);
  CHECK(expressions<smallest>() == 4);
  CHECK(require_client_transport<smallest>());
#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
  CHECK(agent_websocket::client_transport_policy<smallest>);
  CHECK_FALSE(agent_websocket::client_transport_policy<no_open>);
#endif
}

TEST_CASE("client transport: one expression missing, and only that one is reported") {
  CHECK_FALSE(is_client_transport_v<no_start>);
  CHECK_FALSE(has_client_start_v<no_start>);
  CHECK(expressions<no_start>() == 3);

  CHECK_FALSE(is_client_transport_v<no_open>);
  CHECK_FALSE(has_client_open_v<no_open>);
  CHECK(expressions<no_open>() == 3);

  CHECK_FALSE(is_client_transport_v<no_send>);
  CHECK_FALSE(has_client_send_v<no_send>);
  CHECK(expressions<no_send>() == 3);

  CHECK_FALSE(is_client_transport_v<no_close>);
  CHECK_FALSE(has_client_close_v<no_close>);
  CHECK(expressions<no_close>() == 3);
}

TEST_CASE("client transport: an expression with another meaning") {
  CHECK_FALSE(is_client_transport_v<opens_without_headers>);
  CHECK_FALSE(is_client_transport_v<sends_without_count>);
  CHECK_FALSE(is_client_transport_v<sends_with_flag>);
  CHECK_FALSE(is_client_transport_v<closes_without_reason>);
  CHECK_FALSE(is_client_transport_v<const smallest>);
  CHECK_FALSE(is_client_transport_v<int>);
}

TEST_CASE("client transport: a sink is abstract and never deleted through its base") {
  CHECK(std::is_abstract_v<client_transport_sink>);
  CHECK_FALSE(std::is_destructible_v<client_transport_sink>);
}
