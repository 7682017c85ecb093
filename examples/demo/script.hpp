// SPDX-License-Identifier: MIT
//
// What the demo upstream reads from the body of a chat completion request, and the script of what
// it then does. Pure values; the recognised requests are in replies.hpp, the use of tools in
// tools.hpp.
// https://openrouter.ai/docs/api-reference/chat-completion
#pragma once

#include <agent_websocket.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
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

/// A function that the request lets the model call.
struct offered_tool {
  std::string name;
  std::string description;
  std::string parameters;  ///< JSON Schema text; empty: none was given
};

/// What came of a call: a message of the role tool.
struct tool_result {
  std::string name;  ///< of the tool
  std::string content;
};

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
  std::vector<offered_tool> tools;
  std::string tool_choice = "auto";  ///< none, auto, required, or "=" and the name of a tool
  bool parallel_calls = true;
  std::vector<tool_result> results;  ///< with which the conversation ends
  std::string replayed_reasoning;    ///< the reasoning_details of the calls with these results
};

/// One thing that the model says, and how.
struct piece {
  enum class kind {
    text,
    reasoning,
    signature,  ///< which ends the reasoning, and has to be given back with it
    call,       ///< begins a call of the tool `text`
    arguments,  ///< a fragment of them
  };

  std::string text;
  kind what = kind::text;
  std::size_t call = 0;  ///< which one of the answer's, from 0
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
    calls,      ///< the same with the reason "tool_calls"
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

inline result<void> read_tools(const json::value& root, chat& read) {
  std::string fault;
  root["tools"].for_each_element([&](const json::value& tool) {
    if (tool["type"].string().value_or("") != "function") return;  // of the server's own
    const json::value function = tool["function"];
    offered_tool offered;
    offered.name = std::string(function["name"].string().value_or(""));
    offered.description = std::string(function["description"].string().value_or(""));
    if (function["parameters"].is_object()) offered.parameters = to_text(function["parameters"]);
    constexpr std::string_view allowed =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    if (offered.name.empty() || offered.name.size() > 64 ||
        offered.name.find_first_not_of(allowed) != std::string::npos) {
      fault = "Invalid tool name: it must have 1 to 64 of A-Z a-z 0-9 _ -.";
    }
    for (const offered_tool& each : read.tools) {
      if (each.name == offered.name) fault = "Tool names must be unique.";
    }
    read.prompt_tokens += (offered.description.size() + offered.parameters.size()) / 4 + 4;
    read.tools.push_back(std::move(offered));
  });
  if (!fault.empty()) return error(errc::bad_message, fault);
  const json::value choice = root["tool_choice"];
  if (const auto word = choice.string()) read.tool_choice = std::string(*word);
  if (const auto name = choice["function"]["name"].string()) {
    read.tool_choice = "=" + std::string(*name);
  }
  read.parallel_calls = root["parallel_tool_calls"].boolean().value_or(true);
  return {};
}

/// Reads the messages one after the other, and holds them to the rule of all providers: calls are
/// followed by one result each, and there is no result without a call.
class message_reader {
 public:
  explicit message_reader(chat& read) : read_(read) {}

  void take(const json::value& message) {
    std::size_t others = 0;
    std::string text = text_of(message["content"], others);
    read_.prompt_tokens += text.size() / 4 + 4;
    const std::string_view role = message["role"].string().value_or("");
    if (role == "tool") return take_result(message, std::move(text));
    check_answered();
    read_.results.clear();
    if (role == "user") {
      read_.asked.push_back(std::move(text));
      read_.images = others;
    } else if (role == "system" || role == "developer") {
      if (!read_.system.empty()) read_.system.push_back('\n');
      read_.system += text;
    } else if (role == "assistant") {
      take_calls(message);
    }
  }

  void check_answered() {
    if (!awaited_.empty()) {
      fault_ =
          "An assistant message with 'tool_calls' must be followed by tool messages responding"
          " to each 'tool_call_id'.";
    }
  }

  const std::string& fault() const noexcept { return fault_; }

 private:
  void take_calls(const json::value& message) {
    read_.replayed_reasoning = to_text(message["reasoning_details"]);
    message["tool_calls"].for_each_element([this](const json::value& call) {
      const std::string id(call["id"].string().value_or(""));
      const std::string_view arguments = call["function"]["arguments"].string().value_or("");
      read_.prompt_tokens += arguments.size() / 4 + 4;
      if (id.empty() ||
          !awaited_.emplace(id, call["function"]["name"].string().value_or("")).second)
        fault_ = "Each of 'tool_calls' must have an 'id' of its own.";
    });
  }

  void take_result(const json::value& message, std::string text) {
    const auto call = awaited_.find(std::string(message["tool_call_id"].string().value_or("")));
    if (call == awaited_.end()) {
      fault_ =
          "Messages with role 'tool' must be a response to a preceding message with"
          " 'tool_calls'.";
      return;
    }
    read_.results.push_back({call->second, std::move(text)});
    awaited_.erase(call);
  }

  chat& read_;
  std::map<std::string, std::string> awaited_;  // id and tool of the calls without a result
  std::string fault_;
};

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
  if (const result<void> tools = detail::read_tools(root, read); !tools) return tools.error();
  detail::message_reader reader(read);
  messages.for_each_element([&reader](const json::value& message) { reader.take(message); });
  reader.check_answered();
  if (!reader.fault().empty()) return error(errc::bad_message, reader.fault());
  if (read.asked.empty()) {
    return error(errc::bad_message, "Input must have at least 1 user message.");
  }
  return read;
}

}  // namespace demo
