// SPDX-License-Identifier: MIT
//
// Names that take long to resolve must not hold up the executor: the clients resolve in a thread,
// and curl in some of its settings waits for that thread. Linux only: the test puts itself before the C
// library's getaddrinfo.
#include "asio_http_bench.hpp"
#include "curl_bench.hpp"

#include <doctest/doctest.h>

#ifdef __linux__

#include <atomic>
#include <chrono>
#include <memory>
#include <string_view>
#include <thread>

#include <dlfcn.h>
#include <netdb.h>

using namespace std::chrono_literals;
using agent_websocket::errc;
using agent_websocket::http_call_id;
using agent_websocket::http::request;

namespace {

constexpr auto lookup_time = 600ms;
std::atomic<int> lookups{0};
std::atomic<int> finished{0};

// What may go on in one turn of the executor although the name is not resolved yet.
constexpr auto short_time = 300ms;

}  // namespace

extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  if (name != nullptr && std::string_view(name) == "slow.invalid") {
    ++lookups;
    std::this_thread::sleep_for(lookup_time);
    ++finished;
    return EAI_NONAME;
  }
  using function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto real = reinterpret_cast<function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(name, service, hints, found);
}

TEST_CASE_TEMPLATE("http clients: a name that resolves slowly holds nobody up", bench_type,
                   loopback::curl_bench, loopback::asio_http_bench) {
  using clock = std::chrono::steady_clock;
  asio::io_context context(1);
  auto client = std::make_unique<typename bench_type::client_type>(context);
  loopback::answer got;
  request asked;
  asked.target = "http://slow.invalid/";
  SUBCASE("when it is cancelled") {
    const http_call_id id = client->start(asked, got);
    context.run_for(20ms);
    const auto begin = clock::now();
    client->cancel(id);
    CHECK(clock::now() - begin < short_time);
    CHECK_FALSE(got.done());
  }
  SUBCASE("when the time to connect is over") {
    asked.connect_timeout = 50ms;
    client->start(asked, got);
    const auto begin = clock::now();
    while (!got.done() && clock::now() - begin < 5s) context.run_one_for(20ms);
    CHECK(clock::now() - begin < short_time + 50ms);
    CHECK(got.failure == errc::timeout_connect);
  }
  SUBCASE("when the client is destroyed") {
    client->start(asked, got);
    context.run_for(20ms);
    const auto begin = clock::now();
    client.reset();
    CHECK(clock::now() - begin < short_time);
  }
  SUBCASE("when it does not exist in the end") {
    client->start(asked, got);
    const auto begin = clock::now();
    while (!got.done() && clock::now() - begin < 5s) context.run_one_for(20ms);
    CHECK(got.failure == errc::connection_failed);
  }
  CHECK(lookups > 0);
  const auto begin = clock::now();
  while (finished != lookups && clock::now() - begin < 5s) std::this_thread::sleep_for(10ms);
}

#endif  // __linux__
