// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/think_tags.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using agent_websocket::openrouter::content_kind;
using agent_websocket::openrouter::think_tags;

namespace {

struct reading {
  explicit reading(bool enabled = true) : tags(enabled) {}

  think_tags tags;
  std::string text, reasoning;
  std::vector<std::string> pieces;  // in the order in which they were given
  int faults = 0;                   // empty pieces, and reasoning behind text

  void operator()(content_kind kind, std::string_view piece) {
    const bool is_text = kind == content_kind::text;
    if (piece.empty() || (!is_text && !text.empty())) ++faults;
    (is_text ? text : reasoning).append(piece);
    pieces.emplace_back(piece);
  }
  void feed(std::string_view piece) { tags.feed(piece, *this); }
  void finish() { tags.finish(*this); }
};

struct row {
  std::string content, text, reasoning;
};

std::string blanks(std::size_t count) { return std::string(count, '\n'); }

const std::vector<row> table{
    {"", "", ""},
    {"Hello!", "Hello!", ""},
    {"<think>Hm.</think>Hello!", "Hello!", "Hm."},
    // Blanks around the thought are nobody's.
    {" \r\n\t<think>\n Hm. \n</think>\n\n \r\tHello!\n\n", "Hello!\n\n", "Hm. \n"},
    {"<think>\n\n</think>\n\nHello!", "Hello!", ""},
    {"<think></think>", "", ""},
    {"<think></think>\n\n", "", ""},
    // No tag: the blanks are the text's.
    {"\n\n Hello!", "\n\n Hello!", ""},
    {" \n", " \n", ""},
    {"<b>x</b>", "<b>x</b>", ""},
    {"\n<thinking>x</thinking>", "\n<thinking>x</thinking>", ""},
    {"<Think>x</Think>", "<Think>x</Think>", ""},
    {"<<think>x</think>", "<<think>x</think>", ""},
    {"</think>x", "</think>x", ""},
    {"< think>x", "< think>x", ""},
    // Only the first thought is one.
    {"Say <think>x</think>", "Say <think>x</think>", ""},
    {"<think>a</think>b<think>c</think>", "b<think>c</think>", "a"},
    {"<think>a</think>\n<think>c</think>", "<think>c</think>", "a"},
    {"<think>a</think>b</think>", "b</think>", "a"},
    // Inside of it only its end counts.
    {"<think>a<think>b</think>c", "c", "a<think>b"},
    {"<think>a < b </ c </thin </think >d<</think>e", "e", "a < b </ c </thin </think >d<"},
    {"<think></</think>x", "x", "</"},
    {"<think>\xE6\x97\xA5</think>\xE6\x9C\xAC", "\xE6\x9C\xAC", "\xE6\x97\xA5"},
    // The content ends early.
    {"<", "<", ""},
    {"\n <think", "\n <think", ""},
    {"<think>", "", ""},
    {"<think>\n", "", ""},
    {"<think>Hm", "", "Hm"},
    {"<think>Hm</thin", "", "Hm</thin"},
    {"<think>Hm<", "", "Hm<"},
    // What is held back has a limit.
    {blanks(64) + "<think>a</think>b", "b", "a"},
    {blanks(65) + "<think>a</think>b", blanks(65) + "<think>a</think>b", ""},
};

}  // namespace

TEST_CASE("think tags: text and reasoning, however the content is cut") {
  for (const row& each : table) {
    CAPTURE(each.content);
    const std::string_view content = each.content;
    const auto check = [&](reading& one) {
      one.finish();
      CHECK(one.text == each.text);
      CHECK(one.reasoning == each.reasoning);
      CHECK(one.faults == 0);
      const std::size_t given = one.pieces.size();
      one.finish();
      CHECK(one.pieces.size() == given);
    };
    for (std::size_t first = 0; first <= content.size(); ++first) {
      for (std::size_t second = first; second <= content.size(); ++second) {
        CAPTURE(first);
        CAPTURE(second);
        reading three;
        three.feed(content.substr(0, first));
        three.feed(content.substr(first, second - first));
        three.feed(content.substr(second));
        check(three);
      }
    }
    reading bytes;
    for (const char c : content) bytes.feed(std::string(1, c));
    check(bytes);
  }
}

TEST_CASE("think tags: nothing is held back that can be no tag") {
  struct step {
    std::string piece;
    std::vector<std::string> given;
  };
  const std::vector<std::vector<step>> streams{
      {{"H", {"H"}}, {"<", {"<"}}, {"think>", {"think>"}}},
      {{"\n", {}}, {"<th", {}}, {"e", {"\n<the"}}, {"<think>", {"<think>"}}},
      {{blanks(64), {}}, {"\n", {blanks(65)}}},
      {{"<think>", {}}, {" ", {}}, {"a", {"a"}}, {"\n", {"\n"}}, {"<b", {"<b"}}, {"</", {}}},
      {{"<think>a<", {"a"}}, {"/think", {}}, {"ing", {"</thinking"}}},
      {{"<think>a</think", {"a"}}, {">", {}}, {"\n", {}}, {"b", {"b"}}, {" ", {" "}}},
  };
  for (const std::vector<step>& stream : streams) {
    reading one;
    for (const step& each : stream) {
      CAPTURE(each.piece);
      one.pieces.clear();
      one.feed(each.piece);
      CHECK(one.pieces == each.given);
    }
  }
}

TEST_CASE("think tags: a piece without a tag is given as it came") {
  reading one;
  one.feed("<think>a<b");
  one.feed("c</think>d");
  one.feed("e <think>");
  CHECK(one.pieces == std::vector<std::string>{"a<b", "c", "d", "e <think>"});
}

TEST_CASE("think tags: switched off, all is text") {
  reading one(false);
  one.feed("\n<think>a</think>");
  CHECK(one.text == "\n<think>a</think>");
  one.finish();
  CHECK(one.pieces.size() == 1);
}
