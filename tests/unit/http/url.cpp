// SPDX-License-Identifier: MIT
#include <agent_websocket/http/url.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>

using agent_websocket::errc;
using agent_websocket::http::join_url;
using agent_websocket::http::parse_url;

TEST_CASE("url: taken apart") {
  struct row {
    const char* text;
    const char* scheme;
    const char* host;
    int port;
    const char* path;
  };
  const row rows[] = {
      {"http://localhost", "http", "localhost", 80, "/"},
      {"https://openrouter.ai/api/v1", "https", "openrouter.ai", 443, "/api/v1"},
      {"https://openrouter.ai/api/v1/", "https", "openrouter.ai", 443, "/api/v1/"},
      {"HTTP://Example.COM/Path", "http", "Example.COM", 80, "/Path"},
      {"hTTpS://h", "https", "h", 443, "/"},
      {"http://h:8080", "http", "h", 8080, "/"},
      {"http://h:8080/", "http", "h", 8080, "/"},
      {"https://h:80/x", "https", "h", 80, "/x"},
      {"http://h:1", "http", "h", 1, "/"},
      {"http://h:65535", "http", "h", 65535, "/"},
      {"http://h:00080", "http", "h", 80, "/"},
      {"http://127.0.0.1:9/a:b@c", "http", "127.0.0.1", 9, "/a:b@c"},
      {"http://[::1]", "http", "::1", 80, "/"},
      {"http://[::1]:8080/x", "http", "::1", 8080, "/x"},
      {"https://[2001:db8::1.2.3.4]/", "https", "2001:db8::1.2.3.4", 443, "/"},
      {"http://h//x", "http", "h", 80, "//x"},
      {"http://h/http://i", "http", "h", 80, "/http://i"},
      {"http://my_host-1.test", "http", "my_host-1.test", 80, "/"},
      {"http://xn--bcher-kva.example", "http", "xn--bcher-kva.example", 80, "/"},
      {"http://h/a%20b;c=d", "http", "h", 80, "/a%20b;c=d"},
  };
  for (const row& each : rows) {
    CAPTURE(std::string(each.text));
    const auto parsed = parse_url(each.text);
    REQUIRE(parsed);
    CHECK(parsed->scheme == each.scheme);
    CHECK(parsed->host == each.host);
    CHECK(parsed->port == each.port);
    CHECK(parsed->path == each.path);
    CHECK(parsed->secure() == (parsed->scheme == "https"));
  }
}

TEST_CASE("url: refused, with the reason") {
  struct row {
    std::string_view text;
    const char* words;
  };
  const char* const scheme = "a URL begins with http:// or https://";
  const char* const visible = "a URL holds only visible ASCII characters";
  const char* const secret = "a base URL has no user name or password";
  const char* const query = "a base URL has no query and no fragment";
  const char* const port = "a port is a number from 1 to 65535";
  const char* const host = "the host is missing";
  const char* const strange = "the host holds a character that no host has";
  const row rows[] = {
      {"", scheme},
      {"localhost", scheme},
      {"localhost:8080", scheme},
      {"//localhost", scheme},
      {"/api/v1", scheme},
      {"http", scheme},
      {"http:", scheme},
      {"http:/localhost", scheme},
      {"://localhost", scheme},
      {"ws://localhost", scheme},
      {"ftp://localhost", scheme},
      {"file:///etc/passwd", scheme},
      {"httpx://localhost", scheme},
      {"xhttp://localhost", scheme},
      {" http://localhost", visible},
      {"http://localhost ", visible},
      {"http://local host", visible},
      {"http://localhost/\t", visible},
      {"http://localhost/\r\nHost: evil", visible},
      {"http://localhost\n", visible},
      {{"http://h\0.evil", 14}, visible},
      {"http://b\xC3\xBC"
       "cher.example",
       visible},
      {"http://h/\x7F", visible},
      {"http://user@host", secret},
      {"http://user:secret@host/", secret},
      {"http://:@host", secret},
      {"http://@host", secret},
      {"http://openrouter.ai@evil.example/", secret},
      {"http://h?x=1", query},
      {"http://h/?x=1", query},
      {"http://h/x?", query},
      {"http://h/#f", query},
      {"http://h#f", query},
      {"http://evil.example#@openrouter.ai", query},
      {"http://", host},
      {"http:///path", host},
      {"http://:80", host},
      {"http://[]", host},
      {"http://[]:80/", host},
      {"http://h:", port},
      {"http://h:0", port},
      {"http://h:65536", port},
      {"http://h:4294967297", port},
      {"http://h:99999999999999999999", port},
      {"http://h:+80", port},
      {"http://h:-1", port},
      {"http://h:80x", port},
      {"http://h:0x50", port},
      {"http://h:8.0", port},
      {"http://[::1]:", port},
      {"http://[::1]:x", port},
      {"http://[::1", "the bracket of an IPv6 address is not closed"},
      {"http://[::1/x", "the bracket of an IPv6 address is not closed"},
      {"http://[::1]x", "only a port may follow the bracket of an IPv6 address"},
      {"http://[::1]8080", "only a port may follow the bracket of an IPv6 address"},
      {"http://::1", "an IPv6 address stands in brackets: [::1]"},
      {"http://2001:db8::1/x", "an IPv6 address stands in brackets: [::1]"},
      {"http://a\\b", strange},
      {"http://openrouter.ai\\.evil.example/", strange},
      {"http://a[b]", strange},
      {"http://a]b", strange},
      {"http://<h>", strange},
      {"http://\"h\"", strange},
      {"http://${HOST}/", strange},
      {"http://h|i", strange},
      {"http://h^i`", strange},
      {"http://[[::1]", strange},
  };
  for (const row& each : rows) {
    CAPTURE(std::string(each.text));
    const auto parsed = parse_url(each.text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == errc::bad_configuration);
    CHECK(parsed.error().message == each.words);
  }
}

TEST_CASE("url: the words of a refusal never repeat the URL, which may hold a secret") {
  for (const char* text :
       {"http://user:sk-or-v1-secret@host", "sk-or-v1-secret", "http://h/?key=sk-or-v1-secret",
        "http://h:sk-or-v1-secret", "http://h\\sk-or-v1-secret"}) {
    CAPTURE(std::string(text));
    const auto parsed = parse_url(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message.find("secret") == std::string::npos);
    CHECK(parsed.error().detail.find("secret") == std::string::npos);
  }
}

TEST_CASE("url: what no front and no garbled byte of a URL does is crash") {
  const std::string text = "https://[2001:db8::1]:8443/api/v1";
  for (std::size_t length = 0; length <= text.size(); ++length) {
    (void)parse_url(std::string_view(text).substr(0, length));
  }
  int accepted = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string garbled = text;
      garbled[at] = static_cast<char>(byte);
      const auto parsed = parse_url(garbled);
      if (!parsed) continue;
      ++accepted;
      if (parsed->host.empty() || parsed->port == 0 || parsed->path.empty() ||
          parsed->path[0] != '/' || parsed->path.find_first_of("?#") != std::string::npos) {
        CAPTURE(garbled);
        FAIL_CHECK("a part is missing");
      }
    }
  }
  CHECK(accepted > 100);
}

TEST_CASE("url: joined with one slash") {
  struct row {
    const char* base;
    const char* path;
    const char* joined;
  };
  const row rows[] = {
      {"https://h/api/v1", "chat/completions", "https://h/api/v1/chat/completions"},
      {"https://h/api/v1/", "chat/completions", "https://h/api/v1/chat/completions"},
      {"https://h/api/v1", "/chat/completions", "https://h/api/v1/chat/completions"},
      {"https://h/api/v1/", "/chat/completions", "https://h/api/v1/chat/completions"},
      {"https://h/api/v1//", "//chat", "https://h/api/v1/chat"},
      {"https://h", "", "https://h/"},
      {"https://h/", "/", "https://h/"},
      {"https://h", "a/", "https://h/a/"},
      {"https://h", "a//b?x=/", "https://h/a//b?x=/"},
      {"", "a", "/a"},
      {"", "", "/"},
  };
  for (const row& each : rows) {
    CAPTURE(std::string(each.base));
    CAPTURE(std::string(each.path));
    CHECK(join_url(each.base, each.path) == each.joined);
  }
}

TEST_CASE("url: what may stand in a Host field") {
  for (const char* good : {"localhost", "a.example", "a.example:443", "a:", "127.0.0.1:8080", "[::1]",
                           "[::ffff:127.0.0.1]:80", "my_host", "x--1%20y", "a!$&'()*+;=b"}) {
    CAPTURE(good);
    CHECK(agent_websocket::http::is_host_field(good));
  }
  for (const char* bad : {"", ":80", "a b", "a/b", "u@h", "<s>", "h:port", "h:80:80", "[::1", "::1",
                          "[]", "[a b]", "[::1]80", "a\\b", "a?b", "a#b", "a\"b", "\xC3\xA9"}) {
    CAPTURE(bad);
    CHECK_FALSE(agent_websocket::http::is_host_field(bad));
  }
}
