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

  /// For who does not want to know what came of it.
  static void ignore(const std::optional<reached>&) {}

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

  void notify(std::string_view id, const api_notice& said, reached_handler told) override {
    if (const auto found = find(id)) return tell_one(*found, said, std::move(told));
    server_notice notice;
    notice.session = std::string(id);
    notice.said = said;
    pass_on(notice, std::move(told), [said](session_type& session, reached_handler done) {
      tell_one(session, said, std::move(done));
    });
  }

  void broadcast(const api_notice& said, reached_handler told) override {
    server_notice notice;
    notice.said = said;
    sessions_.returns().tell_all(encode_notice(notice));
    broadcast_here(said, std::move(told));
  }

  /// Another server that shares the store asks for it. A session that has gone on to a third one
  /// meanwhile is not followed.
  void act(std::string_view text) {
    const auto notice = decode_notice(text);
    if (!notice) return;
    if (notice->session.empty()) return broadcast_here(notice->said, ignore);
    const auto found = find(notice->session);
    if (!found) return;
    notice->what == server_notice::kind::notify ? say(*found, notice->said)
                                                : end(*found, notice->reason);
  }

  void disconnect(std::string_view id, reached_handler told) override {
    disconnect(id, "closed_by_operator", std::move(told));
  }
  void disconnect(std::string_view id, std::string_view reason, reached_handler told) {
    if (const auto found = find(id)) return end_one(*found, reason, std::move(told));
    server_notice notice;
    notice.what = server_notice::kind::disconnect;
    notice.session = std::string(id);
    notice.reason = std::string(reason);
    pass_on(notice, std::move(told),
            [reason = notice.reason](session_type& session, reached_handler done) {
              end_one(session, reason, std::move(done));
            });
  }

  std::string metrics() const override { return metrics_(); }

 private:
  /// Of a broadcast: what was reached, told when the last session has kept it.
  struct tally {
    tally(reached_handler done) : told(std::move(done)) {}
    tally(const tally&) = delete;
    tally& operator=(const tally&) = delete;
    ~tally() { told(all); }

    reached all;
    reached_handler told;
  };

  void broadcast_here(const api_notice& said, reached_handler told) {
    const auto so_far = std::make_shared<tally>(std::move(told));
    for (const auto& each : sessions_.all()) {
      if (each->closing()) continue;
      ++so_far->all.sessions;
      so_far->all.sockets += each->sockets();
      // What is kept when its store is back, maybe, is not waited for.
      const bool fails = each->core().book().is_failing();
      say(*each, said);
      if (said.may_be_lost) continue;
      if (fails) {
        ++so_far->all.unkept;
      } else {
        each->when_kept([so_far](bool kept) { so_far->all.unkept += kept ? 0 : 1; });
      }
    }
  }

  /// For what is not here: the act is done when it comes here, or by another server.
  template <typename Act>
  void pass_on(const server_notice& notice, reached_handler told, Act act) {
    if (!sessions_.returns().may_be_elsewhere()) return told(std::nullopt);
    if (const auto ending = sessions_.find(notice.session)) return tell_ending(*ending, told);
    if (sessions_.draining()) return refuse(told);  // nothing is to be fetched any more
    sessions_.returns().reach(
        notice.session,
        [act = std::move(act), told = std::move(told)](session_type* here, errc why) {
          if (here != nullptr) return here->closing() ? tell_ending(*here, told) : act(*here, told);
          if (why == errc::session_not_found) return told(std::nullopt);
          reached outcome;
          (why == errc::busy ? outcome.passed_on : outcome.refused) = true;
          told(outcome);
        },
        encode_notice(notice));
  }

  /// It is gone, or only on its way to the store or to another server, where it is soon to be had.
  static void tell_ending(session_type& session, const reached_handler& told) {
    session.core().ended_for_good() ? told(std::nullopt) : refuse(told);
  }
  static void refuse(const reached_handler& told) {
    reached outcome;
    outcome.refused = true;
    told(outcome);
  }

  static void tell_one(session_type& to, const api_notice& said, reached_handler told) {
    reached outcome{1, to.sockets()};
    outcome.refused = !said.may_be_lost && to.core().book().is_failing();
    if (outcome.refused) return told(outcome);
    say(to, said);
    if (said.may_be_lost) return told(outcome);
    to.when_kept([outcome, told = std::move(told)](bool kept) mutable {
      outcome.unkept = kept ? 0 : 1;
      told(outcome);
    });
  }

  static void end_one(session_type& session, std::string_view reason, reached_handler told) {
    reached outcome{1, session.sockets()};
    session.when_erased([outcome, told = std::move(told)](bool erased) mutable {
      outcome.unkept = erased ? 0 : 1;
      told(outcome);
    });
    end(session, reason);
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

  static void say(session_type& to, const api_notice& said) {
    said.may_be_lost ? to.notify_volatile(said.content, said.topic, said.data)
                     : to.notify(said.content, said.topic, said.data);
  }

  Registry& sessions_;
  std::function<std::string()> metrics_;
};

}  // namespace agent_websocket
