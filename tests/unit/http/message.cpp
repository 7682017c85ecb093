// SPDX-License-Identifier: MIT
#include <agent_websocket/http/message.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>

using agent_websocket::http::reason_phrase;
using agent_websocket::http::request;
using agent_websocket::http::response;

TEST_CASE("message: a request is a GET with a limit for its connection") {
  const request made;
  CHECK(made.method == "GET");
  CHECK(made.target.empty());
  CHECK(made.headers.empty());
  CHECK(made.body.empty());
  CHECK(made.connect_timeout > std::chrono::milliseconds(0));
  CHECK(made.max_header_bytes > 0);
}

TEST_CASE("message: path and query of a target in origin form (RFC 9112 section 3.2.1)") {
  struct row {
    const char* target;
    const char* path;
    const char* query;
  };
  const row rows[] = {
      {"", "", ""},
      {"/", "/", ""},
      {"/ws", "/ws", ""},
      {"/ws?", "/ws", ""},
      {"/ws?x=1", "/ws", "x=1"},
      {"/ws?x=1&y=2", "/ws", "x=1&y=2"},
      {"/ws?x=1?y=2", "/ws", "x=1?y=2"},
      {"?x=1", "", "x=1"},
      {"/a/b/../c%2F?x=%3F", "/a/b/../c%2F", "x=%3F"},
      {"/ws#f", "/ws", ""},
      {"/ws?x=1#f", "/ws", "x=1"},  // a fragment is never sent; who sends it gains nothing
      {"/ws#f?x=1", "/ws", ""},
      {"/ws?#", "/ws", ""},
      {"*", "*", ""},
  };
  for (const row& each : rows) {
    CAPTURE(std::string(each.target));
    request received;
    received.target = each.target;
    CHECK(received.path() == each.path);
    CHECK(received.query() == each.query);
  }
}

TEST_CASE("message: responses say what their body is") {
  const response text = response::text(404, "no");
  CHECK(text.status == 404);
  CHECK(text.body == "no");
  CHECK(text.headers.find("content-type") == std::string_view("text/plain; charset=utf-8"));
  CHECK(text.headers.size() == 1);

  const response json = response::json(202, "{}");
  CHECK(json.status == 202);
  CHECK(json.body == "{}");
  CHECK(json.headers.find("content-type") == std::string_view("application/json"));

  const response html = response::html("<p>");
  CHECK(html.status == 200);
  CHECK(html.body == "<p>");
  CHECK(html.headers.find("content-type") == std::string_view("text/html; charset=utf-8"));

  CHECK(response().status == 200);
  CHECK(response().headers.empty());
}

TEST_CASE("message: reason phrases are those of the registry") {
  struct row {
    int status;
    const char* words;
  };
  const row rows[] = {
      {101, "Switching Protocols"},
      {200, "OK"},
      {202, "Accepted"},
      {204, "No Content"},
      {304, "Not Modified"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {426, "Upgrade Required"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {505, "HTTP Version Not Supported"},
      {0, "Unknown"},
      {-1, "Unknown"},
      {299, "Unknown"},
      {999, "Unknown"},
  };
  for (const row& each : rows) {
    CAPTURE(each.status);
    CHECK(reason_phrase(each.status) == each.words);
  }
}

TEST_CASE("message: a reason phrase fits into a status line, whatever the number") {
  for (int status = 0; status < 1000; ++status) {
    const std::string_view words = reason_phrase(status);
    if (words.empty() || words.find_first_of("\r\n") != std::string_view::npos) FAIL_CHECK(status);
  }
}
