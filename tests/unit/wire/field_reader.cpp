// SPDX-License-Identifier: MIT
#include <agent_websocket/wire/field_reader.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using agent_websocket::errc;
using agent_websocket::json::document;
using agent_websocket::wire::detail::field_reader;

namespace {

/// The fields of one JSON object text.
struct fields_of {
  document parsed;
  field_reader fields;
  explicit fields_of(std::string_view text) : fields(parse(text)) {}

  std::string words() {
    REQUIRE(fields.failed());
    const auto why = fields.take_error();
    CHECK(why.code == errc::bad_message);
    return why.message;
  }

 private:
  agent_websocket::json::value parse(std::string_view text) {
    const auto done = parsed.parse(text);
    REQUIRE(done);
    return parsed.root();
  }
};

bool mentions(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

/// The words of what read() does not take; "taken" when it does.
template <typename Read>
std::string refusal(std::string_view text, Read read) {
  fields_of of(text);
  read(of.fields);
  return of.fields.failed() ? of.words() : "taken";
}

}  // namespace

TEST_CASE("field_reader: null may be told from what is absent, where that matters") {
  const fields_of given(R"({"n":null,"f":false})");
  CHECK(given.fields.any("n") == "null");
  CHECK(given.fields.any("f") == "false");
  CHECK(given.fields.any("x").empty());
  CHECK_FALSE(given.fields.find("n").exists());
}

TEST_CASE("field_reader: what is absent or null reads as nothing and is no error") {
  for (
      const char* text :
      {"{}",
       R"({"t":null,"i":null,"b":null,"n":null,"d":null,"s":null,"l":null,"resume":null,"o":null})"}) {
    CAPTURE(text);
    fields_of of(text);
    field_reader& fields = of.fields;
    CHECK_FALSE(fields.find("t"));
    CHECK(fields.text("t").empty());
    CHECK(fields.id("i").empty());
    CHECK_FALSE(fields.boolean("b").has_value());
    CHECK_FALSE(fields.integer("n", 1, 2).has_value());
    CHECK_FALSE(fields.number("d", 1, 2).has_value());
    CHECK_FALSE(fields.number_of("s").has_value());
    CHECK(fields.ids("l", 10).empty());
    CHECK_FALSE(fields.resume().has_value());
    CHECK(fields.object_text("o", 10).empty());
    CHECK_FALSE(fields.failed());
  }
}

TEST_CASE("field_reader: what fits is read") {
  fields_of of(
      R"({"t":"caf\u00e9","i":"q-1","b":false,"n":-3,"d":0.5,"s":7,"l":["a","b"],"o":{"a": 1}})");
  field_reader& fields = of.fields;
  CHECK(fields.text("t") == "caf\xC3\xA9");
  CHECK(fields.id("i") == "q-1");
  CHECK(fields.boolean("b") == false);
  CHECK(fields.integer("n", -3, 3) == -3);
  CHECK(fields.number("d", 0, 1) == 0.5);
  CHECK(fields.number_of("s") == 7u);
  CHECK(fields.ids("l", 2) == std::vector<std::string>{"a", "b"});
  CHECK(fields.object_text("o", 7) == R"({"a":1})");
  CHECK_FALSE(fields.failed());
}

TEST_CASE("field_reader: the first that does not fit is told, and only that") {
  fields_of of(R"({"a":1,"b":"x","c":2})");
  (void)of.fields.text("a");
  (void)of.fields.boolean("b");
  (void)of.fields.text("c");
  of.fields.fail("something else");
  const std::string words = of.words();
  CHECK(mentions(words, "`a`"));
  CHECK(mentions(words, "a string"));
  CHECK(mentions(words, "a number"));
  CHECK_FALSE(mentions(words, "`b`"));
}

TEST_CASE("field_reader: a type that is wrong is told with the one that is right") {
  CHECK(refusal(R"({"x":[]})", [](field_reader& f) { f.text("x"); }) ==
        "`x` must be a string, not an array");
  CHECK(refusal(R"({"x":"true"})", [](field_reader& f) { f.boolean("x"); }) ==
        "`x` must be true or false, not a string");
  CHECK(refusal(R"({"x":"{}"})", [](field_reader& f) { f.object_text("x", 99); }) ==
        "`x` must be an object, not a string");
  CHECK(refusal(R"({"x":7})", [](field_reader& f) { f.id("x"); }) ==
        "`x` must be a string, not a number");
  CHECK(refusal(R"({"resume":"r"})", [](field_reader& f) { f.resume(); }) ==
        "`resume` must be an object, not a string");
}

TEST_CASE("field_reader: text is measured in bytes") {
  const auto read = [](field_reader& f) { f.text("x", 4); };
  CHECK(refusal(R"({"x":"abcd"})", read) == "taken");
  CHECK(mentions(refusal(R"({"x":"abcde"})", read), "at most 4 bytes"));
  CHECK(refusal(R"({"x":"\u00e9\u00e9"})", read) == "taken");
  CHECK(refusal(R"({"x":"\u00e9\u00e9."})", read) != "taken");
  CHECK(fields_of(R"({"x":"abcde"})").fields.text("x", 4).empty());
}

TEST_CASE("field_reader: an id that is there has to be one") {
  const auto read = [](field_reader& f) { f.id("x"); };
  CHECK(refusal(R"({"x":"AZaz09_.:-"})", read) == "taken");
  for (const char* wrong : {R"({"x":""})", R"({"x":"a b"})", R"({"x":"a/b"})", R"({"x":"\u00e9"})"})
    CHECK(mentions(refusal(wrong, read), "1 to 64 characters"));
  CHECK(refusal(R"({"x":")" + std::string(64, 'x') + R"("})", read) == "taken");
  CHECK(refusal(R"({"x":")" + std::string(65, 'x') + R"("})", read) != "taken");
  CHECK(fields_of(R"({"x":"a b"})").fields.id("x").empty());
}

TEST_CASE("field_reader: whole numbers and their range") {
  const auto read = [](field_reader& f) { f.integer("x", -2, 9); };
  for (const char* good : {"-2", "0", "9"})
    CHECK(refusal(R"({"x":)" + std::string(good) + "}", read) == "taken");
  for (const char* wrong : {"-3", "10", "1.5", "1e300", "99999999999999999999", R"("5")", "true"})
    CHECK(refusal(R"({"x":)" + std::string(wrong) + "}", read) ==
          "`x` must be a whole number from -2 to 9");
}

TEST_CASE("field_reader: numbers and their range") {
  const auto read = [](field_reader& f) { f.number("x", -1, 2.5); };
  for (const char* good : {"-1", "0.25", "2.5", "25e-1"})
    CHECK(refusal(R"({"x":)" + std::string(good) + "}", read) == "taken");
  for (const char* wrong : {"-1.01", "2.51", "1e300", R"("1")", "false", "[]"})
    CHECK(mentions(refusal(R"({"x":)" + std::string(wrong) + "}", read), "from -1 to 2.5"));
}

TEST_CASE("field_reader: the number of a message is 0 or more, and exact in JavaScript") {
  const auto read = [](field_reader& f) { f.number_of("x"); };
  CHECK(fields_of(R"({"x":0})").fields.number_of("x") == 0u);
  CHECK(fields_of(R"({"x":9007199254740992})").fields.number_of("x") == 9'007'199'254'740'992u);
  for (const char* wrong : {"-1", "9007199254740993", "1.5", R"("1")"})
    CHECK(mentions(refusal(R"({"x":)" + std::string(wrong) + "}", read), "`x`"));
}

TEST_CASE("field_reader: a list of ids, all of them right or none of it") {
  const auto read = [](field_reader& f) { f.ids("x", 3); };
  CHECK(refusal(R"({"x":[]})", read) == "taken");
  CHECK(refusal(R"({"x":["a","b","c"]})", read) == "taken");
  for (const char* wrong :
       {R"({"x":["a","b","c","d"]})", R"({"x":"a"})", R"({"x":{"0":"a"}})", R"({"x":["a",7]})",
        R"({"x":["a",null]})", R"({"x":["a",""]})", R"({"x":["a b"]})", R"({"x":[["a"]]})"}) {
    CAPTURE(wrong);
    CHECK(refusal(wrong, read) == "`x` must be an array of at most 3 ids");
  }
}

TEST_CASE("field_reader: a resume request") {
  const auto read = [](field_reader& f) { f.resume(); };
  const auto good =
      fields_of(R"({"resume":{"token":"t","epoch":"e","last_seq":41}})").fields.resume();
  REQUIRE(good.has_value());
  CHECK(good->token == "t");
  CHECK(good->epoch == "e");
  CHECK(good->last_seq == 41u);
  const auto first =
      fields_of(R"({"resume":{"token":"t","epoch":"e","last_seq":0,"more":[1]}})").fields.resume();
  REQUIRE(first.has_value());  // rule R6
  CHECK(first->last_seq == 0u);
  for (const char* wrong :
       {"{}", R"({"token":"t"})", R"({"token":"t","epoch":"e"})", R"({"token":"t","last_seq":1})",
        R"({"epoch":"e","last_seq":1})", R"({"token":7,"epoch":"e","last_seq":1})",
        R"({"token":"t","epoch":null,"last_seq":1})", R"({"token":"t","epoch":"e","last_seq":-1})",
        R"({"token":"t","epoch":"e","last_seq":1.5})",
        R"({"token":"t","epoch":"e","last_seq":"1"})",
        R"({"token":"t","epoch":"e","last_seq":99999999999999999999})"}) {
    CAPTURE(wrong);
    const std::string words = refusal(R"({"resume":)" + std::string(wrong) + "}", read);
    CHECK(mentions(words, "`resume`"));
    CHECK(mentions(words, "`last_seq`"));
  }
}

TEST_CASE("field_reader: an object's text is measured as it is kept") {
  const auto read = [](field_reader& f) { f.object_text("x", 9); };
  CHECK(refusal(R"({"x":{ "a" : 123 }})", read) == "taken");
  CHECK(mentions(refusal(R"({"x":{"a":1234}})", read), "at most 9 bytes"));
  CHECK(mentions(refusal(R"({"x":[]})", read), "an object"));
}
