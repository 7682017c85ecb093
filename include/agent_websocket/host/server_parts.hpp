// SPDX-License-Identifier: MIT
//
// What the shipped `server` is made of, and how each part is made from the options: the transport,
// the HTTP client, the clock, store, authenticator and log, and the basic_server over them. Runs
// nothing, and takes no signal; see server.hpp.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <agent_websocket/adapters/asio_http_client.hpp>
#include <agent_websocket/adapters/asio_scheduler.hpp>
#include <agent_websocket/adapters/curl_http_client.hpp>
#include <agent_websocket/adapters/stderr_logger.hpp>
#include <agent_websocket/adapters/tls_context.hpp>
#include <agent_websocket/adapters/websocketpp_transport.hpp>
#include <agent_websocket/auth/any_authenticator.hpp>
#include <agent_websocket/policy/any_store.hpp>
#include <agent_websocket/server/options.hpp>
#include <agent_websocket/server/server.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <cstddef>
#include <utility>

namespace agent_websocket {

/// What the shipped server asks models by: libcurl where AGENT_WEBSOCKET_WITH_CURL is 1.
#if AGENT_WEBSOCKET_WITH_CURL
using shipped_http_client = adapters::curl_http_client;
#else
using shipped_http_client = adapters::asio_http_client;
#endif

namespace detail {

adapters::transport_settings transport_settings_of(const options& from);

adapters::tls_files tls_files_of(const options& from);

/// In the order in which they need each other.
template <typename HttpClient>
struct server_parts {
  using basic_type =
      basic_server<adapters::websocketpp_transport, HttpClient, adapters::asio_scheduler, any_store,
                   any_authenticator, adapters::stderr_logger>;

  server_parts(asio::io_context& context, options settings);

  /// When the files are wrong the old ones stay in use; either way it is logged. Nothing to do
  /// without TLS.
  void reload_certificates();

  adapters::asio_scheduler scheduler;
  HttpClient http;
  adapters::websocketpp_transport transport;
  any_store store;
  any_authenticator authenticator;
  adapters::stderr_logger logger;
  basic_type server;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE adapters::transport_settings transport_settings_of(const options& from) {
  constexpr std::size_t plain_requests = 64;  // at once, when all sockets are taken
  // In the kernel, for a client that does not read; Linux takes twice as much. An answer of 64 KiB
  // to a plain request fits, so that slow readers of such hold nothing here.
  constexpr int client_send_buffer = 128 * 1024;
  adapters::transport_settings to;
  to.host = from.host;
  to.port = from.port;
  to.reuse_port = from.reuse_port;
  to.max_message_bytes = from.session.max_message_bytes;
  // Sockets are counted by the server; beside them there is room for health checks and the API.
  to.max_connections = from.max_connections == 0 ? 0 : from.max_connections + plain_requests;
  to.so_sndbuf = client_send_buffer;
  to.max_unanswered_per_address = from.access.max_connections_per_address;
  if (auto proxies = http::trusted_proxies::parse(from.access.trusted_proxies))
    to.proxies = std::move(*proxies);
  to.tls = tls_files_of(from);
  return to;
}

AGENT_WEBSOCKET_INLINE adapters::tls_files tls_files_of(const options& from) {
  return {from.access.tls_cert_file, from.access.tls_key_file};
}

template <typename HttpClient>
server_parts<HttpClient>::server_parts(asio::io_context& context, options settings)
    : scheduler(context),
      http(context),
      transport(context, transport_settings_of(settings)),
      logger(settings.level, settings.log_format == "json" ? adapters::log_format::json
                                                           : adapters::log_format::text),
      server(std::move(settings), transport, http, scheduler, store, authenticator, logger) {
  http.share_turns(transport.turns());
}

template <typename HttpClient>
void server_parts<HttpClient>::reload_certificates() {
  if (!server.settings().access.has_tls()) return;
  if (const auto outcome = transport.reload_certificates(); !outcome) {
    server.log(log_level::error, "reload_failed", {}, outcome.error().message);
  } else {
    server.log(log_level::info, "certificates_reloaded", {},
               "valid until " + transport.certificate_valid_until());
  }
}

#endif

}  // namespace detail

AGENT_WEBSOCKET_INSTANTIATE(struct detail::server_parts<shipped_http_client>);

}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
