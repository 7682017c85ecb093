// SPDX-License-Identifier: MIT
//
// The text of one WebSocket frame from a client -> a message of the protocol, or a rejection in
// words that say what was wrong, where, and what would be right. Unknown fields are ignored. A
// field of the wrong type or outside its range is an error, also an optional one: silently doing
// something else would be worse.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/json/print.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/wire/declared_tools.hpp>
#include <agent_websocket/wire/field_reader.hpp>
#include <agent_websocket/wire/message.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace wire {

inline constexpr std::size_t max_meta_bytes = 4096;
/// Arrays and objects inside of each other, the message included. What people write has under ten.
inline constexpr std::size_t max_depth = 64;
/// Values and keys of a message; bounds the memory that one takes while it is read.
inline constexpr std::size_t max_values = 65'536;
inline constexpr std::size_t max_model_length = 200;
inline constexpr std::size_t max_token_bytes = 8192;

namespace detail {

bool is_blank(std::string_view text) noexcept;

}  // namespace detail

/// Decodes the text of one frame. `scratch` is reused from call to call; nothing refers to it
/// afterwards.
client_message decode(std::string_view text, json::document& scratch);

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

AGENT_WEBSOCKET_INLINE bool is_blank(std::string_view text) noexcept {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// Content parts as the OpenRouter chat API takes them from a user: text, image_url, file,
/// input_audio.
inline void read_parts(field_reader& fields, json::value array, query& into) {
  std::size_t position = 0;
  array.for_each_element([&](json::value part) {
    const std::string where = "`content[" + std::to_string(position++) + "]`";
    if (!part.is_object()) return fields.fail(where + " must be an object with a `type`");
    const std::string_view type = part["type"].string().value_or("");
    if (type == "text") {
      const auto text = part["text"].string();
      if (!text) return fields.fail(where + " of type text needs a string `text`");
      if (!into.content.empty()) into.content.push_back('\n');
      into.content.append(*text);
    } else if (type == "image_url") {
      if (!part["image_url"]["url"].string())
        return fields.fail(where + " of type image_url needs `image_url.url`");
    } else if (type == "file") {
      if (!part["file"].is_object())
        return fields.fail(where + " of type file needs an object `file`");
    } else if (type == "input_audio") {
      if (!part["input_audio"]["data"].string() || !part["input_audio"]["format"].string()) {
        return fields.fail(
            where + " of type input_audio needs `input_audio.data` and `input_audio.format`");
      }
    } else {
      fields.fail(where + " has an unknown `type`; known are text, image_url, file, input_audio");
    }
  });
  into.parts = json::to_text(array);
}

inline query read_query(field_reader& fields) {
  query read;
  read.id = fields.id("id");
  const json::value content = fields.find("content");
  if (content.is_array() && content.size() > 0) {
    read_parts(fields, content, read);
  } else if (content.is_string() && !is_blank(*content.string())) {
    read.content = std::string(*content.string());
  } else if (!content || content.is_string() || content.is_array()) {
    fields.fail("Message content is required");
  } else {
    fields.wrong_type("content", "a string or an array of content parts", content);
  }
  read.stream = fields.boolean("stream");
  read.priority = static_cast<int>(fields.integer("priority", 0, 9).value_or(5));
  const std::string overlap = fields.text("overlap");
  if (overlap == "reject") {
    read.overlap = overlap::reject;
  } else if (overlap == "interrupt") {
    read.overlap = overlap::interrupt;
  } else if (overlap == "latest") {
    read.overlap = overlap::latest;
  } else if (!overlap.empty() && overlap != "queue") {
    fields.fail("`overlap` must be queue, reject, interrupt or latest");
  }
  if (const auto ms = fields.integer("timeout_ms", 1, 86'400'000))
    read.timeout = std::chrono::milliseconds(*ms);
  read.model = fields.text("model", max_model_length);
  read.meta = fields.object_text("meta", max_meta_bytes);
  read.tools = read_declared_tools(fields);
  read.ack = fields.number_of("ack");
  return read;
}

inline command read_command(field_reader& fields) {
  command read;
  read.id = fields.id("id");
  read.ref = fields.id("ref");
  read.op = fields.text("op");
  read.content = fields.text("content");
  if (read.op.empty() && !is_blank(read.content)) {
    const std::size_t first = read.content.find_first_not_of(" \t\r\n");
    const std::size_t last = read.content.find_last_not_of(" \t\r\n");
    read.op = read.content.substr(first, last - first + 1);
    read.content.clear();
  }
  if (read.op.empty()) fields.fail("Message content is required");
  if (const json::value data = fields.find("data")) read.data = json::to_text(data);
  read.meta = fields.object_text("meta", max_meta_bytes);
  read.ack = fields.number_of("ack");
  if (read.op == "hello") {
    read.client = std::string(cut_utf8(fields.text("client"), 100));
    read.resume_session = fields.id("session_id");
    read.resume = fields.resume();
    read.outbox = fields.ids("outbox", 1000);
    if (read.resume && read.resume_session.empty())
      fields.fail("`resume` needs the `session_id` that it is about beside it");
    read.version = fields.integer("v", 0, 1'000'000);
    read.token = fields.token(max_token_bytes);
    const json::value caps = fields.find("caps");
    if (caps && !caps.is_array()) fields.wrong_type("caps", "an array of strings", caps);
    caps.for_each_element([&](json::value each) {
      if (const auto name = each.string()) {
        if (read.caps.size() < 32) read.caps.emplace_back(*name);
      } else {
        fields.fail("`caps` must be an array of strings");
      }
    });
    read.tools = read_declared_tools(fields);
  } else if (read.op == "auth") {
    read.token = fields.token(max_token_bytes);
    if (read.token.empty()) fields.fail("An auth command needs its token as `auth.token`");
  } else if (read.op == "ack") {
    read.ack = fields.number_of("seq");
  } else if (read.op == "tool_result") {
    read.data = fields.any("data");  // a tool may give null
    read.failure = fields.text("error");
    if (read.ref.empty()) fields.fail("A tool_result needs the `ref` of the call that it answers");
    if (read.data.empty() && read.content.empty() && read.failure.empty())
      fields.fail("A tool_result needs `data`, or an `error` in words");
  } else if (read.op == "regenerate") {
    read.stream = fields.boolean("stream");
  } else if (read.op == "history") {
    read.before_seq = fields.integer("before_seq", 0, std::int64_t{1} << 53);
    read.limit = fields.integer("limit", 1, 1000);
  }
  return read;
}

inline human_feedback read_feedback(field_reader& fields) {
  human_feedback read;
  read.id = fields.id("id");
  read.ref = fields.id("ref");
  read.decision = fields.text("decision");
  const bool known = read.decision == "approve" || read.decision == "reject" ||
                     read.decision == "edit" || read.decision == "answer" || read.decision.empty();
  if (!known) fields.fail("`decision` must be approve, reject, edit or answer");
  read.rating = fields.number("rating", -100, 100);
  read.content = fields.text("content");
  read.correction = fields.text("correction");
  read.data = fields.any("data");
  read.meta = fields.object_text("meta", max_meta_bytes);
  read.ack = fields.number_of("ack");
  if (read.decision.empty() && !read.rating && is_blank(read.content) &&
      is_blank(read.correction)) {
    fields.fail("Feedback needs a `decision`, a `rating`, a `correction` or a `content`");
  }
  return read;
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE client_message decode(std::string_view text, json::document& scratch) {
  json::parse_limits limits;
  limits.max_depth = max_depth;
  limits.max_values = max_values;
  if (auto parsed = scratch.parse(text, limits); !parsed) return rejection{parsed.error(), {}};
  const json::value root = scratch.root();
  if (!root.is_object()) {
    return rejection{error(errc::bad_message,
                           std::string("A message is a JSON object, not ") + describe(root.kind())),
                     {}};
  }
  const auto [id, type] = root.members("id", "type");
  std::string_view ref = id.string().value_or(std::string_view());
  if (!is_valid_id(ref)) ref = {};
  const auto refuse = [ref](error why) { return rejection{std::move(why), std::string(ref)}; };
  std::string_view name = "query";
  if (type) {
    if (!type.is_string()) {
      return refuse(error(errc::bad_message,
                          std::string("`type` must be a string, not ") + describe(type.kind())));
    }
    name = *type.string();
  }
  detail::field_reader fields(root);
  const auto read = [&](auto&& message) -> client_message {
    if (fields.failed()) return refuse(fields.take_error());
    return std::move(message);
  };
  if (name == "query") return read(detail::read_query(fields));
  if (name == "command") return read(detail::read_command(fields));
  if (name == "human_feedback") return read(detail::read_feedback(fields));
  if (name == "response" || name == "notification" || name == "status" || name == "error") {
    return refuse(error(errc::unknown_type,
                        "Messages of type " + std::string(name) +
                            " come from the server; send query, command or human_feedback"));
  }
  return refuse(
      error(errc::unknown_type, "Unknown message type; send query, command or human_feedback"));
}

#endif

}  // namespace wire
}  // namespace agent_websocket
