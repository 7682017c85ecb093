// SPDX-License-Identifier: MIT
//
// Makes a session again that this process has claimed from its store: whose it is stands in the
// first of its records, all else is the session's to read.
#pragma once

#include <agent_websocket/server/recovery.hpp>
#include <agent_websocket/session/identity.hpp>

#include <memory>
#include <utility>

namespace agent_websocket {

/// Errors (bad_json, bad_message): its records are damaged.
template <typename Session>
result<std::shared_ptr<Session>> restore_session(
    typename Session::surroundings& around, const claimed_session& found,
    const std::shared_ptr<const session_settings>& defaults) {
  auto who = read_identity(found.stored.records.front());
  if (!who) return who.error();
  auto session = std::make_shared<Session>(around, std::move(who->owner), std::move(who->address),
                                           std::move(who->id), std::move(who->epoch), defaults);
  if (auto restored = session->restore(found.stored, found.fence); !restored)
    return restored.error();
  return session;
}

}  // namespace agent_websocket
