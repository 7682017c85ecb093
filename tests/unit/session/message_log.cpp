// SPDX-License-Identifier: MIT
#include <agent_websocket/session/message_log.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <utility>

using agent_websocket::message_log;

TEST_CASE("message_log: an empty one holds everything that there is") {
  const message_log log;
  CHECK(log.top() == 0u);
  CHECK(log.oldest() == 1u);
  CHECK(log.holds_after(0));
  CHECK_FALSE(log.holds_after(1));
  CHECK(log.bytes() == 0u);
  CHECK(log.bytes_after(0) == 0u);
  CHECK(log.bytes_after(7) == 0u);
  CHECK(log.max_messages() == 1024u);
  CHECK(log.max_bytes() == 1'048'576u);
}

TEST_CASE("message_log: numbers from 1, in the order of their coming") {
  message_log log;
  log.append("a");
  log.append("bb");
  log.append("ccc");
  CHECK(log.top() == 3u);
  CHECK(log.oldest() == 1u);
  CHECK(log.at(1) == "a");
  CHECK(log.at(2) == "bb");
  CHECK(log.at(3) == "ccc");
  CHECK(log.bytes() == 6u);
  CHECK(log.bytes_after(0) == 6u);
  CHECK(log.bytes_after(1) == 5u);
  CHECK(log.bytes_after(2) == 3u);
  CHECK(log.bytes_after(3) == 0u);
  CHECK(log.bytes_after(4) == 0u);
}

TEST_CASE("message_log: what is not there yet cannot be held") {
  message_log log;
  log.append("a");
  CHECK(log.holds_after(0));
  CHECK(log.holds_after(1));
  CHECK_FALSE(log.holds_after(2));
  CHECK_FALSE(log.holds_after(~std::uint64_t{0}));
}

TEST_CASE("message_log: the oldest go when there are too many") {
  message_log log(3, 1000);
  for (const char* each : {"1", "2", "3"}) log.append(each);
  CHECK(log.oldest() == 1u);
  log.append("4");
  CHECK(log.top() == 4u);
  CHECK(log.oldest() == 2u);
  CHECK(log.at(2) == "2");
  CHECK(log.at(4) == "4");
  CHECK_FALSE(log.holds_after(0));
  CHECK(log.holds_after(1));
  CHECK(log.bytes() == 3u);
  CHECK(log.bytes_after(0) == 3u);  // of what is kept
  CHECK(log.bytes_after(1) == 3u);
  CHECK(log.bytes_after(2) == 2u);
}

TEST_CASE("message_log: the oldest go when they are too large, exactly at the limit not yet") {
  message_log log(100, 10);
  log.append("aaaa");
  log.append("bbbbbb");
  CHECK(log.oldest() == 1u);
  CHECK(log.bytes() == 10u);
  log.append("c");
  CHECK(log.oldest() == 2u);
  CHECK(log.bytes() == 7u);
  log.append("dddddddddd");  // as large as all
  CHECK(log.oldest() == 4u);
  CHECK(log.at(4) == "dddddddddd");
}

TEST_CASE("message_log: the newest stays, however large it is") {
  message_log log(100, 10);
  log.append("a");
  log.append(std::string(50, 'x'));
  CHECK(log.oldest() == 2u);
  CHECK(log.at(2).size() == 50u);
  CHECK(log.holds_after(1));
  CHECK_FALSE(log.holds_after(0));
  log.append("b");
  CHECK(log.oldest() == 3u);
  CHECK(log.bytes() == 1u);
}

TEST_CASE("message_log: a frame may be empty") {
  message_log log(2, 10);
  log.append("");
  log.append("");
  log.append("");
  CHECK(log.oldest() == 2u);
  CHECK(log.bytes() == 0u);
  CHECK(log.at(3).empty());
}

TEST_CASE("message_log: agrees with a plain model, whatever comes") {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const std::size_t max_messages = 1 + random() % 50, max_bytes = 1 + random() % 500;
    message_log log(max_messages, max_bytes);
    std::deque<std::string> kept;
    std::size_t bytes = 0;
    for (std::uint64_t top = 1; top <= 500; ++top) {
      std::string frame(random() % 40, static_cast<char>('a' + top % 26));
      if (random() % 20 == 0) frame.resize(700, 'L');
      bytes += frame.size();
      kept.push_back(frame);
      log.append(std::move(frame));
      while (kept.size() > max_messages || (kept.size() > 1 && bytes > max_bytes)) {
        bytes -= kept.front().size();
        kept.pop_front();
      }
      REQUIRE(log.top() == top);
      REQUIRE(log.oldest() == top + 1 - kept.size());
      REQUIRE(log.bytes() == bytes);
      std::size_t behind = 0;
      for (std::size_t i = kept.size(); i-- > 0;) {
        REQUIRE(log.at(log.oldest() + i) == kept[i]);
        behind += kept[i].size();
        REQUIRE(log.bytes_after(log.oldest() + i - 1) == behind);
        REQUIRE(log.holds_after(log.oldest() + i - 1));
      }
      REQUIRE(log.holds_after(top));
      if (log.oldest() > 1) REQUIRE_FALSE(log.holds_after(log.oldest() - 2));
    }
  }
}

TEST_CASE("message_log: knows how far its messages may be sent") {
  message_log log(2, 1000);
  CHECK(log.released() == 0u);
  for (const char* each : {"1", "2", "3"}) log.append(each);
  CHECK(log.released() == 0u);  // also of what it has forgotten
  log.release(1);
  CHECK(log.released() == 1u);
  log.release(1);
  log.release(3);
  CHECK(log.released() == 3u);
  log.append("4");
  CHECK(log.released() == 3u);
}

TEST_CASE("message_log: goes on from a number") {
  message_log log;
  log.begin_at(41);
  CHECK(log.top() == 41u);
  CHECK(log.released() == 41u);
  CHECK(log.oldest() == 42u);
  CHECK(log.holds_after(41));
  CHECK_FALSE(log.holds_after(40));
  CHECK(log.bytes() == 0u);
  log.append("x");
  CHECK(log.at(42) == "x");
  CHECK(log.top() == 42u);
  CHECK(log.released() == 41u);
}
