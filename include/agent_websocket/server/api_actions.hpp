// SPDX-License-Identifier: MIT
//
// What the HTTP API asks of a server, and the values that go between: notices, what is told of a
// session, pages of sessions. An interface, so that the API is tested without a server.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agent_websocket {

/// A notification that somebody wants to be sent.
struct api_notice {
  std::string content;
  std::string topic;         ///< or empty
  std::string data;          ///< JSON text, or empty
  bool may_be_lost = false;  ///< not numbered: only for those who are here and keep up
};

/// What an operator is told of a session.
struct session_summary {
  std::string id;
  std::string user;                    ///< name of the principal that it belongs to
  std::size_t sockets = 0;             ///< that watch it; 0: its client is away
  std::string created, last_activity;  ///< ISO-8601
  bool running = false;                ///< an answer is being made
  std::size_t queued = 0;              ///< queries that wait behind it
  std::size_t messages = 0;            ///< of the conversation that is kept
};

/// Sessions in the order of their ids, which never changes: what stays is told exactly once, also
/// when others come and go between two pages.
struct session_page {
  std::vector<session_summary> sessions;
  std::string next;  ///< the last id, where there are more; else empty
};

/// How many were reached by a notice.
struct reached {
  std::size_t sessions = 0;
  std::size_t sockets = 0;  ///< of these sessions, as they are now
  /// The session is not at this server: whoever has it is told, or it is fetched from the store.
  bool passed_on = false;
  /// Nothing was done: the store does not take it now, or cannot be asked for the session.
  bool refused = false;
  /// Of the sessions, those in whose store it is not, for all that is known.
  std::size_t unkept = 0;
};

/// Told once: when the store has kept what was done, or it is clear that it does not; nullopt:
/// there is no such session.
using reached_handler = std::function<void(const std::optional<reached>&)>;

/// Called on the executor. A session that is ending is not there any more. What is told may be told
/// at once; what another server is asked for, is told when it was asked. A store that does not
/// answer makes it late without limit.
class api_actions {
 public:
  virtual std::optional<session_summary> session(std::string_view id) const = 0;
  /// Those behind the id `after`, which need not exist; at most `limit`, which is 1 or more.
  virtual session_page sessions(std::string_view after, std::size_t limit) const = 0;
  virtual void notify(std::string_view id, const api_notice& said, reached_handler told) = 0;
  /// To all sessions here, whether their stores take it now or not.
  virtual void broadcast(const api_notice& said, reached_handler told) = 0;
  /// Ends the session for good, see basic_server::disconnect. Tells of the sockets that it had,
  /// when these are gone and the store has forgotten it.
  virtual void disconnect(std::string_view id, reached_handler told) = 0;
  /// All metrics, in Prometheus' text format.
  virtual std::string metrics() const = 0;

 protected:
  ~api_actions() = default;
};

}  // namespace agent_websocket
