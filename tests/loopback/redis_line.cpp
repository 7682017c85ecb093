// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/redis_line.hpp>

#include "loopback/curl_certificates.hpp"
#include "loopback/redis_process.hpp"
#include "loopback/redis_server.hpp"
#include "loopback/temporary_file.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using agent_websocket::errc;
using loopback::certificate;
using loopback::redis_process;
using loopback::redis_server;
using loopback::temporary_file;

namespace {

/// A redis-server with TLS whose certificate is for that name.
struct tls_server {
  explicit tls_server(const std::string& alternative)
      : shown(certificate::of_server(alternative, &authority)),
        chain(shown.pem()),
        key(shown.key_pem()),
        trusted(authority.pem()),
        server({"--tls-cert-file", chain.name(), "--tls-key-file", key.name(), "--tls-ca-cert-file",
                trusted.name(), "--tls-auth-clients", "no"},
               true) {}

  std::string url(const std::string& host, const std::string& ca) const {
    return "rediss://" + host + ":" + std::to_string(server.port()) +
           (ca.empty() ? "" : "?ca=" + ca);
  }

  certificate authority = certificate::of_authority();
  certificate shown;
  temporary_file chain, key, trusted;
  redis_server server;
};

std::string detail_at(const std::string& url) {
  redis_process one(url);
  const auto failed = one.check();
  if (!failed) return "none";
  CHECK(failed == errc::connection_failed);
  return one.detail;
}

}  // namespace

TEST_CASE("redis line: TLS, with the certificate and the name checked") {
  if (!redis_server::is_installed()) return;
  const tls_server tls("DNS:localhost,IP:127.0.0.1");
  redis_process one(tls.url("127.0.0.1", tls.trusted.name()));
  REQUIRE(one.append("s", 1, 0, {std::string(3'000'000, 'x'), "{}"}) == redis_process::code());
  CHECK(one.load("s").records.front().size() == 3'000'000u);
  CHECK(detail_at(tls.url("localhost", tls.trusted.name())) == "none");

  const temporary_file other(certificate::of_authority().pem());
  const auto refusal = [&](const std::string& words) {
    return "redis at 127.0.0.1:" + std::to_string(tls.server.port()) + ": " + words;
  };
  CHECK(detail_at(tls.url("127.0.0.1", other.name())) ==
        refusal("the server's certificate is signed by no authority that is trusted here"));
  CHECK(detail_at(tls.url("127.0.0.1", "")) ==
        refusal("the server's certificate is signed by no authority that is trusted here"));
  CHECK(detail_at("redis://" + tls.server.address()) == refusal("the connection was closed"));
}

TEST_CASE("redis line: a certificate for another name") {
  if (!redis_server::is_installed()) return;
  const tls_server tls("DNS:redis.example");
  CHECK(detail_at(tls.url("127.0.0.1", tls.trusted.name())).find(
            "the server's certificate is for another name than 127.0.0.1") != std::string::npos);
  CHECK(detail_at(tls.url("localhost", tls.trusted.name())).find(
            "the server's certificate is for another name than localhost") != std::string::npos);
}

TEST_CASE("redis line: TLS where there is none") {
  if (!redis_server::is_installed()) return;
  redis_server server;
  redis_process one("rediss://" + server.address());
  CHECK(one.check() == errc::connection_failed);
  CHECK(one.detail.find("redis at " + server.address()) == 0);
}
