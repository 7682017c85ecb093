// SPDX-License-Identifier: MIT
#include <agent_websocket/client/answer_text.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

using agent_websocket::answer_text;
using agent_websocket::text_change;

namespace {

struct bench {
  answer_text subject;
  std::string shown;  // as an application would show it

  text_change add(std::int64_t idx, std::int64_t n, std::string_view content) {
    return follow(subject.add(idx, n, content));
  }
  text_change end(std::string_view whole) { return follow(subject.replace(whole)); }

  text_change follow(answer_text::outcome found) {
    if (found.what == text_change::rewritten) shown.clear();
    shown += found.text;
    CHECK(shown == subject.text());
    return found.what;
  }
};

}  // namespace

TEST_CASE("answer text: the four cases of the rule") {
  bench b;
  CHECK(b.add(0, 1, "As") == text_change::appended);
  CHECK(b.add(1, 2, "io is") == text_change::appended);
  CHECK(b.add(1, 1, "io") == text_change::none);
  CHECK(b.add(2, 1, " is") == text_change::none);
  CHECK(b.add(0, 3, "Asio is") == text_change::none);
  CHECK(b.add(4, 1, "a") == text_change::hole);
  CHECK(b.add(2, 2, "xx") == text_change::hole);
  CHECK(b.subject.text() == "Asio is");
  CHECK(b.add(0, 5, "Asio is a library") == text_change::appended);
  CHECK(b.add(5, 1, ".") == text_change::appended);
  CHECK(b.end("Asio is a library.") == text_change::none);
  CHECK(b.subject.text() == "Asio is a library.");
}

TEST_CASE("answer text: what begins anew replaces") {
  bench b;
  b.add(0, 2, "one two");
  CHECK(b.add(0, 3, "other") == text_change::rewritten);
  CHECK(b.add(3, 1, "s") == text_change::appended);
  CHECK(b.end("") == text_change::rewritten);
  CHECK(b.subject.text() == "");
  CHECK(b.end("whole") == text_change::appended);
}

TEST_CASE("answer text: nonsense changes nothing") {
  bench b;
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  b.add(0, 1, "a");
  for (const auto& [idx, n] : {std::pair<std::int64_t, std::int64_t>{-1, 5},
                               {1, -1},
                               {most, 1},
                               {1, most},
                               {most, most},
                               {1, 0},
                               {0, 0}}) {
    CHECK(b.add(idx, n, "x") == text_change::none);
  }
  CHECK(b.subject.text() == "a");
}

TEST_CASE("answer text: has a limit, and is cut between characters") {
  bench b;
  const std::string almost(answer_text::max_bytes - 1, 'x');
  CHECK(b.add(0, 1, almost) == text_change::appended);
  CHECK(b.add(1, 1, "\xC3\xA4") == text_change::none);
  CHECK(b.add(2, 1, "yz") == text_change::appended);
  CHECK(b.add(3, 1, "z") == text_change::none);
  CHECK(b.subject.text() == almost + "y");
  CHECK(b.end(almost + "yzzz") == text_change::none);
  CHECK(b.subject.text().size() == answer_text::max_bytes);
}

TEST_CASE("answer text: every cut and every merge of a stream gives the same text") {
  const std::string words = "abcdefgh";
  // A stream of 8 chunks, taken up at `from` by a snapshot of the first `snapshot` chunks, and
  // merged in pairs from there.
  for (std::int64_t from = 0; from <= 8; ++from) {
    for (std::int64_t snapshot = 0; snapshot <= 8; ++snapshot) {
      bench b;
      for (std::int64_t i = 0; i < from; ++i)
        b.add(i, 1, words.substr(static_cast<std::size_t>(i), 1));
      if (snapshot > 0) b.add(0, snapshot, words.substr(0, static_cast<std::size_t>(snapshot)));
      const std::int64_t have = std::max(from, snapshot);
      CHECK(b.subject.text() == words.substr(0, static_cast<std::size_t>(have)));
      for (std::int64_t i = snapshot; i < 8; ++i) {
        const std::int64_t n = i == have && i + 2 <= 8 ? 2 : 1;
        b.add(i, n, words.substr(static_cast<std::size_t>(i), static_cast<std::size_t>(n)));
      }
      CHECK(b.subject.text() == words);
    }
  }
}

TEST_CASE("answer text: reasoning begins anew at 0, and waits behind a hole") {
  answer_text text;
  CHECK(text.add_reasoning(0, 1, "a").what == text_change::appended);
  CHECK(text.add_reasoning(1, 2, "bc").text == "bc");
  CHECK(text.add_reasoning(1, 2, "bc").what == text_change::none);
  CHECK(text.add_reasoning(4, 1, "e").what == text_change::none);
  CHECK(text.add_reasoning(3, 1, "d").text == "d");
  CHECK(text.text() == "abcd");
  CHECK(text.add_reasoning(5, 1, "f").what == text_change::none);
  CHECK(text.add_reasoning(0, 6, "abcdef").text == "ef");
  CHECK(text.add_reasoning(6, 1, "g").text == "g");
  // The next round of the same answer thinks anew.
  CHECK(text.add_reasoning(0, 1, "x").what == text_change::rewritten);
  CHECK(text.add_reasoning(1, 1, "y").text == "y");
  CHECK(text.text() == "xy");
  CHECK(text.add_reasoning(-1, 1, "z").what == text_change::none);
  CHECK(text.add_reasoning(2, -1, "z").what == text_change::none);
  CHECK(text.add_reasoning(0, 0, "z").what == text_change::none);
  CHECK(text.add_reasoning(2, 1, "z").text == "z");
}
