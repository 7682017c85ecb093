// SPDX-License-Identifier: MIT
#include <agent_websocket/server/access_options.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;

TEST_CASE("access_options: ten seconds to show a token, thirty to show a new one") {
  const agent_websocket::access_options chosen;
  CHECK(chosen.auth_timeout == 10s);
  CHECK(chosen.auth_grace == 30s);
}

TEST_CASE("access_options: TLS needs both files") {
  agent_websocket::access_options chosen;
  CHECK_FALSE(chosen.has_tls());
  CHECK(chosen.check_tls());
  chosen.tls_cert_file = "chain.pem";
  CHECK(chosen.has_tls());
  CHECK(chosen.check_tls().error().message ==
        "TLS_CERT_FILE is set without TLS_KEY_FILE: TLS needs both, the certificate and its key");
  chosen.tls_key_file = "key.pem";
  CHECK(chosen.check_tls());
  chosen.tls_cert_file.clear();
  CHECK(chosen.has_tls());
  CHECK(chosen.check_tls().error().message ==
        "TLS_KEY_FILE is set without TLS_CERT_FILE: TLS needs both, the certificate and its key");
}
