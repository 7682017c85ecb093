// SPDX-License-Identifier: MIT
//
// A client that has come to one server and wants a session of another one: who it is, as the first
// has found out, and its hello. Goes from one to the other as JSON.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/policy/authenticator.hpp>
#include <agent_websocket/wire/decode.hpp>
#include <agent_websocket/wire/encode_client.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace agent_websocket {

struct relay_arrival {
  principal owner;
  wire::command hello;
};

/// Precondition: the hello asks for a session.
std::string encode_arrival(const principal& owner, const wire::command& hello);

/// nullopt when it is none.
std::optional<relay_arrival> decode_arrival(std::string_view text);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string encode_arrival(const principal& owner,
                                                  const wire::command& hello) {
  wire::hello said;
  said.client = hello.client;
  said.caps = &hello.caps;
  said.tools = &hello.tools;
  said.session_id = hello.resume_session;
  if (hello.resume) {
    said.resume_token = hello.resume->token;
    said.epoch = hello.resume->epoch;
    said.last_seq = static_cast<std::int64_t>(hello.resume->last_seq);
  }
  for (const std::string& each : hello.outbox) said.outbox.push_back(each);
  std::string message, text;
  wire::encode(message, said);
  json::writer w(text);
  w.begin_object().member("owner", owner.name).member("anonymous", owner.is_anonymous);
  w.member("id", hello.id).member("hello", message).end_object();
  return text;
}

AGENT_WEBSOCKET_INLINE std::optional<relay_arrival> decode_arrival(std::string_view text) {
  json::document document, scratch;
  if (!document.parse(text)) return std::nullopt;
  const auto owner = document.root()["owner"].string(), id = document.root()["id"].string(),
             hello = document.root()["hello"].string();
  if (!owner || !id || !hello) return std::nullopt;
  relay_arrival made;
  made.owner.name = std::string(*owner);
  made.owner.is_anonymous = document.root()["anonymous"].boolean().value_or(false);
  wire::client_message message = wire::decode(*hello, scratch);
  auto* const command = std::get_if<wire::command>(&message);
  if (command == nullptr || command->op != "hello") return std::nullopt;
  made.hello = std::move(*command);
  made.hello.id = std::string(*id);
  return made;
}

#endif

}  // namespace agent_websocket
