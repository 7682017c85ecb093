// SPDX-License-Identifier: MIT
//
// What the cases of this folder share: the bytes of an upstream, spelled as OpenRouter's traffic
// has them, and a completion over a scripted connection in virtual time. A stream is told whole,
// cut in two at every byte, and byte by byte, which must come to the same. What the library
// promises of every completion (order of calls, whole characters, no secrets in words for clients,
// nothing left open) is checked in each.
#pragma once

#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/openrouter/client.hpp>
#include <agent_websocket/openrouter/stream_decoder.hpp>
#include <agent_websocket/testing/manual_scheduler.hpp>
#include <agent_websocket/testing/mock_http_client.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace upstream {

using agent_websocket::duration;
using agent_websocket::errc;
using agent_websocket::time_point;
using agent_websocket::testing::http_script;
using agent_websocket::testing::manual_scheduler;
using agent_websocket::testing::mock_http_client;
using std::chrono::milliseconds;
using std::chrono::seconds;
namespace openrouter = agent_websocket::openrouter;
namespace http = agent_websocket::http;

// ---- bytes

inline const std::string ping = ": OPENROUTER PROCESSING\n\n";
inline const std::string done = "data: [DONE]\n\n";

inline std::string frame(std::string_view json) { return "data: " + std::string(json) + "\n\n"; }

/// A chunk with these choices; `more` follows them. Short: every byte is a place to cut at.
inline std::string chunk(const std::string& choices, const std::string& more = "") {
  return frame(R"({"id":"gen-1","provider":"P","model":"a/b-1","choices":[)" + choices + "]" +
               more + "}");
}
/// One choice; `reason` is JSON.
inline std::string choice(const std::string& delta, const std::string& reason = "null") {
  return R"({"index":0,"delta":)" + delta + R"(,"finish_reason":)" + reason + "}";
}
inline std::string delta(const std::string& json) { return chunk(choice(json)); }
/// C("x"); `text` is the inside of a JSON string.
inline std::string content(const std::string& text) {
  return delta(R"({"role":"assistant","content":")" + text + "\"}");
}
/// F(reason)
inline std::string finish(const std::string& reason) {
  return chunk(choice(R"({"role":"assistant","content":""})", '"' + reason + '"'));
}
inline const std::string usage_object =
    R"({"prompt_tokens":14,"completion_tokens":3,"total_tokens":17,"cost":0.000087})";
/// U, in the shape with a choice that repeats the reason.
inline const std::string usage =
    chunk(choice(R"({"role":"assistant","content":""})", "\"stop\""), ",\"usage\":" + usage_object);

/// A whole good stream with that text.
inline std::string answer(const std::string& text = "Hello") {
  return content(text) + finish("stop") + usage + done;
}

inline std::string replace_all(std::string text, std::string_view what, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
  return text;
}

// ---- what a completion told

inline const std::string key = "sk-or-v1-0123456789abcdef0123456789abcdef";

/// What no client may read, whatever an upstream says.
inline std::vector<std::string> faults_of(const openrouter::failure& why) {
  std::vector<std::string> faults;
  const std::string& words = why.why.message;
  if (words.empty()) faults.push_back("no words");
  if (words.size() > 600) faults.push_back("too many words");
  if (!agent_websocket::is_utf8(words)) faults.push_back("words are not UTF-8");
  for (const char* never : {"{\"", "<html", "<!DOCTYPE", "0123456789abcdef", "\n", "\r"}) {
    if (words.find(never) != std::string::npos) faults.push_back(words);
  }
  if (why.why.detail.find(key) != std::string::npos) faults.push_back("the log has the key");
  if (why.why.detail.size() > 2048) faults.push_back("too much for the log");
  return faults;
}

/// Keeps what is told, and what is told wrongly.
class recorder final : public openrouter::completion_sink {
 public:
  void on_begin(openrouter::completion_id, std::string_view served) override {
    if (begun || ended) broken.push_back("a late on_begin");
    begun = true;
    model = served;
  }
  void on_text(openrouter::completion_id, std::string_view piece) override {
    check_piece(piece);
    text += piece;
  }
  void on_reasoning(openrouter::completion_id, std::string_view piece) override {
    check_piece(piece);
    reasoning += piece;
  }
  void on_retry(openrouter::completion_id, int attempt, milliseconds wait,
                const openrouter::failure& why) override {
    if (begun || ended) broken.push_back("a retry after the beginning");
    waits.push_back(wait);
    refusals.push_back(why);
    if (attempt != static_cast<int>(waits.size())) broken.push_back("attempts miscounted");
    check_words(why);
  }
  void on_complete(openrouter::completion_id, openrouter::outcome what) override {
    if (ended) broken.push_back("a second end");
    ended = what;
    if (what.failed) check_words(*what.failed);
  }

  bool complete() const { return ended && ended->complete(); }
  const openrouter::failure& why() const {
    REQUIRE(ended);
    REQUIRE(ended->failed);
    return *ended->failed;
  }
  errc code() const { return why().why.code; }
  const std::string& words() const { return why().why.message; }
  bool says(std::string_view what) const { return words().find(what) != std::string::npos; }

  /// The tool calls, one a line.
  std::string calls() const {
    std::string all;
    for (const openrouter::tool_call& each : ended ? ended->tool_calls : none) {
      all +=
          each.id + " " + each.name + " " + each.arguments + (each.complete ? "" : " CUT") + "\n";
    }
    return all;
  }

  /// All of it, to compare two ways to cut the same bytes.
  std::string summary() const {
    std::string all = text + "|" + reasoning + "|" + model + "|" + (begun ? "begun" : "silent");
    if (!ended) return all;
    const openrouter::outcome& what = *ended;
    all += "|" + what.finish_reason + "|" + what.model + "|" + what.provider + "|" +
           what.generation_id + "|" + what.usage.json + "|" + (what.no_done ? "open" : "done") +
           (what.has_tool_calls ? "|tools" : "|") + "|" + std::to_string(what.comments) + "|" +
           std::to_string(what.skipped) + "|" + std::to_string(what.attempts);
    all +=
        "|" + calls() + "|" + what.reasoning_details + "|" + what.annotations + "|" + what.images;
    if (what.failed) {
      const openrouter::failure& failed = *what.failed;
      all += "|" + std::string(to_string(failed.why.code)) + "|" + failed.why.message + "|" +
             failed.why.detail + "|" + std::to_string(failed.status) + "|" + failed.type + "|" +
             failed.provider + (failed.retryable ? "|again" : "|");
    }
    return all;
  }

  std::string text, reasoning, model;
  bool begun = false;
  std::vector<milliseconds> waits;
  std::vector<openrouter::failure> refusals;  ///< of attempts that were repeated
  std::optional<openrouter::outcome> ended;
  std::vector<std::string> broken;  ///< promises

 private:
  inline static const std::vector<openrouter::tool_call> none;

  void check_piece(std::string_view piece) {
    if (!begun || ended) broken.push_back("a piece out of order");
    if (piece.empty()) broken.push_back("an empty piece");
    if (!agent_websocket::is_utf8(piece)) broken.push_back("half a character");
  }
  void check_words(const openrouter::failure& why) {
    for (const std::string& each : faults_of(why)) broken.push_back(each);
  }
};

// ---- one completion

inline openrouter::chat_request question() {
  openrouter::chat_request asked;
  asked.model = "a/b";
  asked.messages = {openrouter::chat_message::user("Hi")};
  return asked;
}

class exchange {
 public:
  exchange() { settings.api_key = key; }

  mock_http_client http;
  manual_scheduler clock;
  openrouter::client_settings settings;
  openrouter::chat_request asked = question();
  recorder sink;
  double jitter = 0;  ///< every random number

  /// Sends it; nothing is answered yet.
  openrouter::completion_id ask() {
    client_.emplace(settings, http, clock, agent_websocket::random_source([this] {
                      return static_cast<std::uint64_t>(jitter * 0x1.0p53) << 11;
                    }));
    return client_->start(asked, sink);
  }
  /// Delivers what is scripted and lets time pass until nothing happens any more.
  void settle() {
    const time_point end = clock.now() + std::chrono::hours(48);
    for (;;) {
      while (http.run() + clock.run() != 0) continue;
      const auto next = clock.next_deadline();
      if (!next || *next > end) break;
      clock.advance(*next - clock.now());
    }
  }
  void advance(duration time) {
    http.run();
    clock.advance(time);
    http.run();
  }
  void run() {
    ask();
    settle();
    check_end();
  }

  /// It has ended, once and in order, and nothing is left of it.
  void check_end() {
    CHECK(sink.ended);
    CHECK(sink.broken == std::vector<std::string>());
    CHECK(http.open_calls() == 0);
    CHECK(client_->size() == 0);
    CHECK(!clock.has_work());
    if (sink.ended) CHECK(sink.ended->attempts == static_cast<int>(requests()));
  }

  std::size_t requests() const { return http.calls().size(); }
  auto& client() { return *client_; }

 private:
  std::optional<openrouter::basic_openrouter_client<mock_http_client, manual_scheduler>> client_;
};

/// How the bytes of a stream end.
enum class ending { closed, lost };

/// The same through the decoder alone, which is quicker: `bytes` cut in two.
class decoding final : private openrouter::answer_sink {
 public:
  recorder read(std::string_view bytes, std::size_t split, ending how) {
    openrouter::stream_decoder decoder;
    // Pieces of their own, so that reading beyond one is seen.
    decoder.feed(std::string(bytes.substr(0, split)), *this);
    decoder.feed(std::string(bytes.substr(split)), *this);
    openrouter::failure lost(errc::connection_failed);
    lost.why.detail = "reset by peer";
    decoder.finish(*this, how == ending::lost ? &lost : nullptr);
    into_.on_complete(1, decoder.take_outcome());
    return std::move(into_);
  }

 private:
  void on_begin(std::string_view model) override { into_.on_begin(1, model); }
  void on_text(std::string_view text) override { into_.on_text(1, text); }
  void on_reasoning(std::string_view text) override { into_.on_reasoning(1, text); }
  openrouter::failure_context context() const override {
    return {manual_scheduler().wall_now(), key};
  }

  recorder into_;
};

/// What the stream `bytes` (status 200, one attempt) tells, however it is cut.
inline recorder read(const std::string& bytes, ending how = ending::closed) {
  const auto told = [&](std::size_t piece) {
    exchange one;
    one.settings.retry.max_attempts = 1;
    one.http.split(piece);
    http_script script;
    script.head(200, {{"Content-Type", "text/event-stream"}}).body(bytes);
    if (how == ending::closed) {
      script.complete();
    } else {
      script.fail(errc::connection_failed, "reset by peer");
    }
    one.http.reply_with(script);
    one.run();
    return std::move(one.sink);
  };
  const recorder whole = told(0);
  const std::string expected = whole.summary();
  CHECK(told(1).summary() == expected);
  for (std::size_t split = 1; split < bytes.size(); ++split) {
    const recorder cut = decoding().read(bytes, split, how);
    if (cut.broken.empty() && cut.summary() == expected) continue;
    CAPTURE(split);
    CHECK(cut.summary() == expected);
    CHECK(cut.broken == std::vector<std::string>());
    break;
  }
  return whole;
}

}  // namespace upstream

namespace doctest {
template <>
struct StringMaker<std::vector<std::string>> {
  static String convert(const std::vector<std::string>& lines) {
    std::string all;
    for (const std::string& each : lines) all += "[" + each + "]";
    return all.c_str();
  }
};
template <>
struct StringMaker<std::vector<std::chrono::milliseconds>> {
  static String convert(const std::vector<std::chrono::milliseconds>& times) {
    std::string all;
    for (const auto& each : times) all += std::to_string(each.count()) + "ms ";
    return all.c_str();
  }
};
}  // namespace doctest
