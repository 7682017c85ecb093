// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/asio_http_request.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <string>

#include "proxy_variables.hpp"

using agent_websocket::errc;
using agent_websocket::adapters::encode_connect;
using agent_websocket::adapters::http_planner;
using agent_websocket::adapters::http_proxy;
using agent_websocket::adapters::http_route;
using agent_websocket::http::request;

namespace {

const std::string agent = "User-Agent: agent_websocket/" AGENT_WEBSOCKET_VERSION_STRING "\r\n";

request to(std::string url, std::string method = "GET") {
  request made;
  made.method = std::move(method);
  made.target = std::move(url);
  return made;
}

agent_websocket::result<http_route> route_of(const request& asked) {
  http_planner planner;
  auto plan = planner.plan(asked);
  if (!plan) return plan.error();
  return (*plan)->route;
}

std::string encode_request(const request& asked, const http_route& route) {
  return agent_websocket::adapters::encode_head(asked, route) +
         agent_websocket::adapters::encode_head_end(asked) +
         std::string(agent_websocket::adapters::sent_body(asked));
}

http_route by_proxy(const std::string& url) {
  http_route route = *route_of(to(url));
  route.proxy = http_proxy{"proxy.test", 3128, "Basic c2VjcmV0"};
  return route;
}

}  // namespace

TEST_CASE("asio_http_request: the way of a request") {
  struct row {
    std::string url;
    std::string host;
    int port;
    bool secure;
    std::string authority;
    std::string target;
  };
  const row rows[] = {
      {"http://127.0.0.1", "127.0.0.1", 80, false, "127.0.0.1", "/"},
      {"http://127.0.0.1:80/a", "127.0.0.1", 80, false, "127.0.0.1", "/a"},
      {"https://localhost/a/b?c=d#e", "localhost", 443, true, "localhost", "/a/b?c=d"},
      {"HTTPS://localhost:8443?c=d", "localhost", 8443, true, "localhost:8443", "/?c=d"},
      {"http://[::1]:8080/a", "::1", 8080, false, "[::1]:8080", "/a"},
      {"http://localhost/a@b?c=http://d@e", "localhost", 80, false, "localhost",
       "/a@b?c=http://d@e"},
  };
  for (const row& each : rows) {
    CAPTURE(each.url);
    const auto route = route_of(to(each.url));
    REQUIRE(route);
    CHECK(route->host == each.host);
    CHECK(route->port == each.port);
    CHECK(route->secure == each.secure);
    CHECK(route->authority == each.authority);
    CHECK(route->target == each.target);
    CHECK_FALSE(route->proxy.has_value());
    CHECK(route->peer_host() == each.host);
    CHECK_FALSE(route->is_tunnelled());
  }
}

TEST_CASE("asio_http_request: what cannot be sent, told without what may be secret") {
  for (const std::string url :
       {"", "nonsense", "http://", "ftp://127.0.0.1/", "file:///etc/passwd", "http://a b/",
        "http://127.0.0.1:99999/", "http://127.0.0.1:0/", "http://127.0.0.1/\r\nX: 1",
        "http://127.0.0.1/?a=\n", "http://127.0.0.1/?a b", "http://user:secret@127.0.0.1/",
        "http://secret@127.0.0.1?x", "http://127.1/", "http://2130706433/", "http://0x7f.1/",
        "http://1.2.3.04/", "http://a.1/"}) {
    CAPTURE(url);
    const auto route = route_of(to(url));
    REQUIRE_FALSE(route);
    CHECK(route.error().code == errc::protocol_error);
    CHECK_FALSE(route.error().message.empty());
    CHECK(route.error().in_full().find("secret") == std::string::npos);
  }
  for (const std::string method : {"", "GET ", "GET / HTTP/1.1\r\nX: 1\r\n\r\nGET", "G\xC3\xA4T"}) {
    CAPTURE(method);
    CHECK_FALSE(route_of(to("http://127.0.0.1/", method)));
  }
}

TEST_CASE("asio_http_request: what is known of a URL is of that URL alone") {
  http_planner planner;
  const auto route = [&](const std::string& url) { return (*planner.plan(to(url)))->route; };
  CHECK(route("http://127.0.0.1/a").target == "/a");
  CHECK(route("http://127.0.0.1/a").target == "/a");
  CHECK(route("http://127.0.0.1/b").target == "/b");
  CHECK_FALSE(planner.plan(to("nonsense")));
  CHECK_FALSE(planner.plan(to("")));
  CHECK(route("http://127.0.0.1/b").authority == "127.0.0.1");
  CHECK_FALSE(planner.plan(to("http://127.0.0.1/b", "no method")));
  CHECK(route("https://127.0.0.1/b").secure);
}

TEST_CASE("asio_http_request: requests that differ in their bodies alone share a plan") {
  http_planner planner;
  request asked = to("http://127.0.0.1/a", "POST");
  asked.headers = {{"Authorization", "Bearer one"}, {"X", "1"}};
  asked.body = "abc";
  const auto first = *planner.plan(asked);
  CHECK(first->key == first->route.key());
  CHECK(first->head == agent_websocket::adapters::encode_head(asked, first->route));
  asked.body = "another";
  asked.max_header_bytes = 1;
  CHECK(*planner.plan(asked) == first);
  // Whatever else is different makes another.
  const auto changed = [&](auto&& change) {
    request other = asked;
    change(other);
    const auto made = *planner.plan(other);
    CHECK(made != first);
    CHECK(made->head == agent_websocket::adapters::encode_head(other, made->route));
    CHECK(made->head != first->head);
    CHECK(*planner.plan(other) == made);
    CHECK((*planner.plan(asked))->head == first->head);
  };
  changed([](request& to_change) { to_change.method = "PUT"; });
  changed([](request& to_change) { to_change.target = "http://127.0.0.1/b"; });
  changed([](request& to_change) { to_change.headers.set("Authorization", "Bearer two"); });
  changed([](request& to_change) { to_change.headers.add("Y", "2"); });
  changed([](request& to_change) { to_change.headers.erase("X"); });
  changed([](request& to_change) {
    to_change.headers = {{"authorization", "Bearer one"}, {"X", "1"}};
  });
}

TEST_CASE("asio_http_request: a proxy that the environment names later is used") {
  const proxy_variables none({});
  http_planner planner;
  const request asked = to("http://192.0.2.1/a");
  const auto plan = [&] { return *planner.plan(asked); };
  const auto direct = plan();
  ::setenv("http_proxy", "http://user:word@proxy.test:3128", 1);
  const auto by_proxy = plan();
  REQUIRE(by_proxy->route.proxy);
  CHECK(by_proxy->route.proxy->host == "proxy.test");
  CHECK(by_proxy->key != direct->key);
  CHECK(by_proxy->head.find("http://192.0.2.1/a") != std::string::npos);
  CHECK(plan() == by_proxy);
  ::setenv("http_proxy", "http://user:other@proxy.test:3128", 1);
  CHECK(plan()->head != by_proxy->head);
  ::setenv("http_proxy", "ftp://proxy.test", 1);
  CHECK(planner.plan(asked).error().code == errc::connection_failed);
  ::unsetenv("http_proxy");
  CHECK(plan()->head == direct->head);
  CHECK_FALSE(plan()->route.proxy);
}

TEST_CASE("asio_http_request: the bytes of a request") {
  const http_route route = *route_of(to("http://localhost:8080/a?b"));
  SUBCASE("GET") {
    CHECK(encode_request(to(""), route) ==
          "GET /a?b HTTP/1.1\r\nHost: localhost:8080\r\n" + agent + "Accept: */*\r\n\r\n");
  }
  SUBCASE("fields of its own come in their order and in place of the client's") {
    request asked = to("");
    asked.headers = {
        {"Host", "other"}, {"user-agent", "mine"}, {"Accept", "text/event-stream"}, {"Empty", ""}};
    CHECK(encode_request(asked, route) ==
          "GET /a?b HTTP/1.1\r\nHost: other\r\nuser-agent: mine\r\n"
          "Accept: text/event-stream\r\nEmpty: \r\n\r\n");
  }
  SUBCASE("no value begins a second field, no framing is taken over") {
    request asked = to("", "POST");
    asked.body = "abc";
    asked.headers = {{"X", "1\r\nY: 2"},
                     {"Z\r\nY", "3"},
                     {"content-length", "9"},
                     {"Transfer-Encoding", "chunked"}};
    CHECK(encode_request(asked, route) == "POST /a?b HTTP/1.1\r\nHost: localhost:8080\r\n" + agent +
                                              "Accept: */*\r\nX: 1Y: 2\r\n"
                                              "Content-Length: 3\r\n\r\nabc");
  }
  SUBCASE("which methods have a length") {
    struct row {
      std::string method;
      std::string body;
      bool has_length;
    };
    const row rows[] = {{"GET", "", false},    {"GET", "x", true},   {"HEAD", "x", false},
                        {"POST", "", true},    {"PUT", "", true},    {"PATCH", "", true},
                        {"DELETE", "", false}, {"DELETE", "x", true}};
    for (const row& each : rows) {
      CAPTURE(each.method);
      request asked = to("", each.method);
      asked.body = each.body;
      const std::string bytes = encode_request(asked, route);
      CHECK((bytes.find("Content-Length: ") != std::string::npos) == each.has_length);
      CHECK((bytes.back() == 'x') == (each.has_length && !each.body.empty()));
    }
  }
}

TEST_CASE("asio_http_request: by a proxy") {
  const http_route plain = by_proxy("http://localhost/a");
  CHECK(plain.peer_host() == "proxy.test");
  CHECK(plain.peer_port() == 3128);
  CHECK_FALSE(plain.is_tunnelled());
  CHECK(encode_request(to(""), plain) ==
        "GET http://localhost/a HTTP/1.1\r\nHost: localhost\r\n" + agent +
            "Accept: */*\r\nProxy-Authorization: Basic c2VjcmV0\r\n\r\n");
  const http_route secure = by_proxy("https://localhost/a");
  CHECK(secure.is_tunnelled());
  CHECK(encode_connect(secure) == "CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n" +
                                      agent + "Proxy-Authorization: Basic c2VjcmV0\r\n\r\n");
  // What the proxy is told is not for the host behind it.
  CHECK(encode_request(to(""), secure) ==
        "GET /a HTTP/1.1\r\nHost: localhost\r\n" + agent + "Accept: */*\r\n\r\n");
  CHECK(encode_connect(by_proxy("https://[::1]/")).substr(0, 31) ==
        "CONNECT [::1]:443 HTTP/1.1\r\nHos");
}

TEST_CASE("asio_http_request: connections are told apart by all that matters") {
  const std::string key = route_of(to("https://localhost/a"))->key();
  CHECK(key == route_of(to("https://localhost:443/b?c"))->key());
  for (const std::string url : {"http://localhost/a", "https://localhost:444/a",
                                "https://127.0.0.1/a", "http://localhost:443/"}) {
    CAPTURE(url);
    CHECK(route_of(to(url))->key() != key);
  }
  http_route other = by_proxy("https://localhost/a");
  const std::string tunnelled = other.key();
  CHECK(tunnelled != key);
  other.proxy->authorization = "";
  CHECK(other.key() != tunnelled);
}
