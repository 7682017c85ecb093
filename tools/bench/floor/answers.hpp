// SPDX-License-Identifier: MIT
//
// What servers that are written for this benchmark have in common, so that they do the same work:
// the messages of a client, the events of a model, an answer that comes in. Of JSON no more than is
// looked at.
#pragma once

#include "bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace relay_floor {

/// Members of a client's message, as they stand there: strings with their quotes, but `id` and
/// `content`.
struct client_message {
  bool is_object = false;
  std::string_view type = R"("query")", op, id, content, stream, caps;

  bool wants_deltas() const { return caps.find(R"("delta")") != std::string_view::npos; }
  bool is_streamed(bool by_default) const {
    return stream == "true" || (stream.empty() && by_default);
  }
};

inline client_message read_message(std::string_view words) {
  client_message read;
  read.is_object = each_member(words, [&read](std::string_view name, std::string_view value) {
    if (name == "type") read.type = value;
    if (name == "op") read.op = value;
    if (name == "id") read.id = value;
    if (name == "content") read.content = value;
    if (name == "stream") read.stream = value;
    if (name == "caps") read.caps = value;
  });
  const auto unquoted = [](std::string_view value) {
    return value.size() >= 2 && value[0] == '"' ? value.substr(1, value.size() - 2)
                                                : std::string_view();
  };
  read.id = unquoted(read.id).substr(0, 64);
  read.content = unquoted(read.content);
  return read;
}

/// An answer that comes in.
struct answer {
  std::string id;      ///< of the query; none was given when empty
  std::string stream;  ///< "r_1"
  std::string prefix;  ///< of each delta, up to its number
  std::string text;    ///< so far, as it stands in JSON
  std::string name;    ///< of the model that answers
  std::string reason, usage;
  std::size_t count = 0;
  bool is_streamed = false, has_ended = false, is_wrong = false;

  /// All of the last message behind its `ref`.
  std::string last_words() const {
    std::string words = R"(,"stream":")" + stream + R"(","phase":)";
    words += is_streamed ? R"("end","n":)" + std::to_string(count) : R"("full")";
    words += R"(,"content":")" + text + R"(","status":"completed","finish_reason":")" + reason +
             R"(","model":")" + name + "\"";
    if (!usage.empty()) words += R"(,"usage":)" + usage;
    return words;
  }
};

class event_reader {
 public:
  /// on_token(text), as it stands in JSON; the rest goes to the answer.
  template <typename OnToken>
  void read(answer& of, std::string_view data, OnToken&& on_token) {
    if (data == "[DONE]") {
      of.has_ended = true;
      return;
    }
    constexpr std::string_view field = R"("content":")";
    constexpr std::string_view no_end = R"("},"finish_reason":null)";
    // Events of an answer are alike: the text is where it was in the last one, as a rule.
    if (data.size() <= content_at_ || data.compare(content_at_, field.size(), field) != 0)
      content_at_ = data.find(field);
    std::size_t at = 0;
    if (content_at_ != std::string_view::npos) {
      const std::size_t begin = content_at_ + field.size();
      at = end_of_string(data, begin);
      if (at == std::string_view::npos) {
        of.is_wrong = true;
        return;
      }
      if (at != begin) {
        if (of.count == 0) of.name = string_after(data, R"("model":")", 0);
        on_token(data.substr(begin, at - begin));
      }
      if (at != begin && data.compare(at, no_end.size(), no_end) == 0) return;
    } else {
      content_at_ = 0;
    }
    if (data.find(R"("error":{)", at) != std::string_view::npos) of.is_wrong = true;
    if (const auto reason = string_after(data, R"("finish_reason":")", at); !reason.empty())
      of.reason = reason;
    const std::size_t usage = data.find(R"("usage":{)", at);
    if (usage == std::string_view::npos) return;
    std::size_t end = usage + 8;
    for (int depth = 0; end < data.size(); ++end) {
      depth += (data[end] == '{') - (data[end] == '}');
      if (depth == 0) break;
    }
    of.usage = data.substr(usage + 8, end + 1 - usage - 8);
  }

 private:
  static std::string_view string_after(std::string_view data, std::string_view field,
                                       std::size_t from) {
    const std::size_t at = data.find(field, from);
    if (at == std::string_view::npos) return {};
    const std::size_t end = end_of_string(data, at + field.size());
    if (end == std::string_view::npos) return {};
    return data.substr(at + field.size(), end - at - field.size());
  }

  std::size_t content_at_ = 0;
};

/// A conversation as finished JSON, a comma behind each message.
class history {
 public:
  /// `max_messages` of a conversation, at least 2.
  explicit history(std::size_t max_messages) : max_messages_(max_messages) {}

  /// Escaped as it came; the oldest pair goes when there are too many.
  void add(std::string_view role, std::string_view text) {
    constexpr std::string_view parts[] = {R"({"role":")", R"(","content":")", R"("},)"};
    const std::size_t before = text_.size();
    text_.append(parts[0]).append(role).append(parts[1]).append(text).append(parts[2]);
    sizes_.push_back(static_cast<std::uint32_t>(text_.size() - before));
    if (sizes_.size() > max_messages_) {
      text_.erase(0, std::size_t{sizes_[0]} + sizes_[1]);
      sizes_.erase(sizes_.begin(), sizes_.begin() + 2);
    }
  }
  /// The question of an answer that failed.
  void drop_last() {
    text_.resize(text_.size() - sizes_.back());
    sizes_.pop_back();
  }
  /// Without the last comma.
  std::string_view messages() const { return std::string_view(text_).substr(0, text_.size() - 1); }

 private:
  const std::size_t max_messages_;
  std::string text_;
  std::vector<std::uint32_t> sizes_;
};

/// What stands before and behind the messages in the body of a request.
inline constexpr std::string_view body_begin =
    R"({"model":"bench","messages":[{"role":"system","content":"You are Agent WebSocket, )"
    R"(an AI assistant communicating via WebSocket."},)";
inline constexpr std::string_view body_end =
    R"(],"temperature":0.7,"max_tokens":1500,"stream":true,)"
    R"("stream_options":{"include_usage":true}})";

/// The head of a request but for the number of bytes of its body and the blank line.
inline std::string request_head(unsigned port, std::string_view agent) {
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
         "\r\nUser-Agent: " + std::string(agent) +
         "\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: ";
}

/// The first message of a session, up to its timestamp.
inline std::string welcome_words(const std::string& session_id, const std::string& epoch) {
  return R"({"type":"notification","op":"welcome",)"
         R"("content":"Connected to Agent WebSocket. Session ID: )" +
         session_id + R"(","v":1,"session_id":")" + session_id + R"(","resume_token":")" +
         random_token() + R"(","epoch":")" + epoch +
         R"(","seq":0,"recovered":false,"reason":"new","heartbeat_ms":25000,"timeout_ms":8000,)"
         R"("resume_window_ms":300000,"limits":{"max_message_bytes":65536,"max_queued":16})";
}

}  // namespace relay_floor
