// SPDX-License-Identifier: MIT
//
// What a session gives to its Store, as JSON objects with a `kind`: query (when accepted), answer
// (when ended), feedback, settings, clear. Enough to rebuild the conversation from nothing. Pure.
#pragma once

#include <agent_websocket/base/timestamp.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/session/actions.hpp>
#include <agent_websocket/session/inbox.hpp>

#include <cstdint>
#include <string>

namespace agent_websocket {
namespace records {

inline std::string of_query(const accepted_query& accepted, wall_time at) {
  std::string text;
  json::writer w(text);
  w.begin_object()
      .member("kind", accepted.regenerate ? "regenerate" : "query")
      .member("id", accepted.query.id);
  w.member("stream", accepted.stream).member("content", accepted.query.content);
  if (!accepted.query.parts.empty()) w.member_raw("parts", accepted.query.parts);
  w.member("at", to_iso8601(at)).end_object();
  return text;
}

inline std::string of_answer(const answer_record& ended, std::uint64_t seq, wall_time at) {
  std::string text;
  json::writer w(text);
  w.begin_object()
      .member("kind", "answer")
      .member("ref", ended.query_id)
      .member("stream", ended.stream);
  w.member("seq", seq)
      .member("content", ended.text)
      .member("status", wire::to_string(ended.status));
  if (!ended.finish_reason.empty()) w.member("finish_reason", ended.finish_reason);
  if (!ended.model.empty()) w.member("model", ended.model);
  if (!ended.usage.empty()) w.member_raw("usage", ended.usage);
  if (!ended.steps.empty()) w.member_raw("steps", ended.steps);
  if (ended.failure) w.member("error", to_string(ended.failure->code));
  w.member("at", to_iso8601(at)).end_object();
  return text;
}

inline std::string of_feedback(const feedback_entry& said) {
  std::string text;
  json::writer w(text);
  w.begin_object().member("kind", "feedback").member("id", said.id).member("answer", said.answer);
  if (said.rating) w.member("rating", *said.rating);
  if (!said.comment.empty()) w.member("comment", said.comment);
  if (!said.correction.empty()) w.member("correction", said.correction);
  w.member("at", to_iso8601(said.at)).end_object();
  return text;
}

inline std::string of_clear(wall_time at) {
  std::string text;
  json::writer(text)
      .begin_object()
      .member("kind", "clear")
      .member("at", to_iso8601(at))
      .end_object();
  return text;
}

}  // namespace records
}  // namespace agent_websocket
