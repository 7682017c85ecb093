// SPDX-License-Identifier: MIT
//
// What the demo upstream reads from the body of a chat completion request, and the script of what
// it then does. Pure values; the recognised requests are in replies.hpp.
// https://openrouter.ai/docs/api-reference/chat-completion
#pragma once

#include <agent_websocket.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace demo {

using agent_websocket::errc;
using agent_websocket::error;
using agent_websocket::result;
namespace json = agent_websocket::json;

/// A chat completion request, as far as the demo looks at it.
struct chat {
  std::string model;
  bool stream = false;
  std::optional<double> temperature;
  std::optional<std::int64_t> max_tokens;
  std::string system;              ///< all system prompts, joined
  std::vector<std::string> asked;  ///< the user's messages in their order, the last is answered
  std::size_t images = 0;          ///< parts of the last message that are no text
  std::size_t prompt_tokens = 0;   ///< guessed: four bytes a token
};

/// One thing that the model says, and how.
struct piece {
  std::string text;
  bool reasoning = false;
};

/// What happens in answer to a chat.
struct script {
  enum class start {
    normal,         ///< the head, comments, the pieces
    refused,        ///< an HTTP error with `status`
    comments_only,  ///< the head and comments for ever
    silent,         ///< not a single byte
  };
  enum class finish {
    complete,   ///< finish chunk, usage, [DONE]
    limited,    ///< the same with the reason "length"
    error,      ///< the documented error in mid-stream
    cut,        ///< the connection is closed in mid-answer
    stall,      ///< silence until the client leaves
    done_only,  ///< [DONE] and nothing before it
  };

  start begin = start::normal;
  finish end = finish::complete;
  int status = 200;
  bool retry_after = false;  ///< with a Retry-After of one second
  bool flaky = false;        ///< HTTP 503 in its place, the first time that it is asked for
  bool whole_json = false;   ///< one JSON body, also when a stream was asked for
  std::chrono::milliseconds delay{0};  ///< before each piece; 0: as the upstream is set
  std::vector<piece> pieces;
};

/// Cuts a text into words, each with the white space before it, as a model's tokens come.
inline std::vector<piece> words_of(std::string_view text) {
  std::vector<piece> words;
  while (!text.empty()) {
    std::size_t end = text.find_first_not_of(" \n");
    if (end != std::string_view::npos) end = text.find_first_of(" \n", end);
    words.push_back({std::string(text.substr(0, end))});
    text.remove_prefix(words.back().text.size());
  }
  return words;
}

/// Cuts a text into single code points, so that whoever joins them has to do it right.
inline std::vector<piece> code_points_of(std::string_view text) {
  std::vector<piece> points;
  while (!text.empty()) {
    const std::size_t length = agent_websocket::utf8_sequence_length(text);
    points.push_back({std::string(text.substr(0, length == 0 ? 1 : length))});
    text.remove_prefix(points.back().text.size());
  }
  return points;
}

namespace detail {

/// The text of a message's content, which is a string or an array of parts.
inline std::string text_of(const json::value& content, std::size_t& other_parts) {
  if (const auto text = content.string()) return std::string(*text);
  std::string joined;
  content.for_each_element([&](const json::value& part) {
    if (const auto text = part["text"].string()) {
      if (!joined.empty()) joined.push_back('\n');
      joined.append(*text);
    } else {
      ++other_parts;
    }
  });
  return joined;
}

}  // namespace detail

/// Reads a request's body. The error's message is fit for the answer.
inline result<chat> parse_chat(std::string_view body) {
  json::document document;
  if (const result<void> parsed = document.parse(body); !parsed) return parsed.error();
  const json::value root = document.root();
  const json::value messages = root["messages"];
  if (!messages.is_array() || messages.size() == 0) {
    return error(errc::bad_message, "Input must have at least 1 message.");
  }
  chat read;
  read.model = std::string(root["model"].string().value_or("demo/echo"));
  read.stream = root["stream"].boolean().value_or(false);
  read.temperature = root["temperature"].number();
  read.max_tokens = root["max_completion_tokens"].integer();
  if (!read.max_tokens) read.max_tokens = root["max_tokens"].integer();
  messages.for_each_element([&read](const json::value& message) {
    std::size_t others = 0;
    std::string text = detail::text_of(message["content"], others);
    read.prompt_tokens += text.size() / 4 + 4;
    const std::string_view role = message["role"].string().value_or("");
    if (role == "user") {
      read.asked.push_back(std::move(text));
      read.images = others;
    } else if (role == "system" || role == "developer") {
      if (!read.system.empty()) read.system.push_back('\n');
      read.system += text;
    }
  });
  if (read.asked.empty()) {
    return error(errc::bad_message, "Input must have at least 1 user message.");
  }
  return read;
}

}  // namespace demo
