// SPDX-License-Identifier: MIT
//
// From an HTTP request to an open socket: which paths are sockets, who may open one (by origin, by
// address, by what is shown, by user, in this order), and what everybody else is answered. Holds
// the requests that wait for their authentication.
#pragma once

#include <agent_websocket/policy/authenticator.hpp>
#include <agent_websocket/policy/transport.hpp>
#include <agent_websocket/server/arrival.hpp>
#include <agent_websocket/server/metrics.hpp>
#include <agent_websocket/server/options.hpp>
#include <agent_websocket/server/plain_http.hpp>
#include <agent_websocket/server/shown_credentials.hpp>
#include <agent_websocket/server/subprotocol.hpp>
#include <agent_websocket/server/visitors.hpp>
#include <agent_websocket/server/waiting_requests.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace agent_websocket {

template <typename Transport, typename Authenticator, typename Scheduler>
class admission {
 public:
  using plain_requests = waiting_requests<Transport, Scheduler>;
  /// Answers a plain HTTP request that is for no socket, at once or later.
  using http_handler = typename plain_requests::request_handler;
  /// Hears why the authenticator has refused somebody, in detail: for the log.
  using refusal_handler = std::function<void(const handshake&, const error&)>;

  /// Who is refused, and what is answered, is counted.
  admission(const options& settings, Transport& transport, Authenticator& authenticator,
            Scheduler& scheduler, visitors<Scheduler>& guests, server_counts& counts,
            http_handler plain)
      : options_(settings),
        transport_(transport),
        authenticator_(authenticator),
        visitors_(guests),
        counts_(counts),
        plain_(transport, scheduler, counts, std::move(plain)) {}

  void ask(connection_id connection, handshake request) {
    const std::string_view path = request.request.path();
    if (path != "/ws" && path != options_.socket_path()) {
      // Of a page elsewhere a browser sends such a request before it asks whether it may.
      if (!is_safe(request.request.method) && !visitors_.origin_allowed(request))
        return transport_.answer(connection, origin_rules::refusal());
      return plain_.ask(connection, request.request);
    }
    if (!request.is_upgrade) {
      return transport_.answer(connection, http::response::text(400, "Expected WebSocket request"));
    }
    if (closed_) return refuse_closed(connection);
    if (auto refused = visitors_.enter(connection, request)) {
      const connection_refusal why = refused->status == 403   ? connection_refusal::origin
                                     : refused->status == 429 ? connection_refusal::limit
                                                              : connection_refusal::overload;
      return refuse(connection, why, std::move(*refused));
    }
    const auto filed = std::make_shared<applicant>();
    filed->arrived.request = std::move(request);
    auto shown = shown_credentials(filed->arrived.request.request);
    if (!shown) {
      return refuse(connection, connection_refusal::unauthorized,
                    http::response::text(400, shown.error().message));
    }
    // Filed before the authenticator is asked, which may answer from inside of the call; held
    // beside, since what it is shown lives as long as the call does, however it answers.
    applicants_.insert_or_assign(connection, filed);
    filed->showed = shown->from != credential_source::none;
    shown->request = &filed->arrived.request;
    authenticator_.authenticate(
        *shown,
        [this, connection, weak = std::weak_ptr<const bool>(alive_)](result<principal> who) {
          if (weak.lock()) decide(connection, std::move(who));
        });
  }

  void abandon(connection_id connection) {
    plain_.abandon(connection);
    applicants_.erase(connection);
    visitors_.leave(connection);
  }

  /// Whose socket has opened.
  std::optional<arrival> take(connection_id connection) {
    const auto found = applicants_.find(connection);
    if (found == applicants_.end()) return std::nullopt;
    arrival arrived = std::move(found->second->arrived);
    applicants_.erase(found);
    return arrived;
  }

  void report_to(refusal_handler handler) { on_refused_ = std::move(handler); }

  /// Nobody is let in any more.
  void close() noexcept { closed_ = true; }
  bool closed() const noexcept { return closed_; }
  /// Nor answered by the application any more: who waits for it is told so.
  void end() { plain_.dismiss(); }

 private:
  /// Changes nothing (RFC 9110 section 9.2.1).
  static bool is_safe(std::string_view method) noexcept {
    return method == "GET" || method == "HEAD" || method == "OPTIONS";
  }

  void decide(connection_id connection, result<principal> who) {
    const auto found = applicants_.find(connection);
    if (found == applicants_.end()) return;  // gone meanwhile
    const std::shared_ptr<applicant> filed = found->second;
    arrival& arrived = filed->arrived;
    const bool may_show_later = !who && who.error().code == errc::unauthorized && !filed->showed &&
                                options_.access.auth_timeout.count() != 0;
    if (closed_) return refuse_closed(connection);
    if (!who && !may_show_later) {
      if (on_refused_) on_refused_(arrived.request, who.error());
      return refuse_token(connection, who.error(), filed->showed);
    }
    if (who) {
      if (!visitors_.identify(connection, *who)) {
        return refuse(connection, connection_refusal::limit,
                      visitors<Scheduler>::too_many_of_user());
      }
      arrived.owner = std::move(*who);
    }
    http::response accept;
    accept.status = 101;
    if (offers_subprotocol(arrived.request.request, subprotocol_name)) {
      accept.headers.add("Sec-WebSocket-Protocol", std::string(subprotocol_name));
    }
    transport_.answer(connection, std::move(accept));
  }

  void refuse(connection_id connection, connection_refusal why, http::response answer) {
    counts_.refuse(why);
    abandon(connection);
    transport_.answer(connection, std::move(answer));
  }
  void refuse_token(connection_id connection, const error& why, bool showed) {
    if (why.code == errc::forbidden) {
      return refuse(connection, connection_refusal::forbidden,
                    http::response::text(403, why.message));
    }
    if (why.code == errc::internal) {
      return refuse(connection, connection_refusal::unavailable,
                    http::response::text(503, why.message));
    }
    auto answer = http::response::text(401, why.message);
    // RFC 9110 section 15.5.2 wants it, in the form of RFC 6750 section 3.
    answer.headers.add("WWW-Authenticate", showed ? "Bearer error=\"invalid_token\"" : "Bearer");
    refuse(connection, connection_refusal::unauthorized, std::move(answer));
  }
  void refuse_closed(connection_id connection) {
    refuse(connection, connection_refusal::draining, refuse_while_draining(options_.restart_time));
  }

  struct applicant {
    arrival arrived;
    bool showed = false;  ///< a token, in its handshake
  };

  const options& options_;
  Transport& transport_;
  Authenticator& authenticator_;
  visitors<Scheduler>& visitors_;
  server_counts& counts_;
  plain_requests plain_;
  refusal_handler on_refused_;
  std::unordered_map<connection_id, std::shared_ptr<applicant>> applicants_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
  bool closed_ = false;
};

}  // namespace agent_websocket
