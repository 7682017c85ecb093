// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/websocketpp_utf8.hpp>

#include <agent_websocket/base/utf8.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using agent_websocket::adapters::utf8_checker;

namespace {

// What the bytes are, fed in two pieces cut at `cut`.
bool is_valid(std::string_view text, std::size_t cut) {
  utf8_checker checker;
  const bool first = checker.feed(text.data(), cut);
  const bool second = checker.feed(text.data() + cut, text.size() - cut);
  if (!first) CHECK_FALSE(second);  // wrong stays wrong
  return second && checker.complete();
}

}  // namespace

TEST_CASE("utf8: the boundaries of every form, behind and before ASCII, cut anywhere") {
  const std::vector<std::string> valid = {"\x7F",
                                          "\xC2\x80",
                                          "\xDF\xBF",
                                          "\xE0\xA0\x80",
                                          "\xED\x9F\xBF",
                                          "\xEE\x80\x80",
                                          "\xEF\xBF\xBF",
                                          "\xF0\x90\x80\x80",
                                          "\xF4\x8F\xBF\xBF",
                                          std::string(1, '\0'),
                                          "",
                                          "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5"};
  const std::vector<std::string> invalid = {"\x80",
                                            "\xBF",
                                            "\xC0\x80",
                                            "\xC1\xBF",
                                            "\xC2",
                                            "\xE0\x9F\xBF",
                                            "\xE0\x80\x80",
                                            "\xED\xA0\x80",
                                            "\xED\xBF\xBF",
                                            "\xE1\x80",
                                            "\xF0\x8F\xBF\xBF",
                                            "\xF4\x90\x80\x80",
                                            "\xF5\x80\x80\x80",
                                            "\xF0\x90\x80",
                                            "\xFF",
                                            "\xFE",
                                            "\xC2\xC2\x80"};
  for (const bool wanted : {true, false}) {
    for (const std::string& each : wanted ? valid : invalid) {
      for (const std::string& around : {std::string(), std::string("a"), std::string(23, 'x')}) {
        std::string text = around;
        text.append(each).append(around);
        CAPTURE(each);
        for (std::size_t cut = 0; cut <= text.size(); ++cut) CHECK(is_valid(text, cut) == wanted);
      }
    }
  }
}

TEST_CASE("utf8: what is wrong is wrong at once, not at the end") {
  utf8_checker checker;
  CHECK(checker.feed("abc\xF4", 4));
  CHECK_FALSE(checker.complete());
  CHECK_FALSE(checker.feed("\x90", 1));
  CHECK_FALSE(checker.feed("abc", 3));
  checker.reset();
  CHECK(checker.feed("abc", 3));
  CHECK(checker.complete());
}

TEST_CASE("utf8: agrees with the plain decoder on random bytes") {
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string text(random() % 40, 'a');
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (random() % 4 == 0) text[i] = static_cast<char>(random());
      if (random() % 16 == 0) text.replace(i, 1, "\xE2\x82\xAC");
    }
    CAPTURE(text);
    REQUIRE(is_valid(text, random() % (text.size() + 1)) == agent_websocket::is_utf8(text));
  }
}
