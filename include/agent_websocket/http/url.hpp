// SPDX-License-Identifier: MIT
//
// http and https URLs (RFC 3986, RFC 9110 section 4.2), as far as a base URL and the endpoints below it need: the
// parts, checks with clear words, joining with exactly one slash. No percent decoding, no relative references.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/http/headers.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace http {

struct url {
  std::string scheme;         ///< "http" or "https"
  std::string host;           ///< without the brackets of an IPv6 address
  std::uint16_t port = 0;     ///< given or the scheme's own
  std::string path;           ///< begins with '/'; "/" when none was given
  bool secure() const noexcept;
};

/// Takes an absolute http or https URL apart. User information, queries and fragments are refused: none of them
/// belongs into a base URL, and a secret in one would end in logs.
result<url> parse_url(std::string_view text);

/// True for what may stand in a Host field: a name or an address, and a port (RFC 9110 section 7.2, RFC 3986
/// section 3.2). Names are not looked at closer than that.
bool is_host_field(std::string_view text) noexcept;

/// `base` and `path` with exactly one slash between them.
std::string join_url(std::string_view base, std::string_view path);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE bool url::secure() const noexcept { return scheme == "https"; }

AGENT_WEBSOCKET_INLINE result<url> parse_url(std::string_view text) {
  const auto refuse = [](std::string why) {
    return error(errc::bad_configuration, std::move(why));
  };
  for (const char c : text) {
    if (c <= 0x20 || c > 0x7E) return refuse("a URL holds only visible ASCII characters");
  }
  url parsed;
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return refuse("a URL begins with http:// or https://");
  const std::string_view scheme = text.substr(0, colon);
  if (iequals(scheme, "http")) {
    parsed.scheme = "http";
    parsed.port = 80;
  } else if (iequals(scheme, "https")) {
    parsed.scheme = "https";
    parsed.port = 443;
  } else {
    return refuse("a URL begins with http:// or https://");
  }
  std::string_view rest = text.substr(colon + 3);
  const std::size_t slash = rest.find_first_of("/?#");
  std::string_view authority = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
  if (rest.find_first_of("?#") != std::string_view::npos)
    return refuse("a base URL has no query and no fragment");
  if (authority.find('@') != std::string_view::npos)
    return refuse("a base URL has no user name or password");
  std::string_view port;
  bool has_port = false;
  if (!authority.empty() && authority.front() == '[') {
    const std::size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos)
      return refuse("the bracket of an IPv6 address is not closed");
    parsed.host = std::string(authority.substr(1, bracket - 1));
    authority.remove_prefix(bracket + 1);
    if (!authority.empty()) {
      if (authority.front() != ':')
        return refuse("only a port may follow the bracket of an IPv6 address");
      port = authority.substr(1);
      has_port = true;
    }
  } else {
    const std::size_t mark = authority.rfind(':');
    parsed.host = std::string(authority.substr(0, mark));
    if (parsed.host.find(':') != std::string::npos)
      return refuse("an IPv6 address stands in brackets: [::1]");
    if (mark != std::string_view::npos) {
      port = authority.substr(mark + 1);
      has_port = true;
    }
  }
  if (parsed.host.empty()) return refuse("the host is missing");
  if (parsed.host.find_first_of("\"<>[\\]^`{|}") != std::string::npos) {  // RFC 3986 appendix A
    return refuse("the host holds a character that no host has");
  }
  if (has_port) {
    std::uint32_t number = 0;
    const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (failure != std::errc() || end != port.data() + port.size() || number == 0 ||
        number > 65535) {
      return refuse("a port is a number from 1 to 65535");
    }
    parsed.port = static_cast<std::uint16_t>(number);
  }
  parsed.path = rest.empty() ? "/" : std::string(rest);
  return parsed;
}

AGENT_WEBSOCKET_INLINE bool is_host_field(std::string_view text) noexcept {
  const auto consists_of = [](std::string_view of, std::string_view marks) {
    for (const char c : of) {
      const bool is_word =
          (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      if (!is_word && marks.find(c) == std::string_view::npos) return false;
    }
    return !of.empty();
  };
  const bool in_brackets = text.substr(0, 1) == "[";
  const std::size_t end = in_brackets ? text.find(']') : text.find(':');
  if (in_brackets && end == std::string_view::npos) return false;
  const std::string_view host = in_brackets ? text.substr(1, end - 1) : text.substr(0, end);
  if (!consists_of(host, in_brackets ? ":." : "-._~%!$&'()*+,;=")) return false;
  text.remove_prefix(in_brackets ? end + 1 : host.size());
  if (text.empty() || text == ":") return true;
  return text.front() == ':' && text.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

AGENT_WEBSOCKET_INLINE std::string join_url(std::string_view base, std::string_view path) {
  while (!base.empty() && base.back() == '/') base.remove_suffix(1);
  while (!path.empty() && path.front() == '/') path.remove_prefix(1);
  std::string joined(base);
  joined.push_back('/');
  joined.append(path);
  return joined;
}

#endif

}  // namespace http
}  // namespace agent_websocket
