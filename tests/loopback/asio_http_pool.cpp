// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/asio_http_pool.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <ostream>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using agent_websocket::adapters::asio_http_buffers;
using agent_websocket::adapters::asio_http_connection;
using agent_websocket::adapters::asio_http_pool;
using agent_websocket::adapters::asio_socket;
using agent_websocket::adapters::turn_keeper;

namespace {

using pointer = asio_http_connection::pointer;

struct bench {
  asio::io_context context{1};
  asio::ip::tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), 0}};
  asio_http_buffers buffers{1024, std::make_shared<turn_keeper>(context)};
  const asio_http_pool::time_point now{};

  pointer connect(const std::string& key) {
    asio_socket socket(context.get_executor());
    socket.connect(acceptor.local_endpoint());
    socket.non_blocking(true);
    return asio_http_connection::make(std::move(socket), buffers, key);
  }
};

}  // namespace

TEST_CASE("asio_http_pool: the one used last is taken first, by its key alone") {
  bench b;
  asio_http_pool pool(10, 1s);
  const pointer one = b.connect("a"), two = b.connect("a"), other = b.connect("b");
  CHECK_FALSE(pool.take("a", b.now));
  pool.put(one, b.now);
  pool.put(two, b.now);
  pool.put(other, b.now);
  CHECK(pool.size() == 3u);
  CHECK(pool.take("a", b.now).get() == two.get());
  CHECK(pool.take("a", b.now).get() == one.get());
  CHECK_FALSE(pool.take("a", b.now));
  CHECK(pool.take("b", b.now).get() == other.get());
  CHECK(pool.size() == 0u);
  pool.put(one, b.now);
  CHECK(pool.take("a", b.now).get() == one.get());
}

TEST_CASE("asio_http_pool: old ones are closed") {
  bench b;
  asio_http_pool pool(10, 1s);
  const pointer one = b.connect("a"), two = b.connect("a"), other = b.connect("b");
  pool.put(one, b.now);
  pool.put(two, b.now + 500ms);
  SUBCASE("when one is put") {
    pool.put(other, b.now + 1s);
    CHECK(pool.size() == 2u);
  }
  SUBCASE("when one is taken") {
    CHECK_FALSE(pool.take("b", b.now + 1s));
    CHECK(pool.size() == 1u);
  }
  CHECK_FALSE(one->is_quiet());
  CHECK(two->is_quiet());
  CHECK(pool.take("a", b.now + 1s).get() == two.get());
}

TEST_CASE("asio_http_pool: above the number the one that has waited longest is closed") {
  bench b;
  asio_http_pool pool(2, 1s);
  const pointer one = b.connect("a"), two = b.connect("b"), three = b.connect("c");
  pool.put(one, b.now);
  pool.put(two, b.now);
  pool.put(three, b.now);
  CHECK(pool.size() == 2u);
  CHECK_FALSE(one->is_quiet());
  CHECK(pool.take("b", b.now).get() == two.get());
  CHECK(pool.take("c", b.now).get() == three.get());
  asio_http_pool none(0, 1s);
  none.put(two, b.now);
  CHECK(none.size() == 0u);
  CHECK_FALSE(two->is_quiet());
}

TEST_CASE("asio_http_pool: what the peer has closed is not taken") {
  bench b;
  asio_http_pool pool(10, 1s);
  const pointer one = b.connect("a"), two = b.connect("a");
  asio::ip::tcp::socket first = b.acceptor.accept(), second = b.acceptor.accept();
  pool.put(one, b.now);
  pool.put(two, b.now);
  second.close();
  CHECK(pool.take("a", b.now).get() == one.get());
  CHECK(pool.size() == 0u);
  CHECK_FALSE(two->is_quiet());
}

TEST_CASE("asio_http_pool: its end closes what it keeps") {
  bench b;
  const pointer one = b.connect("a");
  {
    asio_http_pool pool(10, 1s);
    pool.put(one, b.now);
  }
  CHECK_FALSE(one->is_quiet());
}
