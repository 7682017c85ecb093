// SPDX-License-Identifier: MIT
//
// One message of a conversation as OpenRouter's chat completions take it ("messages", request
// schema ChatMessages): an immutable value, whose copies share what it says. Its JSON text is made
// where it is asked for (joined_messages.hpp keeps that of a whole conversation); what is more than
// a text is kept as JSON, byte for byte.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/escape.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/openrouter/tool_call.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace openrouter {

enum class chat_role : std::uint8_t { system, user, assistant, tool };

/// The spelling in "role".
constexpr std::string_view to_string(chat_role role) noexcept {
  switch (role) {
    case chat_role::system: return "system";
    case chat_role::user: return "user";
    case chat_role::assistant: return "assistant";
    case chat_role::tool: return "tool";
  }
  return "user";
}

/// The role of that spelling.
constexpr std::optional<chat_role> chat_role_of(std::string_view spelling) noexcept {
  for (const chat_role each :
       {chat_role::system, chat_role::user, chat_role::assistant, chat_role::tool}) {
    if (to_string(each) == spelling) return each;
  }
  return std::nullopt;
}

/// An answer as it goes back to the model. What is empty is left out; the JSON texts go out byte
/// for byte, since models refuse reasoning whose signature no longer fits.
struct assistant_message {
  std::string text;
  std::vector<tool_call> tool_calls;  ///< complete ones; each needs its tool_result() behind
  std::string reasoning_details;      ///< array; an explicit "[]" is sent too
  std::string annotations;            ///< array; spares the parsing of files once more
};

/// A message; by default an empty one of the user. Bytes that are not UTF-8 go out as U+FFFD.
class chat_message {
 public:
  chat_message() : body_(empty_body()), bytes_(bytes_of(*body_)) {}

  static chat_message system(std::string text);
  static chat_message user(std::string text);
  /// `parts` is the JSON text of an array of content parts (text, image_url, file, input_audio),
  /// checked by the caller; `text` is what people see of it.
  static chat_message user_parts(std::string_view parts, std::string text);
  static chat_message assistant(std::string text);
  /// An answer with all that belongs to it; text() is its text.
  static chat_message assistant(assistant_message what);
  /// What a tool gave for the call of that id; text() is `content`.
  static chat_message tool_result(std::string_view call_id, std::string content);
  /// An answer that was cut off or cancelled: the same on the wire, marked for the program.
  static chat_message assistant_partial(std::string text);

  /// A message as json() and text() of an earlier one gave it; an empty `json`: that of a message
  /// of text alone.
  static chat_message restored(chat_role role, std::string text, std::string json, bool partial);

  chat_role role() const noexcept { return body_->role; }
  /// What people see, as it was given. Valid as long as any copy of the message lives.
  const std::string& text() const noexcept { return body_->text; }
  /// The JSON object as it is sent.
  std::string json() const;
  void append_json(std::string& out) const;
  /// What the message adds to a request: the size of json().
  std::size_t bytes() const noexcept { return bytes_; }
  /// role() and text() say all that json() does.
  bool is_text_alone() const noexcept { return body_->json.empty(); }
  /// True for an answer that is not whole.
  bool partial() const noexcept { return body_->partial; }

 private:
  struct body {
    chat_role role = chat_role::user;
    bool partial = false;
    std::string text;
    std::string json;  // empty: that of the text alone
  };

  chat_message(chat_role role, std::string text, std::string json, bool partial);

  static std::size_t bytes_of(const body& what);

  static const std::shared_ptr<const body>& empty_body();

  std::shared_ptr<const body> body_;
  std::size_t bytes_;  // asked for of a whole conversation, whose messages lie scattered
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE chat_message chat_message::system(std::string text) {
  return chat_message(chat_role::system, std::move(text), {}, false);
}

AGENT_WEBSOCKET_INLINE chat_message chat_message::user(std::string text) {
  return chat_message(chat_role::user, std::move(text), {}, false);
}

AGENT_WEBSOCKET_INLINE chat_message chat_message::user_parts(std::string_view parts,
                                                             std::string text) {
  std::string json;
  json::writer w(json);
  w.begin_object().member("role", to_string(chat_role::user)).member_raw("content", parts);
  w.end_object();
  return chat_message(chat_role::user, std::move(text), std::move(json), false);
}

AGENT_WEBSOCKET_INLINE chat_message chat_message::assistant(std::string text) {
  return chat_message(chat_role::assistant, std::move(text), {}, false);
}

AGENT_WEBSOCKET_INLINE chat_message chat_message::assistant(assistant_message what) {
  if (what.tool_calls.empty() && what.reasoning_details.empty() && what.annotations.empty())
    return assistant(std::move(what.text));
  std::string json;
  json::writer w(json);
  w.begin_object().member("role", to_string(chat_role::assistant)).key("content");
  if (what.text.empty() && !what.tool_calls.empty()) {
    w.null();  // some providers refuse the empty text here
  } else {
    w.value(what.text);
  }
  if (!what.tool_calls.empty()) {
    w.key("tool_calls").begin_array();
    for (const tool_call& each : what.tool_calls) {
      w.begin_object().member("id", each.id).member("type", "function").key("function");
      w.begin_object().member("name", each.name).member("arguments", each.arguments);
      w.end_object().end_object();
    }
    w.end_array();
  }
  if (!what.reasoning_details.empty()) w.member_raw("reasoning_details", what.reasoning_details);
  if (!what.annotations.empty()) w.member_raw("annotations", what.annotations);
  w.end_object();
  return chat_message(chat_role::assistant, std::move(what.text), std::move(json), false);
}

AGENT_WEBSOCKET_INLINE chat_message chat_message::tool_result(std::string_view call_id,
                                                              std::string content) {
  std::string json;
  json::writer w(json);
  w.begin_object().member("role", to_string(chat_role::tool)).member("tool_call_id", call_id);
  w.member("content", content).end_object();
  return chat_message(chat_role::tool, std::move(content), std::move(json), false);
}

AGENT_WEBSOCKET_INLINE chat_message chat_message::assistant_partial(std::string text) {
  return chat_message(chat_role::assistant, std::move(text), {}, true);
}

AGENT_WEBSOCKET_INLINE chat_message chat_message::restored(chat_role role, std::string text,
                                                           std::string json, bool partial) {
  chat_message of_text(role, std::move(text), {}, partial);
  if (json.empty() || (json.size() == of_text.bytes() && json == of_text.json())) return of_text;
  return chat_message(role, of_text.text(), std::move(json), partial);
}

AGENT_WEBSOCKET_INLINE std::string chat_message::json() const {
  std::string text;
  text.reserve(bytes_);
  append_json(text);
  return text;
}

AGENT_WEBSOCKET_INLINE void chat_message::append_json(std::string& out) const {
  if (!is_text_alone()) return void(out.append(body_->json));
  json::writer w(out);
  w.begin_object().member("role", to_string(body_->role)).member("content", body_->text);
  w.end_object();
}

AGENT_WEBSOCKET_INLINE chat_message::chat_message(chat_role role, std::string text,
                                                  std::string json, bool partial)
    : body_(std::make_shared<const body>(body{role, partial, std::move(text), std::move(json)})),
      bytes_(bytes_of(*body_)) {}

AGENT_WEBSOCKET_INLINE std::size_t chat_message::bytes_of(const body& what) {
  if (!what.json.empty()) return what.json.size();
  constexpr std::string_view around = R"({"role":"","content":""})";
  return around.size() + to_string(what.role).size() + json::escaped_size(what.text);
}

AGENT_WEBSOCKET_INLINE const std::shared_ptr<const chat_message::body>& chat_message::empty_body() {
  static const auto empty = std::make_shared<const body>();
  return empty;
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
