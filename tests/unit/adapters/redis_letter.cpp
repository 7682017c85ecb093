// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/redis_letter.hpp>

#include <doctest/doctest.h>

#include <string>

using agent_websocket::adapters::max_redis_letter_peers;
using agent_websocket::adapters::redis_letter;
using agent_websocket::adapters::redis_letter_box;
using agent_websocket::adapters::redis_letter_post;
using verdict = redis_letter_box::verdict;

namespace {

verdict take(redis_letter_box& box, const std::string& written, bool is_to_all = false) {
  const auto letter = redis_letter::parse(written);
  REQUIRE(letter);
  return box.take(*letter, is_to_all);
}

}  // namespace

TEST_CASE("redis letter: numbers of a sender, and of each receiver") {
  redis_letter_post post;
  CHECK(post.write("me", "a", "x y") == "me 1 1 x y");
  CHECK(post.write("me", "b", "") == "me 2 1 ");
  CHECK(post.write("me", "a", "z") == "me 3 2 z");
  CHECK(post.write("me", "", "to all") == "me 4 1 to all");
  CHECK(post.write("me", "", "to all") == "me 5 2 to all");
  const auto letter = redis_letter::parse("me 4 1 to all");
  REQUIRE(letter);
  CHECK(letter->from == "me");
  CHECK(letter->number == 4);
  CHECK(letter->in_channel == 1);
  CHECK(letter->text == "to all");
}

TEST_CASE("redis letter: what is none") {
  for (const char* other : {"", "me", "me 1", "me 1 1", " 1 1 x", "me 0 1 x", "me 1 0 x", "me x 1 x",
                            "me 1 -1 x", "m/e 1 1 x", "me 99999999999999999999 1 x", "me  1 1 x"}) {
    CAPTURE(other);
    CHECK_FALSE(redis_letter::parse(other));
  }
  CHECK(redis_letter::parse("me 1 1 ")->text.empty());
}

TEST_CASE("redis letter: late ones and gaps") {
  redis_letter_box box;
  CHECK(take(box, "a 5 3 x") == verdict::next);  // who comes later has missed nothing
  CHECK(take(box, "a 6 4 x") == verdict::next);
  CHECK(take(box, "a 6 4 x") == verdict::late);
  CHECK(take(box, "a 5 3 x") == verdict::late);
  CHECK(take(box, "a 9 5 x") == verdict::next);  // 7 and 8 were for others
  CHECK(take(box, "a 11 7 x") == verdict::after_gap);
  CHECK(take(box, "a 12 8 x") == verdict::next);
  CHECK(take(box, "a 10 6 x") == verdict::late);
  CHECK(take(box, "b 1 1 x") == verdict::next);
  CHECK(take(box, "a 13 40 x", true) == verdict::next);  // to all: numbers of their own
  CHECK(take(box, "a 14 42 x", true) == verdict::after_gap);
  CHECK(take(box, "a 15 9 x") == verdict::next);
}

TEST_CASE("redis letter: peers without end") {
  redis_letter_box box;
  redis_letter_post post;
  for (std::size_t i = 0; i < 3 * max_redis_letter_peers; ++i) {
    const std::string name = "p" + std::to_string(i);
    CHECK(take(box, name + " 1 1 x") == verdict::next);
    post.write("me", name, "x");
  }
  CHECK(post.write("me", "p0", "x") == "me 3001 1 x");  // it was forgotten
  CHECK(take(box, "p0 1 1 x") == verdict::next);
}
