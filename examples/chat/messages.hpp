// SPDX-License-Identifier: MIT
//
// The messages that the chat sends, as JSON text. What is asked carries an id, so that the server
// acknowledges it and a question that is sent twice is answered once.
#pragma once

#include <agent_websocket.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace chat {

namespace json = agent_websocket::json;

/// Where to go on after a lost connection.
struct resume_point {
  std::string session_id;
  std::string epoch;
  std::string token;  ///< empty: the server offers no way to go on
  std::int64_t last_seq = 0;
};

/// Ids that no other client makes, nor this program when it is started again.
class message_ids {
 public:
  explicit message_ids(agent_websocket::random_source& random)
      : prefix_(agent_websocket::make_uuid(random).substr(0, 8) + "-") {}

  std::string make() { return prefix_ + std::to_string(++count_); }
  bool has_made(std::string_view id) const { return id.substr(0, prefix_.size()) == prefix_; }

 private:
  std::string prefix_;
  std::uint64_t count_ = 0;
};

namespace messages {

inline std::string query(std::string_view id, std::string_view content) {
  std::string text;
  json::writer w(text);
  w.begin_object().member("type", "query").member("id", id).member("content", content);
  w.member("stream", true).end_object();
  return text;
}

inline std::string hello(const resume_point& from) {
  std::string text;
  json::writer w(text);
  w.begin_object().member("type", "command").member("op", "hello");
  w.member("v", agent_websocket::protocol_version);
  w.member("client", "chat/" AGENT_WEBSOCKET_VERSION_STRING);
  w.key("caps").begin_array().value("delta").end_array();
  if (!from.token.empty()) {
    w.member("session_id", from.session_id).key("resume").begin_object();
    w.member("token", from.token)
        .member("epoch", from.epoch)
        .member("last_seq", from.last_seq)
        .end_object();
  }
  w.end_object();
  return text;
}

/// Asks for a sign of life.
inline std::string ping() { return R"({"type":"command","op":"ping"})"; }

/// A command of any op; `content` and `data` (JSON text) may be empty.
inline std::string command(std::string_view op, std::string_view id, std::string_view content = {},
                           std::string_view data = {}) {
  std::string text;
  json::writer w(text);
  w.begin_object().member("type", "command").member("op", op).member("id", id);
  if (!content.empty()) w.member("content", content);
  if (!data.empty()) w.member_raw("data", data);
  w.end_object();
  return text;
}

inline std::string cancel(std::string_view id, std::string_view ref) {
  std::string text;
  json::writer w(text);
  w.begin_object().member("type", "command").member("op", "cancel").member("id", id);
  w.member("ref", ref).end_object();
  return text;
}

/// What a person says of an answer. `rating` 0 is none.
inline std::string feedback(std::string_view id, std::string_view answer, int rating,
                            std::string_view comment, std::string_view correction) {
  std::string text;
  json::writer w(text);
  w.begin_object().member("type", "human_feedback").member("id", id).member("ref", answer);
  if (rating != 0) w.member("rating", rating);
  if (!comment.empty()) w.member("content", comment);
  if (!correction.empty()) w.member("correction", correction);
  w.end_object();
  return text;
}

/// The `data` of the command set.
inline std::string setting(std::string_view name, std::string_view value_json) {
  std::string text;
  json::writer(text).begin_object().member_raw(name, value_json).end_object();
  return text;
}

inline std::string quoted(std::string_view words) {
  std::string text;
  json::writer(text).value(words);
  return text;
}

}  // namespace messages
}  // namespace chat
