// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/curl_multi.hpp>

#include "raw_http_server.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

using agent_websocket::adapters::curl_multi;

namespace {

// One easy handle that keeps its body.
struct transfer {
  explicit transfer(const std::string& url) : easy(curl_easy_init()) {
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &transfer::on_write);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  }
  ~transfer() { curl_easy_cleanup(easy); }
  transfer(const transfer&) = delete;
  transfer& operator=(const transfer&) = delete;

  static std::size_t on_write(char* data, std::size_t, std::size_t size, void* self) {
    auto& of = *static_cast<transfer*>(self);
    if (of.multi != nullptr) CHECK(of.multi->inside());
    of.body.append(data, size);
    return size;
  }

  CURL* easy;
  std::string body;
  const curl_multi* multi = nullptr;
};

struct fixture {
  asio::io_context context{1};
  loopback::raw_http_server server{context};
  int turns = 0;
  int done = 0;
  std::optional<curl_multi> multi{std::in_place, context, [this] { turn(); }};

  void turn() {
    ++turns;
    CHECK_FALSE(multi->inside());
    int left = 0;
    while (CURLMsg* const message = curl_multi_info_read(multi->handle(), &left)) {
      CHECK(message->data.result == CURLE_OK);
      ++done;
      curl_multi_remove_handle(multi->handle(), message->easy_handle);
    }
  }
  void run_until_done(int count) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (done < count && std::chrono::steady_clock::now() < end) {
      context.run_one_for(std::chrono::milliseconds(100));
    }
    CHECK(done == count);
  }
};

}  // namespace

TEST_CASE("curl_multi: runs transfers, and calls on_turn outside of curl") {
  fixture f;
  f.server.answer = [](const auto& asked) { return loopback::reply(loopback::ok(asked.line)); };
  transfer one(f.server.url("/1"));
  transfer two(f.server.url("/2"));
  one.multi = &*f.multi;
  CHECK_FALSE(f.multi->inside());
  curl_multi_add_handle(f.multi->handle(), one.easy);
  curl_multi_add_handle(f.multi->handle(), two.easy);
  CHECK(f.turns == 0);  // nothing happens before the executor runs
  f.run_until_done(2);
  CHECK(one.body == "GET /1 HTTP/1.1");
  CHECK(two.body == "GET /2 HTTP/1.1");
  CHECK(f.turns > 0);
}

TEST_CASE("curl_multi: kept sockets are let go of, and taken up again") {
  fixture f;
  f.server.answer = [](const auto&) { return loopback::reply(loopback::ok("x")); };
  for (int i = 1; i <= 3; ++i) {
    transfer next(f.server.url());
    curl_multi_add_handle(f.multi->handle(), next.easy);
    f.run_until_done(i);
    CHECK(next.body == "x");
  }
  CHECK(f.server.accepted == 1u);
}

TEST_CASE("curl_multi: what is posted to a destroyed one does not run") {
  fixture f;
  int ran = 0;
  f.multi->post([&ran] { ++ran; });
  f.context.run_for(std::chrono::milliseconds(10));
  CHECK(ran == 1);
  f.multi->post([&ran] { ++ran; });
  SUBCASE("idle") {}
  SUBCASE("with a transfer that was just removed") {
    transfer open(f.server.url());
    curl_multi_add_handle(f.multi->handle(), open.easy);
    f.context.run_for(std::chrono::milliseconds(20));
    CHECK(f.server.requests.size() == 1u);
    f.multi->post([&ran] { ++ran; });
    curl_multi_remove_handle(f.multi->handle(), open.easy);
    ran = 1;
  }
  f.multi.reset();
  f.context.run_for(std::chrono::milliseconds(20));
  CHECK(ran == 1);
}

TEST_CASE("curl_multi: enter marks the time inside, and ends with a turn") {
  fixture f;
  bool inside = false;
  f.multi->enter([&] { inside = f.multi->inside(); });
  CHECK(inside);
  CHECK_FALSE(f.multi->inside());
  CHECK(f.turns == 1);
}
