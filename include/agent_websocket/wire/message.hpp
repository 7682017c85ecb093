// SPDX-License-Identifier: MIT
//
// The messages of the wire protocol, version 1, as closed sets of plain values: what a client may
// send (three types) and what the server sends (four, and human_feedback). Text is UTF-8. JSON that
// only passes through (`meta`, `data`, content parts, usage) is kept as compact JSON text.
// decode.hpp and encode.hpp convert; nothing here does.
#pragma once

#include <agent_websocket/base/error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace agent_websocket {
namespace wire {

// ---- from the client
// --------------------------------------------------------------------------------------------

/// What a query does when an answer is running.
enum class overlap { queue, reject, interrupt, latest };

/// A tool that a client runs itself.
struct declared_tool {
  std::string name;
  std::string description;
  std::string parameters;  ///< JSON Schema text, or empty
};

/// `type: "query"`: asks the agent.
struct query {
  std::string id;       ///< the client's, or empty: then the session makes one
  std::string content;  ///< as text; of content parts: their text parts, joined by line feeds
  std::string parts;    ///< content given as an array of parts: its JSON text; else empty
  std::optional<bool> stream;
  int priority = 5;  ///< 0 (last) to 9 (first)
  wire::overlap overlap = wire::overlap::queue;
  std::optional<std::chrono::milliseconds> timeout;  ///< for the whole answer
  std::string model;                                 ///< instead of the session's, or empty
  std::string meta;                  ///< JSON object text to echo with the answer, or empty
  std::vector<declared_tool> tools;  ///< of the client, for this query
  std::optional<std::uint64_t> ack;  ///< last number that the client has, if it says so
};

/// What a `hello` says of the session that it wants back.
struct resume_request {
  std::string token;
  std::string epoch;
  std::uint64_t last_seq = 0;
};

/// `type: "command"`: a verb of the protocol or of the application.
struct command {
  std::string id;
  std::string op;       ///< from `op`, or the whole `content` of a bare command
  std::string ref;      ///< the id acted on, or empty
  std::string content;  ///< text given beside `op`, or empty
  std::string data;     ///< JSON text of `data`, or empty
  std::string meta;
  // hello
  std::vector<std::string> caps;
  std::vector<declared_tool> tools;
  std::string client;          ///< name and version of the client program, for the log
  std::string resume_session;  ///< the session it wants back, or empty
  std::optional<resume_request> resume;
  std::vector<std::string> outbox;  ///< ids of messages that it does not know to have arrived
  std::optional<std::int64_t> version;
  std::string token;           ///< of hello and auth: who the client is, or empty; a secret
  std::optional<bool> stream;  ///< regenerate: as of a query
  // tool_result
  std::string failure;  ///< the client's words in place of a result, or empty
  // history
  std::optional<std::int64_t> before_seq;
  std::optional<std::int64_t> limit;
  std::optional<std::uint64_t> ack;  ///< also the `seq` of the command ack
  std::uint64_t from = 0;            ///< the connection that it came on; set by the session
};

/// `type: "human_feedback"` from a person: the decision on an open request, or a judgement of an
/// answer.
struct human_feedback {
  std::string id;
  std::string
      ref;  ///< the stream or query id of the answer judged, or the request; empty: the last one
  std::string decision;          ///< approve, reject, edit, answer; or empty
  std::optional<double> rating;  ///< -100 to 100; thumbs are 1 and -1
  std::string content;           ///< a comment
  std::string correction;        ///< what the answer should have been
  std::string data;              ///< JSON text that goes with a decision
  std::string meta;
  std::optional<std::uint64_t> ack;
};

/// A text that is no message of the protocol: why, and the id it carried if that could be read.
struct rejection {
  error why;
  std::string ref;
};

using client_message = std::variant<query, command, human_feedback, rejection>;

// ---- from the server
// --------------------------------------------------------------------------------------------

struct limits_notice {
  std::size_t max_message_bytes = 0;
  std::size_t max_queued = 0;
  std::uint32_t messages_per_minute = 0;  ///< that ask for something; 0: no limit, and not told
  std::uint32_t message_burst = 0;        ///< of them at once
  std::size_t max_content_bytes = 0;      ///< of a query's text; 0: only max_message_bytes
};

/// An answer that runs while a client comes back.
struct active_answer {
  std::string_view ref, stream;
};

/// `human_feedback` from the server: a person is asked for a decision.
struct feedback_request {
  std::string_view id, ref, kind, content;
  std::string_view tool, arguments;  ///< name, and JSON object text
  std::string_view expires_at;       ///< ISO-8601
  std::string_view default_decision;
  std::uint64_t seq = 0;
};

/// What a client that comes back is told beside the verdict.
struct resume_notice {
  std::vector<std::string_view> accepted;  ///< of its outbox: what has arrived
  std::vector<active_answer> active;
  std::vector<feedback_request> pending_feedback;
};

/// `notification`, op `welcome`.
struct welcome {
  std::string_view session_id;
  std::string_view resume_token;
  std::string_view epoch;
  std::uint64_t seq = 0;  ///< the socket goes on from here: the next numbered message is one above
  bool recovered = false;
  std::string_view reason = "new";
  std::chrono::milliseconds heartbeat{0};
  std::chrono::milliseconds timeout{0};
  std::chrono::milliseconds resume_window{0};
  limits_notice limits;
  std::optional<resume_notice> resumed;  ///< when a resume was asked for
  std::string_view data;                 ///< JSON object text of the application, or empty
};

/// `status` of any op, most of them with nothing but op and ref.
struct status {
  std::string_view op;
  std::string_view ref;
  std::string_view content;
  std::string_view data;  ///< JSON text, or empty
  std::string_view meta;
  std::optional<std::uint64_t> seq;
  std::optional<std::chrono::milliseconds> retry_after;
};

/// `status`, op `auth_expiring`: the client is to show a new token by the command auth.
struct auth_expiring {
  std::string_view expires_at;  ///< ISO-8601
};

/// `status`, op `ack`: the message with that id has been taken.
struct ack {
  std::string_view ref;
  std::string_view stream;   ///< of a query: which answer will belong to it
  std::size_t position = 0;  ///< of a query: how many run before it
  bool duplicate = false;
  bool of_query = false;
};

/// `status`, op `queued`.
struct queued {
  std::string_view ref;
  std::size_t position = 0;  ///< 1 is next
};

/// `status`, op `tool`: a tool is called, waits for a person, or has ended.
struct tool_status {
  std::string_view ref, stream;
  std::string_view call, name, arguments;  ///< our id of the call; JSON object text
  std::string_view state;                  ///< calling, waiting, done, failed
  std::string_view failure;                ///< words for people, of failed
  bool to_be_run = false;                  ///< by the client that gets this
};

/// `status`, op `feedback_resolved`, numbered.
struct feedback_resolved {
  std::uint64_t seq = 0;
  std::string_view ref, decision;
  std::string_view reason;  ///< expired or cancelled, when no person decided
};

/// `response`, phase `start`.
struct response_start {
  std::uint64_t seq = 0;
  std::string_view ref, stream, model;
};

/// `response`, phase `delta`. `idx` counts source chunks, `n` of them are merged here.
struct response_delta {
  std::string_view stream;
  std::uint64_t idx = 0, n = 0;
  std::string_view content;
  bool snapshot = false;   ///< phase `snapshot`: all of it so far, for a client that catches up
  bool reasoning = false;  ///< phase `reasoning`: of what the model thinks, counted by itself
};

enum class answer_status { completed, cancelled, failed, incomplete };

/// `response`, phase `full` or `end`: the terminal message of a query that was answered.
struct response_end {
  std::uint64_t seq = 0;
  std::string_view ref, stream;
  bool streamed = false;  ///< phase end, with n; else full
  std::uint64_t n = 0;
  std::string_view content;
  answer_status status = answer_status::completed;
  std::string_view finish_reason, model;
  std::string_view usage;        ///< JSON object text, or empty
  std::string_view annotations;  ///< JSON array text, or empty: citations, files
  std::string_view meta;
  const struct failure_notice* failure = nullptr;  ///< of a streamed answer that failed
  bool replay = false;
};

/// `error`, and the `error` member of a failed stream's end.
struct failure_notice {
  errc code = errc::internal;
  std::string_view content;
  std::string_view ref;
  std::optional<std::chrono::milliseconds> retry_after;
  bool retryable = false;
  std::optional<std::uint64_t> seq;  ///< set when this is the terminal message of a query
  std::string_view meta;
  bool replay = false;
};

/// `notification`.
struct notification {
  std::optional<std::uint64_t> seq;
  std::string_view op;
  std::string_view topic;
  std::string_view content;
  std::string_view data;  ///< JSON text, or empty
};

constexpr std::string_view to_string(answer_status value) noexcept {
  switch (value) {
    case answer_status::completed: return "completed";
    case answer_status::cancelled: return "cancelled";
    case answer_status::failed: return "failed";
    case answer_status::incomplete: return "incomplete";
  }
  return "failed";
}

}  // namespace wire
}  // namespace agent_websocket
