// SPDX-License-Identifier: MIT
#include <agent_websocket/server/plain_http.hpp>

#include <doctest/doctest.h>

#include <string>

using agent_websocket::answer_plain_request;
using agent_websocket::http::response;

namespace {

response answered(const std::string& method, const std::string& target, bool draining = false) {
  agent_websocket::http::request asked;
  asked.method = method;
  asked.target = target;
  return answer_plain_request(asked, draining ? "draining" : "");
}

}  // namespace

TEST_CASE("plain_http: healthz tells that it lives, also while it drains") {
  CHECK(answered("GET", "/healthz").status == 200);
  CHECK(answered("HEAD", "/healthz").status == 200);
  CHECK(answered("GET", "/healthz", true).status == 200);
  CHECK(answered("GET", "/healthz?verbose=1").status == 200);
}

TEST_CASE("plain_http: readyz tells whether it takes new connections") {
  CHECK(answered("GET", "/readyz").status == 200);
  CHECK(answered("HEAD", "/readyz").status == 200);
  CHECK(answered("GET", "/readyz", true).status == 503);
  CHECK(answered("HEAD", "/readyz", true).status == 503);
}

TEST_CASE("plain_http: readyz says what hinders it") {
  agent_websocket::http::request asked;
  asked.method = "GET";
  asked.target = "/readyz";
  const response refused = answer_plain_request(asked, "the store does not answer");
  CHECK(refused.status == 503);
  CHECK(refused.body == "the store does not answer\n");
  CHECK(answer_plain_request(asked, "").body == "ready\n");
  asked.target = "/healthz";
  CHECK(answer_plain_request(asked, "the store does not answer").status == 200);
}

TEST_CASE("plain_http: other methods are not allowed") {
  for (const std::string path : {"/healthz", "/readyz"}) {
    for (const std::string method : {"POST", "PUT", "DELETE", "OPTIONS", "get"}) {
      CAPTURE(method);
      const response refused = answered(method, path);
      CHECK(refused.status == 405);
      CHECK(refused.headers.find("Allow") == "GET, HEAD");
    }
  }
}

TEST_CASE("plain_http: everything else is not found") {
  for (const std::string path :
       {"/", "/healthz/", "/healthz/x", "/Healthz", "//healthz", "/metrics", "/favicon.ico", "",
        "/functions/v1/notify_websocket", "/%68ealthz", "*"}) {
    CAPTURE(path);
    CHECK(answered("GET", path).status == 404);
    CHECK(answered("POST", path, true).status == 404);
  }
}

TEST_CASE("plain_http: the answers are plain text, the errors JSON") {
  CHECK(answered("GET", "/healthz").headers.find("Content-Type") == "text/plain; charset=utf-8");
  CHECK(answered("GET", "/readyz", true).headers.find("Content-Type") ==
        "text/plain; charset=utf-8");
  CHECK(answered("GET", "/nothing").headers.find("Content-Type") == "application/json");
  CHECK(answered("GET", "/nothing").body.find("\"code\":\"not_found\"") != std::string::npos);
  CHECK(answered("PUT", "/healthz").headers.find("Content-Type") == "application/json");
}

TEST_CASE("plain_http: a new socket is told when to come again") {
  const response refused = agent_websocket::refuse_while_draining(std::chrono::seconds(7));
  CHECK(refused.status == 503);
  CHECK(refused.headers.find("Retry-After").value_or("") == "7");
  const response soon = agent_websocket::refuse_while_draining(std::chrono::milliseconds(1));
  CHECK(soon.headers.find("Retry-After").value_or("") == "1");
}
