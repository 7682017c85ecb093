// SPDX-License-Identifier: MIT
//
// The words of the HTTP API (http_api.hpp): what it tells of a session and of what came of a
// request, and why it refuses. Knows neither paths nor who asks. Pure, but for telling(), which
// responds.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>
#include <agent_websocket/base/ids.hpp>
#include <agent_websocket/http/message.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/server/api_actions.hpp>
#include <agent_websocket/server/http_route.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace api_answers {

/// `sockets` are there now; what is `kept` also reaches clients that come back. Of what was passed
/// on, nobody here knows.
void tell_reached(json::writer& w, const reached& told, bool may_be_lost);

void describe(json::writer& w, const session_summary& of);

http::response refused(const error& why);
http::response not_done();
http::response not_kept();
http::response session_not_found(std::string_view id);

http::response bad_key();
http::response key_reused();
http::response key_in_use();

/// Responds when it is told what came of it: what went well by write(w, reached).
template <typename Write>
reached_handler telling(const respond_handler& respond, std::string_view id, Write write) {
  return [respond, id = std::string(id),
          write = std::move(write)](const std::optional<reached>& told) {
    if (!told) return respond(session_not_found(id));
    if (told->refused) return respond(not_done());
    if (told->unkept != 0 && told->unkept == told->sessions) return respond(not_kept());
    std::string body;
    json::writer w(body);
    w.begin_object();
    write(w, *told);
    w.end_object();
    respond(api_answer(told->passed_on ? 202 : 200, std::move(body)));
  };
}

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void tell_reached(json::writer& w, const reached& told, bool may_be_lost) {
  const bool kept = !may_be_lost && told.unkept == 0 && !told.passed_on;
  w.member("sockets", told.sockets).member("kept", kept);
  if (told.passed_on) w.member("passed_on", true);
}

AGENT_WEBSOCKET_INLINE void describe(json::writer& w, const session_summary& of) {
  w.begin_object().member("id", of.id).member("user", of.user).member("sockets", of.sockets);
  w.member("created", of.created).member("last_activity", of.last_activity);
  w.member("running", of.running).member("queued", of.queued).member("messages", of.messages);
  w.end_object();
}

AGENT_WEBSOCKET_INLINE http::response refused(const error& why) {
  return api_refusal(400, to_string(why.code), why.message);
}

inline http::response try_later(std::string_view words) {
  auto refusal = api_refusal(503, "internal", words);
  refusal.headers.add("Retry-After", "5");
  return refusal;
}

AGENT_WEBSOCKET_INLINE http::response not_done() {
  return try_later(
      "The session cannot be reached or saved now, so that nothing was done; try "
      "again later");
}

AGENT_WEBSOCKET_INLINE http::response not_kept() {
  return try_later(
      "This was done, but the store has not kept it, so that it may be lost; try "
      "again later");
}

AGENT_WEBSOCKET_INLINE http::response session_not_found(std::string_view id) {
  const std::string shown = is_valid_id(id) ? "`" + std::string(id) + "`" : "of that id";
  return api_refusal(404, "session_not_found",
                     "There is no session " + shown + "; it has ended, or never was");
}

AGENT_WEBSOCKET_INLINE http::response bad_key() {
  return api_refusal(400, "bad_idempotency_key",
                     "The header Idempotency-Key must have 1 to 255 visible ASCII "
                     "characters, and no spaces");
}

AGENT_WEBSOCKET_INLINE http::response key_reused() {
  return api_refusal(422, "idempotency_key_reused",
                     "This Idempotency-Key was used for another request (its method, path or "
                     "body was not the same); use a new key for each request");
}

AGENT_WEBSOCKET_INLINE http::response key_in_use() {
  auto refusal = api_refusal(409, "idempotency_key_in_use",
                             "The first request with this Idempotency-Key is still being done; "
                             "ask again in a moment");
  refusal.headers.add("Retry-After", "1");
  return refusal;
}

#endif

}  // namespace api_answers
}  // namespace agent_websocket
