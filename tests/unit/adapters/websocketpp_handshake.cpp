// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/websocketpp_handshake.hpp>

#include <doctest/doctest.h>

#include <array>
#include <string>

namespace adapters = agent_websocket::adapters;
using adapters::client_handshake;
using adapters::upgrade_request;

namespace {

const std::string sample_key = "dGhlIHNhbXBsZSBub25jZQ==";  // of RFC 6455 section 1.3
const std::string sample_accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

struct parts {
  std::string line = "GET /chat HTTP/1.1";
  std::string upgrade = "Upgrade: websocket";
  std::string connection = "Connection: keep-alive, Upgrade";
  std::string version = "Sec-WebSocket-Version: 13";
  std::string key = "Sec-WebSocket-Key: " + sample_key;
};

std::string text_of(const parts& of) {
  std::string text = of.line + "\r\nHost: example.org\r\n";
  for (const std::string& each : {of.upgrade, of.connection, of.version, of.key}) {
    if (!each.empty()) text += each + "\r\n";
  }
  return text + "\r\n";
}

upgrade_request verdict_of(const std::string& text) {
  agent_websocket::http::request_head request;
  CHECK(agent_websocket::http::request_head_parser().parse(text, request) == nullptr);
  return adapters::upgrade_of(request);
}
upgrade_request verdict(const parts& of) { return verdict_of(text_of(of)); }

client_handshake sample_handshake() {
  std::array<unsigned char, 16> nonce{};
  const std::string words = "the sample nonce";
  std::copy(words.begin(), words.end(), nonce.begin());
  return client_handshake::make("example.org:8080", "/chat?x=1",
                                {{"Origin", "http://a\r\nEvil: 1"}, {"host", "other"}}, nonce);
}

std::string answer_with(const std::string& line, const std::string& accept,
                        const std::string& more = {}) {
  return line + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept +
         "\r\n" + more + "\r\n";
}

}  // namespace

TEST_CASE("handshake: the example of RFC 6455 section 1.3") {
  CHECK(verdict({}) == upgrade_request::well_formed);
  CHECK(adapters::accept_key_of(sample_key) == sample_accept);
}

TEST_CASE("handshake: what is no upgrade, what is one of another version, what is broken") {
  parts changed;
  SUBCASE("tokens, whatever their case and place") {
    changed.upgrade = "upgrade: foo, WebSocket";
    changed.connection = "CONNECTION: uPGRADE";
    CHECK(verdict(changed) == upgrade_request::well_formed);
    changed.upgrade = "Upgrade: websockets";
    CHECK(verdict(changed) == upgrade_request::none);
    changed.upgrade = "Upgrade: h2c";
    CHECK(verdict(changed) == upgrade_request::none);
    changed.upgrade = "";
    CHECK(verdict(changed) == upgrade_request::none);
  }
  SUBCASE("without the connection token") {
    changed.connection = "Connection: close";
    CHECK(verdict(changed) == upgrade_request::none);
    changed.connection = "";
    CHECK(verdict(changed) == upgrade_request::none);
  }
  SUBCASE("version") {
    for (const char* version : {"", "Sec-WebSocket-Version: 8", "Sec-WebSocket-Version: 14",
                                "Sec-WebSocket-Version: 13, 8", "Sec-WebSocket-Version: 013"}) {
      changed.version = version;
      CHECK(verdict(changed) == upgrade_request::wrong_version);
    }
  }
  SUBCASE("key") {
    for (const char* key :
         {"", "Sec-WebSocket-Key: ", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=",
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ===",
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA",
          "Sec-WebSocket-Key: dGhl*HNhbXBsZSBub25jZQ==",
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ=="}) {
      changed.key = key;
      CAPTURE(key);
      CHECK(verdict(changed) == upgrade_request::malformed);
    }
  }
  SUBCASE("method and HTTP version") {
    changed.line = "POST /chat HTTP/1.1";
    CHECK(verdict(changed) == upgrade_request::malformed);
    changed.line = "GET /chat HTTP/1.0";
    CHECK(verdict(changed) == upgrade_request::malformed);
  }
}

TEST_CASE("handshake: a client's request") {
  const client_handshake made = sample_handshake();
  CHECK(made.key == sample_key);
  CHECK(made.bytes ==
        "GET /chat?x=1 HTTP/1.1\r\nHost: example.org:8080\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
            sample_key + "\r\nOrigin: http://aEvil: 1\r\n\r\n");
  CHECK(verdict_of(made.bytes) == upgrade_request::well_formed);
}

TEST_CASE("handshake: a client checks the answer") {
  const client_handshake made = sample_handshake();
  const std::string good = "HTTP/1.1 101 Switching Protocols";
  CHECK(made.check(answer_with(good, sample_accept)));
  CHECK(made.check(answer_with("HTTP/1.1 101", sample_accept)).has_value() == false);
  CHECK_FALSE(made.check(answer_with(good, "s3pPLMBiTxaQ9kYGzzhZRbK+xOO=")));
  CHECK_FALSE(made.check(answer_with(good, "")));
  CHECK_FALSE(made.check(good + "\r\nSec-WebSocket-Accept: " + sample_accept + "\r\n\r\n"));
  CHECK_FALSE(made.check(
      answer_with(good, sample_accept, "Sec-WebSocket-Extensions: permessage-deflate\r\n")));
  CHECK_FALSE(made.check("HTTP/1.1 101 x\r\nno colon here\r\n\r\n"));
  const auto refused = made.check("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == agent_websocket::errc::connection_failed);
  CHECK(refused.error().detail == "HTTP/1.1 401 Unauthorized");
  CHECK(client_handshake::refusal_status("HTTP/1.1 401 Unauthorized\r\n\r\n") == 401);
  CHECK(client_handshake::refusal_status("HTTP/1.0 503\r\n\r\n") == 503);
  for (const char* none : {"HTTP/1.1 101 Switching Protocols", "HTTP/1.1 ", "HTTP/1.1 4x1 No",
                           "HTTP/1.1 001 No", "220 smtp.example.org", ""}) {
    CHECK(client_handshake::refusal_status(none) == 0);
  }
  // A number that websocketpp would make an enumerator of.
  CHECK_FALSE(made.check(answer_with("HTTP/1.1 20201 Strange", sample_accept)));
}
