// SPDX-License-Identifier: MIT
#include <agent_websocket/json/print.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using agent_websocket::json::document;
using agent_websocket::json::kind;
using agent_websocket::json::to_text;
using agent_websocket::json::value;

namespace {

std::string printed(std::string_view text) {
  document parsed;
  REQUIRE(parsed.parse(text));
  return to_text(parsed.root());
}

/// What a document should hold: made at random, compared with what was read.
struct model {
  kind what = kind::null;
  bool truth = false;
  std::string text;                // of a number or string
  std::vector<std::string> names;  // of an object, one for each child
  std::vector<model> children;
};

class generator {
 public:
  explicit generator(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }

  model make(int depth) {
    model made;
    switch (below(depth > 0 ? 8 : 5)) {
      case 0: break;
      case 1:
        made.what = kind::boolean;
        made.truth = below(2) == 0;
        break;
      case 2:
        made.what = kind::number;
        made.text = number();
        break;
      case 3:
      case 4:
        made.what = kind::string;
        made.text = string();
        break;
      case 5:
      case 6:
        made.what = kind::object;
        for (std::size_t i = below(5); i > 0; --i) {
          made.names.push_back(string());
          made.children.push_back(make(depth - 1));
        }
        break;
      default:
        made.what = kind::array;
        for (std::size_t i = below(5); i > 0; --i) made.children.push_back(make(depth - 1));
    }
    return made;
  }

  /// `what` as JSON text: whitespace and escapes at random.
  void write(std::string& out, const model& what) {
    space(out);
    switch (what.what) {
      case kind::absent:
      case kind::null: out += "null"; break;
      case kind::boolean: out += what.truth ? "true" : "false"; break;
      case kind::number: out += what.text; break;
      case kind::string: quoted(out, what.text); break;
      case kind::array:
      case kind::object:
        out += what.what == kind::array ? '[' : '{';
        for (std::size_t i = 0; i < what.children.size(); ++i) {
          if (i != 0) out += ',';
          if (what.what == kind::object) {
            space(out);
            quoted(out, what.names[i]);
            space(out);
            out += ':';
          }
          write(out, what.children[i]);
        }
        if (what.children.empty()) space(out);
        out += what.what == kind::array ? ']' : '}';
    }
    space(out);
  }

 private:
  std::string number() {
    std::string text = below(3) == 0 ? "-" : "";
    text += below(4) == 0
                ? "0"
                : std::to_string(1 + random_() % (below(2) == 0 ? 100 : 1'000'000'000'000ULL));
    if (below(3) == 0) text += "." + std::to_string(below(1000)) + "0";
    if (below(4) == 0) text += (below(2) == 0 ? "e-" : "E+") + std::to_string(below(200));
    return text;
  }
  std::string string() {
    static const std::string_view pieces[] = {"a",
                                              "content",
                                              " ",
                                              "\"",
                                              "\\",
                                              "/",
                                              "\n",
                                              "\x01",
                                              "\x1F",
                                              "\x7F",
                                              std::string_view("\0", 1),
                                              "\xC3\xA9",
                                              "\xE2\x82\xAC",
                                              "\xED\x9F\xBF",
                                              "\xEF\xBF\xBF",
                                              "\xF0\x9F\x98\x80",
                                              "\xF4\x8F\xBF\xBF",
                                              "\xE2\x80\xA8"};
    std::string text;
    for (std::size_t i = below(6); i > 0; --i) text += pieces[below(std::size(pieces))];
    return text;
  }
  void space(std::string& out) {
    if (below(8) == 0) out += " \t\n\r"[below(4)];
  }
  void quoted(std::string& out, const std::string& text) {
    out += '"';
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || c == '"' || c == '\\' || (byte < 0x7F && below(10) == 0)) {
        out += "\\u00";
        out += "0123456789abcdef"[byte >> 4];
        out += "0123456789ABCDEF"[byte & 0xF];
      } else {
        out += c;
      }
    }
    out += '"';
  }

  std::mt19937_64 random_;
};

bool same(const model& expected, const value& found) {
  if (found.kind() != expected.what) return false;
  if (expected.what == kind::boolean) return found.boolean() == expected.truth;
  if (expected.what == kind::number) return found.number_text() == std::string_view(expected.text);
  if (expected.what == kind::string) return found.string() == std::string_view(expected.text);
  if (found.size() != expected.children.size()) return false;
  bool good = true;
  std::size_t i = 0;
  found.for_each_element(
      [&](const value& element) { good = good && same(expected.children[i++], element); });
  found.for_each_member([&](std::string_view name, const value& member) {
    good = good && name == expected.names[i] && same(expected.children[i], member);
    ++i;
  });
  return good && i == expected.children.size();
}

}  // namespace

TEST_CASE("print: compact, in order, with numbers as they were") {
  CHECK(printed("null") == "null");
  CHECK(printed(" true ") == "true");
  CHECK(printed("false") == "false");
  CHECK(printed("[ ]") == "[]");
  CHECK(printed("{ }") == "{}");
  CHECK(printed("\t-0.50E+10\n") == "-0.50E+10");
  CHECK(printed("1e-400") == "1e-400");
  CHECK(printed("123456789012345678901234567890") == "123456789012345678901234567890");
  CHECK(printed(R"( { "b" : [ 1 , 2.0 , { } ] , "a" : null , "b" : "x" } )") ==
        R"({"b":[1,2.0,{}],"a":null,"b":"x"})");
  CHECK(printed("[[],[[1],2],{\"a\":{\"b\":[]}},3]") == "[[],[[1],2],{\"a\":{\"b\":[]}},3]");
}

TEST_CASE("print: strings and names in their one spelling") {
  CHECK(printed(R"("\u0041\/\u00e9\ud83d\ude00\u0000\u000a\u001F")") ==
        "\"A/\xC3\xA9\xF0\x9F\x98\x80\\u0000\\n\\u001f\"");
  CHECK(printed(R"({"\u0041\u0022\n\u0000":1,"":2})") == R"({"A\"\n\u0000":1,"":2})");
}

TEST_CASE("print: an absent value is null; a part of a document prints alone") {
  CHECK(to_text(value()) == "null");
  document parsed;
  REQUIRE(parsed.parse(R"({"a":{"b":[1,"x"]},"c":2})"));
  CHECK(to_text(parsed.root()["a"]) == R"({"b":[1,"x"]})");
  CHECK(to_text(parsed.root()["a"]["b"][1]) == "\"x\"");
  CHECK(to_text(parsed.root()["missing"]) == "null");
}

TEST_CASE("print: into a writer that is already writing") {
  document parsed;
  REQUIRE(parsed.parse("{\"x\":[1]}"));
  std::string out;
  agent_websocket::json::writer w(out);
  w.begin_object().member("before", 1).key("meta");
  print(w, parsed.root());
  w.member("after", 2).end_object();
  CHECK(out == R"({"before":1,"meta":{"x":[1]},"after":2})");
}

TEST_CASE("print: as deep as the reader allows") {
  const std::string text = std::string(64, '[') + "1" + std::string(64, ']');
  CHECK(printed(text) == text);
}

TEST_CASE("print: random documents are read as they were made, and printed as they were read") {
  document first, second;
  int wrong = 0;
  std::size_t bytes = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    generator random(seed);
    const model made = random.make(5);
    std::string text;
    random.write(text, made);
    bytes += text.size();
    bool good = first.parse(text).has_value() && same(made, first.root());
    const std::string compact = to_text(first.root());
    good = good && second.parse(compact).has_value() && same(made, second.root()) &&
           to_text(second.root()) == compact;
    if (good) continue;
    CAPTURE(seed);
    CAPTURE(text);
    CHECK(good);
    ++wrong;
  }
  CHECK(wrong == 0);
  CHECK(bytes > 100'000);  // else the generator makes nothing
}
