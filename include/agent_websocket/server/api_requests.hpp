// SPDX-License-Identifier: MIT
//
// Reads what clients of the HTTP API send: notices as JSON bodies, pages as parameters. Errors are
// bad_json and bad_message, with words that name the field and what it must be. Pure.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/ids.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/http/message.hpp>
#include <agent_websocket/json/print.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/server/api_actions.hpp>
#include <agent_websocket/server/http_route.hpp>

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {

inline constexpr std::size_t max_topic_bytes = 200;

/// The original's call: whom to tell, and what.
struct addressed_notice {
  std::string session_id;
  api_notice said;
};

struct page_request {
  static constexpr std::size_t default_limit = 100;
  static constexpr std::size_t max_limit = 1000;

  std::string after;  ///< the cursor; empty: from the beginning
  std::size_t limit = default_limit;
};

namespace detail {

result<void> read_text(std::string& into, const json::value& from, std::string_view name);

/// Reads content, topic, data and volatile.
result<api_notice> read_notice(const json::value& from);

}  // namespace detail

/// {"content":...,"topic":...,"data":...,"volatile":...}, the content or the data not missing.
/// Other fields are refused, so that none is mistyped unseen.
result<api_notice> read_notice(std::string_view body);

/// {"sessionId":"...","message":...}: the message is the content as a string; an object with any of
/// content, topic and data is these; everything else is data. Other fields are ignored.
result<addressed_notice> read_addressed_notice(std::string_view body);

/// ?limit=N&cursor=C, both optional.
result<page_request> read_page_request(std::string_view query);

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

inline error wrong_field(std::string_view name, std::string_view wanted, const json::value& found) {
  return error(errc::bad_message, "`" + std::string(name) + "` must be " + std::string(wanted) +
                                      ", not " + json::describe(found.kind()));
}

AGENT_WEBSOCKET_INLINE result<void> read_text(std::string& into, const json::value& from,
                                              std::string_view name) {
  if (!from.exists() || from.is_null()) return {};
  const auto text = from.string();
  if (!text) return wrong_field(name, "a string", from);
  into = std::string(*text);
  return {};
}

AGENT_WEBSOCKET_INLINE result<api_notice> read_notice(const json::value& from) {
  api_notice said;
  if (auto read = read_text(said.content, from["content"], "content"); !read) return read.error();
  if (auto read = read_text(said.topic, from["topic"], "topic"); !read) return read.error();
  if (said.topic.size() > max_topic_bytes) {
    return error(errc::bad_message, "`topic` has " + std::to_string(said.topic.size()) +
                                        " bytes; at most " + std::to_string(max_topic_bytes) +
                                        " are allowed");
  }
  if (const auto data = from["data"]; data.exists() && !data.is_null())
    said.data = json::to_text(data);
  if (const auto lossy = from["volatile"]; lossy.exists() && !lossy.is_null()) {
    if (!lossy.is_boolean()) return wrong_field("volatile", "true or false", lossy);
    said.may_be_lost = *lossy.boolean();
  }
  if (said.content.empty() && said.data.empty()) {
    return error(errc::bad_message,
                 "`content` must be a string that is not empty, or `data` must be there");
  }
  return said;
}

inline result<void> read_object(json::document& into, std::string_view body) {
  if (body.empty())
    return error(errc::bad_message, "The body is missing; it must be a JSON object");
  if (auto parsed = into.parse(body); !parsed) return parsed.error();
  if (!into.root().is_object()) return wrong_field("body", "a JSON object", into.root());
  return {};
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE result<api_notice> read_notice(std::string_view body) {
  json::document parsed;
  if (auto read = detail::read_object(parsed, body); !read) return read.error();
  std::string unknown;
  parsed.root().for_each_member([&unknown](std::string_view name, const json::value&) {
    const bool known = name == "content" || name == "topic" || name == "data" || name == "volatile";
    if (!known && unknown.empty()) unknown = std::string(cut_utf8(name, 50));
  });
  if (!unknown.empty()) {
    return error(errc::bad_message, "There is no field `" + unknown +
                                        "`; a notification has content, topic, data and volatile");
  }
  return detail::read_notice(parsed.root());
}

AGENT_WEBSOCKET_INLINE result<addressed_notice> read_addressed_notice(std::string_view body) {
  json::document parsed;
  if (auto read = detail::read_object(parsed, body); !read) return read.error();
  addressed_notice made;
  const json::value to = parsed.root()["sessionId"];
  if (!to.string()) return detail::wrong_field("sessionId", "the id of a session", to);
  made.session_id = std::string(*to.string());
  const json::value message = parsed.root()["message"];
  if (!message.exists() || message.is_null())
    return detail::wrong_field("message", "a string, or any JSON but null", message);
  if (const auto text = message.string()) {
    if (text->empty()) return error(errc::bad_message, "`message` must not be empty");
    made.said.content = std::string(*text);
    return made;
  }
  if (!message["content"].exists() && !message["topic"].exists() && !message["data"].exists()) {
    made.said.data = json::to_text(message);
    return made;
  }
  auto said = detail::read_notice(message);
  if (!said) return error(said.error().code, "In `message`: " + said.error().message);
  made.said = std::move(*said);
  return made;
}

AGENT_WEBSOCKET_INLINE result<page_request> read_page_request(std::string_view query) {
  page_request asked;
  std::optional<error> wrong;
  for_each_parameter(query, [&](std::string_view name, std::string_view value) {
    if (wrong) return;
    if (name == "limit") {
      std::size_t limit = 0;
      const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), limit);
      const bool whole = failure == std::errc() && end == value.data() + value.size();
      if (!whole || limit == 0 || limit > page_request::max_limit) {
        wrong = error(errc::bad_message, "`limit` must be a whole number from 1 to " +
                                             std::to_string(page_request::max_limit));
      }
      asked.limit = limit;
    } else if (name == "cursor") {
      if (!value.empty() && !is_valid_id(value)) {
        wrong = error(errc::bad_message,
                      "`cursor` must be the `next_cursor` of the page before, or empty");
      }
      asked.after = std::string(value);
    } else {
      wrong = error(errc::bad_message, "There is no parameter `" + std::string(cut_utf8(name, 50)) +
                                           "`; there are limit and cursor");
    }
  });
  if (wrong) return *std::move(wrong);
  return asked;
}

#endif

}  // namespace agent_websocket
