// SPDX-License-Identifier: MIT
//
// Answers of a model server for the tests of the openrouter room, built from the words that its
// test cases use: a content chunk, a finish chunk, usage, a keep-alive comment, the end.
#pragma once

#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/openrouter/error.hpp>
#include <agent_websocket/openrouter/response.hpp>
#include <agent_websocket/openrouter/stream_decoder.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace answers {

inline const std::string ping = ": OPENROUTER PROCESSING\n\n";
inline const std::string done = "data: [DONE]\n\n";

/// A JSON text as an event.
inline std::string event(std::string_view json) { return "data: " + std::string(json) + "\n\n"; }

/// A chunk with that choice in it, as OpenRouter sends them.
inline std::string with_choice(const std::string& choice, const std::string& more = "") {
  return event(R"({"id":"gen-1","object":"chat.completion.chunk","created":1,"model":"a/b",)"
               R"("provider":"P","choices":[)" +
               choice + "]" + more + "}");
}
inline std::string delta(const std::string& delta_json) {
  return with_choice(R"({"index":0,"delta":)" + delta_json + R"(,"finish_reason":null})");
}
/// C("x")
inline std::string content(std::string_view text) {
  std::string json = R"({"role":"assistant","content":")";
  agent_websocket::json::append_escaped(json, text);
  return delta(json + "\"}");
}
/// F(reason)
inline std::string finish(const std::string& reason) {
  return with_choice(R"({"index":0,"delta":{"content":""},"finish_reason":")" + reason +
                     R"(","native_finish_reason":"x"})");
}
inline const std::string usage_json =
    R"({"prompt_tokens":7,"completion_tokens":3,"total_tokens":10,"cost":0.5,)"
    R"("prompt_tokens_details":null})";
/// U: shape 2, with a choice that repeats the reason.
inline const std::string usage =
    with_choice(R"({"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"})",
                ",\"usage\":" + usage_json);

/// What came of decoding.
struct decoded {
  std::string text, reasoning, model;
  int begins = 0;
  std::size_t late = 0;  ///< calls before on_begin, which must not be
  bool done = false, has_output = false, saw_done = false;
  agent_websocket::openrouter::outcome ended;

  bool failed_with(agent_websocket::errc code) const {
    return ended.failed && ended.failed->why.code == code;
  }
  std::string message() const { return ended.failed ? ended.failed->why.message : ""; }

  /// All of it, to compare two ways of cutting the same bytes.
  std::string summary() const {
    std::string all = text + "|" + reasoning + "|" + model + "|" + std::to_string(begins) + "|" +
                      std::to_string(late) + "|" + ended.finish_reason + "|" + ended.model + "|" +
                      ended.provider + "|" + ended.generation_id + "|" + ended.usage.json + "|" +
                      ended.reasoning_details + "|" + ended.annotations + "|" + ended.images;
    for (const agent_websocket::openrouter::tool_call& each : ended.tool_calls) {
      all += "|" + each.id + ":" + each.name + "(" + each.arguments + (each.complete ? ")" : ")!");
    }
    for (const bool each : {done, has_output, saw_done, ended.no_done, ended.has_tool_calls}) {
      all += each ? "+" : "-";
    }
    all += std::to_string(ended.comments) + "," + std::to_string(ended.skipped);
    if (!ended.failed) return all;
    const agent_websocket::openrouter::failure& why = *ended.failed;
    return all + "|" + to_string(why.why.code) + "|" + why.why.message + "|" + why.why.detail +
           "|" + std::to_string(why.status) + why.type + why.provider + (why.retryable ? "+" : "-");
  }
};

class recording_sink final : public agent_websocket::openrouter::answer_sink {
 public:
  explicit recording_sink(decoded& into) : into_(into) {}
  void on_begin(std::string_view model) override {
    ++into_.begins;
    into_.model = model;
  }
  void on_text(std::string_view text) override {
    if (into_.begins == 0 || text.empty()) ++into_.late;
    into_.text += text;
  }
  void on_reasoning(std::string_view text) override {
    if (into_.begins == 0 || text.empty()) ++into_.late;
    into_.reasoning += text;
  }
  agent_websocket::openrouter::failure_context context() const override {
    return {agent_websocket::wall_time(std::chrono::seconds(1'767'225'600)), "the-secret-key"};
  }

 private:
  decoded& into_;
};

/// Decodes `bytes`, cut as `cut` says: it gets the position and returns the next piece's length.
template <typename Cut>
decoded decode(std::string_view bytes, Cut cut, bool at_end = true,
               const agent_websocket::openrouter::failure* lost = nullptr,
               const agent_websocket::openrouter::answer_limits& limits = {}) {
  decoded all;
  recording_sink sink(all);
  agent_websocket::openrouter::stream_decoder decoder(limits);
  for (std::size_t at = 0; at < bytes.size();) {
    const std::string piece(bytes.substr(at, cut(at)));
    at += piece.size();
    decoder.feed(piece, sink);
  }
  if (at_end) decoder.finish(sink, lost);
  all.done = decoder.done();
  all.has_output = decoder.has_output();
  all.saw_done = decoder.saw_done();
  all.ended = decoder.take_outcome();
  return all;
}

}  // namespace answers
