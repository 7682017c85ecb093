// SPDX-License-Identifier: MIT
#include <agent_websocket/server/admin_guard.hpp>

#include <doctest/doctest.h>

#include <string>

using agent_websocket::admin_guard;
using agent_websocket::http::request;

namespace {

const std::string token = "an-admin-token-0123456789";

request with(const std::string& authorization) {
  request made;
  made.headers.add("Authorization", authorization);
  return made;
}

}  // namespace

TEST_CASE("admin_guard: the token lets through") {
  const admin_guard guard(token);
  CHECK(guard.has_token());
  CHECK_FALSE(guard.refuse(with("Bearer " + token)));
  CHECK_FALSE(guard.refuse(with("bearer " + token)));
  CHECK_FALSE(guard.refuse(with("BEARER  " + token + " ")));
}

TEST_CASE("admin_guard: nothing else does") {
  const admin_guard guard(token);
  const auto check = [&](const request& asked, const std::string& challenge) {
    const auto refusal = guard.refuse(asked);
    REQUIRE(refusal);
    CHECK(refusal->status == 401);
    CHECK(refusal->headers.find("WWW-Authenticate") == challenge);
    CHECK(refusal->headers.find("Cache-Control") == "no-store");
    CHECK(refusal->body.find("unauthorized") != std::string::npos);
    CHECK(refusal->body.find(token.substr(0, 12)) == std::string::npos);
  };
  check({}, "Bearer");
  for (const std::string& header :
       {std::string(), std::string("Bearer"), std::string("Bearer "), std::string("Basic " + token),
        token, std::string("Bearer" + token), std::string("Bearer a b")}) {
    CAPTURE(header);
    check(with(header), "Bearer");
  }
  for (const std::string& shown :
       {token + "x", token.substr(1), token.substr(0, token.size() - 1), std::string("AN") + token.substr(2),
        std::string(15'000, 'x')}) {
    CAPTURE(shown);
    check(with("Bearer " + shown), "Bearer error=\"invalid_token\"");
  }
  request twice = with("Bearer wrong");
  twice.headers.add("Authorization", "Bearer " + token);
  check(twice, "Bearer");
  request elsewhere;
  elsewhere.headers.add("Sec-WebSocket-Protocol", "bearer." + token);
  check(elsewhere, "Bearer");
  elsewhere.target = "/v1/sessions?token=" + token;
  check(elsewhere, "Bearer");
}

TEST_CASE("admin_guard: without a token nobody is let through, whatever he shows") {
  const admin_guard guard("");
  CHECK_FALSE(guard.has_token());
  CHECK(guard.refuse({}));
  CHECK(guard.refuse(with("Bearer ")));
  CHECK(guard.refuse(with("Bearer " + token)));
}
