// SPDX-License-Identifier: MIT
#include <agent_websocket/http/sse_parser.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

using agent_websocket::errc;
using agent_websocket::http::sse_event;
using agent_websocket::http::sse_parser;

namespace {

/// Everything that a stream showed, as text: "type|data", marks for what is special.
struct seen {
  std::vector<std::string> events;
  std::vector<std::uint64_t> positions;
  std::size_t comments = 0;
  std::error_code failed;

  bool operator==(const seen& other) const {
    return events == other.events && positions == other.positions && comments == other.comments &&
           failed == other.failed;
  }
};

/// Feeds the pieces that `cut` makes: it gets the position and says how long the next one is.
template <typename Cut>
seen parse(std::string_view bytes, Cut cut, std::size_t limit = sse_parser::default_max_event_bytes,
           std::size_t stop_after = static_cast<std::size_t>(-1)) {
  seen all;
  sse_parser parser(limit);
  const auto take = [&](const sse_event& event) {
    std::string text(event.event_type);
    text.append(event.is_error_field ? "!" : "|").append(event.data);
    if (event.unterminated) text += "<cut>";
    all.events.push_back(std::move(text));
    all.positions.push_back(event.position);
    return all.events.size() < stop_after;
  };
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = cut(at);
    // A copy of its own, so that a view kept beyond feed() is found by the sanitizers.
    const std::string piece(bytes.substr(at, length));
    at += piece.size();
    const std::error_code failed = parser.feed(piece, take);
    if (failed) all.failed = failed;
  }
  const std::error_code failed = parser.finish(take);
  if (failed) all.failed = failed;
  all.comments = parser.comments();
  return all;
}

seen whole(std::string_view bytes) {
  return parse(bytes, [&](std::size_t) { return bytes.size(); });
}

/// The events of `bytes`, after checking that it does not matter how they are cut.
std::vector<std::string> events_of(std::string_view bytes) {
  const seen expected = whole(bytes);
  CHECK(parse(bytes, [](std::size_t) { return 1u; }) == expected);
  for (std::size_t split = 1; split < bytes.size(); ++split) {
    CAPTURE(split);
    const seen found = parse(bytes, [&](std::size_t at) { return at == 0 ? split : bytes.size(); });
    CHECK(found == expected);
  }
  return expected.events;
}

using list = std::vector<std::string>;

}  // namespace

TEST_CASE("sse: the examples of the standard") {
  CHECK(events_of("data: YHOO\ndata: +2\ndata: 10\n\n") == list{"|YHOO\n+2\n10"});
  CHECK(events_of(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"
                  "data:  third event\n\n") ==
        list{"|first event", "|second event", "| third event"});
  CHECK(events_of("data\n\ndata\ndata\n\ndata:\n\n") == list{"|", "|\n", "|"});
  CHECK(events_of("data:test\n\ndata: test\n\n") == list{"|test", "|test"});
  CHECK(events_of("event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n") ==
        list{"add|73857293", "remove|2153"});
}

TEST_CASE("sse: T06 line ends, also mixed, also between reads") {
  for (const std::string_view end : {"\n", "\r", "\r\n"}) {
    std::string text;
    for (const std::string_view line :
         {": ping", "", "data: a", "data: b", "", "data: c", "", ""}) {
      text.append(line).append(end);
    }
    CAPTURE(text);
    CHECK(events_of(text) == list{"|a\nb", "|c"});
    CHECK(whole(text).comments == 1);
  }
  CHECK(events_of("data: a\r\n\rdata: b\n\r\ndata: c\r\r") == list{"|a", "|b", "|c"});
  // LF CR are two line ends, CR LF is one.
  CHECK(events_of("data: a\n\rdata: b\r\n\r\n") == list{"|a", "|b"});
}

TEST_CASE("sse: T03 bytes of a character in two reads") {
  CHECK(events_of("data: \xE6\x97\xA5\xE6\x9C\xAC\n\n") == list{"|\xE6\x97\xA5\xE6\x9C\xAC"});
}

TEST_CASE("sse: T07 one space after the colon is optional, more are data") {
  CHECK(events_of("data:{1}\n\ndata: {2}\n\ndata:  {3}\n\ndata:\t{4}\n\n") ==
        list{"|{1}", "|{2}", "| {3}", "|\t{4}"});
}

TEST_CASE("sse: T08 data lines are joined by LF") {
  CHECK(events_of("data: {\"id\":\"a\",\ndata: \"choices\":[]}\n\n") ==
        list{"|{\"id\":\"a\",\n\"choices\":[]}"});
}

TEST_CASE("sse: T09 other fields and lines without a colon are ignored") {
  CHECK(
      events_of("id: 7\nretry: 100\nfoo: bar\nlonely\ndatax: 1\nDATA: 2\n data: 3\ndata: x\n\n") ==
      list{"|x"});
}

TEST_CASE("sse: T10 a byte order mark, once, at the start") {
  CHECK(events_of("\xEF\xBB\xBF"
                  "data: a\n\n") == list{"|a"});
  CHECK(events_of("\xEF\xBB\xBF\xEF\xBB\xBF"
                  "data: a\n\ndata: b\n\n") == list{"|b"});
  CHECK(events_of("data: a\n\n\xEF\xBB\xBF"
                  "data: b\n\n") == list{"|a"});
  // The beginning of one is a line like any other.
  CHECK(events_of("\xEF\xBB"
                  "data: a\n\ndata: b\n\n") == list{"|b"});
  CHECK(events_of("\xEF\xBB") == list{});
}

TEST_CASE("sse: T11 blank lines and comments make no events") {
  CHECK(events_of("data: a\n\n: x\n\n\n\ndata: b\n\n") == list{"|a", "|b"});
  CHECK(events_of("\n\n\n") == list{});
  CHECK(events_of("event: lonely\n\ndata: a\n\n") == list{"|a"});  // its type is forgotten
  CHECK(events_of(":a data: x\n\ndata: a\n\n:b data: x\n") == list{"|a"});
  const seen found = whole(":\n:a\n: b\ndata: x\n:c\n\n");
  CHECK(found.events == list{"|x"});
  CHECK(found.comments == 4);
}

TEST_CASE("sse: T12, T13 an event without its end") {
  CHECK(events_of("data: [DONE]") == list{"|[DONE]<cut>"});
  CHECK(events_of("data: [DONE]\n") == list{"|[DONE]<cut>"});
  CHECK(events_of("data:[DONE]\r\n") == list{"|[DONE]<cut>"});
  CHECK(events_of("data: a\n\n") == list{"|a"});
  CHECK(events_of("data: a\n\nevent: x\n") == list{"|a"});
  CHECK(events_of("data: a\n\n: half a comment") == list{"|a"});
  CHECK(whole(": half a comment").comments == 1);
}

TEST_CASE("sse: a line `error:` is an event of its own kind") {
  CHECK(events_of("error: {\"code\":500}\n\ndata: [DONE]\n\n") ==
        list{"error!{\"code\":500}", "|[DONE]"});
  CHECK(events_of("error\nerror:\n\n") == list{});
  CHECK(events_of("event: error\ndata: x\n\n") == list{"error|x"});
}

TEST_CASE("sse: the position is that of the first data line") {
  const std::string_view text = ": x\n\nevent: e\ndata: a\ndata: b\n\ndata: c\n\n";
  CHECK(whole(text).positions == std::vector<std::uint64_t>{14, 31});
  events_of(text);
}

TEST_CASE("sse: nothing more is wanted") {
  const std::string_view text = "data: a\n\ndata: b\n\ndata: c";
  for (const std::size_t step : {1u, 5u, 100u}) {
    const auto found = parse(
        text, [&](std::size_t) { return step; }, 100, 1);
    CHECK(found.events == list{"|a"});
    CHECK(!found.failed);
  }
}

TEST_CASE("sse: T16 the limit of one event") {
  const auto at_once = [](std::size_t) { return std::size_t{1000}; };
  const auto by_byte = [](std::size_t) { return std::size_t{1}; };
  const std::string fits = "data: 0123456789\n\n";  // a line of 16 bytes
  CHECK(parse(fits, at_once, 16).events == list{"|0123456789"});
  CHECK(parse(fits, by_byte, 16).events == list{"|0123456789"});
  CHECK(parse(fits, at_once, 15).failed == errc::too_large);
  for (const std::string& text : {std::string("data: 01234567890\n\n"), std::string(1000, 'x'),
                                  std::string("data: 01234\ndata: 01234\n\n")}) {
    CAPTURE(text);
    CHECK(parse(text, at_once, 15).failed == errc::too_large);
    CHECK(parse(text, by_byte, 15).failed == errc::too_large);
    CHECK(parse("data: a\n\n" + text, by_byte, 15).events == list{"|a"});
  }
  // Lines that are never kept have no limit: comments, and many events.
  CHECK(!parse(":" + std::string(1000, 'x') + "\n", by_byte, 16).failed);
  std::string many;
  for (int i = 0; i < 100; ++i) many += fits;
  CHECK(parse(many, by_byte, 16).events.size() == 100);
  // Data that accumulates line by line has.
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "data\n";
  CHECK(parse(lines, by_byte, 50).failed == errc::too_large);
  CHECK(parse(lines, at_once, 50).failed == errc::too_large);
}

TEST_CASE("sse: T16 five megabytes in reads of 16 KB, and in reads full of short lines") {
  const std::string data(5u << 20, 'A');
  const std::string text = "data: " + data + "\n\n";
  const auto begin = std::chrono::steady_clock::now();
  const seen found = parse(text, [](std::size_t) { return std::size_t{16384}; });
  REQUIRE(found.events.size() == 1);
  CHECK(found.events[0].size() == data.size() + 1);
  std::string lines;
  while (lines.size() < (5u << 20)) lines += "data: x\n\n";
  CHECK(whole(lines).events.size() == lines.size() / 9);
  // Quadratic would be hours; the sanitizers cost a factor of ten.
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
}

TEST_CASE("sse: an event that lies in one read is not copied") {
  const std::string text = "event: e\ndata: abcdef\n\n";
  const char* shown = nullptr;
  sse_parser parser;
  const auto failed = parser.feed(text, [&](const sse_event& event) {
    shown = event.data.data();
    return true;
  });
  CHECK(!failed);
  CHECK(shown == text.data() + text.find("abcdef"));
}

TEST_CASE("sse: garbage, cut anywhere, shows the same") {
  std::mt19937 random(20260101);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  static constexpr std::string_view words[] = {
      "data", "data:", "data: ", "event:", "error: ", ":",    "\n",  "\r",
      "\r\n", "\n\n",  "x",      " ",      "\xEF",    "\xBB", "\xBF"};
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (std::size_t i = below(40); i > 0; --i) text += words[below(std::size(words))];
    const seen expected = whole(text);
    for (int cut = 0; cut < 5; ++cut) {
      CHECK(parse(text, [&](std::size_t) { return 1 + below(7); }) == expected);
    }
  }
}
