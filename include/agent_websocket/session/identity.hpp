// SPDX-License-Identifier: MIT
//
// Whose a session is and how its messages are numbered, as the first of its records has it: what
// must be known before it can be made again.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/policy/authenticator.hpp>
#include <agent_websocket/session/records.hpp>

#include <string>
#include <string_view>

namespace agent_websocket {

struct session_identity {
  std::string id;
  std::string epoch;
  principal owner;
  std::string address;
};

/// Reads the first record of a session. Errors: bad_json, bad_message.
result<session_identity> read_identity(std::string_view record);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE result<session_identity> read_identity(std::string_view record) {
  json::document document;
  if (auto parsed = document.parse(record); !parsed) return parsed.error();
  const json::value root = document.root();
  const auto id = root["id"].string(), epoch = root["epoch"].string(),
             owner = root["owner"].string();
  if (root["kind"].string() != "session" || !id || !epoch || !owner)
    return error(errc::bad_message, "The first record of the session does not say what it is");
  if (root["v"].integer().value_or(0) > records::version) {
    return error(errc::bad_message, "The session was written by a newer version of this program");
  }
  session_identity made;
  made.id = std::string(*id);
  made.epoch = std::string(*epoch);
  made.owner.name = std::string(*owner);
  made.owner.is_anonymous = root["anonymous"].boolean().value_or(false);
  made.address = std::string(root["address"].string().value_or(""));
  return made;
}

#endif

}  // namespace agent_websocket
