// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/websocketpp_request_reader.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using agent_websocket::adapters::request_reader;
using agent_websocket::adapters::upgrade_request;
using progress = agent_websocket::adapters::request_reader::progress;

namespace {

constexpr std::size_t body_limit = 20;

// What becomes of the pieces, in one line.
std::string read(const std::vector<std::string>& pieces) {
  request_reader reader(body_limit);
  progress now = progress::more;
  std::string behind;
  for (const std::string& piece : pieces) {
    if (now == progress::complete) {
      behind += piece;
      continue;
    }
    if (now == progress::failed) break;
    const std::unique_ptr<char[]> block(new char[piece.size()]);  // so that a step outside is seen
    piece.copy(block.get(), piece.size());
    now = reader.feed(std::string_view(block.get(), piece.size()));
  }
  if (now == progress::more) return "more";
  if (now == progress::failed) return std::to_string(reader.refusal().status);
  const auto& request = reader.request();
  std::string line = request.method + " " + request.target + " [" + request.body + "]";
  if (reader.upgrade() == upgrade_request::well_formed) line += " upgrade " + reader.accept_key();
  behind = reader.rest() + behind;
  return behind.empty() ? line : line + " + " + behind;
}

// Whole, cut in two at each byte, and byte by byte.
std::string read_all_ways(const std::string& bytes) {
  const std::string whole = read({bytes});
  std::vector<std::string> single;
  for (const char c : bytes) single.emplace_back(1, c);
  CHECK(read(single) == whole);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    CAPTURE(cut);
    CHECK(read({bytes.substr(0, cut), bytes.substr(cut)}) == whole);
  }
  return whole;
}

std::string get(const std::string& more = {}, const std::string& line = "GET / HTTP/1.1") {
  return line + "\r\nHost: a\r\n" + more + "\r\n";
}

const std::string upgrade_fields =
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

}  // namespace

TEST_CASE("request reader: plain requests and their fields") {
  CHECK(read_all_ways(get()) == "GET / []");
  CHECK(read_all_ways(get("X-Empty:\r\nAccept: a, b\r\n")) == "GET / []");
  CHECK(read_all_ways(get("", "OPTIONS * HTTP/1.1")) == "OPTIONS * []");
  CHECK(read_all_ways(get("", "GET http://a.org:80/x?y=1 HTTP/1.1")) == "GET /x?y=1 []");
  CHECK(read_all_ways(get("", "GET HTTPS://a.org HTTP/1.1")) == "GET / []");
  CHECK(read_all_ways("GET /healthz HTTP/1.0\r\n\r\n") == "GET /healthz []");
  request_reader reader(body_limit);
  REQUIRE(reader.feed(get("X-Two: 1\r\nx-two: 2\r\n")) == progress::complete);
  CHECK(reader.request().headers.find("host") == "a");
  CHECK(reader.request().headers.find("X-TWO") == "1, 2");
}

TEST_CASE("request reader: bodies by their length") {
  CHECK(read_all_ways(get("Content-Length: 5\r\n", "POST /p HTTP/1.1") + "hello") ==
        "POST /p [hello]");
  CHECK(read_all_ways(get("Content-Length: 0\r\n", "POST /p HTTP/1.1")) == "POST /p []");
  CHECK(read_all_ways(get("Content-Length: 5\r\n") + "hell") == "more");
  CHECK(read_all_ways(get("Content-Length: 2\r\n") + "abGET") == "GET / [ab] + GET");
  CHECK(read({get("Content-Length: 20\r\n") + std::string(20, 'x')}) ==
        "GET / [" + std::string(20, 'x') + "]");
  for (const char* length : {"21", "18446744073709551616", "99999999999999999999999"}) {
    CHECK(read_all_ways(get(std::string("Content-Length: ") + length + "\r\n")) == "413");
  }
  for (const char* length : {"-1", "+1", "0x1", "1 1", "1, 1", "five", "5;", "1.0"}) {
    CAPTURE(length);
    CHECK(read_all_ways(get(std::string("Content-Length: ") + length + "\r\n")) == "400");
  }
  CHECK(read_all_ways(get("Content-Length: 1\r\nContent-Length: 1\r\n")) == "400");
  CHECK(read_all_ways(get("Transfer-Encoding: chunked\r\n")) == "501");
  CHECK(read_all_ways(get("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n")) == "501");
}

TEST_CASE("request reader: malformed heads") {
  for (const std::string& bytes : std::vector<std::string>{"\r\n\r\n",
                                                           "GET\r\n\r\n",
                                                           "GET /\r\n\r\n",
                                                           "GET / HTTP/1.1\r\n\r\n",
                                                           get("", "G(T / HTTP/1.1"),
                                                           get("", "GET x HTTP/1.1"),
                                                           get("", "GET * HTTP/1.1"),
                                                           get("", "GET  HTTP/1.1"),
                                                           get("", "GET /\x01 HTTP/1.1"),
                                                           get("", "GET /\xC3\xA9 HTTP/1.1"),
                                                           get("", "GET / FTP/1.1"),
                                                           get("no colon\r\n"),
                                                           get("Bad Name: x\r\n"),
                                                           get("Name : x\r\n"),
                                                           get("X: a\r\n folded\r\n"),
                                                           get(" X: a\r\n"),
                                                           get("X: a\rb\r\n"),
                                                           get("X: a\nb: c\r\n"),
                                                           get(std::string("X: a\0b\r\n", 8)),
                                                           get("X: a\x7F\r\n"),
                                                           get(": x\r\n"),
                                                           get("", "GET /#a HTTP/1.1"),
                                                           get("Host: b\r\n")}) {
    CAPTURE(bytes);
    const std::string verdict = read_all_ways(bytes);
    CHECK((verdict == "400" || verdict == "more"));
    CHECK(verdict == (bytes.find("\r\n\r\n") == std::string::npos ? "more" : "400"));
  }
  for (const char* version : {"HTTP/2.0", "HTTP/1", "HTTP/1.", "HTTP/1.x", "HTTP/1.10"}) {
    CAPTURE(version);
    CHECK(read_all_ways(get("", std::string("GET / ") + version)) == "505");
  }
  CHECK(read_all_ways(get("", "GET / HTTP/1.2")) == "GET / []");
  CHECK(read_all_ways(get("X: a\tb\r\n")) == "GET / []");
}

TEST_CASE("request reader: what must stand alone is not repeated, not even by an empty field") {
  for (const std::string name :
       {"Content-Length", "HOST", "origin", "Authorization", "Sec-WebSocket-Key"}) {
    CAPTURE(name);
    CHECK(read({get(name + ":\r\n" + name + ": 5\r\n") + "hello"}) == "400");
    CHECK(read({get(name + ": 5\r\nX: y\r\n" + name + ":\r\n") + "hello"}) == "400");
  }
  CHECK(read({"GET / HTTP/1.1\r\nHost:\r\nHost: b\r\n\r\n"}) == "400");
  CHECK(read({get("Content-Length-X: 5\r\nX-Host: b\r\nHostile: c\r\n")}) == "GET / []");
  CHECK(read({get("X: Host: b\r\n")}) == "GET / []");
}

TEST_CASE("request reader: a head has an end") {
  const std::string open = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  CHECK(read({open + std::string(15900, 'x') + "\r\n\r\n"}) == "GET / []");
  const std::string most(16000 - open.size() - 4, 'x');
  CHECK(read({open + most + "\r\n\r\n"}) == "GET / []");
  CHECK(read({open + most + "x\r\n\r\n"}) == "431");
  CHECK(read({open + std::string(16000, 'x')}) == "431");
  CHECK(read({open + std::string(15900, 'x')}) == "more");
  CHECK(read({open, std::string(15900, 'x'), "\r\n\r", "\n"}) == "GET / []");
  CHECK(read({open, std::string(8000, 'x'), std::string(8000, 'x')}) == "431");
  // A byte at a time is no reason to count a byte more than once.
  std::vector<std::string> single;
  for (const char c : open + std::string(15000, 'x') + "\r\n\r\n") single.emplace_back(1, c);
  CHECK(read(single) == "GET / []");
}

TEST_CASE("request reader: upgrades") {
  CHECK(read_all_ways(get(upgrade_fields)) == "GET / [] upgrade s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(read_all_ways(get(upgrade_fields) + "\x81") ==
        "GET / [] upgrade s3pPLMBiTxaQ9kYGzzhZRbK+xOo= + \x81");
  CHECK(read_all_ways(get(upgrade_fields + "Content-Length: 3\r\n")) == "400");
  CHECK(read({get(upgrade_fields, "POST / HTTP/1.1")}) == "400");
  std::string other = upgrade_fields;
  other.replace(other.find("13"), 2, "12");
  CHECK(read_all_ways(get(other)) == "426");
}

TEST_CASE("request reader: a Host that can be none") {
  for (const char* host : {"a b", "a/b", "u@h", "<s>", "h:port", "h:80:80", "[::1", ":80", "[]"}) {
    CAPTURE(host);
    CHECK(read_all_ways("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n") == "400");
    CHECK(read_all_ways("GET / HTTP/1.0\r\nHost: " + std::string(host) + "\r\n\r\n") == "400");
  }
  CHECK(read_all_ways("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n") == "GET / []");
}

TEST_CASE("request reader: expectations") {
  request_reader reader(body_limit);
  const std::string head = get("Expect: 100-Continue\r\nContent-Length: 4\r\n", "POST / HTTP/1.1");
  CHECK(reader.feed(head.substr(0, 30)) == progress::more);
  CHECK_FALSE(reader.wants_continue());
  CHECK(reader.feed(head.substr(30)) == progress::more);
  CHECK(reader.wants_continue());
  CHECK(reader.feed("ab") == progress::more);
  CHECK_FALSE(reader.wants_continue());
  CHECK(reader.feed("cd") == progress::complete);
  CHECK(reader.request().body == "abcd");

  request_reader older(body_limit);  // RFC 9110 section 10.1.1
  CHECK(older.feed(get("Expect: 100-continue\r\nContent-Length: 4\r\n", "POST / HTTP/1.0")) ==
        progress::more);
  CHECK_FALSE(older.wants_continue());
}

TEST_CASE("request reader: rubbish is refused or read, the same however it is cut") {
  std::mt19937 random(5);
  int complete = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = get(random() % 2 == 0 ? upgrade_fields : "Content-Length: 4\r\n") + "abcd";
    for (unsigned n = random() % 4; n > 0; --n) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0: bytes[at] = static_cast<char>(random()); break;
        case 1: bytes.erase(at, 1 + random() % 5); break;
        case 2: bytes.insert(at, "\r\n"); break;
        default: bytes.insert(at, bytes.substr(0, random() % 20)); break;
      }
    }
    const std::string whole = read({bytes});
    const std::size_t cut = random() % (bytes.size() + 1);
    CAPTURE(bytes);
    REQUIRE(read({bytes.substr(0, cut), bytes.substr(cut)}) == whole);
    complete += whole.size() > 4 ? 1 : 0;
  }
  CHECK(complete > 500);
  CHECK(complete < 2900);
}
