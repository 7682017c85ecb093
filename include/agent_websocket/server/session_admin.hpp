// SPDX-License-Identifier: MIT
//
// What the HTTP API does, on the sessions of one server: tells them something, describes them, ends
// them. A session that is ending counts as gone.
#pragma once

#include <agent_websocket/base/error.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/server/api_actions.hpp>
#include <agent_websocket/server/server_notice.hpp>
#include <agent_websocket/session/commands.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

/// `Registry` is a registry; it outlives this.
template <typename Registry>
class session_admin final : public api_actions {
 public:
  using session_type = typename Registry::session_type;

  /// RFC 6455 section 5.5: a control frame has 125 bytes, two of them are the code.
  static constexpr std::size_t max_reason_bytes = 123;

  session_admin(Registry& sessions, std::function<std::string()> metrics)
      : sessions_(sessions), metrics_(std::move(metrics)) {}

  std::optional<session_summary> session(std::string_view id) const override {
    const auto found = find(id);
    if (!found) return std::nullopt;
    return summary_of(*found);
  }

  session_page sessions(std::string_view after, std::size_t limit) const override {
    session_page page;
    sessions_.each_after(after, [&](session_type& each) {
      if (each.closing()) return true;
      if (page.sessions.size() == limit) {
        page.next = page.sessions.back().id;
        return false;
      }
      page.sessions.push_back(summary_of(each));
      return true;
    });
    return page;
  }

  std::optional<reached> notify(std::string_view id, const api_notice& said) override {
    if (const auto found = find(id)) {
      reached told;
      told.unkept = !said.may_be_lost && found->core().book().is_failing();
      return told.unkept ? told : tell(*found, said);
    }
    server_notice notice;
    notice.session = std::string(id);
    notice.said = said;
    return pass_on(notice, [said](session_type& session) { tell(session, said); });
  }

  reached broadcast(const api_notice& said) override {
    server_notice notice;
    notice.said = said;
    sessions_.returns().tell_all(encode_notice(notice));
    return broadcast_here(said);
  }

  /// Another server that shares the store asks for it. A session that has gone on to a third one
  /// meanwhile is not followed.
  void act(std::string_view text) {
    const auto notice = decode_notice(text);
    if (!notice) return;
    if (notice->session.empty()) return void(broadcast_here(notice->said));
    const auto found = find(notice->session);
    if (!found) return;
    notice->what == server_notice::kind::notify ? void(tell(*found, notice->said))
                                                : end(*found, notice->reason);
  }

  std::optional<reached> disconnect(std::string_view id) override {
    return disconnect(id, "closed_by_operator");
  }
  std::optional<reached> disconnect(std::string_view id, std::string_view reason) {
    if (const auto found = find(id)) {
      const reached told{1, found->sockets()};
      end(*found, reason);
      return told;
    }
    server_notice notice;
    notice.what = server_notice::kind::disconnect;
    notice.session = std::string(id);
    notice.reason = std::string(reason);
    return pass_on(notice,
                   [reason = notice.reason](session_type& session) { end(session, reason); });
  }

  std::string metrics() const override { return metrics_(); }

 private:
  reached broadcast_here(const api_notice& said) {
    reached all;
    for (const auto& each : sessions_.all()) {
      if (each->closing()) continue;
      const reached one = tell(*each, said);
      all.sessions += one.sessions;
      all.sockets += one.sockets;
    }
    return all;
  }

  /// nullopt: it cannot be anywhere else, or ends here.
  template <typename Act>
  std::optional<reached> pass_on(const server_notice& notice, Act act) {
    if (!sessions_.returns().may_be_elsewhere() || sessions_.find(notice.session))
      return std::nullopt;
    sessions_.returns().reach(notice.session, std::move(act), encode_notice(notice));
    reached told;
    told.passed_on = true;
    return told;
  }

  static void end(session_type& session, std::string_view reason) {
    session.close(4499, std::string(cut_utf8(reason, max_reason_bytes)),
                  error(errc::interrupted, "The session was closed by the operator"));
  }

  std::shared_ptr<session_type> find(std::string_view id) const {
    auto found = sessions_.find(id);
    return found && !found->closing() ? found : nullptr;
  }

  static session_summary summary_of(session_type& of) {
    const session_info info = session_commands::describe(of.core());
    return {of.id(),      of.owner().name, of.sockets(), info.created, info.last_activity,
            info.running, info.queued,     info.messages};
  }

  static reached tell(session_type& to, const api_notice& said) {
    const reached told{1, to.sockets()};
    said.may_be_lost ? to.notify_volatile(said.content, said.topic, said.data)
                     : to.notify(said.content, said.topic, said.data);
    return told;
  }

  Registry& sessions_;
  std::function<std::string()> metrics_;
};

}  // namespace agent_websocket
