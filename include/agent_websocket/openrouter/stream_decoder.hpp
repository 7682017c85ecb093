// SPDX-License-Identifier: MIT
//
// Decodes the body of an answer with status 2xx: server-sent events of chunks, or one JSON object
// from a server that does not stream. Finds out how it ended, by the rules of OpenRouter's docs
// ("Streaming") and those of the servers that never heard of them. Bytes in, calls on a sink out;
// no clock, no connection.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/http/sse_parser.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/openrouter/answer_reader.hpp>
#include <agent_websocket/openrouter/chunk_pattern.hpp>
#include <agent_websocket/openrouter/json_repair.hpp>
#include <agent_websocket/openrouter/settings.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace openrouter {

/// One answer. The sink may call stop() from inside its functions; it must not destroy the decoder.
class stream_decoder {
 public:
  /// `seen`, where given, knows chunks of other answers and outlives the decoder.
  explicit stream_decoder(const answer_limits& limits = {}, const dialect& as = {},
                          json::shapes* seen = nullptr);

  /// Takes the next bytes of the body. Once done() they are dropped.
  void feed(std::string_view bytes, answer_sink& sink);

  /// The body has ended: as its framing says it should, or because of `lost`, the connection.
  void finish(answer_sink& sink, const failure* lost = nullptr);

  /// Ends the answer with a failure from outside, such as a timeout; what was collected stays.
  void fail(failure why, answer_sink& sink) { answer_.fail(std::move(why), sink); }
  /// No more calls to the sink.
  void stop() noexcept { answer_.stop(); }

  /// The outcome stands. With [DONE] that is before the body's end.
  bool done() const noexcept { return answer_.stopped(); }
  /// True once anything of content, reasoning or a tool call was there.
  bool has_output() const noexcept { return answer_.has_output(); }
  /// True when [DONE] was seen: what follows is nothing, and the connection can be used again.
  bool saw_done() const noexcept { return saw_done_; }

  /// The outcome, as far as it is known. The counters are those of now.
  outcome take_outcome();

 private:
  enum class form { unknown, events, json, other };
  static constexpr std::size_t kept_document_bytes = 1u << 20;

  /// Servers are wrong about Content-Type, and put blank lines before JSON to keep a connection
  /// alive; the first character that is not blank tells. No field of an event begins with '{'.
  std::string_view look_at(std::string_view bytes);

  // Also the bytes of a byte order mark.
  static bool is_blank(char c) noexcept;

  void collect(std::string_view bytes, answer_sink& sink);

  /// False when nothing more is wanted.
  bool read_event(const http::sse_event& event, answer_sink& sink);

  void read_body(const failure* lost, answer_sink& sink);

  enum class reading { as_it_is, repaired, impossible };
  reading parse(std::string_view text);

  /// The answer has ended without an error of its own. `whole`: it said so itself.
  void end(bool whole, const failure* lost, answer_sink& sink);

  /// A finish reason alone is no answer, unless tokens were spent on what stayed hidden.
  bool is_empty(const outcome& ended) const noexcept;

  void fail_too_large(answer_sink& sink);

  void fail_malformed(const std::string& what, std::string_view text, answer_sink& sink);

  void fail_with_words(std::string_view text, answer_sink& sink);

  std::size_t max_body_bytes_;
  json::shapes* seen_;
  http::sse_parser events_;
  answer_reader answer_;
  json::document document_;
  chunk_pattern pattern_;
  std::string body_;                 // of an answer that is no stream
  std::uint64_t skipped_bytes_ = 0;  // before the first event
  std::size_t event_count_ = 0;
  std::size_t skipped_ = 0;
  form form_ = form::unknown;
  bool saw_done_ = false;
  bool is_whole_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE stream_decoder::stream_decoder(const answer_limits& limits,
                                                      const dialect& as, json::shapes* seen)
    : max_body_bytes_(limits.max_event_bytes),
      seen_(seen),
      events_(limits.max_event_bytes),
      answer_(limits, as),
      document_(seen) {}

AGENT_WEBSOCKET_INLINE void stream_decoder::feed(std::string_view bytes, answer_sink& sink) {
  if (form_ == form::unknown) bytes = look_at(bytes);
  if (answer_.stopped() || bytes.empty()) return;
  switch (form_) {
    case form::unknown: return;
    case form::events: {
      const auto take = [&](const http::sse_event& event) { return read_event(event, sink); };
      if (events_.feed(bytes, take)) fail_too_large(sink);
      return;
    }
    case form::json:
    case form::other: return collect(bytes, sink);
  }
}

AGENT_WEBSOCKET_INLINE void stream_decoder::finish(answer_sink& sink, const failure* lost) {
  if (answer_.stopped()) return;
  switch (form_) {
    case form::unknown: break;
    case form::events: {
      const auto take = [&](const http::sse_event& event) { return read_event(event, sink); };
      if (events_.finish(take)) fail_too_large(sink);
      break;
    }
    case form::json: read_body(lost, sink); break;
    case form::other: fail_malformed("answer", body_, sink); break;
  }
  if (!answer_.stopped()) end(form_ == form::json, lost, sink);
}

AGENT_WEBSOCKET_INLINE outcome stream_decoder::take_outcome() {
  outcome ended = answer_.take_outcome(is_whole_);
  ended.comments = events_.comments();
  ended.skipped = skipped_;
  return ended;
}

AGENT_WEBSOCKET_INLINE std::string_view stream_decoder::look_at(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && is_blank(bytes[at])) ++at;
  skipped_bytes_ += at;
  if (at == bytes.size()) return {};
  const char first = bytes[at];
  if (first == '{' || first == '[') {
    form_ = form::json;
  } else if (first == '<') {
    form_ = form::other;
  } else {
    form_ = form::events;
  }
  return bytes.substr(at);
}

AGENT_WEBSOCKET_INLINE bool stream_decoder::is_blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\xEF' || c == '\xBB' ||
         c == '\xBF';
}

AGENT_WEBSOCKET_INLINE void stream_decoder::collect(std::string_view bytes, answer_sink& sink) {
  if (form_ == form::other) {
    body_.append(bytes.substr(0, 8192 - std::min<std::size_t>(body_.size(), 8192)));
    return;
  }
  if (bytes.size() > max_body_bytes_ - body_.size()) return fail_too_large(sink);
  body_.append(bytes);
}

AGENT_WEBSOCKET_INLINE bool stream_decoder::read_event(const http::sse_event& event,
                                                       answer_sink& sink) {
  ++event_count_;
  const bool is_error = event.is_error_field || event.event_type == "error";
  const auto read_known = [&](std::string_view chunk) {
    const auto text = is_error ? std::nullopt : pattern_.match(chunk);
    if (text) answer_.read_text(*text, sink);
    return text.has_value();
  };
  if (read_known(event.data)) return !answer_.stopped();
  const std::string_view data = http::trim(event.data);
  if (data.empty()) return true;
  if (data == "[DONE]") {
    saw_done_ = true;
    end(true, nullptr, sink);
    return false;
  }
  if (data.front() == ':' && !is_error) {  // a comment that a proxy has put into data
    ++skipped_;
    return true;
  }
  if (data.size() != event.data.size() && read_known(data)) return !answer_.stopped();
  const reading was_read = parse(data);
  if (was_read == reading::impossible) {
    if (is_error) {
      fail_with_words(data, sink);
    } else if (event.unterminated) {
      return true;  // cut in the middle: the end says so
    } else if (!event.event_type.empty() && event.event_type != "message") {
      ++skipped_;
      return true;
    } else {
      fail_malformed("chunk (event " + std::to_string(event_count_) + ", at byte " +
                         std::to_string(skipped_bytes_ + event.position) + ")",
                     data, sink);
    }
    return false;
  }
  const json::value top = document_.root();
  if (is_error) {
    const json::value fault = find_error(top);
    answer_.fail(read_stream_failure(top, fault.exists() ? fault : top, sink.context()), sink);
  } else if (top.is_object()) {
    const json::value text = answer_.read_chunk(top, sink);
    if (was_read == reading::as_it_is)
      pattern_.learn(data, text.position(), text.string().value_or(std::string_view()));
  } else {
    ++skipped_;
  }
  if (data.size() > kept_document_bytes) document_ = json::document(seen_);
  return !answer_.stopped();
}

AGENT_WEBSOCKET_INLINE void stream_decoder::read_body(const failure* lost, answer_sink& sink) {
  if (parse(body_) != reading::impossible && document_.root().is_object()) {
    answer_.read_whole(document_.root(), sink);
  } else if (lost != nullptr) {
    answer_.fail(*lost, sink);
  } else {
    fail_malformed("answer", body_, sink);
  }
}

AGENT_WEBSOCKET_INLINE stream_decoder::reading stream_decoder::parse(std::string_view text) {
  json::parse_limits limits;
  limits.max_bytes = static_cast<std::size_t>(-1);  // bounded before
  if (document_.parse(text, limits)) return reading::as_it_is;
  if (document_.parse(repair_characters(text), limits)) return reading::repaired;
  return reading::impossible;
}

AGENT_WEBSOCKET_INLINE void stream_decoder::end(bool whole, const failure* lost,
                                                answer_sink& sink) {
  answer_.finish(sink);
  if (answer_.stopped()) return;
  outcome& ended = answer_.ended();
  answer_.stop();
  ended.no_done = form_ == form::events && !saw_done_;
  whole = whole && answer_.has_output();
  if (whole || !ended.finish_reason.empty()) {
    is_whole_ = true;
    if (is_empty(ended)) ended.failed = failure(errc::empty_response);
    const bool only_calls = answer_.has_tool_calls() && !answer_.has_text();
    if (ended.finish_reason.empty() && only_calls) ended.finish_reason = "tool_calls";
  } else if (answer_.has_output()) {
    ended.failed = failure(errc::truncated);
    if (lost != nullptr) ended.failed->why.detail = lost->why.detail;
  } else {
    ended.failed = lost != nullptr ? *lost : failure(errc::empty_response);
  }
}

AGENT_WEBSOCKET_INLINE bool stream_decoder::is_empty(const outcome& ended) const noexcept {
  if (answer_.has_output()) return false;
  if (ended.finish_reason == "length" || ended.finish_reason == "content_filter") return false;
  return ended.usage.completion_tokens.value_or(0) == 0;
}

AGENT_WEBSOCKET_INLINE void stream_decoder::fail_too_large(answer_sink& sink) {
  failure why(error(errc::truncated, "The model's provider sent too much at once"));
  why.retryable = false;
  answer_.fail(std::move(why), sink);
}

AGENT_WEBSOCKET_INLINE void stream_decoder::fail_malformed(const std::string& what,
                                                           std::string_view text,
                                                           answer_sink& sink) {
  failure why(errc::provider_error);
  why.why.message = "The model's provider sent a malformed " + what;
  why.why.detail = words_for_log(cut_utf8(text, 8192), sink.context().secret);
  answer_.fail(std::move(why), sink);
}

AGENT_WEBSOCKET_INLINE void stream_decoder::fail_with_words(std::string_view text,
                                                            answer_sink& sink) {
  failure why(errc::provider_error);
  const std::string words = words_for_client(text, sink.context().secret);
  if (!words.empty()) why.why.message.append(": ").append(words);
  why.why.detail = words_for_log(text, sink.context().secret);
  why.retryable = false;
  answer_.fail(std::move(why), sink);
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
