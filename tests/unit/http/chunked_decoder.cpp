// SPDX-License-Identifier: MIT
#include <agent_websocket/http/chunked_decoder.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <ostream>
#include <random>
#include <string>

using agent_websocket::http::chunked_decoder;

namespace {

struct decoded {
  std::string body;
  std::size_t consumed = 0;
  bool complete = false;
  bool failed = false;

  bool operator==(const decoded& other) const {
    return body == other.body && consumed == other.consumed && complete == other.complete &&
           failed == other.failed;
  }
};

std::ostream& operator<<(std::ostream& out, const decoded& each) {
  return out << '"' << each.body << "\" of " << each.consumed << (each.complete ? " complete" : "")
             << (each.failed ? " failed" : "");
}

/// In pieces of these sizes.
decoded decode(const std::string& text, std::size_t first, std::size_t piece) {
  chunked_decoder decoder;
  decoded all;
  for (std::size_t at = 0, size = first; at < text.size(); at += size, size = piece) {
    std::string part = text.substr(at, size);
    const chunked_decoder::outcome done = decoder.feed(&part[0], part.size());
    all.body.append(part, 0, done.payload);
    all.consumed += done.consumed;
    if (decoder.is_complete() || decoder.has_failed()) break;
  }
  all.complete = decoder.is_complete();
  all.failed = decoder.has_failed();
  return all;
}

decoded decode(const std::string& text) {
  const decoded whole = decode(text, text.size() + 1, 1);
  for (std::size_t cut = 1; cut < std::min<std::size_t>(text.size(), 200); ++cut) {
    CAPTURE(cut);
    CHECK(decode(text, cut, text.size()) == whole);
  }
  CHECK(decode(text, 1, 1) == whole);
  return whole;
}

}  // namespace

TEST_CASE("chunked_decoder: bodies, in one piece, in two and byte by byte") {
  struct row {
    std::string text;
    std::string body;
  };
  const row rows[] = {
      {"0\r\n\r\n", ""},
      {"6\r\nabcdef\r\n0\r\n\r\n", "abcdef"},
      {"2\r\nab\r\n3\r\ncde\r\n1\r\nf\r\n0\r\n\r\n", "abcdef"},
      {"A\r\n0123456789\r\n0a\r\n0123456789\r\n000\r\n\r\n", "01234567890123456789"},
      {"3;a=b;c=\"d\"\r\nabc\r\n0;x\r\n\r\n", "abc"},
      {"3  \r\nabc\r\n0\r\n\r\n", "abc"},
      {"3 \t;a\r\nabc\r\n0\r\n\r\n", "abc"},
      {"3\r\na\r\n\r\n0\r\nX-One: 1\r\nX-Two: 2\r\n\r\n", "a\r\n"},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    const decoded got = decode(each.text);
    CHECK(got.complete);
    CHECK_FALSE(got.failed);
    CHECK(got.body == each.body);
    CHECK(got.consumed == each.text.size());
    // What follows belongs to nobody.
    CHECK(decode(each.text + "HTTP").consumed == each.text.size());
    // And every shorter text is not complete.
    for (std::size_t size = 0; size < each.text.size(); ++size) {
      const decoded cut = decode(each.text.substr(0, size), size + 1, 1);
      CHECK_FALSE(cut.complete);
      CHECK_FALSE(cut.failed);
    }
  }
}

TEST_CASE("chunked_decoder: what is no chunk, with what came before it") {
  struct row {
    std::string text;
    std::string body;
  };
  const row rows[] = {
      {"zz\r\nabc\r\n", ""},
      {"\r\nabc", ""},
      {";a\r\n", ""},
      {" 3\r\nabc", ""},
      {"-3\r\nabc", ""},
      {"+3\r\nabc", ""},
      {"0x3\r\nabc", ""},
      {"3\nabc\n", ""},
      {"3\rabc", ""},
      {"3 3\r\nabc", ""},
      {"3;a\nb\r\nabc", ""},
      {"3\r\nabcd\r\n0\r\n\r\n", "abc"},
      {"3\r\nabc\n0\r\n\r\n", "abc"},
      {"3\r\nabc\rx", "abc"},
      {"3\r\nabcx\n0\r\n\r\n", "abc"},
      {"3\r\nabc\r\n0\r\n\n", "abc"},
      {"3\r\nabc\r\n0\r\nX: 1\n\r\n", "abc"},
      {"3\r\nabc\r\n0\r\nX: 1\rY\r\n\r\n", "abc"},
      {"8000000000000000\r\nabc", ""},
      {"10000000000000000\r\nabc", ""},
      {"FFFFFFFFFFFFFFFFF3\r\nabc", ""},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    const decoded got = decode(each.text);
    CHECK(got.failed);
    CHECK_FALSE(got.complete);
    CHECK(got.body == each.body);
  }
}

TEST_CASE("chunked_decoder: what is no payload has a limit") {
  const std::string much(100'000, 'x');
  CHECK(decode("3;" + much + "\r\nabc\r\n0\r\n\r\n").failed);
  CHECK(decode("3" + std::string(100'000, ' ') + "\r\nabc\r\n0\r\n\r\n").failed);
  CHECK(decode("0\r\nX: " + much + "\r\n\r\n").failed);
  std::string lines = "0\r\n";
  for (int i = 0; i < 10'000; ++i) lines += "X: y\r\n";
  CHECK(decode(lines + "\r\n").failed);
  CHECK(decode("3;" + much.substr(0, 4000) + "\r\nabc\r\n0\r\nX: " + much.substr(0, 16'000) +
               "\r\n\r\n")
            .complete);
}

TEST_CASE("chunked_decoder: many chunks of one read come out as one piece") {
  std::string text, body;
  for (int i = 0; i < 1000; ++i) {
    const std::string piece = "<" + std::to_string(i) + ">";
    text += std::to_string(piece.size()) + "\r\n" + piece + "\r\n";
    body += piece;
  }
  chunked_decoder decoder;
  const chunked_decoder::outcome done = decoder.feed(&text[0], text.size());
  CHECK(done.consumed == text.size());
  CHECK(text.substr(0, done.payload) == body);
}

TEST_CASE("chunked_decoder: what is nearly a body is taken the same in one piece and byte by byte") {
  std::mt19937 random(5);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  const std::string usual = "5\r\nhello\r\n00a\r\n0123456789\r\n1;x=y\r\n!\r\n0\r\n\r\n";
  const std::string bytes = "\r\n0aF;x \t\0g-";
  std::size_t complete = 0, failed = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string text = usual;
    if (below(8) == 0) text.insert(0, std::string(below(18), '0'));
    for (std::size_t changes = below(3); changes > 0; --changes) {
      const std::size_t at = below(text.size());
      switch (below(3)) {
        case 0: text[at] = bytes[below(bytes.size())]; break;
        case 1: text.erase(at, 1 + below(2)); break;
        default: text.insert(at, 1, bytes[below(bytes.size())]);
      }
    }
    CAPTURE(text);
    const decoded whole = decode(text, text.size() + 1, 1);
    REQUIRE(decode(text, 1, 1) == whole);
    REQUIRE(decode(text, 1 + below(text.size()), text.size()) == whole);
    complete += whole.complete;
    failed += whole.failed;
  }
  CHECK(complete > 5'000);
  CHECK(failed > 5'000);
}
