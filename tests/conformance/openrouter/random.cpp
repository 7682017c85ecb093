// SPDX-License-Identifier: MIT
//
// Streams that are mutated at random, from a fixed seed: whatever comes, a completion ends once, in
// order, within its limits, and the same however the bytes are cut.
#include "bench.hpp"

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace upstream;

namespace {

const std::vector<std::string>& good_streams() {
  static const std::vector<std::string> all{
      ping + ping + content("Hel") + content("lo") + ping + content("!") + finish("stop") + usage +
          done,
      content("\xE6\x97\xA5\xE6\x9C\xAC") + content(R"(\ud83e\udd80)") + finish("stop") + done,
      "\xEF\xBB\xBF" + replace_all(answer(), "\n", "\r\n"),
      "id: 7\nretry: 100\nfoo: bar\nlonely\ndata: {\"id\":\"a\",\ndata: \"choices\":[]}\n\n" +
          answer(),
      delta(R"({"reasoning":"Hm.","reasoning_details":[{"type":"reasoning.text","text":"Hm.",)"
            R"("signature":"s","index":0}]})") +
          answer(),
      delta(
          R"({"tool_calls":[{"index":0,"id":"c1","type":"function","function":)"
          R"({"name":"f","arguments":"{\"a\":"}},{"index":1,"id":"c2","function":{"name":"g"}}]})") +
          delta(R"({"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]})") +
          finish("tool_calls") + usage + done,
      content("part") + frame(R"({"error":{"code":502,"message":"gone","metadata":)"
                              R"({"error_type":"provider_unavailable","raw":"{\"a\":1}"}}})"),
      content("part") + "event: error\ndata: {\"error\":\"x\"}\n\nerror: {\"message\":\"y\"}\n\n",
      "\n \n{\"choices\":[{\"message\":{\"content\":\"Hello\"},\"finish_reason\":\"stop\"}]}",
      delta(R"({"content":[{"type":"text","text":"x"}],"annotations":[{"type":"new"}],)"
            R"("images":[{"image_url":{"url":"data:,"}}]})") +
          answer(),
  };
  return all;
}

class mutator {
 public:
  explicit mutator(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t limit) {
    return limit == 0 ? 0 : random_() % limit;  // the same with every standard library
  }

  std::string next() {
    const auto& all = good_streams();
    std::string bytes = all[below(all.size())];
    for (std::size_t left = below(6); left != 0; --left) change(bytes);
    // The last, since half a key is none.
    if (below(4) == 0) bytes.insert(below(bytes.size() + 1), key);
    return bytes;
  }

 private:
  void change(std::string& bytes) {
    static const std::vector<std::string> tokens{"\n",
                                                 "\n\n",
                                                 "\r",
                                                 "data: ",
                                                 "data:",
                                                 "event: error\n",
                                                 "error: ",
                                                 ":",
                                                 "[DONE]",
                                                 "null",
                                                 "{",
                                                 "}",
                                                 "[",
                                                 "]",
                                                 "\"",
                                                 "\\",
                                                 "\\u0000",
                                                 "\\ud83e",
                                                 "\xEF\xBB\xBF",
                                                 "\xFF",
                                                 "-1e999",
                                                 ",",
                                                 std::string(1, '\0'),
                                                 R"("error":{"message":"x"})",
                                                 "<html>"};
    const std::size_t at = below(bytes.size() + 1);
    switch (below(6)) {
      case 0: bytes.resize(at); break;
      case 1: bytes.insert(at, tokens[below(tokens.size())]); break;
      case 2:
        if (at < bytes.size()) bytes[at] = static_cast<char>(below(256));
        break;
      case 3: bytes.erase(at, below(40)); break;
      case 4: bytes.insert(at, bytes.substr(below(bytes.size() + 1), below(400))); break;
      case 5:
        for (std::size_t left = below(30); left != 0; --left) {
          bytes.insert(at, 1, static_cast<char>(below(256)));
        }
        break;
    }
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("T72: mutated streams end, once, the same however they are cut") {
  mutator mutate(20260823);
  for (int round = 0; round < 4000; ++round) {
    const std::string bytes = mutate.next();
    const bool lost = mutate.below(4) == 0;
    const int status = mutate.below(10) == 0 ? 502 : 200;
    const auto told = [&](auto piece) {
      exchange one;
      one.settings.retry.max_attempts = 1;
      one.settings.limits.max_text_bytes = 64;
      one.settings.limits.max_event_bytes = 700;
      http_script script;
      script.head(status);
      for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t size = std::max<std::size_t>(1, piece());
        script.body(bytes.substr(at, size));
        at += size;
      }
      if (lost) {
        script.fail(errc::connection_failed);
      } else {
        script.complete();
      }
      one.http.reply_with(std::move(script));
      one.ask();
      one.settle();
      if (one.http.open_calls() != 0 || one.client().size() != 0) {
        one.sink.broken.push_back("something is left");
      }
      if (!one.sink.ended) one.sink.broken.push_back("no end");
      if (one.sink.text.size() > 64 || one.sink.reasoning.size() > 64) {
        one.sink.broken.push_back("above the limit");
      }
      return std::move(one.sink);
    };
    const recorder whole = told([&] { return bytes.size(); });
    const recorder cut = told([&] { return mutate.below(60); });
    CAPTURE(round);
    CAPTURE(bytes);
    REQUIRE(whole.broken == std::vector<std::string>());
    REQUIRE(cut.broken == std::vector<std::string>());
    REQUIRE(cut.summary() == whole.summary());
  }
}
