// SPDX-License-Identifier: MIT
#include <agent_websocket/base/boxed.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>

using agent_websocket::boxed;

TEST_CASE("boxed: empty until it is given something") {
  boxed<std::string> text;
  CHECK_FALSE(text);
  CHECK_FALSE(text.has_value());
  CHECK(text.value_or("none") == "none");
  text = std::string("one");
  REQUIRE(text);
  CHECK(*text == "one");
  CHECK(text->size() == 3u);
  CHECK(text.value_or("none") == "one");
  text.reset();
  CHECK_FALSE(text);
}

TEST_CASE("boxed: copies are deep, what was moved from is empty") {
  boxed<std::string> text(std::string("one"));
  boxed<std::string> copy = text;
  *copy = "two";
  CHECK(*text == "one");
  copy = text;
  CHECK(*copy == "one");
  CHECK(&*copy != &*text);
  const boxed<std::string> moved = std::move(text);
  CHECK(*moved == "one");
  CHECK_FALSE(text);  // NOLINT: that is promised
  copy = boxed<std::string>();
  CHECK_FALSE(copy);
}

TEST_CASE("boxed: emplace replaces, need makes one only where there is none") {
  boxed<std::string> text;
  CHECK(text.need().empty());
  text.need() = "kept";
  CHECK(text.need() == "kept");
  CHECK(text.emplace(3u, 'x') == "xxx");
  CHECK(*text == "xxx");
}

TEST_CASE("boxed: one pointer, whatever is in it") {
  struct large {
    char bytes[1000];
  };
  CHECK(sizeof(boxed<large>) == sizeof(void*));
}
