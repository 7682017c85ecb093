// SPDX-License-Identifier: MIT
#include <agent_websocket/json/tape_builder.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

using agent_websocket::json::kind;
using agent_websocket::json::parse_limits;
using agent_websocket::json::detail::node;
using agent_websocket::json::detail::tape;
using agent_websocket::json::detail::tape_builder;

namespace {

/// Plays the parser: the pieces of `text` are named by where they stand in it.
struct bench {
  tape out;
  parse_limits limits;
  tape_builder subject;

  explicit bench(std::string text, bool has_escapes = false)
      : out{std::move(text), {}}, subject(out, limits, has_escapes) {}

  bool key(std::size_t at, unsigned length) {
    return subject.Key(out.text.data() + at, length, false);
  }
  bool string(std::size_t at, unsigned length) {
    return subject.String(out.text.data() + at, length, false);
  }
  bool number(std::size_t at, unsigned length) {
    return subject.RawNumber(out.text.data() + at, length, false);
  }
  std::string_view text_of(std::size_t index) const {
    const node& of = out.nodes.at(index);
    return std::string_view(out.text).substr(of.offset, of.length);
  }
};

}  // namespace

TEST_CASE("tape_builder: each node knows its children and the node behind all of them") {
  bench b(R"({"a":[12,true],"bc":null})");
  CHECK(b.subject.StartObject());
  CHECK(b.key(2, 1));
  CHECK(b.subject.StartArray());
  CHECK(b.number(6, 2));
  CHECK(b.subject.Bool(true));
  CHECK(b.subject.EndArray(2));
  CHECK(b.key(16, 2));
  CHECK(b.subject.Null());
  CHECK(b.subject.EndObject(2));
  REQUIRE(b.out.nodes.size() == 7u);

  const kind kinds[] = {kind::object,  kind::string, kind::array, kind::number,
                        kind::boolean, kind::string, kind::null};
  const std::uint32_t nexts[] = {7, 2, 5, 4, 5, 6, 7};
  for (std::size_t i = 0; i < 7; ++i) {
    CAPTURE(i);
    CHECK((b.out.nodes[i].what == kinds[i]));
    CHECK(b.out.nodes[i].next == nexts[i]);
  }
  CHECK(b.out.nodes[0].length == 2u);  // a name and its value are one member
  CHECK(b.out.nodes[2].length == 2u);
  CHECK(b.text_of(1) == "a");
  CHECK(b.text_of(3) == "12");
  CHECK(b.text_of(5) == "bc");
  CHECK(b.out.nodes[4].truth);
  CHECK(b.subject.refusal().empty());
}

TEST_CASE("tape_builder: what stands behind a container belongs to the one around it") {
  bench b("");
  CHECK(b.subject.StartArray());
  for (int i = 0; i < 3; ++i) {
    CHECK(b.subject.StartArray());
    CHECK(b.subject.EndArray(0));
  }
  CHECK(b.subject.EndArray(3));
  CHECK(b.out.nodes[0].length == 3u);
  CHECK(b.out.nodes[0].next == 4u);
  for (std::uint32_t i = 1; i < 4; ++i) {
    CHECK(b.out.nodes[i].length == 0u);
    CHECK(b.out.nodes[i].next == i + 1);
  }
}

TEST_CASE("tape_builder: one level too many is refused in words, siblings are none") {
  bench b("");
  b.limits.max_depth = 2;
  CHECK(b.subject.StartArray());
  for (int i = 0; i < 5; ++i) {
    CHECK(b.subject.StartObject());
    CHECK(b.subject.EndObject(0));
  }
  CHECK(b.subject.StartArray());
  CHECK(b.subject.refusal().empty());
  CHECK_FALSE(b.subject.StartObject());
  CHECK(b.subject.refusal() == "it is nested too deeply, at most 2 levels are allowed");
}

TEST_CASE("tape_builder: names count as values, and one too many is refused in words") {
  bench b("ab");
  b.limits.max_values = 3;
  CHECK(b.subject.StartObject());
  CHECK(b.key(0, 1));
  CHECK(b.string(1, 1));
  CHECK(b.subject.refusal().empty());
  CHECK_FALSE(b.key(0, 1));
  CHECK(b.out.nodes.size() == 3u);
  CHECK(b.subject.refusal() == "it has too many values, at most 3 are allowed");
}

TEST_CASE("tape_builder: half of a surrogate pair is refused, in strings and in names") {
  const std::string half = "x\xED\xB0\x80", last_before = "\xED\x9F\xBF", cut = "x\xED";
  for (const bool is_name : {false, true}) {
    CAPTURE(is_name);
    bench bad(half, true), good(last_before, true), short_one(cut, true);
    for (bench* each : {&bad, &good, &short_one}) CHECK(each->subject.StartObject());
    const auto give = [is_name](bench& to) {
      const auto length = static_cast<unsigned>(to.out.text.size());
      return is_name ? to.key(0, length) : to.string(0, length);
    };
    CHECK_FALSE(give(bad));
    CHECK(bad.subject.refusal() == "a \\u escape is half of a surrogate pair");
    CHECK(give(good));
    CHECK(give(short_one));
  }
  bench unescaped(half, false);  // the parser has looked at its bytes
  CHECK(unescaped.string(0, 4));
}
