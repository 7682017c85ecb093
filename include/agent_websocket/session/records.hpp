// SPDX-License-Identifier: MIT
//
// What a session gives to its Store, as JSON objects with a `kind`. In the order of their making
// they rebuild it (restoring.hpp): who it belongs to (session), what was asked and not ended yet
// (query, withdrawn), its numbered messages (message), its conversation (turn, feedback, clear),
// what its client chose (set), the ids that are not to be done again (claim), the digests of its
// resume tokens (tokens), what people are asked (asked). Times are milliseconds since 1970. Pure.
#pragma once

#include <agent_websocket/base/base64url.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/session/actions.hpp>
#include <agent_websocket/session/claims.hpp>
#include <agent_websocket/session/inbox.hpp>
#include <agent_websocket/session/resume_tokens.hpp>
#include <agent_websocket/session/settings.hpp>
#include <agent_websocket/session/turn.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace records {

/// What a numbered message means to the session, beside what it tells clients. At most one of them.
struct note {
  std::string_view starts{};    ///< stream of the answer that begins
  std::string_view ends{};      ///< id of the query whose terminal message it is
  std::string_view asks{};      ///< id of the request to a person
  std::string_view resolves{};  ///< likewise, that is decided
};

std::int64_t milliseconds(wall_time at);

void write(json::writer& w, const openrouter::chat_message& message);

void write(json::writer& w, const usage_totals& used);

void write(json::writer& w, const feedback_entry& said);

void write(json::writer& w, const session_overrides& chosen);

void write(json::writer& w, const resume_tokens& tokens);

/// Of what is written here; a reader refuses higher ones.
inline constexpr int version = 1;

/// The frame stands last, so that a reader can cut it out as it was.
inline constexpr std::string_view frame_key = ",\"frame\":";

std::string of_message(std::uint64_t seq, const note& about, std::string_view frame);

/// `claimed`: the id is the client's. `started`: the beginning of its answer was told. `calls`: of
/// tools, that the session has numbered so far.
std::string of_query(const accepted_query& accepted, bool claimed, bool started,
                     std::uint64_t calls, wall_time at);

/// A request to a person that is open.
std::string of_request(std::string_view id);

std::string of_withdrawal(std::string_view id);

/// A turn that has ended. `again`: in place of the one before. `used`: by it. `calls`: of tools,
/// that the session has numbered so far.
std::string of_turn(const turn& ended, bool again, const usage_totals& used, std::uint64_t calls);

std::string of_feedback(const feedback_entry& said);

std::string of_clear();

std::string of_overrides(const session_overrides& chosen);

std::string of_claim(std::string_view id, const claimed_ids::claim& claimed, wall_time at);

std::string of_tokens(const resume_tokens& tokens);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::int64_t milliseconds(wall_time at) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

AGENT_WEBSOCKET_INLINE void write(json::writer& w, const openrouter::chat_message& message) {
  w.begin_object().member("role", to_string(message.role())).member("text", message.text());
  // As text: models refuse reasoning that does not come back byte for byte.
  if (!message.is_text_alone()) w.member("json", message.json());
  if (message.partial()) w.member("partial", true);
  w.end_object();
}

AGENT_WEBSOCKET_INLINE void write(json::writer& w, const usage_totals& used) {
  w.begin_object().member("answers", used.answers);
  w.member("prompt_tokens", used.prompt_tokens).member("completion_tokens", used.completion_tokens);
  w.member("cost", used.cost).member("counted", used.counted).member("priced", used.priced);
  w.end_object();
}

AGENT_WEBSOCKET_INLINE void write(json::writer& w, const feedback_entry& said) {
  w.member("id", said.id).member("answer", said.answer);
  if (said.rating) w.member("rating", *said.rating);
  if (!said.comment.empty()) w.member("comment", said.comment);
  if (!said.correction.empty()) w.member("correction", said.correction);
  w.member("at", milliseconds(said.at));
}

AGENT_WEBSOCKET_INLINE void write(json::writer& w, const session_overrides& chosen) {
  if (chosen.model) w.member("model", *chosen.model);
  if (chosen.temperature) w.member("temperature", *chosen.temperature);
  if (chosen.max_tokens) w.member("max_tokens", *chosen.max_tokens);
  if (chosen.system_prompt) w.member("system", *chosen.system_prompt);
}

AGENT_WEBSOCKET_INLINE void write(json::writer& w, const resume_tokens& tokens) {
  w.begin_array();
  tokens.for_each([&w](const digest256& digest, bool is_known) {
    w.begin_object();
    w.member("sha256", encode_base64url(std::string_view(
                           reinterpret_cast<const char*>(digest.data()), digest.size())));
    w.member("known", is_known).end_object();
  });
  w.end_array();
}

AGENT_WEBSOCKET_INLINE std::string of_message(std::uint64_t seq, const note& about,
                                              std::string_view frame) {
  std::string text;
  text.reserve(frame.size() + 96);
  json::writer w(text);
  w.begin_object().member("kind", "message").member("seq", seq);
  if (!about.starts.empty()) w.member("starts", about.starts);
  if (!about.ends.empty()) w.member("ends", about.ends);
  if (!about.asks.empty()) w.member("asks", about.asks);
  if (!about.resolves.empty()) w.member("resolves", about.resolves);
  w.member_raw("frame", frame).end_object();
  return text;
}

AGENT_WEBSOCKET_INLINE std::string of_query(const accepted_query& accepted, bool claimed,
                                            bool started, std::uint64_t calls, wall_time at) {
  std::string text;
  json::writer w(text);
  w.begin_object().member("kind", "query").member("id", accepted.query.id);
  w.member("stream", accepted.stream);
  if (accepted.regenerate) {
    w.member("regenerate", true);
  } else {
    w.key("question");
    write(w, accepted.question());
  }
  if (!accepted.query.meta.empty()) w.member("meta", accepted.query.meta);
  if (accepted.streamed) w.member("streamed", true);
  if (claimed) w.member("claimed", true);
  if (started) w.member("started", true);
  if (calls != 0) w.member("calls", calls);
  w.member("at", milliseconds(at)).end_object();
  return text;
}

AGENT_WEBSOCKET_INLINE std::string of_request(std::string_view id) {
  std::string text;
  json::writer(text).begin_object().member("kind", "asked").member("id", id).end_object();
  return text;
}

AGENT_WEBSOCKET_INLINE std::string of_withdrawal(std::string_view id) {
  std::string text;
  json::writer(text).begin_object().member("kind", "withdrawn").member("id", id).end_object();
  return text;
}

AGENT_WEBSOCKET_INLINE std::string of_turn(const turn& ended, bool again, const usage_totals& used,
                                           std::uint64_t calls) {
  std::string text;
  json::writer w(text);
  w.begin_object().member("kind", "turn").member("id", ended.id).member("stream", ended.stream);
  w.member("seq", ended.seq).member("asked", milliseconds(ended.asked));
  w.member("answered", milliseconds(ended.answered));
  w.member("status", wire::to_string(ended.status));
  if (!ended.model.empty()) w.member("model", ended.model);
  if (again) w.member("again", true);
  w.key("question");
  write(w, ended.question);
  if (!ended.steps.empty()) {
    w.key("steps").begin_array();
    for (const openrouter::chat_message& each : ended.steps) write(w, each);
    w.end_array();
  }
  if (ended.answer) {
    w.key("answer");
    write(w, *ended.answer);
  }
  if (!ended.shown.empty()) w.member("shown", ended.shown);
  if (!ended.feedback.empty()) {
    w.key("feedback").begin_array();
    for (const feedback_entry& each : ended.feedback) {
      w.begin_object();
      write(w, each);
      w.end_object();
    }
    w.end_array();
  }
  w.key("used");
  write(w, used);
  w.member("calls", calls).end_object();
  return text;
}

AGENT_WEBSOCKET_INLINE std::string of_feedback(const feedback_entry& said) {
  std::string text;
  json::writer w(text);
  w.begin_object().member("kind", "feedback");
  write(w, said);
  w.end_object();
  return text;
}

AGENT_WEBSOCKET_INLINE std::string of_clear() {
  std::string text;
  json::writer(text).begin_object().member("kind", "clear").end_object();
  return text;
}

AGENT_WEBSOCKET_INLINE std::string of_overrides(const session_overrides& chosen) {
  std::string text;
  json::writer w(text);
  w.begin_object().member("kind", "set");
  write(w, chosen);
  w.end_object();
  return text;
}

AGENT_WEBSOCKET_INLINE std::string of_claim(std::string_view id, const claimed_ids::claim& claimed,
                                            wall_time at) {
  std::string text;
  json::writer w(text);
  w.begin_object().member("kind", "claim").member("id", id).member("stream", claimed.stream);
  if (claimed.end_seq == claimed_ids::without_end) {
    w.member("without_end", true);
  } else {
    w.member("end", claimed.end_seq);
  }
  w.member("at", milliseconds(at)).end_object();
  return text;
}

AGENT_WEBSOCKET_INLINE std::string of_tokens(const resume_tokens& tokens) {
  std::string text;
  json::writer w(text);
  w.begin_object().member("kind", "tokens").key("tokens");
  write(w, tokens);
  w.end_object();
  return text;
}

#endif

}  // namespace records
}  // namespace agent_websocket
