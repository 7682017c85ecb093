// SPDX-License-Identifier: MIT
#include <agent_websocket/host/server_parts.hpp>

#include <doctest/doctest.h>

#include <string>

using agent_websocket::log_level;
using agent_websocket::options;
using agent_websocket::detail::transport_settings_of;
using parts = agent_websocket::detail::server_parts<agent_websocket::shipped_http_client>;

namespace {

options quiet() {
  options chosen;
  chosen.level = log_level::off;
  return chosen;
}

/// The events that are logged when the certificates are to be read again.
std::string events_of_reload(const options& chosen) {
  asio::io_context context;
  parts subject(context, chosen);
  std::string events;
  subject.server.router().on_event(
      [&events](const auto& event) { events += std::string(event.name) + ' '; });
  subject.reload_certificates();
  return events;
}

}  // namespace

TEST_CASE("server parts: the transport listens where the options say") {
  options chosen = quiet();
  chosen.host = "192.0.2.7";
  chosen.port = 4711;
  chosen.reuse_port = true;
  chosen.session.max_message_bytes = 12'345;
  chosen.access.max_connections_per_address = 7;
  chosen.access.tls_cert_file = "a.pem";
  chosen.access.tls_key_file = "b.pem";
  const auto made = transport_settings_of(chosen);
  CHECK(made.host == "192.0.2.7");
  CHECK(made.port == 4711);
  CHECK(made.reuse_port);
  CHECK(made.max_message_bytes == 12'345u);
  CHECK(made.max_unanswered_per_address == 7u);
  CHECK(made.tls.certificate == "a.pem");
  CHECK(made.tls.key == "b.pem");
  CHECK(made.so_sndbuf == 128 * 1024);
}

TEST_CASE("server parts: answers of the model are read in the turns in which they are sent on") {
  asio::io_context context;
  const parts subject(context, quiet());
  CHECK(subject.transport.turns().use_count() == 2);  // of the transport and of the HTTP client
}

TEST_CASE("server parts: there is room for plain requests when all sockets are taken") {
  options chosen = quiet();
  chosen.max_connections = 100;
  CHECK(transport_settings_of(chosen).max_connections == 164u);
  chosen.max_connections = 0;  // no limit
  CHECK(transport_settings_of(chosen).max_connections == 0u);
}

TEST_CASE("server parts: the proxies that are trusted are known to the transport") {
  options chosen = quiet();
  CHECK_FALSE(transport_settings_of(chosen).proxies.trusts("10.1.2.3"));
  chosen.access.trusted_proxies = {"10.0.0.0/8"};
  CHECK(transport_settings_of(chosen).proxies.trusts("10.1.2.3"));
  CHECK_FALSE(transport_settings_of(chosen).proxies.trusts("11.1.2.3"));
}

TEST_CASE("server parts: certificates are read again with TLS only, and failure is told") {
  options chosen = quiet();
  CHECK(events_of_reload(chosen) == "");
  chosen.access.tls_cert_file = "/nowhere/certificate.pem";
  chosen.access.tls_key_file = "/nowhere/key.pem";
  CHECK(events_of_reload(chosen) == "reload_failed ");
}
