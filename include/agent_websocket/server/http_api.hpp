// SPDX-License-Identifier: MIT
//
// The HTTP API for operators and for other programs, on the socket's port: notify, broadcast, list
// and end sessions, read the metrics. Needs the ADMIN_TOKEN; without one its paths are not there.
// No CORS headers are sent (admin_guard.hpp says why). What it does is done by api_actions; what
// changes something is answered when the store has kept it, in the words of api_answers.hpp.
//
// | POST   | /functions/v1/notify_websocket | {"sessionId","message"}: the original's call       |
// | POST   | /v1/sessions/{id}/notify       | {"content","topic","data","volatile"}              |
// | POST   | /v1/broadcast                  | likewise, to every session                         |
// | GET    | /v1/sessions                   | ?limit=N&cursor=C                                  |
// | GET    | /v1/sessions/{id}              |                                                    |
// | DELETE | /v1/sessions/{id}              | ends it                                            |
// | GET    | /metrics                       | for all, or with the token only, or not there      |
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/http/message.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/server/access_options.hpp>
#include <agent_websocket/server/admin_guard.hpp>
#include <agent_websocket/server/api_actions.hpp>
#include <agent_websocket/server/api_answers.hpp>
#include <agent_websocket/server/api_requests.hpp>
#include <agent_websocket/server/http_route.hpp>
#include <agent_websocket/server/idempotency_keys.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

class http_api {
 public:
  /// A notification has its place in the log of a session and among what waits for a slow client,
  /// of which it must not take all.
  static constexpr std::size_t max_body_bytes = 64 * 1024;

  /// `admin_token` empty: the API is not there.
  http_api(std::string_view admin_token, metrics_access metrics, api_actions& actions);

  /// False: there is nothing at that path, or it is not to be known, and nobody responds. `respond`
  /// may be called after this is gone.
  bool answer(const http::request& request, time_point now, const respond_handler& respond);

 private:
  struct route {
    std::string_view method, pattern;
    void (http_api::*run)(const http::request&, std::string_view id, const respond_handler&);
  };

  static const std::array<route, 6>& routes();

  /// Does what changes something, but only once for one Idempotency-Key. What was refused has
  /// changed nothing for good and may be sent again, mended, with the same key.
  void run_once(const route& wanted, const http::request& request, std::string_view id,
                time_point now, const respond_handler& respond);

  bool answer_metrics(const http::request& request, const respond_handler& respond) const;

  // ---- the routes

  void notify_addressed(const http::request& request, std::string_view,
                        const respond_handler& respond);

  void notify(const http::request& request, std::string_view id, const respond_handler& respond);

  void broadcast(const http::request& request, std::string_view, const respond_handler& respond);

  void list(const http::request& request, std::string_view, const respond_handler& respond);

  void show(const http::request&, std::string_view id, const respond_handler& respond);

  void disconnect(const http::request&, std::string_view id, const respond_handler& respond);

  static std::optional<http::response> refuse_body(const http::request& request);

  admin_guard guard_;
  metrics_access metrics_;
  api_actions& actions_;
  std::shared_ptr<idempotency_keys> keys_ = std::make_shared<idempotency_keys>();
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE http_api::http_api(std::string_view admin_token, metrics_access metrics,
                                          api_actions& actions)
    : guard_(admin_token), metrics_(metrics), actions_(actions) {}

AGENT_WEBSOCKET_INLINE bool http_api::answer(const http::request& request, time_point now,
                                             const respond_handler& respond) {
  if (request.path() == "/metrics") return answer_metrics(request, respond);
  std::string_view method = request.method;
  if (method == "HEAD") method = "GET";
  const route* wanted = nullptr;
  std::string_view id;
  std::string allowed;
  for (const route& each : routes()) {
    const auto matched = match_path(each.pattern, request.path());
    if (!matched) continue;
    id = *matched;
    if (each.method == method) wanted = &each;
    if (!allowed.empty()) allowed.append(", ");
    allowed.append(each.method == "GET" ? std::string_view("GET, HEAD") : each.method);
  }
  if (allowed.empty() || !guard_.has_token()) return false;
  if (auto refusal = guard_.refuse(request)) {
    respond(*std::move(refusal));
  } else if (wanted == nullptr) {
    respond(method_not_allowed(allowed));
  } else if (method == "GET") {
    (this->*wanted->run)(request, id, respond);
  } else {
    run_once(*wanted, request, id, now, respond);
  }
  return true;
}

AGENT_WEBSOCKET_INLINE const std::array<http_api::route, 6>& http_api::routes() {
  static constexpr std::array<route, 6> table{{
      {"POST", "/functions/v1/notify_websocket", &http_api::notify_addressed},
      {"POST", "/v1/sessions/{id}/notify", &http_api::notify},
      {"POST", "/v1/broadcast", &http_api::broadcast},
      {"GET", "/v1/sessions", &http_api::list},
      {"GET", "/v1/sessions/{id}", &http_api::show},
      {"DELETE", "/v1/sessions/{id}", &http_api::disconnect},
  }};
  return table;
}

AGENT_WEBSOCKET_INLINE void http_api::run_once(const route& wanted, const http::request& request,
                                               std::string_view id, time_point now,
                                               const respond_handler& respond) {
  const auto key = request.headers.find("Idempotency-Key");
  if (!key) return (this->*wanted.run)(request, id, respond);
  if (request.body.size() > max_body_bytes)
    return respond(*refuse_body(request));  // not to be hashed
  if (!is_idempotency_key(*key)) return respond(api_answers::bad_key());
  const digest256 fingerprint = idempotency_keys::fingerprint(request);
  if (const auto* const before = keys_->find(*key, now)) {
    if (before->request != fingerprint) return respond(api_answers::key_reused());
    if (!before->answer) return respond(api_answers::key_in_use());
    http::response again = *before->answer;
    again.headers.add("Idempotent-Replayed", "true");
    return respond(std::move(again));
  }
  const auto use = keys_->take(*key, fingerprint, now);
  (this->*wanted.run)(request, id,
                      [respond, use, key = std::string(*key),
                       weak = std::weak_ptr<idempotency_keys>(keys_)](http::response answer) {
                        if (const auto keys = weak.lock()) {
                          answer.status < 300 ? keys->keep(key, use, answer) : keys->free(key, use);
                        }
                        respond(std::move(answer));
                      });
}

AGENT_WEBSOCKET_INLINE bool http_api::answer_metrics(const http::request& request,
                                                     const respond_handler& respond) const {
  if (metrics_ == metrics_access::off) return false;
  if (metrics_ == metrics_access::admin) {
    if (!guard_.has_token()) return false;
    if (auto refusal = guard_.refuse(request)) {
      respond(*std::move(refusal));
      return true;
    }
  }
  if (request.method != "GET" && request.method != "HEAD") {
    respond(method_not_allowed("GET, HEAD"));
  } else {
    respond({200,
             {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"},
              {"Cache-Control", "no-store"}},
             actions_.metrics()});
  }
  return true;
}

AGENT_WEBSOCKET_INLINE void http_api::notify_addressed(const http::request& request,
                                                       std::string_view,
                                                       const respond_handler& respond) {
  if (auto refusal = refuse_body(request)) return respond(*std::move(refusal));
  const auto asked = read_addressed_notice(request.body);
  if (!asked) return respond(api_answers::refused(asked.error()));
  const std::string& id = asked->session_id;
  const bool may_be_lost = asked->said.may_be_lost;
  auto write = [id, may_be_lost](json::writer& w, const reached& told) {
    w.member("success", true).member("sessionId", id);
    api_answers::tell_reached(w, told, may_be_lost);
  };
  actions_.notify(id, asked->said, api_answers::telling(respond, id, std::move(write)));
}

AGENT_WEBSOCKET_INLINE void http_api::notify(const http::request& request, std::string_view id,
                                             const respond_handler& respond) {
  if (auto refusal = refuse_body(request)) return respond(*std::move(refusal));
  const auto said = read_notice(request.body);
  if (!said) return respond(api_answers::refused(said.error()));
  auto write = [id = std::string(id), may_be_lost = said->may_be_lost](json::writer& w,
                                                                       const reached& told) {
    w.member("session_id", id);
    api_answers::tell_reached(w, told, may_be_lost);
  };
  actions_.notify(id, *said, api_answers::telling(respond, id, std::move(write)));
}

AGENT_WEBSOCKET_INLINE void http_api::broadcast(const http::request& request, std::string_view,
                                                const respond_handler& respond) {
  if (auto refusal = refuse_body(request)) return respond(*std::move(refusal));
  const auto said = read_notice(request.body);
  if (!said) return respond(api_answers::refused(said.error()));
  auto write = [may_be_lost = said->may_be_lost](json::writer& w, const reached& told) {
    w.member("sessions", told.sessions);
    api_answers::tell_reached(w, told, may_be_lost);
    if (told.unkept != 0) w.member("unkept", told.unkept);
  };
  actions_.broadcast(*said, api_answers::telling(respond, {}, std::move(write)));
}

AGENT_WEBSOCKET_INLINE void http_api::list(const http::request& request, std::string_view,
                                           const respond_handler& respond) {
  const auto asked = read_page_request(request.query());
  if (!asked) return respond(api_answers::refused(asked.error()));
  const session_page page = actions_.sessions(asked->after, asked->limit);
  std::string body;
  json::writer w(body);
  w.begin_object().key("sessions").begin_array();
  for (const session_summary& each : page.sessions) api_answers::describe(w, each);
  w.end_array().key("next_cursor");
  page.next.empty() ? w.null() : w.value(page.next);
  w.end_object();
  respond(api_answer(200, std::move(body)));
}

AGENT_WEBSOCKET_INLINE void http_api::show(const http::request&, std::string_view id,
                                           const respond_handler& respond) {
  const auto found = actions_.session(id);
  if (!found) return respond(api_answers::session_not_found(id));
  std::string body;
  json::writer w(body);
  api_answers::describe(w, *found);
  respond(api_answer(200, std::move(body)));
}

AGENT_WEBSOCKET_INLINE void http_api::disconnect(const http::request&, std::string_view id,
                                                 const respond_handler& respond) {
  auto write = [id = std::string(id)](json::writer& w, const reached& told) {
    w.member("session_id", id).member("closed", !told.passed_on);
    if (told.passed_on) w.member("passed_on", true);
    w.member("sockets", told.sockets);
  };
  actions_.disconnect(id, api_answers::telling(respond, id, std::move(write)));
}

AGENT_WEBSOCKET_INLINE std::optional<http::response> http_api::refuse_body(
    const http::request& request) {
  if (request.body.size() > max_body_bytes) {
    return api_refusal(413, "too_large",
                       "The body has " + std::to_string(request.body.size()) + " bytes; at most " +
                           std::to_string(max_body_bytes) + " are allowed");
  }
  if (!is_json_media_type(request.headers.find("Content-Type"))) {
    return api_refusal(415, "unsupported_media_type",
                       "The body must be JSON in UTF-8, and the header must say so: "
                       "`Content-Type: application/json`");
  }
  return std::nullopt;
}

#endif

}  // namespace agent_websocket
