// SPDX-License-Identifier: MIT
#include <agent_websocket/server/shown_credentials.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace agent_websocket;

namespace {

using fields = std::vector<std::pair<std::string, std::string>>;

http::request with(const fields& headers) {
  http::request made;
  made.target = "/ws";
  for (const auto& each : headers) made.headers.add(each.first, each.second);
  return made;
}

/// "source:token", or the words of the refusal.
std::string shown(const fields& headers) {
  const http::request request = with(headers);
  const auto found = shown_credentials(request);
  if (!found) {
    CHECK(found.error().code == errc::bad_message);
    return found.error().message;
  }
  CHECK(found->request == nullptr);
  const std::string token(found->token);
  switch (found->from) {
    case credential_source::none: return "none:" + token;
    case credential_source::header: return "header:" + token;
    case credential_source::subprotocol: return "subprotocol:" + token;
    case credential_source::message: return "message:" + token;
  }
  return "";
}

const std::string bad_header = "Malformed Authorization header: expected Bearer <token>";
const std::string bad_element = "Malformed Sec-WebSocket-Protocol header: expected bearer.<token>";
const std::string two_tokens = "The request shows two different tokens";
const std::string two_headers = "The request has more than one Authorization header";

}  // namespace

TEST_CASE("shown_credentials: no token is no error") {
  CHECK(shown({}) == "none:");
  CHECK(shown({{"Host", "localhost"}}) == "none:");
  CHECK(shown({{"Sec-WebSocket-Protocol", "agent-websocket.v1"}}) == "none:");
  CHECK(shown({{"Sec-WebSocket-Protocol", ",, ,chat,"}}) == "none:");
  CHECK(shown({{"Cookie", "token=abc"}}) == "none:");
}

TEST_CASE("shown_credentials: of a header, its scheme in any spelling") {
  CHECK(shown({{"Authorization", "Bearer abc"}}) == "header:abc");
  CHECK(shown({{"authorization", "bearer abc"}}) == "header:abc");
  CHECK(shown({{"AUTHORIZATION", "BEARER\t abc "}}) == "header:abc");
  CHECK(shown({{"Authorization", "Bearer a.b-c_d~e+f/g=="}}) == "header:a.b-c_d~e+f/g==");
}

TEST_CASE("shown_credentials: other schemes are not ours") {
  CHECK(shown({{"Authorization", "Basic dXNlcjpwdw=="}}) == "none:");
  CHECK(shown({{"Authorization", "Bearerabc"}}) == "none:");
  CHECK(shown({{"Authorization", "abc"}}) == "none:");
  CHECK(shown({{"Authorization", ""}}) == "none:");
  CHECK(shown({{"Authorization", "Basic dXNlcjpwdw=="}, {"Sec-WebSocket-Protocol", "bearer.abc"}}) ==
        "subprotocol:abc");
}

TEST_CASE("shown_credentials: a malformed header is refused") {
  for (const std::string value : {"Bearer", "Bearer ", "Bearer  \t", "Bearer a b", "Bearer a\tb",
                                  "Bearer caf\xC3\xA9", "Bearer a\x01", "Bearer a\x7F"}) {
    CAPTURE(value);
    CHECK(shown({{"Authorization", value}}) == bad_header);
  }
  CHECK(shown({{"Authorization", std::string("Bearer a\0b", 10)}}) == bad_header);
}

TEST_CASE("shown_credentials: of the subprotocols, wherever it stands") {
  CHECK(shown({{"Sec-WebSocket-Protocol", "agent-websocket.v1, bearer.abc"}}) == "subprotocol:abc");
  CHECK(shown({{"Sec-WebSocket-Protocol", "bearer.a.b.c ,agent-websocket.v1"}}) ==
        "subprotocol:a.b.c");
  CHECK(shown({{"Sec-WebSocket-Protocol", "agent-websocket.v1"},
               {"sec-websocket-protocol", "Bearer.abc"}}) == "subprotocol:abc");
  CHECK(shown({{"Sec-WebSocket-Protocol", "bearer.bearer.abc"}}) == "subprotocol:bearer.abc");
  CHECK(shown({{"Sec-WebSocket-Protocol", "xbearer.abc, bearer, bearerabc"}}) == "none:");
}

TEST_CASE("shown_credentials: a malformed element is refused") {
  for (const std::string value : {"bearer.", "agent-websocket.v1, bearer.", "bearer.a b",
                                  "bearer.\x01", "bearer.caf\xC3\xA9"}) {
    CAPTURE(value);
    CHECK(shown({{"Sec-WebSocket-Protocol", value}}) == bad_element);
  }
}

TEST_CASE("shown_credentials: the same token twice is one, two are none") {
  CHECK(shown({{"Authorization", "Bearer abc"}, {"Sec-WebSocket-Protocol", "bearer.abc"}}) ==
        "header:abc");
  CHECK(shown({{"Sec-WebSocket-Protocol", "bearer.abc"}, {"Authorization", "Bearer abc"}}) ==
        "header:abc");
  CHECK(shown({{"Sec-WebSocket-Protocol", "bearer.abc, bearer.abc"}}) == "subprotocol:abc");
  CHECK(shown({{"Authorization", "Bearer abc"}, {"Sec-WebSocket-Protocol", "bearer.abd"}}) ==
        two_tokens);
  CHECK(shown({{"Sec-WebSocket-Protocol", "bearer.abc, bearer.abcd"}}) == two_tokens);
  CHECK(shown({{"Sec-WebSocket-Protocol", "bearer.abc"}, {"Sec-WebSocket-Protocol", "bearer.b"}}) ==
        two_tokens);
}

TEST_CASE("shown_credentials: several Authorization headers are refused, whatever they say") {
  CHECK(shown({{"Authorization", "Bearer abc"}, {"Authorization", "Bearer abc"}}) == two_headers);
  CHECK(shown({{"Authorization", "Basic x"}, {"authorization", "Bearer abc"}}) == two_headers);
}

TEST_CASE("shown_credentials: the token is a view into the request") {
  const http::request request = with({{"Authorization", "Bearer abc"}});
  const auto found = shown_credentials(request);
  REQUIRE(found.has_value());
  const std::string& value = request.headers.begin()->second;
  CHECK(found->token.data() == value.data() + 7);
}
