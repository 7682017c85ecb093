// SPDX-License-Identifier: MIT
//
// Who is at the door and inside: for each connection whence it comes, as whom, and how much of the
// server it takes, from its request to its end. Decides by origin, address and user; what was
// counted is given back with the entry, whichever way the connection goes.
#pragma once

#include <agent_websocket/http/forwarded.hpp>
#include <agent_websocket/limits/connection_limits.hpp>
#include <agent_websocket/limits/user_limits.hpp>
#include <agent_websocket/policy/authenticator.hpp>
#include <agent_websocket/policy/logger.hpp>
#include <agent_websocket/policy/transport.hpp>
#include <agent_websocket/server/exposure.hpp>
#include <agent_websocket/server/message_gate.hpp>
#include <agent_websocket/server/options.hpp>
#include <agent_websocket/server/origin.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace agent_websocket {

template <typename Scheduler>
class visitors {
 public:
  /// What is worth a line in the log, at most one a second.
  using teller = std::function<void(std::string_view event, std::string_view text)>;

  visitors(const options& settings, Scheduler& scheduler, teller tell)
      : access_(settings.access),
        scheduler_(scheduler),
        tell_(std::move(tell)),
        proxies_(read<http::trusted_proxies>(access_.trusted_proxies)),
        origins_(read<origin_rules>(access_.allowed_origins)),
        is_local_(is_loopback_host(settings.host)),
        connections_({settings.max_connections, access_.max_connections_per_address,
                      access_.new_connections_per_second}),
        users_(limits_of(access_)) {
    entries_.max_load_factor(2);  // see connection_list
  }
  visitors(const visitors&) = delete;
  visitors& operator=(const visitors&) = delete;

  /// A page in a browser may send this request: see origin.hpp. For sockets, and for all else that
  /// changes something (methods other than GET, HEAD and OPTIONS).
  bool origin_allowed(const handshake& request) const {
    return origins_.allow(request.request,
                          !is_local_ || proxies_.trusts(std::string_view(request.remote_address)));
  }

  /// A request for a socket: counts the connection until leave(), or refuses it. From here on
  /// `remote_address` is that of the client, also behind a proxy that is trusted.
  std::optional<http::response> enter(connection_id connection, handshake& request) {
    if (!origin_allowed(request)) {
      tell("origin_refused", "from " + request.remote_address + "; see ALLOWED_ORIGINS");
      return origin_rules::refusal();
    }
    notice_proxy(request);
    request.remote_address =
        http::client_address(request.remote_address, request.request.headers, proxies_);
    connection_limits::place place;
    if (const auto refused = connections_.take(place, request.remote_address, scheduler_.now())) {
      tell("connection_refused", "from " + request.remote_address + "; see " + name(refused->what));
      return answer(*refused);
    }
    entries_.insert_or_assign(
        connection, entry{std::move(place),
                          {},
                          message_gate(access_.messages_per_minute, access_.message_burst)});
    return std::nullopt;
  }

  /// Now it is known who it is. False: that user has too many connections. Once more for the same
  /// user changes nothing.
  bool identify(connection_id connection, const principal& who) {
    const auto found = entries_.find(connection);
    if (found == entries_.end()) return true;
    entry& of = found->second;
    const std::string key = key_of(who, of.place.address());
    if (of.user && of.user.who().key() == key) return true;
    // Of those without a name the connections count by address already.
    if (users_.connect(of.user, key, scheduler_.now(), scheduler_.wall_now(), who.is_anonymous))
      return true;
    tell("connection_refused", "of " + http::sanitize_field_value(who.name).substr(0, 64) +
                                   "; see MAX_CONNECTIONS_PER_USER");
    return false;
  }

  /// The connection is gone or was refused. Unknown ones are ignored.
  void leave(connection_id connection) noexcept { entries_.erase(connection); }

  /// A frame has come. False: too many; the socket is to be closed with 4005.
  bool take_frame(connection_id connection) noexcept {
    const auto found = entries_.find(connection);
    return found == entries_.end() || found->second.gate.take_frame(scheduler_.now());
  }

  /// A message has come, which is not known by its id yet. nullopt: it counts, and may pass.
  std::optional<message_gate::refusal> take(connection_id connection,
                                            const wire::client_message& message) {
    const auto found = entries_.find(connection);
    if (found == entries_.end()) return std::nullopt;
    entry& of = found->second;
    return of.gate.take(message, users_, of.user ? &of.user.who() : nullptr, scheduler_.now(),
                        scheduler_.wall_now());
  }

  /// null while nobody is known there.
  user_limits::user* user(connection_id connection) const {
    const auto found = entries_.find(connection);
    return found == entries_.end() || !found->second.user ? nullptr : &found->second.user.who();
  }
  user_limits& users() noexcept { return users_; }
  const connection_limits& connections() const noexcept { return connections_; }
  std::size_t size() const noexcept { return entries_.size(); }

  /// What a user with too many connections is answered.
  static http::response too_many_of_user() {
    return refusal(429, "Too many connections of this user\n", std::chrono::seconds(5));
  }

 private:
  struct entry {
    connection_limits::place place;
    user_limits::place user;
    message_gate gate;
  };

  /// What is wrong was told by options::check().
  template <typename T>
  static T read(const std::vector<std::string>& list) {
    auto parsed = T::parse(list);
    return parsed ? std::move(*parsed) : T();
  }

  static user_limits::limits limits_of(const access_options& from) {
    user_limits::limits to;
    to.connections = from.max_connections_per_user;
    to.sessions = from.max_sessions_per_user;
    to.messages = rate::per_minute(from.user_messages_per_minute, from.user_message_burst);
    to.daily_tokens = from.daily_tokens_per_user;
    to.daily_cost = from.daily_cost_per_user;
    return to;
  }

  /// No name can be that of an address.
  static std::string key_of(const principal& who, const http::ip_address& address) {
    return who.is_anonymous ? "address " + address.to_string() : "user " + who.name;
  }

  static const char* name(connection_limit what) noexcept {
    switch (what) {
      case connection_limit::total: return "MAX_CONNECTIONS";
      case connection_limit::address: return "MAX_CONNECTIONS_PER_IP";
      case connection_limit::new_total: return "NEW_CONNECTIONS_PER_SECOND";
      case connection_limit::new_from_address: return "NEW_CONNECTIONS_PER_SECOND, of one address";
    }
    return "";
  }

  static http::response answer(const connection_limits::refusal& why) {
    switch (why.what) {
      case connection_limit::total:
        return refusal(503, "The server has as many connections as it takes\n", why.retry_after);
      case connection_limit::new_total:
        return refusal(503, "Too many new connections\n", why.retry_after);
      case connection_limit::address:
        return refusal(429, "Too many connections from your address\n", why.retry_after);
      case connection_limit::new_from_address:
        return refusal(429, "Too many new connections from your address\n", why.retry_after);
    }
    return refusal(503, {}, why.retry_after);
  }

  static http::response refusal(int status, std::string words, duration retry_after) {
    auto made = http::response::text(status, std::move(words));
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(retry_after).count();
    made.headers.add("Retry-After", std::to_string(std::max<std::int64_t>(seconds, 1)));
    return made;
  }

  /// Behind a proxy that nobody told us of, all clients have one address. Once.
  void notice_proxy(const handshake& request) {
    if (noticed_ || !proxies_.empty()) return;
    if (!request.request.headers.contains("X-Forwarded-For")) return;
    noticed_ = true;
    tell_("proxy_not_trusted",
          "requests from " + request.remote_address +
              " have X-Forwarded-For, which is ignored; if that is your proxy, name it in "
              "TRUST_PROXY: limits of one address hold for all its clients together");
  }

  void tell(std::string_view event, const std::string& text) {
    if (!lines_.take(scheduler_.now())) tell_(event, text);
  }

  const access_options& access_;
  Scheduler& scheduler_;
  teller tell_;
  http::trusted_proxies proxies_;
  origin_rules origins_;
  bool is_local_;
  bool noticed_ = false;
  token_bucket lines_{rate::per_second(1, 10)};
  connection_limits connections_;
  user_limits users_;
  std::unordered_map<connection_id, entry> entries_;  // goes before what it holds places of
};

}  // namespace agent_websocket
