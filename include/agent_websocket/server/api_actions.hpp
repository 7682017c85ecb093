// SPDX-License-Identifier: MIT
//
// What the HTTP API asks of a server, and the values that go between: notices, what is told of a
// session, pages of sessions. An interface, so that the API is tested without a server.
#pragma once

#include <cstddef>
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
  /// Nothing was sent: the session's store does not take it now.
  bool unkept = false;
};

/// Called on the executor. A session that is ending is not there any more.
class api_actions {
 public:
  virtual std::optional<session_summary> session(std::string_view id) const = 0;
  /// Those behind the id `after`, which need not exist; at most `limit`, which is 1 or more.
  virtual session_page sessions(std::string_view after, std::size_t limit) const = 0;
  /// nullopt: there is no such session.
  virtual std::optional<reached> notify(std::string_view id, const api_notice& said) = 0;
  virtual reached broadcast(const api_notice& said) = 0;
  /// Ends the session for good, see basic_server::disconnect. Tells its sockets; nullopt: there is
  /// no such session.
  virtual std::optional<reached> disconnect(std::string_view id) = 0;
  /// All metrics, in Prometheus' text format.
  virtual std::string metrics() const = 0;

 protected:
  ~api_actions() = default;
};

}  // namespace agent_websocket
