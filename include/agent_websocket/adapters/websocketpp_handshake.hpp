// SPDX-License-Identifier: MIT
//
// The opening handshake of RFC 6455 section 4, server and client side: keys, and a server's answer,
// by websocketpp's processor::hybi13. What it says of a request is not asked: it wants one of
// websocketpp's own, which costs more than all the rest of a connection, and looks at the key for
// being there only. Version 13 only; extensions are declined by not answering their offers. No
// sockets, no limits of time or size.
#pragma once

#include <agent_websocket/base/result.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/http/headers.hpp>
#include <agent_websocket/http/request_head.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <websocketpp/common/memory.hpp>  // response.hpp uses shared_ptr without including it
#include <websocketpp/http/request.hpp>
#include <websocketpp/http/response.hpp>
#include <websocketpp/extensions/permessage_deflate/disabled.hpp>
#include <websocketpp/message_buffer/alloc.hpp>
#include <websocketpp/message_buffer/message.hpp>
#include <websocketpp/processors/hybi13.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace adapters {

/// What the headers of a request ask for.
enum class upgrade_request {
  none,           ///< plain HTTP
  well_formed,    ///< may be answered with 101
  wrong_version,  ///< a WebSocket, but not version 13: 426
  malformed,      ///< a WebSocket handshake that breaks RFC 6455 section 4.1: 400
};

namespace detail {

/// What hybi13 wants to know at compile time. It is used for the handshake only, so that messages,
/// masking keys and extensions stand here by name alone.
struct handshake_config {
  using request_type = websocketpp::http::parser::request;
  using response_type = websocketpp::http::parser::response;
  using message_type =
      websocketpp::message_buffer::message<websocketpp::message_buffer::alloc::con_msg_manager>;
  using con_msg_manager_type = websocketpp::message_buffer::alloc::con_msg_manager<message_type>;
  struct rng_type {
    std::uint32_t operator()() const noexcept { return 0; }
  };
  struct permessage_deflate_config {
    using request_type = handshake_config::request_type;
  };
  using permessage_deflate_type =
      websocketpp::extensions::permessage_deflate::disabled<permessage_deflate_config>;
  static constexpr bool enable_extensions = false;
  static constexpr std::size_t max_message_size = 0;
};

/// The processor. Only its const functions are used, which read nothing but its parameters: one
/// serves all connections of all threads.
struct handshake_processor_type : websocketpp::processor::hybi13<handshake_config> {
  using base = websocketpp::processor::hybi13<handshake_config>;
  using base::base;
  using base::process_handshake_key;  // the key alone, without objects of websocketpp around it
};
/// True when the comma-separated list holds the token, whatever its case.
bool has_token(std::string_view list, std::string_view token);

}  // namespace detail

/// Looks at a request that was read whole.
upgrade_request upgrade_of(const http::request_head& request);

/// The value of Sec-WebSocket-Accept for the Sec-WebSocket-Key of a well-formed request.
std::string accept_key_of(std::string_view key);

/// A client's handshake: the request's bytes and what is needed to check the answer.
struct client_handshake {
  std::string bytes;
  std::string key;

  /// `host` as it stands in a Host field ("example.org:8080"), `nonce` 16 fresh random bytes.
  /// Fields of `headers` that belong to the handshake itself are left out.
  static client_handshake make(std::string_view host, std::string_view target,
                               const http::header_list& headers,
                               const std::array<unsigned char, 16>& nonce);

  /// Checks the head of the answer, from its status line to the empty line. The error's detail
  /// holds the status line of a server that refused; see refusal_status.
  result<void> check(std::string_view head) const;

  /// The HTTP status of an answer that refused; 0 when it is none, or no refusal.
  static int refusal_status(std::string_view head) noexcept;

 private:
  static bool is_own_field(std::string_view name);
};

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

inline const handshake_processor_type& handshake_processor() {
  static handshake_config::rng_type no_random;
  static const handshake_processor_type instance(false, true, nullptr, no_random);
  return instance;
}

AGENT_WEBSOCKET_INLINE bool has_token(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (http::iequals(http::trim(list.substr(0, comma)), token)) return true;
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return false;
}

/// True for the base64 of 16 bytes: 22 characters and two pads.
inline bool is_handshake_key(std::string_view key) {
  if (key.size() != 24 || key.substr(22) != "==") return false;
  for (const char c : key.substr(0, 22)) {
    if (!websocketpp::is_base64(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE upgrade_request upgrade_of(const http::request_head& request) {
  const auto field = [&](std::string_view name) {
    return request.headers.find(name).value_or(std::string_view());
  };
  if (!detail::has_token(field("Upgrade"), "websocket") ||
      !detail::has_token(field("Connection"), "upgrade")) {
    return upgrade_request::none;
  }
  if (field("Sec-WebSocket-Version") != "13") return upgrade_request::wrong_version;
  if (request.method != "GET" || request.version != "HTTP/1.1" ||
      !detail::is_handshake_key(field("Sec-WebSocket-Key"))) {
    return upgrade_request::malformed;
  }
  return upgrade_request::well_formed;
}

AGENT_WEBSOCKET_INLINE std::string accept_key_of(std::string_view key) {
  std::string accept(key);
  detail::handshake_processor().process_handshake_key(accept);
  return accept;
}

AGENT_WEBSOCKET_INLINE client_handshake client_handshake::make(
    std::string_view host, std::string_view target, const http::header_list& headers,
    const std::array<unsigned char, 16>& nonce) {
  client_handshake made;
  made.key = websocketpp::base64_encode(nonce.data(), nonce.size());
  made.bytes.append("GET ").append(target).append(" HTTP/1.1\r\nHost: ").append(host);
  made.bytes.append("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13");
  made.bytes.append("\r\nSec-WebSocket-Key: ").append(made.key).append("\r\n");
  for (const auto& [name, value] : headers) {
    if (is_own_field(name)) continue;
    made.bytes.append(name).append(": ").append(http::sanitize_field_value(value)).append("\r\n");
  }
  made.bytes.append("\r\n");
  return made;
}

AGENT_WEBSOCKET_INLINE result<void> client_handshake::check(std::string_view head) const {
  const auto refuse = [](std::string words) {
    return error(errc::connection_failed, "The server refused the WebSocket", std::move(words));
  };
  const std::string_view status_line = head.substr(0, head.find('\r'));
  // Before websocketpp sees it: it makes an enumerator of whatever number stands here.
  if (status_line.substr(0, 12) != "HTTP/1.1 101") {
    return refuse(http::sanitize_field_value(status_line.substr(0, 200)));
  }
  try {
    websocketpp::http::parser::response answer;
    answer.consume(head.data(), head.size());
    websocketpp::http::parser::request request;
    request.replace_header("Sec-WebSocket-Key", key);
    if (detail::handshake_processor().validate_server_handshake_response(request, answer)) {
      return refuse("the answer to the handshake is no WebSocket's");
    }
    if (!answer.get_header("Sec-WebSocket-Extensions").empty()) {
      return refuse("the server chose an extension that was not offered");
    }
  } catch (const websocketpp::http::exception& failure) {
    return refuse(failure.what());
  }
  return {};
}

AGENT_WEBSOCKET_INLINE int client_handshake::refusal_status(std::string_view head) noexcept {
  if (head.substr(0, 7) != "HTTP/1." || head.size() < 12 || head[8] != ' ') return 0;
  int status = 0;
  for (const char digit : head.substr(9, 3)) {
    if (digit < '0' || digit > '9') return 0;
    status = status * 10 + (digit - '0');
  }
  return status >= 100 && status != 101 ? status : 0;
}

AGENT_WEBSOCKET_INLINE bool client_handshake::is_own_field(std::string_view name) {
  for (const std::string_view own :
       {"Host", "Upgrade", "Connection", "Sec-WebSocket-Version", "Sec-WebSocket-Key",
        "Sec-WebSocket-Extensions", "Content-Length", "Transfer-Encoding"}) {
    if (http::iequals(name, own)) return true;
  }
  return false;
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
