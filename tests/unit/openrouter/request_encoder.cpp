// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/request_encoder.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <optional>
#include <string>

using agent_websocket::errc;
using agent_websocket::json::kind;
using agent_websocket::openrouter::detail::count_characters;
using agent_websocket::openrouter::detail::request_encoder;

namespace {

/// The object that `fields` writes, or its refusal.
std::string encoded(const std::function<void(request_encoder&)>& fields) {
  std::string text;
  request_encoder out(text);
  fields(out);
  out.finish();
  if (!out.refusal()) return text;
  CHECK(out.refusal()->code == errc::bad_message);
  return "refused: " + out.refusal()->message;
}

}  // namespace

TEST_CASE("request encoder: what is not set is not there") {
  CHECK(encoded([](request_encoder& out) {
          out.text("a", "");
          out.texts("b", {});
          out.plain("c", std::optional<bool>());
          out.integer("d", std::nullopt, 0, 1, "");
          out.real("e", std::nullopt, 0, 1, "");
          out.raw("f", "", kind::object);
          out.members_of("g", "");
          out.object("h", [](request_encoder& in) {
            in.text("i", "");
            in.object("j", [](request_encoder&) {});
          });
        }) == "{}");
}

TEST_CASE("request encoder: objects in objects") {
  CHECK(encoded([](request_encoder& out) {
          out.object("a\"", [](request_encoder& in) {
            in.plain("n", std::optional<int>(1));
            in.object("b", [](request_encoder& deep) { deep.real("x", 0.5, 0, 1, ""); });
            in.members_of("more", R"({"m":[1.0],"c":null})");
          });
          out.raw("r", "[ 1]", kind::array);
        }) == R"({"a\"":{"n":1,"b":{"x":0.5},"m":[1.0],"c":null},"r":[ 1]})");
}

TEST_CASE("request encoder: a refusal names the way to the field, and the first one stays") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(encoded([&](request_encoder& out) {
          out.object("a", [&](request_encoder& in) {
            in.object("b",
                      [&](request_encoder& deep) { deep.real("c", nan, 0, 1, " from 0 to 1"); });
          });
          out.refuse("d", "is wrong");
        }) == "refused: `a.b.c` must be a number from 0 to 1");
  CHECK(encoded([&](request_encoder& out) {
          out.refuse("d", "is wrong");
          out.object("a", [&](request_encoder& in) { in.refuse("c", "is wrong"); });
        }) == "refused: `d` is wrong");
  CHECK(encoded([](request_encoder& out) {
          out.object("a", [](request_encoder& in) {
            in.text("b", "x");
            in.members_of("extra", R"({"b":1})");
          });
        }) == "refused: `a.b` is given twice");
  // The same name in two objects is two names.
  CHECK(encoded([](request_encoder& out) {
          out.text("b", "x");
          out.object("a", [](request_encoder& in) { in.text("b", "x"); });
        }) == R"({"b":"x","a":{"b":"x"}})");
  CHECK(encoded([](request_encoder& out) { out.raw("a", "[]", kind::array, kind::absent, 1); }) ==
        "refused: `a` must not be empty");
}

TEST_CASE("request encoder: characters, not bytes") {
  CHECK(count_characters("") == 0);
  CHECK(count_characters("a\xC3\xA4\xF0\x9F\xA6\x80") == 3);
  const auto with = [](const std::string& text) {
    return encoded([&](request_encoder& out) { out.text("a", text, 2); });
  };
  CHECK(with("\xC3\xA4\xC3\xA4") == "{\"a\":\"\xC3\xA4\xC3\xA4\"}");
  CHECK(with("abc") == "refused: `a` must have at most 2 characters");
}
