// SPDX-License-Identifier: MIT
#include <agent_websocket/server/http_route.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using agent_websocket::api_answer;
using agent_websocket::api_refusal;
using agent_websocket::for_each_parameter;
using agent_websocket::is_json_media_type;
using agent_websocket::match_path;
using agent_websocket::method_not_allowed;
using agent_websocket::path_not_found;

TEST_CASE("http_route: a path without an id is matched as it is") {
  CHECK(match_path("/v1/broadcast", "/v1/broadcast") == std::string_view());
  for (const std::string_view other : {"", "/", "/v1", "/v1/broadcas", "/v1/broadcast/",
                                       "/v1/broadcasts", "/V1/broadcast", "v1/broadcast"}) {
    CAPTURE(other);
    CHECK_FALSE(match_path("/v1/broadcast", other));
  }
}

TEST_CASE("http_route: an id is one whole segment that is not empty") {
  CHECK(match_path("/v1/sessions/{id}", "/v1/sessions/abc") == "abc");
  CHECK(match_path("/v1/sessions/{id}/notify", "/v1/sessions/a-b/notify") == "a-b");
  CHECK(match_path("/v1/sessions/{id}", "/v1/sessions/%2e%2e") == "%2e%2e");  // nothing is decoded
  CHECK(match_path("/v1/sessions/{id}", "/v1/sessions/..") == "..");
  for (const std::string_view other :
       {"/v1/sessions", "/v1/sessions/", "/v1/sessions/a/", "/v1/sessions/a/b", "/v1/sessionsa"}) {
    CAPTURE(other);
    CHECK_FALSE(match_path("/v1/sessions/{id}", other));
  }
  for (const std::string_view other :
       {"/v1/sessions/notify", "/v1/sessions//notify", "/v1/sessions/a/b/notify",
        "/v1/sessions/a/notify/", "/v1/sessions/anotify", "/v1/sessions/a/NOTIFY"}) {
    CAPTURE(other);
    CHECK_FALSE(match_path("/v1/sessions/{id}/notify", other));
  }
}

TEST_CASE("http_route: parameters of a query string, as sent") {
  std::vector<std::pair<std::string, std::string>> seen;
  for_each_parameter("a=1&b&c=&=d&&e=f=g&a=2", [&](std::string_view name, std::string_view value) {
    seen.emplace_back(name, value);
  });
  const std::vector<std::pair<std::string, std::string>> wanted{
      {"a", "1"}, {"b", ""}, {"c", ""}, {"", "d"}, {"e", "f=g"}, {"a", "2"}};
  CHECK((seen == wanted));
  for_each_parameter("", [](std::string_view, std::string_view) { FAIL("nothing is there"); });
}

TEST_CASE("http_route: JSON says that it is JSON") {
  for (const std::string_view good :
       {"application/json", "Application/JSON", " application/json ", "application/json;",
        "application/json; charset=utf-8", "application/json;charset=UTF-8",
        "application/json; charset=\"utf-8\"", "application/json; profile=x; charset=utf-8",
        "application/json; x"}) {
    CAPTURE(good);
    CHECK(is_json_media_type(good));
  }
  for (const std::string_view bad :
       {"", "text/plain", "application/x-www-form-urlencoded", "application/jsonp",
        "application/json, text/plain", "application/ld+json", "json",
        "application/json; charset=latin1", "application/json; charset=", "text/plain; application/json",
        "application/json; charset", "application/json; charset=\""}) {
    CAPTURE(bad);
    CHECK_FALSE(is_json_media_type(bad));
  }
  CHECK_FALSE(is_json_media_type(std::nullopt));
}

TEST_CASE("http_route: answers are JSON that no cache keeps") {
  const auto good = api_answer(200, "{}");
  CHECK(good.status == 200);
  CHECK(good.body == "{}\n");
  CHECK(good.headers.find("Content-Type") == "application/json");
  CHECK(good.headers.find("Cache-Control") == "no-store");
  const auto refusal = api_refusal(400, "bad_message", "`a\"b` is\nwrong");
  CHECK(refusal.status == 400);
  CHECK(refusal.body == "{\"error\":{\"code\":\"bad_message\",\"message\":\"`a\\\"b` is\\nwrong\"}}\n");
  CHECK(refusal.headers.find("Cache-Control") == "no-store");
  CHECK(path_not_found().status == 404);
  const auto method = method_not_allowed("GET, HEAD");
  CHECK(method.status == 405);
  CHECK(method.headers.find("Allow") == "GET, HEAD");
  CHECK(method.body.find("GET, HEAD") != std::string::npos);
}
