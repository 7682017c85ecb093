// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/output_buffer.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <utility>

using agent_websocket::adapters::output_buffer;
using agent_websocket::adapters::output_pool;

TEST_CASE("output buffer: what goes out is what came in, to the byte") {
  std::mt19937 random(3);
  output_buffer buffer;
  std::string in;
  std::string out;
  for (int round = 0; round < 2000; ++round) {
    const std::string piece(random() % 50, static_cast<char>('a' + round % 26));
    buffer.tail() += piece;
    in += piece;
    const std::size_t part = random() % (buffer.pending() + 1);
    out += buffer.front().substr(0, part);
    buffer.consume(part);
    REQUIRE(buffer.pending() == in.size() - out.size());
  }
  out += buffer.front();
  buffer.consume(buffer.pending());
  CHECK(out == in);
  CHECK(buffer.front().empty());
}

TEST_CASE("output buffer: what is kept back does not count, and stays until it is taken") {
  output_buffer buffer;
  buffer.late() = "pong";
  CHECK(buffer.pending() == 0u);
  CHECK(buffer.front().empty());
  buffer.tail() += "text";
  buffer.consume(buffer.pending());
  CHECK(buffer.late() == "pong");
}

TEST_CASE("output buffer: what has gone is not kept for ever") {
  output_buffer buffer;
  for (int i = 0; i < 10000; ++i) {
    buffer.tail() += std::string(100, 'x');
    if (i > 10) buffer.consume(100);
  }
  CHECK(buffer.capacity() < 10000u);
}

TEST_CASE("output pool: emptied buffers come back, large ones do not, and there is an end") {
  output_pool pool;
  std::unique_ptr<output_buffer> first = pool.take();
  output_buffer* const known = first.get();
  pool.give_back(std::move(first));
  CHECK(pool.size() == 1u);
  CHECK(pool.take().get() == known);
  CHECK(pool.size() == 0u);
  std::unique_ptr<output_buffer> large = pool.take();
  large->tail().assign(output_pool::max_buffer_bytes + 1, 'x');
  large->consume(large->pending());
  pool.give_back(std::move(large));
  CHECK(pool.size() == 0u);
  for (std::size_t i = 0; i < 2 * output_pool::max_buffers; ++i) {
    pool.give_back(std::make_unique<output_buffer>());
  }
  CHECK(pool.size() == output_pool::max_buffers);
}

TEST_CASE("output pool: keeps no more bytes than it may, whatever the size of the buffers") {
  output_pool pool;
  const auto of = [](std::size_t bytes) {
    auto made = std::make_unique<output_buffer>();
    made->tail().reserve(bytes);
    return made;
  };
  const std::size_t fit = output_pool::max_bytes / output_pool::max_buffer_bytes;
  for (std::size_t i = 0; i < 2 * fit; ++i) pool.give_back(of(output_pool::max_buffer_bytes));
  CHECK(pool.size() == fit);
  pool.take();
  CHECK(pool.size() == fit - 1);
  pool.give_back(of(output_pool::max_buffer_bytes));
  CHECK(pool.size() == fit);
}
