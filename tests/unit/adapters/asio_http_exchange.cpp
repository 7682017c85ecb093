// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/asio_http_exchange.hpp>

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

using agent_websocket::adapters::asio_http_buffers;
using agent_websocket::adapters::asio_http_exchange;
using agent_websocket::adapters::turn_keeper;

static_assert(std::is_abstract_v<asio_http_exchange>);
static_assert(!std::is_destructible_v<asio_http_exchange>, "a connection does not own its request");
static_assert(!std::is_copy_constructible_v<asio_http_buffers>, "connections refer to them");

TEST_CASE("asio_http_buffers: one buffer to read into, for all connections") {
  asio::io_context context;
  const auto turns = std::make_shared<turn_keeper>(context);
  asio_http_buffers buffers(4096, turns);
  CHECK(buffers.size == 4096u);
  std::memset(buffers.input.get(), 'x', buffers.size);
  CHECK(std::string(buffers.input.get(), buffers.size) == std::string(4096, 'x'));
  CHECK(buffers.turns == turns);
}

TEST_CASE("asio_http_buffers: what one connection has sent from, the next one gets") {
  asio::io_context context;
  asio_http_buffers buffers(16, std::make_shared<turn_keeper>(context));
  CHECK(buffers.outputs.size() == 0u);
  auto first = buffers.outputs.take();
  first->tail() = std::string(1000, 'x');
  first->consume(1000);
  const auto* const same = first.get();
  buffers.outputs.give_back(std::move(first));
  CHECK(buffers.outputs.size() == 1u);
  const auto second = buffers.outputs.take();
  CHECK(second.get() == same);
  CHECK(second->pending() == 0u);
}
