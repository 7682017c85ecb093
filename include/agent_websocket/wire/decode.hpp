// SPDX-License-Identifier: MIT
//
// The text of one WebSocket frame from a client -> a message of the protocol, or a rejection in
// words that say what was wrong, where, and what would be right. Unknown fields are ignored. A
// field of the wrong type or outside its range is an error, also an optional one: silently doing
// something else would be worse.
#pragma once

#include <agent_websocket/base/ids.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/json/print.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/wire/message.hpp>

#include <cmath>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace wire {

inline constexpr std::size_t max_meta_bytes = 4096;
inline constexpr std::size_t max_model_length = 200;

namespace detail {

/// Reads fields one by one; the first that does not fit is remembered and the rest reads as absent.
class field_reader {
 public:
  explicit field_reader(json::value object) : object_(object) {}

  bool failed() const noexcept { return failed_; }
  error take_error() { return std::move(why_); }
  void fail(std::string words) {
    if (failed_) return;
    failed_ = true;
    why_ = error(errc::bad_message, std::move(words));
  }

  /// null counts as absent everywhere.
  json::value find(std::string_view name) const {
    const json::value found = object_[name];
    return found.is_null() ? json::value() : found;
  }

  std::string text(const char* name, std::size_t max_bytes = std::string::npos) {
    const json::value found = find(name);
    if (!found) return {};
    const auto words = found.string();
    if (!words) {
      wrong_type(name, "a string", found);
      return {};
    }
    if (words->size() > max_bytes) {
      fail(quoted(name) + " must have at most " + std::to_string(max_bytes) + " bytes");
      return {};
    }
    return std::string(*words);
  }

  std::string id(const char* name) {
    std::string value = text(name);
    if (find(name) && !failed_ && !is_valid_id(value)) {
      fail(quoted(name) + " must have 1 to 64 characters out of A-Z a-z 0-9 _ . : -");
    }
    return failed_ ? std::string() : value;
  }

  std::optional<bool> boolean(const char* name) {
    const json::value found = find(name);
    if (found && !found.is_boolean()) wrong_type(name, "true or false", found);
    return found.boolean();
  }

  std::optional<std::int64_t> integer(const char* name, std::int64_t least, std::int64_t most) {
    const json::value found = find(name);
    if (!found) return std::nullopt;
    const auto number = found.integer();
    if (!number || *number < least || *number > most) {
      fail(quoted(name) + " must be a whole number from " + std::to_string(least) + " to " +
           std::to_string(most));
      return std::nullopt;
    }
    return number;
  }

  std::optional<double> number(const char* name, double least, double most) {
    const json::value found = find(name);
    if (!found) return std::nullopt;
    const auto value = found.number();
    if (!value || !(*value >= least && *value <= most)) {
      fail(quoted(name) + " must be a number from " + json::print_double(least) + " to " +
           json::print_double(most));
      return std::nullopt;
    }
    return value;
  }

  std::string object_text(const char* name, std::size_t max_bytes) {
    const json::value found = find(name);
    if (!found) return {};
    if (!found.is_object()) {
      wrong_type(name, "an object", found);
      return {};
    }
    std::string raw = json::to_text(found);
    if (raw.size() > max_bytes) {
      fail(quoted(name) + " must have at most " + std::to_string(max_bytes) + " bytes");
      return {};
    }
    return raw;
  }

  void wrong_type(const char* name, const char* wanted, json::value found) {
    fail(quoted(name) + " must be " + wanted + ", not " + json::describe(found.kind()));
  }

  static std::string quoted(std::string_view name) { return "`" + std::string(name) + "`"; }

 private:
  json::value object_;
  bool failed_ = false;
  error why_;
};

inline bool is_blank(std::string_view text) noexcept {
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
  if (read.op == "hello") {
    read.client = std::string(cut_utf8(fields.text("client"), 100));
    read.resume_session = fields.id("session_id");
    read.version = fields.integer("v", 0, 1'000'000);
    const json::value caps = fields.find("caps");
    if (caps && !caps.is_array()) fields.wrong_type("caps", "an array of strings", caps);
    caps.for_each_element([&](json::value each) {
      if (const auto name = each.string()) {
        if (read.caps.size() < 32) read.caps.emplace_back(*name);
      } else {
        fields.fail("`caps` must be an array of strings");
      }
    });
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
  if (const json::value data = fields.find("data")) read.data = json::to_text(data);
  read.meta = fields.object_text("meta", max_meta_bytes);
  if (read.decision.empty() && !read.rating && is_blank(read.content) &&
      is_blank(read.correction)) {
    fields.fail("Feedback needs a `decision`, a `rating`, a `correction` or a `content`");
  }
  return read;
}

}  // namespace detail

/// Decodes the text of one frame. `scratch` is reused from call to call; nothing refers to it
/// afterwards.
inline client_message decode(std::string_view text, json::document& scratch) {
  json::parse_limits limits;
  limits.max_values = 65'536;
  if (auto parsed = scratch.parse(text, limits); !parsed) return rejection{parsed.error(), {}};
  const json::value root = scratch.root();
  if (!root.is_object()) {
    return rejection{error(errc::bad_message,
                           std::string("A message is a JSON object, not ") + describe(root.kind())),
                     {}};
  }
  std::string ref;
  if (const auto id = root["id"].string(); id && is_valid_id(*id)) ref = std::string(*id);

  const json::value type = root["type"];
  std::string_view name = "query";
  if (type) {
    if (!type.is_string()) {
      return rejection{error(errc::bad_message,
                             std::string("`type` must be a string, not ") + describe(type.kind())),
                       ref};
    }
    name = *type.string();
  }
  detail::field_reader fields(root);
  client_message message;
  if (name == "query") {
    message = detail::read_query(fields);
  } else if (name == "command") {
    message = detail::read_command(fields);
  } else if (name == "human_feedback") {
    message = detail::read_feedback(fields);
  } else if (name == "response" || name == "notification" || name == "status" || name == "error") {
    return rejection{error(errc::unknown_type,
                           "Messages of type " + std::string(name) +
                               " come from the server; send query, command or human_feedback"),
                     ref};
  } else {
    return rejection{
        error(errc::unknown_type, "Unknown message type; send query, command or human_feedback"),
        ref};
  }
  if (fields.failed()) return rejection{fields.take_error(), ref};
  return message;
}

}  // namespace wire
}  // namespace agent_websocket
