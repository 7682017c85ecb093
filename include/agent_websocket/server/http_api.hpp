// SPDX-License-Identifier: MIT
//
// The HTTP API for operators and for other programs, on the socket's port: notify, broadcast, list
// and end sessions, read the metrics. Needs the ADMIN_TOKEN; without one its paths are not there.
// No CORS headers are sent (admin_guard.hpp says why). What it does is done by api_actions.
//
// | POST   | /functions/v1/notify_websocket | {"sessionId","message"}: the original's call       |
// | POST   | /v1/sessions/{id}/notify       | {"content","topic","data","volatile"}              |
// | POST   | /v1/broadcast                  | likewise, to every session                         |
// | GET    | /v1/sessions                   | ?limit=N&cursor=C                                  |
// | GET    | /v1/sessions/{id}              |                                                    |
// | DELETE | /v1/sessions/{id}              | ends it                                            |
// | GET    | /metrics                       | for all, or with the token only, or not there      |
#pragma once

#include <agent_websocket/base/ids.hpp>
#include <agent_websocket/http/message.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/server/access_options.hpp>
#include <agent_websocket/server/admin_guard.hpp>
#include <agent_websocket/server/api_actions.hpp>
#include <agent_websocket/server/api_requests.hpp>
#include <agent_websocket/server/http_route.hpp>
#include <agent_websocket/server/idempotency_keys.hpp>

#include <array>
#include <cstddef>
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
  http_api(std::string_view admin_token, metrics_access metrics, api_actions& actions)
      : guard_(admin_token), metrics_(metrics), actions_(actions) {}

  /// nullopt: there is nothing at that path, or it is not to be known.
  std::optional<http::response> answer(const http::request& request, time_point now) {
    if (request.path() == "/metrics") return answer_metrics(request);
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
    if (allowed.empty() || !guard_.has_token()) return std::nullopt;
    if (auto refusal = guard_.refuse(request)) return refusal;
    if (wanted == nullptr) return method_not_allowed(allowed);
    if (method == "GET") return (this->*wanted->run)(request, id);
    return run_once(*wanted, request, id, now);
  }

 private:
  struct route {
    std::string_view method, pattern;
    http::response (http_api::*run)(const http::request&, std::string_view id);
  };

  static const std::array<route, 6>& routes() {
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

  /// Does what changes something, but only once for one Idempotency-Key. What was refused has
  /// changed nothing and may be sent again, mended, with the same key.
  http::response run_once(const route& wanted, const http::request& request, std::string_view id,
                          time_point now) {
    const auto key = request.headers.find("Idempotency-Key");
    if (!key) return (this->*wanted.run)(request, id);
    if (request.body.size() > max_body_bytes) return *refuse_body(request);  // not to be hashed
    if (!is_idempotency_key(*key)) {
      return api_refusal(400, "bad_idempotency_key",
                         "The header Idempotency-Key must have 1 to 255 visible ASCII characters, "
                         "and no spaces");
    }
    const digest256 fingerprint = idempotency_keys::fingerprint(request);
    if (const auto* const kept = keys_.find(*key, now)) {
      if (kept->request != fingerprint) {
        return api_refusal(422, "idempotency_key_reused",
                           "This Idempotency-Key was used for another request (its method, path or "
                           "body was not the same); use a new key for each request");
      }
      http::response again = kept->answer;
      again.headers.add("Idempotent-Replayed", "true");
      return again;
    }
    http::response answer = (this->*wanted.run)(request, id);
    if (answer.status < 300) keys_.keep(*key, fingerprint, answer, now);
    return answer;
  }

  std::optional<http::response> answer_metrics(const http::request& request) const {
    if (metrics_ == metrics_access::off) return std::nullopt;
    if (metrics_ == metrics_access::admin) {
      if (!guard_.has_token()) return std::nullopt;
      if (auto refusal = guard_.refuse(request)) return refusal;
    }
    if (request.method != "GET" && request.method != "HEAD") return method_not_allowed("GET, HEAD");
    return http::response{200,
                          {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"},
                           {"Cache-Control", "no-store"}},
                          actions_.metrics()};
  }

  // ---- the routes

  http::response notify_addressed(const http::request& request, std::string_view) {
    if (auto refusal = refuse_body(request)) return *std::move(refusal);
    const auto asked = read_addressed_notice(request.body);
    if (!asked) return refused(asked.error());
    const auto told = actions_.notify(asked->session_id, asked->said);
    if (!told) return session_not_found(asked->session_id);
    if (told->unkept) return unkept();
    std::string body;
    json::writer w(body);
    w.begin_object().member("success", true).member("sessionId", asked->session_id);
    tell_reached(w, *told, asked->said);
    return api_answer(told->passed_on ? 202 : 200, std::move(body));
  }

  http::response notify(const http::request& request, std::string_view id) {
    if (auto refusal = refuse_body(request)) return *std::move(refusal);
    const auto said = read_notice(request.body);
    if (!said) return refused(said.error());
    const auto told = actions_.notify(id, *said);
    if (!told) return session_not_found(id);
    if (told->unkept) return unkept();
    std::string body;
    json::writer w(body);
    w.begin_object().member("session_id", id);
    tell_reached(w, *told, *said);
    return api_answer(told->passed_on ? 202 : 200, std::move(body));
  }

  http::response broadcast(const http::request& request, std::string_view) {
    if (auto refusal = refuse_body(request)) return *std::move(refusal);
    const auto said = read_notice(request.body);
    if (!said) return refused(said.error());
    const reached told = actions_.broadcast(*said);
    std::string body;
    json::writer w(body);
    w.begin_object().member("sessions", told.sessions);
    tell_reached(w, told, *said);
    return api_answer(200, std::move(body));
  }

  http::response list(const http::request& request, std::string_view) {
    const auto asked = read_page_request(request.query());
    if (!asked) return refused(asked.error());
    const session_page page = actions_.sessions(asked->after, asked->limit);
    std::string body;
    json::writer w(body);
    w.begin_object().key("sessions").begin_array();
    for (const session_summary& each : page.sessions) describe(w, each);
    w.end_array().key("next_cursor");
    page.next.empty() ? w.null() : w.value(page.next);
    w.end_object();
    return api_answer(200, std::move(body));
  }

  http::response show(const http::request&, std::string_view id) {
    const auto found = actions_.session(id);
    if (!found) return session_not_found(id);
    std::string body;
    json::writer w(body);
    describe(w, *found);
    return api_answer(200, std::move(body));
  }

  http::response disconnect(const http::request&, std::string_view id) {
    const auto told = actions_.disconnect(id);
    if (!told) return session_not_found(id);
    std::string body;
    json::writer w(body);
    w.begin_object().member("session_id", id).member("closed", !told->passed_on);
    if (told->passed_on) w.member("passed_on", true);
    w.member("sockets", told->sockets).end_object();
    return api_answer(told->passed_on ? 202 : 200, std::move(body));
  }

  // ---- their words

  /// `sockets` are there now; what is `kept` also reaches clients that come back.
  static void tell_reached(json::writer& w, const reached& told, const api_notice& said) {
    w.member("sockets", told.sockets).member("kept", !said.may_be_lost);
    if (told.passed_on) w.member("passed_on", true);
    w.end_object();
  }

  static void describe(json::writer& w, const session_summary& of) {
    w.begin_object().member("id", of.id).member("user", of.user).member("sockets", of.sockets);
    w.member("created", of.created).member("last_activity", of.last_activity);
    w.member("running", of.running).member("queued", of.queued).member("messages", of.messages);
    w.end_object();
  }

  static std::optional<http::response> refuse_body(const http::request& request) {
    if (request.body.size() > max_body_bytes) {
      return api_refusal(413, "too_large",
                         "The body has " + std::to_string(request.body.size()) +
                             " bytes; at most " + std::to_string(max_body_bytes) + " are allowed");
    }
    if (!is_json_media_type(request.headers.find("Content-Type"))) {
      return api_refusal(415, "unsupported_media_type",
                         "The body must be JSON in UTF-8, and the header must say so: "
                         "`Content-Type: application/json`");
    }
    return std::nullopt;
  }
  static http::response refused(const error& why) {
    return api_refusal(400, to_string(why.code), why.message);
  }
  static http::response unkept() {
    auto refusal = api_refusal(503, "internal",
                               "The session cannot be saved now, so that nothing was sent; try "
                               "again later");
    refusal.headers.add("Retry-After", "5");
    return refusal;
  }
  static http::response session_not_found(std::string_view id) {
    const std::string shown = is_valid_id(id) ? "`" + std::string(id) + "`" : "of that id";
    return api_refusal(404, "session_not_found",
                       "There is no session " + shown + "; it has ended, or never was");
  }

  admin_guard guard_;
  metrics_access metrics_;
  api_actions& actions_;
  idempotency_keys keys_;
};

}  // namespace agent_websocket
