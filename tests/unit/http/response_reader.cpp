// SPDX-License-Identifier: MIT
#include <agent_websocket/http/response_reader.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <ostream>
#include <random>
#include <string>
#include <system_error>

using agent_websocket::errc;
using agent_websocket::http::response_head;
using agent_websocket::http::response_reader;

namespace {

struct answer {
  int status = 0;
  std::string body;
  bool complete = false;
  bool persistent = false;
  std::error_code failure;

  bool operator==(const answer& other) const {
    return status == other.status && body == other.body && complete == other.complete &&
           persistent == other.persistent && failure == other.failure;
  }
};

std::ostream& operator<<(std::ostream& out, const answer& each) {
  return out << each.status << " \"" << each.body << '"' << (each.complete ? " complete" : "")
             << (each.persistent ? " persistent " : " ") << each.failure;
}

struct asked {
  bool to_head = false;
  std::size_t max_header_bytes = 64 * 1024;
  bool ends = true;  // the connection, behind the text
};

/// In pieces of these sizes, as a connection reads.
answer read(const std::string& text, const asked& how, std::size_t first, std::size_t piece) {
  response_reader reader(how.to_head, how.max_header_bytes);
  answer got;
  for (std::size_t at = 0, size = first; at < text.size(); at += size, size = piece) {
    std::string part = text.substr(at, size);
    std::size_t used = 0;
    if (!reader.has_head()) {
      response_head head;
      used = reader.feed_head(part, head);
      if (reader.has_head()) got.status = head.status;
      if (reader.failure()) break;
    }
    if (reader.has_head() && used < part.size()) {
      got.body += reader.feed_body(&part[0] + used, part.size() - used);
    }
    if (reader.failure()) break;
  }
  if (how.ends) reader.end();
  got.complete = reader.is_complete();
  got.persistent = reader.is_persistent();
  got.failure = reader.failure();
  CHECK((*reader.failure_words() != '\0') == bool(got.failure));
  return got;
}

answer read(const std::string& text, const asked& how = {}) {
  const answer whole = read(text, how, text.size() + 1, 1);
  for (std::size_t cut = 1; cut < text.size() && cut < 300; ++cut) {
    CAPTURE(cut);
    CHECK(read(text, how, cut, text.size()) == whole);
  }
  CHECK(read(text, how, 1, 1) == whole);
  return whole;
}

const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const std::string with_length = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n";

}  // namespace

TEST_CASE("response_reader: answers in every framing, in one piece, in two and byte by byte") {
  struct row {
    std::string text;
    int status;
    std::string body;
    bool persistent;
  };
  const row rows[] = {
      {with_length + "abcdef", 200, "abcdef", true},
      {with_length + "abcdefg", 200, "abcdef", false},
      {chunked + "2\r\nab\r\n4\r\ncdef\r\n0\r\n\r\n", 200, "abcdef", true},
      {chunked + "6\r\nabcdef\r\n0\r\nA: b\r\n\r\nx", 200, "abcdef", false},
      {"HTTP/1.1 200 OK\r\n\r\nabcdef", 200, "abcdef", false},
      {"HTTP/1.1 200 OK\r\n\r\n", 200, "", false},
      {"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", 200, "abc", true},
      {"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", 500, "", true},
      {"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 500, "", false},
      {"HTTP/1.1 204 No\r\n\r\n", 204, "", true},
      {"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\nabc", 204, "", false},
      {"HTTP/1.1 304 No\r\nContent-Length: 3\r\n\r\n", 304, "", true},
      {"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Hint\r\nA: b\r\n\r\n" + with_length + "abcdef", 200,
       "abcdef", true},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    const answer got = read(each.text);
    CHECK_FALSE(got.failure);
    CHECK(got.complete);
    CHECK(got.status == each.status);
    CHECK(got.body == each.body);
    CHECK(got.persistent == each.persistent);
  }
  const answer got = read("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", {true});
  CHECK(got.complete);
  CHECK(got.persistent);
}

TEST_CASE("response_reader: answers that are cut or are no HTTP") {
  struct row {
    std::string text;
    errc failure;
    int status;
    std::string body;
  };
  const row rows[] = {
      {"", errc::connection_failed, 0, ""},
      {"HTTP/1.1 20", errc::connection_failed, 0, ""},
      {"HTTP/1.1 200 OK\r\nA: 1\r\n", errc::protocol_error, 0, ""},
      {"HTTP/1.1 100 Continue\r\n\r\n", errc::connection_failed, 0, ""},
      {with_length + "abc", errc::protocol_error, 200, "abc"},
      {with_length, errc::protocol_error, 200, ""},
      {chunked + "6\r\nabc", errc::protocol_error, 200, "abc"},
      {chunked + "3\r\nabc\r\n", errc::protocol_error, 200, "abc"},
      {chunked + "3\r\nabc\r\n0\r\n", errc::protocol_error, 200, "abc"},
      {chunked + "3\r\nabc\r\nzz\r\n", errc::protocol_error, 200, "abc"},
      {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc", errc::protocol_error, 0, ""},
      {"\x16\x03\x01\x02 this is not HTTP\r\n\r\n", errc::protocol_error, 0, ""},
      {"<html>", errc::protocol_error, 0, ""},
      {"\r\nHTTP/1.1 200 OK\r\n\r\n", errc::protocol_error, 0, ""},
      {"HTTP/2 200\r\n\r\n", errc::protocol_error, 0, ""},
      {"HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\nabc", errc::protocol_error, 0, ""},
      {"HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\n", errc::protocol_error, 0, ""},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    const answer got = read(each.text);
    CHECK(got.failure == each.failure);
    CHECK(got.status == each.status);
    CHECK(got.body == each.body);
    CHECK_FALSE(got.complete);
    CHECK_FALSE(got.persistent);
  }
}

TEST_CASE("response_reader: what is no HTTP is told at its first byte") {
  response_reader reader(false, 1000);
  response_head head;
  reader.feed_head("H", head);
  reader.feed_head("T", head);
  CHECK_FALSE(reader.failure());
  reader.feed_head("X", head);
  CHECK(reader.failure() == errc::protocol_error);
}

TEST_CASE("response_reader: the heads together have a limit") {
  const std::string text = with_length + "abcdef";
  const std::size_t size = with_length.size();
  CHECK_FALSE(read(text, {false, size}).failure);
  CHECK(read(text, {false, size - 1}).failure == errc::too_large);
  CHECK(read(text, {false, 0}).failure == errc::too_large);
  const std::string interim = "HTTP/1.1 103 Hint\r\n\r\n";
  CHECK_FALSE(read(interim + text, {false, interim.size() + size}).failure);
  CHECK(read(interim + text, {false, interim.size() + size - 1}).failure == errc::too_large);
  CHECK(read("HTTP/1.1 200 OK\r\nA: " + std::string(2000, 'x'), {false, 1000}).failure ==
        errc::too_large);
}

TEST_CASE("response_reader: what is beyond the limit is not looked at") {
  const std::string interim = "HTTP/1.1 100 " + std::string(40, 'x') + "\r\n\r\n";
  for (std::size_t room = 0; room < 12; ++room) {
    asked how;
    how.max_header_bytes = interim.size() + room;
    for (const std::string next :
         {"HTTP/1.1 200 OK\r\n\r\n", "HTTPnonsense", "HTTPnonsense\r\n\r\n"}) {
      CAPTURE(room);
      CAPTURE(next);
      const bool is_seen = next != "HTTP/1.1 200 OK\r\n\r\n" && room > 4;
      CHECK(read(interim + next, how).failure ==
            (is_seen ? errc::protocol_error : errc::too_large));
    }
  }
}

TEST_CASE("response_reader: garbage of any kind ends somehow, the same however it is cut") {
  std::mt19937 random(7);
  const std::string pieces[] = {"HTTP/1.1 200 OK\r\n",
                                "HTTP/1.1 100 Go\r\n",
                                "Content-Length: 5\r\n",
                                "\r\n",
                                "\r\n\r\n",
                                "Transfer-Encoding: chunked\r\n",
                                "5\r\n",
                                "hello",
                                "0\r\n",
                                "\n",
                                "\r",
                                " ",
                                ":",
                                "A: b\r\n",
                                "Connection: close\r\n",
                                std::string(1, '\0'),
                                "\xFF",
                                ";x",
                                "FFFFFFFFFFFFFFFF\r\n"};
  for (int round = 0; round < 3000; ++round) {
    std::string text = random() % 2 == 0 ? "" : "HTTP/1.1 200 OK\r\n";
    for (auto parts = random() % 12; parts > 0; --parts) {
      text += pieces[random() % (sizeof pieces / sizeof *pieces)];
    }
    CAPTURE(text);
    const answer whole = read(text, {}, text.size() + 1, 1);
    const answer bytes = read(text, {}, 1, 1);
    CHECK(bytes == whole);
    CHECK(whole.complete != bool(whole.failure));
  }
}
