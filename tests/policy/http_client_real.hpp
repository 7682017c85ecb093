// SPDX-License-Identifier: MIT
//
// What the suite of HttpClient needs to run on a client of real sockets, against a server that
// writes the suite's scripts as bytes: step by step, or all that is there in one piece.
#pragma once

#include "http_client_suite.hpp"

#include "../loopback/raw_http_server.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace real_http {

using agent_websocket::testing::http_script;
using agent_websocket::testing::http_step;

// How the bytes of an answer reach the client.
enum class pace { step_by_step, in_one_piece };

// The script as bytes on the wire, with a chunk per piece of body.
inline loopback::reply as_bytes(const http_script& script, pace how) {
  loopback::reply reply;
  std::string waiting;
  const auto send = [&](const std::string& bytes) {
    waiting += bytes;
    if (how == pace::in_one_piece) return;
    reply.send(std::exchange(waiting, "")).wait(std::chrono::milliseconds(1));
  };
  bool has_body = true;
  for (const http_step& step : script.steps()) {
    switch (step.what) {
      case http_step::kind::head: {
        std::string head = "HTTP/1.1 " + std::to_string(step.status) + " Any\r\n";
        has_body = step.status != 204;
        if (has_body) head += "Transfer-Encoding: chunked\r\n";
        for (const auto& [name, value] : step.headers) head += name + ": " + value + "\r\n";
        send(head + "\r\n");
        break;
      }
      case http_step::kind::body: send(loopback::chunk(step.bytes)); break;
      case http_step::kind::complete:
        if (!step.failure && has_body) send(loopback::last_chunk);
        if (!waiting.empty()) reply.send(std::exchange(waiting, ""));
        if (step.failure == agent_websocket::errc::connection_failed) {
          reply.wait(std::chrono::milliseconds(5)).reset();
        } else if (step.failure) {
          reply.close();
        }
        break;
    }
  }
  if (!waiting.empty()) reply.send(waiting);
  return reply;
}

template <typename Client, pace how>
class fixture {
 public:
  Client& client() { return *client_; }
  void forget() { client_.reset(); }

  agent_websocket::http::request request(std::string body) {
    agent_websocket::http::request made;
    made.method = "POST";
    made.target = server_.url();
    made.body = std::move(body);
    return made;
  }
  void reply_with(const http_script& script) { server_.reply_with(as_bytes(script, how)); }
  void reply_by(const std::function<http_script(const std::string&)>& answer) {
    server_.answer = [answer](const loopback::raw_http_server::request& asked) {
      return as_bytes(answer(asked.body), how);
    };
  }

  template <typename Predicate>
  bool wait(Predicate holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > end) return false;
      context_.run_one_for(std::chrono::milliseconds(100));
    }
    return true;
  }
  void settle() { context_.run_for(std::chrono::milliseconds(40)); }

 private:
  asio::io_context context_{1};
  loopback::raw_http_server server_{context_};
  std::optional<Client> client_{std::in_place, context_};
};

}  // namespace real_http
