// SPDX-License-Identifier: MIT
//
// The clocks of a server: heartbeats, inactivity, and sessions that wait for their client. One
// timer for each of the three, however many sockets and sessions there are; the lists know who is
// next.
#pragma once

#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/server/connection_list.hpp>
#include <agent_websocket/server/session_list.hpp>

namespace agent_websocket {

/// Is told whose time is up.
template <typename Session>
class deadline_sink {
 public:
  /// Nothing was heard of the peer for an interval.
  virtual void on_silent(connection_id connection) = 0;
  /// Nor after that, within the timeout.
  virtual void on_lost(connection_id connection, Session& session) = 0;
  /// Its client is here and does nothing.
  virtual void on_inactive(Session& session) = 0;
  /// Its client was away for the whole grace.
  virtual void on_grace_over(Session& session) = 0;
  /// Its client did not come back in time; it is no longer in the list.
  virtual void on_forgotten(Session& session) = 0;

 protected:
  ~deadline_sink() = default;
};

template <typename Session, typename Scheduler>
class deadlines {
 public:
  struct intervals {
    duration heartbeat;
    duration heartbeat_timeout;
    duration cleanup;
  };

  deadlines(Scheduler& scheduler, deadline_sink<Session>& sink, intervals every,
            typename session_list<Session>::limits allowed)
      : connections(every.heartbeat, every.heartbeat_timeout),
        sessions(allowed),
        scheduler_(scheduler),
        sink_(sink),
        cleanup_(every.cleanup) {}
  deadlines(const deadlines&) = delete;
  deadlines& operator=(const deadlines&) = delete;
  ~deadlines() {
    for (const timer_id each : {heartbeat_timer_, cleanup_timer_, detached_timer_})
      scheduler_.cancel_timer(each);
  }

  connection_list<Session> connections;
  session_list<Session> sessions;

  /// To be called when a socket has come.
  void watch_heartbeat() {
    if (heartbeat_timer_ != 0) return;
    const auto next = connections.next_heartbeat();
    if (!next) return;
    heartbeat_timer_ = scheduler_.start_timer(*next, [this] {
      heartbeat_timer_ = 0;
      connections.sweep(
          scheduler_.now(), [this](connection_id connection) { sink_.on_silent(connection); },
          [this](connection_id connection, Session& session) {
            sink_.on_lost(connection, session);
          });
      watch_heartbeat();
    });
  }

  /// To be called once.
  void watch_inactivity() {
    cleanup_timer_ = scheduler_.start_timer(scheduler_.now() + cleanup_, [this] {
      sessions.sweep_inactive(scheduler_.now(),
                              [this](Session& session) { sink_.on_inactive(session); });
      watch_inactivity();
    });
  }

  /// To be called when a socket has gone. Whose time is up already is told of at once.
  void watch_detached() {
    sessions.sweep_detached(
        scheduler_.now(), [this](Session& session) { sink_.on_grace_over(session); },
        [this](Session& session) { sink_.on_forgotten(session); });
    const auto next = sessions.next_detached();
    // One that fires too early is set again then.
    if (!next || (detached_timer_ != 0 && detached_at_ <= *next)) return;
    scheduler_.cancel_timer(detached_timer_);
    detached_at_ = *next;
    detached_timer_ = scheduler_.start_timer(*next, [this] {
      detached_timer_ = 0;
      watch_detached();
    });
  }

 private:
  Scheduler& scheduler_;
  deadline_sink<Session>& sink_;
  duration cleanup_;
  timer_id heartbeat_timer_ = 0;
  timer_id cleanup_timer_ = 0;
  timer_id detached_timer_ = 0;
  time_point detached_at_{};
};

}  // namespace agent_websocket
