// SPDX-License-Identifier: MIT
//
// The smallest model of each policy. The cases policy_*.cpp take one member away and see what a
// user sees.
#pragma once

#include <agent_websocket/policy/authenticator.hpp>
#include <agent_websocket/policy/client_transport.hpp>
#include <agent_websocket/policy/exchange.hpp>
#include <agent_websocket/policy/http_client.hpp>
#include <agent_websocket/policy/logger.hpp>
#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/policy/store.hpp>
#include <agent_websocket/policy/transport.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

using namespace agent_websocket;

struct transport_model {
  result<void> start(transport_sink&);
  void stop();
  void answer(connection_id, http::response);
  std::size_t send(connection_id, std::string_view);
  void ping(connection_id);
  void close(connection_id, std::uint16_t, std::string_view);
};

struct client_transport_model {
  void start(client_transport_sink&);
  void open(std::string_view, const http::header_list&);
  std::size_t send(std::string_view);
  void close(std::uint16_t, std::string_view);
};

struct http_client_model {
  http_call_id start(http::request, http_sink&);
  void cancel(http_call_id);
  void pause(http_call_id);
  void resume(http_call_id);
};

struct scheduler_model {
  time_point now();
  wall_time wall_now();
  void post(std::function<void()>);
  timer_id start_timer(time_point, std::function<void()>);
  void cancel_timer(timer_id);
};

struct store_model {
  bool lasting() const;
  void load(std::string_view, load_handler);
  void claim(std::string_view, const stored_session&, claim_handler);
  void append(store_batch, store_handler);
  void release(std::string_view, fence_number, store_handler);
  void erase(std::string_view, fence_number, store_handler);
  void check(store_handler);
};

struct logger_model {
  bool enabled(log_level);
  void write(const log_record&);
};

struct authenticator_model {
  void authenticate(const credentials&, authentication_handler);
};

struct exchange_model {
  std::string name() const;
  void listen(exchange_sink&);
  void send(std::string_view, std::string_view);
  void publish(std::string_view);
};

static_assert(require_transport<transport_model>() &&
              require_client_transport<client_transport_model>() &&
              require_http_client<http_client_model>() &&
              require_scheduler<scheduler_model>() && require_store<store_model>() &&
              require_logger<logger_model>() && require_authenticator<authenticator_model>() &&
              require_exchange<exchange_model>());
