// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/listen_address.hpp>

#include <doctest/doctest.h>

#include <string>
#include <system_error>

using agent_websocket::errc;
using agent_websocket::adapters::is_without_ipv6;
using agent_websocket::adapters::listen_addresses;
using agent_websocket::adapters::listen_failure;

namespace {

/// "127.0.0.1 ::1/6": the addresses, and which are of IPv6 alone.
std::string addresses_of(const std::string& host) {
  const auto found = listen_addresses(host);
  if (!found) return found.error().message;
  CHECK(!found->empty());
  std::string line;
  for (const auto& each : *found) {
    if (!line.empty()) line += ' ';
    line += each.address.to_string() + (each.v6_only ? "/6" : "");
  }
  return line;
}

std::string words_of(const char* address, const std::error_code& why, bool reuses_port = false) {
  const auto failure = listen_failure({asio::ip::make_address(address), 80}, why, reuses_port);
  CHECK(failure.code == errc::bad_configuration);
  return failure.message;
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("listen address: localhost and nothing stand for both families") {
  CHECK(addresses_of("localhost") == "127.0.0.1 ::1/6");
  CHECK(addresses_of("") == "0.0.0.0 ::/6");
}

TEST_CASE("listen address: an address is itself, and :: may take IPv4 as well") {
  CHECK(addresses_of("192.0.2.1") == "192.0.2.1");
  CHECK(addresses_of("0.0.0.0") == "0.0.0.0");
  CHECK(addresses_of("::") == "::");
  CHECK(addresses_of("2001:db8::1") == "2001:db8::1");
}

TEST_CASE("listen address: names and what is no address are refused by name") {
  CHECK(addresses_of("not.an.address") ==
        "cannot listen on \"not.an.address\": not an IP address, not localhost and not empty");
  for (const char* const each : {"LOCALHOST ", "127.0.0.1:80", "256.0.0.1", "[::1]"}) {
    const auto found = listen_addresses(each);
    REQUIRE_FALSE(found);
    CHECK(found.error().code == errc::bad_configuration);
    CHECK(contains(found.error().message, each));
  }
}

TEST_CASE("listen address: a failure names the place, and says what can be done about it") {
  CHECK(words_of("192.0.2.1", asio::error::bad_descriptor) ==
        "cannot listen on 192.0.2.1:80: " + std::error_code(asio::error::bad_descriptor).message());
  CHECK(contains(words_of("::1", asio::error::bad_descriptor), "cannot listen on [::1]:80: "));
  CHECK(contains(words_of("::1", asio::error::address_in_use), "choose another port"));
  CHECK(contains(words_of("::1", asio::error::address_in_use, true), "share the port"));
  CHECK(contains(words_of("::1", asio::error::access_denied), "below 1024"));
  const auto unsupported = std::make_error_code(std::errc::operation_not_supported);
  CHECK(contains(words_of("::1", unsupported, true), "set REUSE_PORT to off"));
  CHECK_FALSE(contains(words_of("::1", unsupported), "REUSE_PORT"));
}

TEST_CASE("listen address: a system without IPv6 is told from a place that is taken") {
  CHECK(is_without_ipv6(asio::error::address_family_not_supported));
  CHECK(is_without_ipv6(asio::error::no_protocol_option));
  CHECK(is_without_ipv6(std::make_error_code(std::errc::address_not_available)));
  CHECK_FALSE(is_without_ipv6(asio::error::address_in_use));
  CHECK_FALSE(is_without_ipv6(asio::error::access_denied));
  CHECK_FALSE(is_without_ipv6(std::error_code()));
}
