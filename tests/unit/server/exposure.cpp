// SPDX-License-Identifier: MIT
#include <agent_websocket/server/exposure.hpp>

#include <doctest/doctest.h>

#include <agent_websocket/policy/authenticator.hpp>

#include "flow/fixture.hpp"

#include <string>

using agent_websocket::check_exposure;
using agent_websocket::errc;
using agent_websocket::is_loopback_host;
using agent_websocket::options;

namespace {

options on(const std::string& host, bool allow_anonymous = false) {
  options made;
  made.host = host;
  made.access.allow_anonymous = allow_anonymous;
  return made;
}

/// Lets in whom it knows.
struct guard {
  void authenticate(const agent_websocket::credentials&,
                    const agent_websocket::authentication_handler& done) {
    done(agent_websocket::error(errc::unauthorized));
  }
};

}  // namespace

TEST_CASE("exposure: hosts that only this machine reaches") {
  for (const std::string host : {"localhost", "LocalHost", "127.0.0.1", "127.0.0.2",
                                 "127.255.255.254", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"}) {
    CAPTURE(host);
    CHECK(is_loopback_host(host));
  }
  for (const std::string host :
       {"", "0.0.0.0", "::", "192.0.2.7", "10.0.0.1", "128.0.0.1", "126.0.0.1", "1.127.0.0.1",
        "127.0.0", "127.1", "127", "127.0.0.1.", "127.0.0.1.5", "127.0.0.", ".127.0.0.1", "127..0.1",
        "127.0.0.1.evil.example", "127.evil.example", "127.0.0.evil", "127.0.0.1000", "127.0.0.-1",
        "0127.0.0.1", "localhost.", "localhost.evil.example", "::2", "::1:1", "[::1]", "2001:db8::1",
        "::ffff:192.0.2.7", "fe80::1", " 127.0.0.1", "127.0.0.1 "}) {
    CAPTURE(host);
    CHECK_FALSE(is_loopback_host(host));
  }
}

TEST_CASE("exposure: everybody may come to a loopback address, or where it is said so") {
  CHECK(check_exposure(on("localhost"), true).has_value());
  CHECK(check_exposure(on("127.0.0.1"), true).has_value());
  CHECK(check_exposure(on("0.0.0.0", true), true).has_value());
  CHECK(check_exposure(on("", true), true).has_value());
  CHECK(check_exposure(on("0.0.0.0"), false).has_value());
  CHECK(check_exposure(on(""), false).has_value());
}

TEST_CASE("exposure: else it is refused, with the ways out") {
  for (const std::string host : {"0.0.0.0", "::", "", "192.0.2.7"}) {
    const auto refused = check_exposure(on(host), true);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == errc::bad_configuration);
    CHECK(refused.error().message ==
          "HOST is \"" + host +
              "\", which other machines can reach, and nobody would have to authenticate; set "
              "AUTH_TOKENS, JWT_SECRET or JWT_PUBLIC_KEY_FILE to say who may come, or "
              "HOST=localhost to serve this machine only, or ALLOW_ANONYMOUS=1 to let everybody in");
  }
}

TEST_CASE("exposure: a server asks its authenticator, and does not begin to listen") {
  auto chosen = flow::settings();
  chosen.host = "0.0.0.0";
  flow::fixture open(chosen);
  const auto refused = open.server.start();
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == errc::bad_configuration);
  CHECK_FALSE(open.transport.listening());

  chosen.access.allow_anonymous = true;
  flow::fixture allowed(chosen);
  CHECK(allowed.server.start().has_value());

  chosen.access.allow_anonymous = false;
  flow::basic_fixture<agent_websocket::testing::mock_transport, guard> guarded(chosen);
  CHECK(guarded.server.start().has_value());
}
