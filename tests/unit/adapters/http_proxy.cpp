// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/http_proxy.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "proxy_variables.hpp"

using agent_websocket::adapters::http_proxy;
using agent_websocket::adapters::is_exempt_from_proxy;
using agent_websocket::adapters::parse_proxy;
using agent_websocket::adapters::proxy_from_environment;

namespace {

/// "host:port", "" for none, "?" for one that cannot be used.
std::string proxy_for(bool secure, const std::string& host) {
  const auto found = proxy_from_environment(secure, host);
  if (!found) return "?";
  if (!*found) return "";
  return (*found)->host + ":" + std::to_string((*found)->port);
}

}  // namespace

TEST_CASE("http_proxy: what the text of a variable means") {
  struct row {
    std::string text;
    std::string host;
    int port;
    std::string authorization;
  };
  const row rows[] = {
      {"http://proxy.test:3128", "proxy.test", 3128, ""},
      {"HTTP://proxy.test:3128/", "proxy.test", 3128, ""},
      {"proxy.test:3128", "proxy.test", 3128, ""},
      {"proxy.test", "proxy.test", 1080, ""},
      {"http://proxy.test:80", "proxy.test", 80, ""},
      {"http://[::1]:3128", "::1", 3128, ""},
      {"http://[::1]", "::1", 1080, ""},
      {"http://user:word@proxy.test:3128", "proxy.test", 3128, "Basic dXNlcjp3b3Jk"},
      {"user:word@proxy.test", "proxy.test", 1080, "Basic dXNlcjp3b3Jk"},
      {"http://u%40x:p%3Aq%25@proxy.test", "proxy.test", 1080, "Basic dUB4OnA6cSU="},
      {"http://user@proxy.test", "proxy.test", 1080, "Basic dXNlcjo="},
      {"http://:word@proxy.test", "proxy.test", 1080, "Basic OndvcmQ="},
      {"http://a@b:c@d@proxy.test", "proxy.test", 1080, "Basic YUBiOmNAZA=="},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    const auto parsed = parse_proxy(each.text);
    REQUIRE(parsed);
    CHECK(parsed->host == each.host);
    CHECK(parsed->port == each.port);
    CHECK(parsed->authorization == each.authorization);
  }
}

TEST_CASE("http_proxy: what cannot be used is said without its password") {
  for (const std::string text :
       {"socks5://user:secret@proxy.test:1080", "https://user:secret@proxy.test", "http://",
        "http://user:secret@", "http://user:secret@proxy.test:99999", "http://user:secret@a b",
        "http://user:secret@[::1"}) {
    CAPTURE(text);
    const auto parsed = parse_proxy(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().in_full().find("secret") == std::string::npos);
    CHECK(parsed.error().message.find("proxy") != std::string::npos);
  }
}

TEST_CASE("http_proxy: NO_PROXY") {
  struct row {
    std::string list;
    std::string host;
    bool exempt;
  };
  const row rows[] = {
      {"*", "anything.test", true},
      {"a.test", "a.test", true},
      {"a.test", "A.Test.", true},
      {"a.test", "b.a.test", true},
      {".a.test", "b.a.test", true},
      {".a.test", "a.test", true},
      {"a.test.", "a.test", true},
      {"a.test", "ba.test", false},
      {"a.test", "a.test.evil", false},
      {"b.a.test", "a.test", false},
      {"x, a.test", "a.test", true},
      {"x a.test\ty", "a.test", true},
      {"x,,a.test,", "a.test", true},
      {"", "a.test", false},
      {",", "a.test", false},
      {".", "a.test", false},
      {"*.test", "a.test", false},
      {"10.1.2.3", "10.1.2.3", true},
      {"10.1.2.3", "10.1.2.30", false},
      {"10.0.0.0/8", "10.1.2.3", true},
      {"10.0.0.0/8", "11.1.2.3", false},
      {"2.3", "10.1.2.3", false},
      {"2001:db8::/32", "2001:db8::1", true},
      {"[2001:db8::1]", "2001:db8::1", true},
      {"10.0.0.0/8", "10.test", false},
  };
  for (const row& each : rows) {
    CAPTURE(each.list);
    CAPTURE(each.host);
    CHECK(is_exempt_from_proxy(each.list, each.host) == each.exempt);
  }
}

TEST_CASE("http_proxy: which variable counts") {
  SUBCASE("none") {
    const proxy_variables none(proxy_variables::list{});
    CHECK(proxy_for(false, "a.test") == "");
    CHECK(proxy_for(true, "a.test") == "");
  }
  SUBCASE("each for its scheme, lower case first") {
    const proxy_variables some(proxy_variables::list{
        {"http_proxy", "one:1"}, {"https_proxy", "two:2"}, {"HTTPS_PROXY", "three:3"}});
    CHECK(proxy_for(false, "a.test") == "one:1");
    CHECK(proxy_for(true, "a.test") == "two:2");
  }
  SUBCASE("upper case for https only") {
    const proxy_variables upper(
        proxy_variables::list{{"HTTP_PROXY", "one:1"}, {"HTTPS_PROXY", "two:2"}});
    CHECK(proxy_for(false, "a.test") == "");
    CHECK(proxy_for(true, "a.test") == "two:2");
  }
  SUBCASE("one for all") {
    const proxy_variables all(proxy_variables::list{{"ALL_PROXY", "all:1"}, {"https_proxy", ""}});
    CHECK(proxy_for(false, "a.test") == "all:1");
    CHECK(proxy_for(true, "a.test") == "all:1");
  }
  SUBCASE("exempt hosts, and always this machine") {
    const proxy_variables set(
        proxy_variables::list{{"all_proxy", "all:1"}, {"NO_PROXY", "a.test"}});
    CHECK(proxy_for(true, "a.test") == "");
    CHECK(proxy_for(true, "b.test") == "all:1");
    for (const std::string host : {"localhost", "127.0.0.1", "::1"}) {
      CHECK(proxy_for(true, host) == "");
    }
  }
  SUBCASE("one that cannot be used is an error, not a direct connection") {
    const proxy_variables socks(proxy_variables::list{{"all_proxy", "socks5://proxy.test"}});
    CHECK(proxy_for(true, "a.test") == "?");
  }
}
