// SPDX-License-Identifier: MIT
//
// What the routes of the HTTP API have in common: patterns of paths with one {id}, the parameters
// of a query string, media types, the way to answer, and answers as JSON that no cache keeps
// (RFC 9110, RFC 9111).
// Every refusal is {"error":{"code":...,"message":...}}, the message for people.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/http/message.hpp>
#include <agent_websocket/json/writer.hpp>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

/// Gives a request its answer, at once or later. The first call counts; those behind it, and those
/// to a client or a server that is gone, change nothing. On the executor.
using respond_handler = std::function<void(http::response)>;

/// What stands in `path` for the {id} of `pattern`, empty when the pattern has none; nullopt when
/// the path is another one. One {id} at most, a whole segment, never empty. Nothing is decoded: the
/// ids of this server need no escaping.
std::optional<std::string_view> match_path(std::string_view pattern, std::string_view path);

/// Calls each(name, value) for every parameter of a query string ("a=1&b"), as sent.
template <typename Each>
void for_each_parameter(std::string_view query, Each&& each) {
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view one = query.substr(0, end);
    const std::size_t mark = one.find('=');
    if (!one.empty()) {
      each(one.substr(0, mark),
           mark == std::string_view::npos ? std::string_view() : one.substr(mark + 1));
    }
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
  }
}

/// True for application/json, with no other charset than UTF-8 (RFC 8259 section 8.1). A body that
/// does not say what it is, is not taken for JSON.
bool is_json_media_type(std::optional<std::string_view> content_type);

/// An answer that no cache keeps. `body`: JSON text.
http::response api_answer(int status, std::string body);

/// A refusal. `code` is for programs and needs no escaping.
http::response api_refusal(int status, std::string_view code, std::string_view message);

/// The answer for every path that is not here, or not to be known.
http::response path_not_found();

/// `allowed`: "GET, HEAD".
http::response method_not_allowed(std::string_view allowed);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::optional<std::string_view> match_path(std::string_view pattern,
                                                                  std::string_view path) {
  const std::size_t mark = pattern.find("{id}");
  if (mark == std::string_view::npos)
    return pattern == path ? std::optional<std::string_view>("") : std::nullopt;
  const std::string_view before = pattern.substr(0, mark), behind = pattern.substr(mark + 4);
  if (path.size() <= before.size() + behind.size()) return std::nullopt;
  if (path.substr(0, before.size()) != before) return std::nullopt;
  if (path.substr(path.size() - behind.size()) != behind) return std::nullopt;
  const std::string_view id =
      path.substr(before.size(), path.size() - before.size() - behind.size());
  return id.find('/') == std::string_view::npos ? std::optional<std::string_view>(id)
                                                : std::nullopt;
}

AGENT_WEBSOCKET_INLINE bool is_json_media_type(std::optional<std::string_view> content_type) {
  if (!content_type) return false;
  std::string_view rest = *content_type;
  const std::size_t end = rest.find(';');
  if (!http::iequals(http::trim(rest.substr(0, end)), "application/json")) return false;
  while (!rest.empty()) {
    const std::size_t mark = rest.find(';');
    rest = mark == std::string_view::npos ? std::string_view() : rest.substr(mark + 1);
    const std::string_view parameter = http::trim(rest.substr(0, rest.find(';')));
    const std::size_t equals = parameter.find('=');
    if (!http::iequals(http::trim(parameter.substr(0, equals)), "charset")) continue;
    std::string_view charset =
        equals == std::string_view::npos ? std::string_view() : parameter.substr(equals + 1);
    if (charset.size() >= 2 && charset.front() == '"' && charset.back() == '"')
      charset = charset.substr(1, charset.size() - 2);
    if (!http::iequals(charset, "utf-8")) return false;
  }
  return true;
}

AGENT_WEBSOCKET_INLINE http::response api_answer(int status, std::string body) {
  body.push_back('\n');  // for terminals
  auto answer = http::response::json(status, std::move(body));
  answer.headers.add("Cache-Control", "no-store");
  return answer;
}

AGENT_WEBSOCKET_INLINE http::response api_refusal(int status, std::string_view code,
                                                  std::string_view message) {
  std::string body;
  json::writer w(body);
  w.begin_object().key("error").begin_object();
  w.member("code", code).member("message", message).end_object().end_object();
  return api_answer(status, std::move(body));
}

AGENT_WEBSOCKET_INLINE http::response path_not_found() {
  return api_refusal(404, "not_found", "There is nothing at this path");
}

AGENT_WEBSOCKET_INLINE http::response method_not_allowed(std::string_view allowed) {
  auto refusal = api_refusal(405, "method_not_allowed",
                             "This path has no such method; it has " + std::string(allowed));
  refusal.headers.add("Allow", std::string(allowed));
  return refusal;
}

#endif

}  // namespace agent_websocket
