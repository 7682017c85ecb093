// SPDX-License-Identifier: MIT
//
// What the HTTP API does, on the sessions of one server: tells them something, describes them, ends
// them. A session that is ending counts as gone.
#pragma once

#include <agent_websocket/base/error.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/server/api_actions.hpp>
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
    const auto found = find(id);
    if (!found) return std::nullopt;
    return tell(*found, said);
  }

  reached broadcast(const api_notice& said) override {
    reached all;
    for (const auto& each : sessions_.all()) {
      if (each->closing()) continue;
      const reached one = tell(*each, said);
      all.sessions += one.sessions;
      all.sockets += one.sockets;
    }
    return all;
  }

  std::optional<std::size_t> disconnect(std::string_view id) override {
    return disconnect(id, "closed_by_operator");
  }
  std::optional<std::size_t> disconnect(std::string_view id, std::string_view reason) {
    const auto found = find(id);
    if (!found) return std::nullopt;
    const std::size_t sockets = found->sockets();
    found->close(4499, std::string(cut_utf8(reason, max_reason_bytes)),
                 error(errc::interrupted, "The session was closed by the operator"));
    return sockets;
  }

  std::string metrics() const override { return metrics_(); }

 private:
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
