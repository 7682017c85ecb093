// SPDX-License-Identifier: MIT
//
// What one server asks the others that share its store to do with a session that they have: tell it
// something, or end it. As JSON, between servers of one version.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/server/api_actions.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace agent_websocket {

struct server_notice {
  enum class kind { notify, disconnect };
  kind what = kind::notify;
  std::string session;  ///< empty: all of them, which can only be told something
  api_notice said;      ///< notify
  std::string reason;   ///< disconnect
};

std::string encode_notice(const server_notice& notice);

/// nullopt when it is none.
std::optional<server_notice> decode_notice(std::string_view text);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string encode_notice(const server_notice& notice) {
  std::string text;
  json::writer w(text);
  const bool tells = notice.what == server_notice::kind::notify;
  w.begin_object().member("do", tells ? "notify" : "disconnect");
  w.member("session", notice.session);
  if (tells) {
    w.member("content", notice.said.content).member("topic", notice.said.topic);
    w.member("data", notice.said.data).member("may_be_lost", notice.said.may_be_lost);
  } else {
    w.member("reason", notice.reason);
  }
  w.end_object();
  return text;
}

AGENT_WEBSOCKET_INLINE std::optional<server_notice> decode_notice(std::string_view text) {
  json::document document;
  if (!document.parse(text)) return std::nullopt;
  const json::value root = document.root();
  const auto what = root["do"].string(), session = root["session"].string();
  if (!session || (what != "notify" && what != "disconnect")) return std::nullopt;
  if (what == "disconnect" && session->empty()) return std::nullopt;
  const auto text_of = [&](const char* name) {
    return std::string(root[name].string().value_or(std::string_view()));
  };
  server_notice made;
  made.what = what == "notify" ? server_notice::kind::notify : server_notice::kind::disconnect;
  made.session = std::string(*session);
  made.said = {text_of("content"), text_of("topic"), text_of("data"),
               root["may_be_lost"].boolean().value_or(false)};
  made.reason = text_of("reason");
  return made;
}

#endif

}  // namespace agent_websocket
