// SPDX-License-Identifier: MIT
//
// Messages of clients: whatever the text is, it is a message or a rejection with words and a code
// that a client may get; and a message that was taken means the same when it is written again and
// decoded once more.
#include <agent_websocket/base/ids.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/wire/decode.hpp>
#include <agent_websocket/wire/encode_client.hpp>

#include "standalone.hpp"

#include <string>
#include <variant>

using agent_websocket::errc;
using agent_websocket::is_utf8;
using agent_websocket::is_valid_id;
namespace json = agent_websocket::json;
namespace wire = agent_websocket::wire;

namespace {

bool is_id_or_nothing(const std::string& id) { return id.empty() || is_valid_id(id); }

bool is_json_or_nothing(const std::string& text, bool is_object) {
  if (text.empty()) return true;
  json::document parsed;
  json::parse_limits limits;
  limits.max_values = 70'000;
  return parsed.parse(text, limits).has_value() && (!is_object || parsed.root().is_object());
}

bool same(const std::vector<wire::declared_tool>& a, const std::vector<wire::declared_tool>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].name != b[i].name || a[i].description != b[i].description ||
        a[i].parameters != b[i].parameters) {
      return false;
    }
  }
  return true;
}

bool same(const wire::query& a, const wire::query& b) {
  return a.id == b.id && a.content == b.content && a.parts == b.parts && a.stream == b.stream &&
         a.priority == b.priority && a.overlap == b.overlap && a.timeout == b.timeout &&
         a.model == b.model && a.meta == b.meta && same(a.tools, b.tools);
}
bool same(const wire::command& a, const wire::command& b) {
  return a.id == b.id && a.op == b.op && a.ref == b.ref && a.content == b.content &&
         a.data == b.data && a.meta == b.meta && a.failure == b.failure && a.stream == b.stream &&
         a.before_seq == b.before_seq && a.limit == b.limit;
}
bool same(const wire::human_feedback& a, const wire::human_feedback& b) {
  return a.id == b.id && a.ref == b.ref && a.decision == b.decision && a.rating == b.rating &&
         a.content == b.content && a.correction == b.correction && a.data == b.data &&
         a.meta == b.meta;
}

void check_fields(const wire::query& m, std::string_view input) {
  require(is_id_or_nothing(m.id), "an id is one", input);
  require(is_utf8(m.content) && is_utf8(m.model), "text is UTF-8", input);
  require(!m.content.empty() || !m.parts.empty(), "a query has content", input);
  require(m.priority >= 0 && m.priority <= 9, "a priority is in its range", input);
  require(!m.timeout || m.timeout->count() > 0, "a timeout is one", input);
  require(m.model.size() <= wire::max_model_length, "a model's name is short", input);
  require(m.meta.size() <= wire::max_meta_bytes, "meta is small", input);
  require(is_json_or_nothing(m.meta, true) && is_json_or_nothing(m.parts, false),
          "JSON that passes through is JSON", input);
  require(m.tools.size() <= wire::max_declared_tools, "tools are few", input);
  for (const wire::declared_tool& each : m.tools)
    require(is_json_or_nothing(each.parameters, true), "parameters are an object", input);
}

void check_fields(const wire::command& m, std::string_view input) {
  require(!m.op.empty() && is_utf8(m.op), "a command has an op", input);
  require(is_id_or_nothing(m.id) && is_id_or_nothing(m.ref), "an id is one", input);
  require(is_id_or_nothing(m.resume_session), "the session's id is one", input);
  require(m.meta.size() <= wire::max_meta_bytes, "meta is small", input);
  require(is_json_or_nothing(m.meta, true) && is_json_or_nothing(m.data, false),
          "JSON that passes through is JSON", input);
  require(m.caps.size() <= 32 && m.outbox.size() <= 1000 && m.client.size() <= 100,
          "what is listed has limits", input);
  for (const std::string& each : m.outbox) require(is_valid_id(each), "an id is one", input);
  require(!m.limit || (*m.limit >= 1 && *m.limit <= 1000), "a limit is in its range", input);
  require(!m.before_seq || *m.before_seq >= 0, "a number is in its range", input);
}

void check_fields(const wire::human_feedback& m, std::string_view input) {
  require(is_id_or_nothing(m.id) && is_id_or_nothing(m.ref), "an id is one", input);
  require(!m.rating || (*m.rating >= -100 && *m.rating <= 100), "a rating is in its range", input);
  require(m.meta.size() <= wire::max_meta_bytes, "meta is small", input);
  require(is_json_or_nothing(m.meta, true) && is_json_or_nothing(m.data, false),
          "JSON that passes through is JSON", input);
}

void check_again(const wire::rejection& m, std::string_view input) {
  const errc code = m.why.code;
  require(code == errc::bad_json || code == errc::bad_message || code == errc::unknown_type,
          "a rejection has a code of its own", input);
  require(!m.why.message.empty() && is_utf8(m.why.message), "a rejection has words", input);
  require(m.why.message.size() <= 300, "a rejection is short", input);
  require(is_id_or_nothing(m.ref), "a rejection's ref is an id", input);
}

template <typename Message>
void check_again(const Message& m, std::string_view input) {
  check_fields(m, input);
  std::string written;
  wire::encode(written, m);
  static json::document scratch;
  const wire::client_message again = wire::decode(written, scratch);
  const Message* const read = std::get_if<Message>(&again);
  if (read == nullptr) {
    // What passes through may count more values when it is written again beside the others.
    require(std::holds_alternative<wire::rejection>(again), "it is no other message", input);
    require(input.size() > 60'000, "what was taken is taken again", written);
    return;
  }
  require(same(*read, m), "what was taken means the same when it is written again", input);
}

void check(std::string_view input) {
  static json::document scratch;  // reused, as in a server
  const wire::client_message message = wire::decode(input, scratch);
  std::visit([&](const auto& m) { check_again(m, input); }, message);
}

}  // namespace

// clang-format off
std::vector<std::string_view> fuzz_pieces() {
  return {
      "{", "}", "[", "]", ":", ",", "\"", "null", "true", "false", "0", "-1", "9", "1e400", "5.5",
      "\"type\":", "\"query\"", "\"command\"", "\"human_feedback\"", "\"response\"",
      "\"content\":", "\"hello\"", "\"id\":", "\"q1\"", "\"ref\":", "\"op\":", "\"ack\"",
      "\"cancel\"", "\"tool_result\"", "\"history\"", "\"regenerate\"", "\"set\"", "\"meta\":",
      "{\"a\":1}", "\"data\":", "\"stream\":", "\"priority\":", "\"overlap\":", "\"interrupt\"",
      "\"timeout_ms\":", "\"model\":", "\"tools\":", "[{\"name\":\"f\",\"parameters\":{}}]",
      "\"function\":", "\"description\":", "\"caps\":", "[\"delta\"]", "\"resume\":",
      "{\"token\":\"t\",\"epoch\":\"e\",\"last_seq\":0}", "\"session_id\":", "\"outbox\":",
      "[\"q1\"]", "\"v\":1", "\"seq\":", "\"limit\":", "\"before_seq\":", "\"rating\":",
      "\"correction\":", "\"decision\":", "\"approve\"", "\"error\":", "\"client\":",
      "[{\"type\":\"text\",\"text\":\"x\"}]", "\"image_url\"", "{\"url\":\"u\"}", "\"file\"",
      "\"input_audio\"", "\\u0000", "\\ud800", "\xED\xA0\x80", "\xEF\xBB\xBF", " ", "\n",
      "\"id\":\"a\",", "\"stream\":true,", "\"priority\":9,", "\"priority\":10,",
      "\"overlap\":\"latest\",", "\"timeout_ms\":5,", "\"model\":\"m\",", "\"meta\":{\"b\":[1]},",
      "\"tools\":[{\"name\":\"f\"}],", "\"op\":\"history\",", "\"op\":\"tool_result\",",
      "\"ref\":\"r\",", "\"data\":null,", "\"data\":{\"c\":1.50},", "\"limit\":7,",
      "\"before_seq\":0,", "\"error\":\"e\",", "\"decision\":\"edit\",", "\"correction\":\"c\",",
      "\"content\":[{\"type\":\"text\",\"text\":\"x\"}],", "\"rating\":-0.1,", "\"op\":\"fly\",",
      "{\"content\":\"x\"", "{\"type\":\"command\",\"op\":\"x\"",
      "{\"type\":\"human_feedback\",\"rating\":1", "}"};
}
// clang-format on

void fuzz(std::string_view input) {
  check(input);
  check("{" + std::string(input) + "}");
  check("{" + std::string(input) + "\"last\":\"\"}");
  check("{\"content\":\"x\"," + std::string(input) + "\"last\":\"\"}");
  check("{\"type\":\"command\"," + std::string(input) + "\"last\":\"\"}");
  check("{\"type\":\"human_feedback\"," + std::string(input) + "\"last\":\"\"}");
  check("{\"content\":\"x\"," + std::string(input) + "}");
  check("{\"type\":\"command\"," + std::string(input) + "}");
  check("{\"type\":\"human_feedback\",\"rating\":1," + std::string(input) + "}");
}
