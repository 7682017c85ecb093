// SPDX-License-Identifier: MIT
#include <agent_websocket/json/text_stream.hpp>

#include <doctest/doctest.h>
#include <rapidjson/reader.h>

#include <cstdint>
#include <random>
#include <string>

using agent_websocket::json::detail::plain_in_string;
using agent_websocket::json::detail::text_stream;

namespace {

/// All that the parser told, and where it stopped.
struct recorder : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, recorder> {
  bool Default() { return true; }
  bool Null() { return tell("null"); }
  bool Bool(bool truth) { return tell(truth ? "true" : "false"); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    return tell("n" + std::string(text, size));
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return tell("s" + std::string(text, size));
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    return tell("k" + std::string(text, size));
  }
  bool StartArray() { return tell("["); }
  bool EndArray(rapidjson::SizeType) { return tell("]"); }
  bool StartObject() { return tell("{"); }
  bool EndObject(rapidjson::SizeType) { return tell("}"); }
  bool tell(const std::string& what) {
    told += what;
    told += '|';
    return true;
  }
  std::string told;
};

template <typename Stream>
std::string parsed(std::string text) {
  text.append(8, '\0');
  Stream stream(text.data());
  rapidjson::Reader reader;
  recorder heard;
  const auto outcome = reader.Parse<rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag |
                                    rapidjson::kParseNumbersAsStringsFlag>(stream, heard);
  return heard.told + std::to_string(outcome.Code()) + "@" + std::to_string(outcome.Offset());
}

void same(const std::string& text) {
  INFO(text);
  REQUIRE(parsed<text_stream>(text) == parsed<rapidjson::InsituStringStream>(text));
}

}  // namespace

TEST_CASE("json text_stream: eight bytes of the plain part of a string") {
  CHECK(plain_in_string("abcd efg") == 8);
  CHECK(plain_in_string("\x7F\xC3\xA9 !#[]") == 8);
  for (int c = 0; c < 256; ++c) {
    const bool is_plain = c >= 0x20 && c != '"' && c != '\\';
    for (std::size_t at = 0; at < 8; ++at) {
      std::string eight(8, 'a');
      eight[at] = static_cast<char>(c);
      CHECK(plain_in_string(eight.data()) == (is_plain ? 8 : at));
      for (const char behind : {'"', '\\', '\x1F', '\x80'}) {
        std::string more = eight;
        for (std::size_t k = at + 1; k < 8; ++k) more[k] = behind;
        const std::size_t next = behind == '\x80' ? 8 : at + 1;
        CHECK(plain_in_string(more.data()) == (is_plain ? next : at));
      }
    }
  }
}

TEST_CASE("json text_stream: strings of every length, with everything at every place") {
  CHECK(parsed<text_stream>("[\"abcdefghijk\",1.5]") == "[|sabcdefghijk|n1.5|]|0@0");
  for (std::size_t size = 0; size < 36; ++size) {
    const std::string plain(size, 'x');
    same("\"" + plain + "\"");
    same("\"" + plain);  // no end
    same("{\"" + plain + "\":\"" + plain + "\"," + "\"b\":12}");
    for (const char* each :
         {"\\\"", "\\u0041", "\\n", "\\", "\"", "\n", "\x7F", "\xC3\xA9", "\\x"}) {
      for (std::size_t at = 0; at <= size; ++at) {
        std::string text = plain;
        text.insert(at, each);
        same("[\"" + text + "\",-1]");
      }
    }
  }
}

TEST_CASE("json text_stream: numbers, also at the front and before a string") {
  for (const char* each : {"1", "-0.5e3", "[1,\"a\"]", "[12345678901234567890123456,\"b\",2]",
                           "{\"a\":1,\"b\":\"1\"}", "-", "1x", "[1\"a\"]", ""}) {
    same(each);
  }
}

TEST_CASE("json text_stream: whatever the text, as with RapidJSON's own stream") {
  std::minstd_rand random(7);
  const std::string signs = "{}[]:,\"\"\"\\ \n0123456789.-+eEtruefalsn\x01ux\xC3\xA9";
  const std::string whole =
      "{\"id\":\"gen-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a \\\"b\\\" c\"}}],"
      "\"usage\":{\"cost\":1.5e-7,\"n\":[1,2,null,true]}}";
  for (int i = 0; i < 20'000; ++i) {
    std::string text = whole;
    for (auto changes = random() % 4; changes-- > 0;) {
      const std::size_t at = random() % text.size();
      if (random() % 3 == 0) {
        text.erase(at, random() % 20);
        text += ' ';
      } else {
        text[at] = signs[random() % signs.size()];
      }
    }
    same(text);
  }
}
