// SPDX-License-Identifier: MIT
//
// What the loopback tests of the HTTP clients share: a raw server and a client on one io_context,
// and a sink that keeps one answer.
#pragma once

#include <agent_websocket/policy/http_client.hpp>

#include "raw_http_server.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace loopback {

/// The answer to one request.
class answer final : public agent_websocket::http_sink {
 public:
  int heads = 0;
  int status = 0;
  agent_websocket::http::header_list headers;
  std::string body;
  std::size_t bytes = 0;
  bool keep_body = true;
  int completions = 0;
  std::error_code failure;
  std::string detail;
  std::function<void()> on_bytes = [] {};

  bool done() const { return completions != 0; }

  void on_head(agent_websocket::http_call_id, int code,
               const agent_websocket::http::header_list& fields) override {
    ++heads;
    status = code;
    headers = fields;
  }
  void on_body(agent_websocket::http_call_id, std::string_view piece) override {
    bytes += piece.size();
    if (keep_body) body += piece;
    on_bytes();
  }
  void on_complete(agent_websocket::http_call_id, std::error_code code,
                   std::string_view words) override {
    ++completions;
    failure = code;
    detail = words;
  }
};

/// Client is a model of HttpClient that is made of a context and Options.
template <typename Client, typename Options>
class http_bench {
 public:
  using client_type = Client;
  using options_type = Options;

  explicit http_bench(Options options = {}, asio::ssl::context* tls = nullptr)
      : server(context, tls), client(context, std::move(options)) {}

  asio::io_context context{1};
  raw_http_server server;
  Client client;

  agent_websocket::http::request get(std::string_view path = "/") const {
    agent_websocket::http::request made;
    made.target = server.url(path);
    return made;
  }
  agent_websocket::http::request post(std::string body, std::string_view path = "/") const {
    agent_websocket::http::request made = get(path);
    made.method = "POST";
    made.body = std::move(body);
    made.headers.add("Content-Type", "application/json");
    return made;
  }

  /// Lets things run until `holds`; false when that takes too long.
  template <typename Predicate>
  bool wait(Predicate holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > end) return false;
      context.run_one_for(std::chrono::milliseconds(100));
    }
    return true;
  }
  void run_for(std::chrono::milliseconds time) { context.run_for(time); }

  /// The whole answer to `request`.
  answer ask(agent_websocket::http::request request) {
    answer got;
    client.start(std::move(request), got);
    CHECK(wait([&got] { return got.done(); }));
    return got;
  }
  /// The whole answer to a GET request that is answered by `bytes`.
  answer ask(reply bytes) {
    server.reply_with(std::move(bytes));
    return ask(get());
  }
};

}  // namespace loopback
