// SPDX-License-Identifier: MIT
//
// What the transport of a server reports, and whose it is: requests go to the admission, sockets
// that have shown nothing to the sign-in, messages of the others to their session, when its client
// may send them now. Decides nothing that those do not.
#pragma once

#include <agent_websocket/policy/transport.hpp>
#include <agent_websocket/server/admission.hpp>
#include <agent_websocket/server/message_cost.hpp>
#include <agent_websocket/server/metrics.hpp>
#include <agent_websocket/server/options.hpp>
#include <agent_websocket/server/sign_in.hpp>
#include <agent_websocket/server/visitors.hpp>
#include <agent_websocket/session/commands.hpp>
#include <agent_websocket/wire/decode.hpp>
#include <agent_websocket/wire/encode.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace agent_websocket {

/// `Registry` is a registry.
template <typename Transport, typename Authenticator, typename Scheduler, typename Registry>
class reception final : public transport_sink, private sign_in_sink {
 public:
  using session_type = typename Registry::session_type;
  using journal_type = typename Registry::journal_type;
  using admission_type = admission<Transport, Authenticator, Scheduler>;
  using http_handler = typename admission_type::http_handler;

  /// `plain` answers requests that are for no socket.
  reception(const options& settings, Transport& transport, Scheduler& scheduler,
            Authenticator& authenticator, Registry& sessions, visitors<Scheduler>& guests,
            journal_type& told, server_counts& counts, http_handler plain)
      : transport_(transport),
        scheduler_(scheduler),
        registry_(sessions),
        visitors_(guests),
        journal_(told),
        counts_(counts),
        sign_in_({settings.access.auth_timeout, settings.access.auth_grace,
                  settings.session.max_message_bytes},
                 authenticator, scheduler, *this),
        admission_(settings, transport, authenticator, scheduler, guests, counts,
                   std::move(plain)) {
    admission_.report_to([this](const handshake& request, const error& why) {
      log_refusal("from " + request.remote_address, {}, why);
    });
  }
  reception(const reception&) = delete;
  reception& operator=(const reception&) = delete;

  /// Nobody is let in any more; who comes, and who was about to show who it is, is told so.
  void close() {
    admission_.close();
    sign_in_.close(1012, "Server is shutting down", error(errc::draining));
  }
  /// Requests that still wait for their answer get the last one there is.
  void end() { admission_.end(); }

  /// A client of the session shows a new token by the command `auth`.
  void renew_token(session_type& session, const wire::command& auth) {
    sign_in_.renew(auth.from, session.owner(), auth.token,
                   [this, connection = auth.from, id = auth.id](const result<void>& taken) {
                     tell(connection, [&](session_core& core, moment at) {
                       if (!taken) {
                         log_refusal("new token", core.id(), taken.error());
                         return core.refuse_bad(connection, id, taken.error(), at);
                       }
                       core.heard_good(connection);
                       core.acknowledge(connection, id, at);
                     });
                   });
  }

  // ---- transport_sink

  void on_request(connection_id connection, handshake request) override {
    admission_.ask(connection, std::move(request));
  }
  void on_abandoned(connection_id connection) override { admission_.abandon(connection); }

  void on_open(connection_id connection) override {
    auto arrived = admission_.take(connection);
    if (!arrived) return;
    if (!arrived->owner) return sign_in_.hold(connection, std::move(arrived->request));
    let_in(connection, arrived->request, std::move(*arrived->owner));
  }

  void on_text(connection_id connection, std::string_view text) override {
    if (take_frame(connection) && !registry_.returns().hold(connection, text))
      read(connection, text);
  }

  /// A message that was held, or has just come.
  void read(connection_id connection, std::string_view text) {
    const auto session = registry_.find(connection);
    if (!session) return sign_in_.receive(connection, text);
    wire::client_message message = wire::decode(text, scratch_);
    counts_.message(message, text.size());
    take(connection, *session, std::move(message), text);
  }

  void on_binary(connection_id connection, std::size_t bytes) override {
    refuse_frame(connection, errc::unsupported_data, bytes);
  }

  void on_oversized(connection_id connection, std::size_t bytes) override {
    refuse_frame(connection, errc::too_large, bytes);
  }

  void on_alive(connection_id connection) override { registry_.heard(connection); }

  void on_drained(connection_id connection) override {
    if (registry_.returns().is_away(connection)) registry_.returns().drained(connection);
    if (const auto session = registry_.find(connection)) session->drained(connection);
  }

  void on_close(connection_id connection, std::uint16_t code, std::string_view) override {
    sign_in_.gone(connection);
    registry_.closed(connection, code);
    visitors_.leave(connection);
  }

 private:
  void let_in(connection_id connection, const handshake& request, principal owner) {
    sign_in_.watch(connection, owner);
    registry_.open(connection, request, std::move(owner));
  }

  /// False: it was one too many, and the socket is closed.
  bool take_frame(connection_id connection) {
    if (visitors_.take_frame(connection)) return true;
    if (registry_.find(connection)) {
      tell(connection, [&](session_core& core, moment) {
        core.close_socket(connection, 4005, "rate_exceeded");
      });
    } else {
      sign_in_.gone(connection);
      transport_.close(connection, 4005, "rate_exceeded");
    }
    return false;
  }

  void take(connection_id connection, session_type& session, wire::client_message message,
            std::string_view text) {
    if (auto refused = refusal_of(connection, session, message)) {
      return session.apply([&](session_core& core, moment at) {
        core.refuse(connection, id_of(message), refused->why, at, refused->retry_after);
      });
    }
    const auto* const command = std::get_if<wire::command>(&message);
    const bool is_ours = command != nullptr && command->op == "auth";
    if (registry_.returns().is_away(connection) && !is_ours)
      return registry_.returns().pass(connection, text);
    const bool leaves_something = !std::holds_alternative<wire::rejection>(message) &&
                                  !is_sign_of_life(message) && !is_greeting(message);
    if (leaves_something && !registry_.keep(session, connection, id_of(message))) return;
    session.apply(
        [&](session_core& core, moment at) { core.received(connection, std::move(message), at); });
  }

  struct refusal {
    error why;
    std::optional<std::chrono::milliseconds> retry_after;
  };

  /// Why the message is not to be done now.
  std::optional<refusal> refusal_of(connection_id connection, session_type& session,
                                    const wire::client_message& message) {
    const auto* const command = std::get_if<wire::command>(&message);
    const bool resumes = command != nullptr && !command->resume_session.empty();
    if (!begins_work(message) && !resumes) return std::nullopt;
    if (sign_in_.is_over(connection)) {
      return refusal{
          error(errc::token_expired, "Your token has expired: send a new one by the command auth"),
          std::nullopt};
    }
    if (resumes) return std::nullopt;
    // What a client sends again is acknowledged and not done again: to refuse it would lose it.
    const std::string_view id = id_of(message);
    const moment at{scheduler_.now(), scheduler_.wall_now()};
    if (!id.empty() && is_done_once(message) && session.core().needs_no_repeat(id, 0, at))
      return std::nullopt;
    auto limited = visitors_.take(connection, message);
    if (!limited) return std::nullopt;
    return refusal{std::move(limited->why), limited->retry_after};
  }

  void refuse_frame(connection_id connection, errc code, std::size_t bytes) {
    if (!take_frame(connection)) return;
    const auto session = registry_.find(connection);
    if (!session) return sign_in_.refuse(connection);
    counts_.frame(bytes);
    session->apply(
        [&](session_core& core, moment at) { core.refused_frame(connection, code, at); });
  }

  // ---- sign_in_sink

  void on_signed_in(connection_id connection, signed_in arrived) override {
    if (!visitors_.identify(connection, arrived.owner)) {
      return on_turned_away(connection, 4429, "connection_limit",
                            error(errc::too_many_connections, "Too many connections of this user"));
    }
    let_in(connection, arrived.request, std::move(arrived.owner));
    if (const auto session = registry_.find(connection)) {
      session->apply([&](session_core& core, moment at) {
        if (arrived.first.op == "auth") return core.acknowledge(connection, arrived.first.id, at);
        core.received(connection, std::move(arrived.first), at);
      });
    }
    for (const std::string& each : arrived.later) on_text(connection, each);
  }

  void on_turned_away(connection_id connection, std::uint16_t code, std::string_view reason,
                      const error& why) override {
    log_refusal(std::string(reason), {}, why);
    wire::failure_notice notice;
    notice.code = why.code;
    notice.content = why.message;
    notice.retryable = is_retryable(why.code);
    counts_.refuse(refusal_by(why.code));
    counts_.sessions.made(notice);
    std::string frame;
    encode(frame, notice, to_iso8601(scheduler_.wall_now()));
    transport_.send(connection, frame);
    transport_.close(connection, code, reason);
  }

  void on_token_expiring(connection_id connection, wall_time when) override {
    tell(connection,
         [&](session_core& core, moment at) { core.token_expires(connection, when, at); });
  }

  void on_token_expired(connection_id connection) override {
    tell(connection,
         [&](session_core& core, moment) { core.close_socket(connection, 4004, "token_expired"); });
  }

  /// The detail is for the operator; the peer is told the message alone.
  void log_refusal(std::string words, std::string_view session, const error& why) {
    words += std::string(", ") + to_string(why.code);
    if (!why.detail.empty()) words += ": " + why.detail;
    journal_.write(why.code == errc::internal ? log_level::error : log_level::info,
                   "socket_refused", session, words);
  }

  template <typename Tell>
  void tell(connection_id connection, Tell&& what) {
    if (const auto session = registry_.find(connection)) session->apply(what);
  }

  Transport& transport_;
  Scheduler& scheduler_;
  Registry& registry_;
  visitors<Scheduler>& visitors_;
  journal_type& journal_;
  server_counts& counts_;
  sign_in<Authenticator, Scheduler> sign_in_;
  admission_type admission_;
  json::shapes seen_;  // of what clients send
  json::document scratch_{&seen_};
};

}  // namespace agent_websocket
