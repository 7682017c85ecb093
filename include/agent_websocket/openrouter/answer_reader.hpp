// SPDX-License-Identifier: MIT
//
// Reads one chunk of a streamed answer, or a whole answer, as parsed JSON: text and reasoning go to
// a sink, the rest, tool calls among it, is collected in an outcome. Follows OpenRouter's API
// reference (chat completion chunk) and takes what other servers leave out, set to null or spell
// differently. Knows no bytes and no ends; those are stream_decoder.hpp's.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/openrouter/error_reader.hpp>
#include <agent_websocket/openrouter/json_list.hpp>
#include <agent_websocket/openrouter/reasoning_details.hpp>
#include <agent_websocket/openrouter/response.hpp>
#include <agent_websocket/openrouter/request.hpp>
#include <agent_websocket/openrouter/settings.hpp>
#include <agent_websocket/openrouter/think_tags.hpp>
#include <agent_websocket/openrouter/tool_calls.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace openrouter {

/// Receives an answer while it is decoded.
class answer_sink {
 public:
  /// Before the first fragment of content, reasoning or a tool call; at most once.
  virtual void on_begin(std::string_view model) = 0;
  virtual void on_text(std::string_view text) = 0;
  virtual void on_reasoning(std::string_view text) = 0;
  /// Asked for when a failure has to be put in words.
  virtual failure_context context() const = 0;

 protected:
  ~answer_sink() = default;
};

/// The state of one answer. A sink function that wants no more calls stop().
class answer_reader {
 public:
  explicit answer_reader(const answer_limits& limits, const dialect& as = {}) noexcept;

  /// One chunk ("choices[].delta"). Returns its text when that is all it gave, or else nothing.
  json::value read_chunk(const json::value& top, answer_sink& sink);
  /// The text of a chunk that holds nothing else that is new.
  void read_text(std::string_view text, answer_sink& sink) { give_content(text, sink); }
  /// A whole answer ("choices[].message").
  void read_whole(const json::value& top, answer_sink& sink);

  /// No content follows: gives what may have become a tag.
  void finish(answer_sink& sink);
  /// Ends the answer with a failure; what was collected stays.
  void fail(failure why, answer_sink& sink);
  /// No more calls to the sink.
  void stop() noexcept { stopped_ = true; }
  bool stopped() const noexcept { return stopped_; }

  /// True once anything of content, reasoning or a tool call was there.
  bool has_output() const noexcept { return has_output_; }
  bool has_text() const noexcept { return text_bytes_ != 0; }
  bool has_tool_calls() const noexcept { return !calls_.empty(); }

  outcome& ended() noexcept { return ended_; }
  const outcome& ended() const noexcept { return ended_; }

  /// The outcome with all that was collected. `whole`: the answer has come to its end.
  outcome take_outcome(bool whole);

 private:
  enum class reasoning_field { none, reasoning, reasoning_content, details };

  /// What stands in a delta or a message.
  struct parts {
    json::value content, refusal, audio;
    json::value reasoning, reasoning_content, reasoning_details;
    json::value tool_calls, images, annotations;
  };
  static parts parts_of(const json::value& piece) noexcept;

  void read(const json::value& top, bool whole, answer_sink& sink);

  /// The choice with index 0, where one says so; others are other answers to the same question.
  static json::value first_choice(const json::value& choices);

  static void keep_first(std::string& kept, const json::value& from);

  void read_content(const parts& given, answer_sink& sink);

  /// What is kept for the end.
  void collect(const parts& given, bool whole, answer_sink& sink);
  static bool has_elements(const json::value& array) noexcept;

  /// The same thoughts may stand in up to three fields: the first that is seen is the one shown.
  void read_reasoning(const parts& given, answer_sink& sink);

  void give_reasoning(const json::value& from, reasoning_field field, answer_sink& sink);

  void give_content(std::string_view content, answer_sink& sink);

  void give_part(content_kind kind, std::string_view part, answer_sink& sink);

  void give_text(std::string_view text, answer_sink& sink);

  void begin(answer_sink& sink);

  /// Something other than text, which comes again when the same chunk does.
  void begin_more(answer_sink& sink);

  void fail(failure why);

  void fail_too_long(const char* of_what);

  std::size_t max_text_bytes_;
  std::size_t text_bytes_ = 0;
  std::size_t reasoning_bytes_ = 0;
  think_tags tags_;
  outcome ended_;
  tool_call_accumulator calls_;
  reasoning_details_accumulator details_;
  json_list annotations_;
  json_list images_;
  json::value plain_text_;  // of the chunk that is being read
  bool has_more_ = false;   // that chunk gave something else
  reasoning_field shown_ = reasoning_field::none;
  bool has_output_ = false;
  bool stopped_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE answer_reader::answer_reader(const answer_limits& limits,
                                                    const dialect& as) noexcept
    : max_text_bytes_(limits.max_text_bytes),
      tags_(as.think_tags),
      calls_(limits.max_text_bytes),
      details_(limits.max_text_bytes),
      annotations_(limits.max_text_bytes),
      images_(limits.max_image_bytes) {}

AGENT_WEBSOCKET_INLINE json::value answer_reader::read_chunk(const json::value& top,
                                                             answer_sink& sink) {
  plain_text_ = {};
  has_more_ = false;
  read(top, false, sink);
  return stopped_ || has_more_ ? json::value() : plain_text_;
}

AGENT_WEBSOCKET_INLINE void answer_reader::read_whole(const json::value& top, answer_sink& sink) {
  read(top, true, sink);
  if (!stopped_ && !top["choices"][0].exists()) fail(failure(errc::empty_response), sink);
}

AGENT_WEBSOCKET_INLINE void answer_reader::finish(answer_sink& sink) {
  tags_.finish([&](content_kind kind, std::string_view part) { give_part(kind, part, sink); });
}

AGENT_WEBSOCKET_INLINE void answer_reader::fail(failure why, answer_sink& sink) {
  finish(sink);
  fail(std::move(why));
}

AGENT_WEBSOCKET_INLINE outcome answer_reader::take_outcome(bool whole) {
  const std::string& reason = ended_.finish_reason;
  const bool cut = !whole || ended_.failed || reason == "length" || reason == "content_filter";
  ended_.tool_calls = calls_.take(cut, ended_.generation_id);
  ended_.has_tool_calls = !ended_.tool_calls.empty();
  ended_.reasoning_details = details_.take();
  ended_.annotations = annotations_.take();
  ended_.images = images_.take();
  return std::move(ended_);
}

AGENT_WEBSOCKET_INLINE void answer_reader::read(const json::value& top, bool whole,
                                                answer_sink& sink) {
  const auto [model, provider, id, usage, choices, error] =
      top.members("model", "provider", "id", "usage", "choices", "error");
  keep_first(ended_.model, model);
  keep_first(ended_.provider, provider);
  keep_first(ended_.generation_id, id);
  if (read_usage(usage, ended_.usage)) has_more_ = true;
  const json::value choice = first_choice(choices);
  const auto [delta, message, finish_reason] = choice.members("delta", "message", "finish_reason");
  json::value piece = whole ? message : delta;
  // Some servers send a whole message as the only chunk.
  if (!piece.is_object() && !has_output_) {
    piece = message;
    whole = has_more_ = true;
  }
  const parts given = parts_of(piece);
  read_reasoning(given, sink);
  read_content(given, sink);
  collect(given, whole, sink);
  if (stopped_) return;
  if (const auto reason = finish_reason.string(); reason && !reason->empty()) {
    ended_.finish_reason.assign(*reason);
    has_more_ = true;
  }
  if (const json::value fault = find_error(top, error, choices); fault.exists()) {
    fail(read_stream_failure(top, fault, sink.context()), sink);
  } else if (ended_.finish_reason == "error") {
    fail(read_stream_failure(top, {}, sink.context()), sink);
    ended_.failed->retryable = true;
  }
}

AGENT_WEBSOCKET_INLINE answer_reader::parts answer_reader::parts_of(
    const json::value& piece) noexcept {
  const auto [content, refusal, audio, reasoning, reasoning_content, details, calls, images,
              annotations] =
      piece.members("content", "refusal", "audio", "reasoning", "reasoning_content",
                    "reasoning_details", "tool_calls", "images", "annotations");
  return {content, refusal, audio,  reasoning,  reasoning_content,
          details, calls,   images, annotations};
}

AGENT_WEBSOCKET_INLINE json::value answer_reader::first_choice(const json::value& choices) {
  json::value found;
  choices.for_each_element([&found](const json::value& choice) {
    if (!found.exists() && choice["index"].integer().value_or(0) == 0) found = choice;
  });
  return found;
}

AGENT_WEBSOCKET_INLINE void answer_reader::keep_first(std::string& kept, const json::value& from) {
  if (!kept.empty()) return;
  if (const auto text = from.string()) kept.assign(*text);
}

AGENT_WEBSOCKET_INLINE void answer_reader::read_content(const parts& given, answer_sink& sink) {
  const json::value& content = given.content;
  if (const auto text = content.string()) {
    plain_text_ = content;
    give_content(*text, sink);
  } else if (content.is_array()) {  // Mistral: parts, of which some are thoughts
    content.for_each_element([&](const json::value& part) {
      if (const auto words = part["text"].string()) give_content(*words, sink);
    });
  } else if (const auto refused = given.refusal.string()) {
    give_content(*refused, sink);
  }
  if (given.audio.is_object()) begin_more(sink);
}

AGENT_WEBSOCKET_INLINE void answer_reader::collect(const parts& given, bool whole,
                                                   answer_sink& sink) {
  const json::value &calls = given.tool_calls, &details = given.reasoning_details;
  if (has_elements(calls) || has_elements(given.images)) begin_more(sink);
  if (stopped_) return;
  if (!(whole ? calls_.add_whole(calls) : calls_.add_fragments(calls))) {
    fail_too_long("tool calls");
  } else if (!(whole ? details_.add_whole(details) : details_.add_fragments(details))) {
    fail_too_long("reasoning details");
  } else if (!images_.add(given.images)) {
    fail_too_long("images");
  } else if (!annotations_.add(given.annotations)) {
    fail_too_long("annotations");
  }
}

AGENT_WEBSOCKET_INLINE bool answer_reader::has_elements(const json::value& array) noexcept {
  return array.is_array() && array.size() != 0;
}

AGENT_WEBSOCKET_INLINE void answer_reader::read_reasoning(const parts& given, answer_sink& sink) {
  give_reasoning(given.reasoning, reasoning_field::reasoning, sink);
  give_reasoning(given.reasoning_content, reasoning_field::reasoning_content, sink);
  given.reasoning_details.for_each_element([&](const json::value& entry) {
    begin_more(sink);
    const json::value text = entry["text"];
    give_reasoning(text.is_string() ? text : entry["summary"], reasoning_field::details, sink);
  });
}

AGENT_WEBSOCKET_INLINE void answer_reader::give_reasoning(const json::value& from,
                                                          reasoning_field field,
                                                          answer_sink& sink) {
  const auto text = from.string();
  if (!text || text->empty()) return;
  if (shown_ == reasoning_field::none) shown_ = field;
  if (shown_ != field) return;
  begin_more(sink);
  give_part(content_kind::reasoning, *text, sink);
}

AGENT_WEBSOCKET_INLINE void answer_reader::give_content(std::string_view content,
                                                        answer_sink& sink) {
  if (content.empty()) return;
  begin(sink);
  tags_.feed(content,
             [&](content_kind kind, std::string_view part) { give_part(kind, part, sink); });
}

AGENT_WEBSOCKET_INLINE void answer_reader::give_part(content_kind kind, std::string_view part,
                                                     answer_sink& sink) {
  if (kind == content_kind::text) return give_text(part, sink);
  const std::string_view fits = cut_utf8(part, max_text_bytes_ - reasoning_bytes_);
  reasoning_bytes_ += fits.size();
  if (!stopped_ && !fits.empty()) sink.on_reasoning(fits);
  if (!stopped_ && fits.size() != part.size()) fail_too_long("reasoning");
}

AGENT_WEBSOCKET_INLINE void answer_reader::give_text(std::string_view text, answer_sink& sink) {
  const std::string_view fits = cut_utf8(text, max_text_bytes_ - text_bytes_);
  text_bytes_ += fits.size();
  if (!stopped_ && !fits.empty()) sink.on_text(fits);
  if (!stopped_ && fits.size() != text.size()) fail_too_long("text");
}

AGENT_WEBSOCKET_INLINE void answer_reader::begin(answer_sink& sink) {
  if (has_output_ || stopped_) return;
  has_output_ = true;
  sink.on_begin(ended_.model);
}

AGENT_WEBSOCKET_INLINE void answer_reader::begin_more(answer_sink& sink) {
  has_more_ = true;
  begin(sink);
}

AGENT_WEBSOCKET_INLINE void answer_reader::fail(failure why) {
  if (!ended_.failed) ended_.failed = std::move(why);
  stopped_ = true;
}

AGENT_WEBSOCKET_INLINE void answer_reader::fail_too_long(const char* of_what) {
  failure why(error(errc::truncated, "The answer is longer than allowed"));
  why.why.detail = std::string("too many bytes, or too many pieces, of ") + of_what;
  why.retryable = false;
  fail(std::move(why));
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
