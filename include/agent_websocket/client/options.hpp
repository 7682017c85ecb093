// SPDX-License-Identifier: MIT
//
// What a client is made with: where to, as whom, with which capabilities, within which limits; and
// the point at which a session can be taken up again, also by the next start of the program.
#pragma once

#include <agent_websocket/base/random.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/base/version.hpp>
#include <agent_websocket/http/headers.hpp>
#include <agent_websocket/wire/message.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace agent_websocket {

/// Where a session can be taken up again. The token is a secret.
struct resume_point {
  std::string session_id;
  std::string token;  ///< empty: there is nothing to resume
  std::string epoch;
  std::int64_t last_seq = 0;

  bool is_known() const noexcept { return !token.empty(); }
};

/// Takes the token of an attempt, or why there is none; on the executor, at most once.
using client_token_handler = std::function<void(result<std::string>)>;

struct client_options {
  std::string url = "ws://localhost:54321/ws";  ///< never with a token in it
  http::header_list headers;                    ///< of the upgrade request
  /// For wss: the authorities that are trusted, a file in PEM form; empty: those of the system. For
  /// the shipped transport.
  std::string ca_file;
  std::string client = "cpp/" AGENT_WEBSOCKET_VERSION_STRING;  ///< for the server's log
  /// What the application can show: delta (streamed answers), reasoning, feedback (requests for a
  /// decision). `tools` is added when there are some.
  std::vector<std::string> caps = {"delta"};
  /// What the model may call here: see client_sink::on_tool_call. Parameters are JSON object text.
  std::vector<wire::declared_tool> tools;
  /// Asked before every attempt, because tokens expire, and when the server says that one ends;
  /// calls the handler now or later. Without it the client says nothing of who it is. Of an
  /// attempt, unauthorized and forbidden stop the client, any other error counts as one that
  /// failed. Does not throw.
  std::function<void(client_token_handler)> token;
  resume_point resume;   ///< of a former run of the program, or nothing
  random_source random;  ///< of ids and delays

  std::size_t max_outbox_messages = 100;
  std::size_t max_outbox_bytes = 256 * 1024;
  /// Queries that the server has taken are kept as well, to be asked again of a server that lost
  /// its place; within these limits.
  std::size_t max_open_queries = 1000;
  std::size_t max_open_bytes = 1024 * 1024;
  /// Of the transcript; open answers are not counted.
  std::size_t max_answers = 200;
  std::size_t max_answer_bytes = 8 * 1024 * 1024;
  std::size_t max_notifications = 200;
};

}  // namespace agent_websocket
