// SPDX-License-Identifier: MIT
//
// Where Redis is, in one line: redis://[user:password@]host[:port][/db][?options], or rediss:// for
// TLS (the forms registered with IANA, and options of our own). Takes it apart and says what is
// wrong with it, without ever repeating the password.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/http/headers.hpp>
#include <agent_websocket/http/url.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// A server of Redis.
struct redis_address {
  std::string host;  ///< without the brackets of an IPv6 address
  std::uint16_t port = 6379;

  /// "127.0.0.1:6379", "[::1]:6379".
  std::string text() const;
  bool operator==(const redis_address& other) const noexcept;
  bool operator!=(const redis_address& other) const noexcept { return !(*this == other); }
};

struct redis_url {
  redis_address address;
  bool secure = false;                      ///< rediss://
  std::string user;                         ///< of the ACL; empty: the default one
  std::string password;                     ///< empty: none
  unsigned database = 0;                    ///< always 0 in a cluster
  std::string prefix = "agent_websocket:";  ///< prefix=, of all keys and channels
  bool cluster = false;                     ///< cluster=1: the host is one of a Redis Cluster
  std::string ca_file;                      ///< ca=, in PEM form; empty: what the system trusts
};

/// Fails with bad_configuration and words for people.
result<redis_url> parse_redis_url(std::string_view text);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string redis_address::text() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

AGENT_WEBSOCKET_INLINE bool redis_address::operator==(const redis_address& other) const noexcept {
  return port == other.port && host == other.host;
}

namespace detail {

inline error refuse_redis_url(std::string why) {
  return error(errc::bad_configuration, "the address of Redis is wrong: " + std::move(why));
}

/// False when a % is not followed by two hexadecimal digits.
inline bool decode_percent(std::string_view text, std::string& decoded) {
  decoded.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    if (text.size() - i < 3) return false;
    unsigned value = 0;
    const char* const from = text.data() + i + 1;
    const auto [end, failure] = std::from_chars(from, from + 2, value, 16);
    if (failure != std::errc() || end != from + 2) return false;
    decoded.push_back(static_cast<char>(value));
    i += 2;
  }
  return true;
}

inline result<void> take_redis_credentials(std::string_view text, redis_url& parsed) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) {
    return refuse_redis_url("before the @ stands user:password, or :password alone");
  }
  if (!decode_percent(text.substr(0, colon), parsed.user) ||
      !decode_percent(text.substr(colon + 1), parsed.password)) {
    return refuse_redis_url("a % in the user or the password is written %25");
  }
  return {};
}

inline result<void> take_redis_option(std::string_view text, redis_url& parsed) {
  const std::size_t equals = text.find('=');
  const std::string name(text.substr(0, equals));
  std::string value;
  if (equals == std::string_view::npos || !decode_percent(text.substr(equals + 1), value)) {
    return refuse_redis_url("its options are written name=value, a % as %25");
  }
  if (name == "prefix") {
    // A brace would be taken for the part of a key that says where it lies.
    if (value.empty() || value.size() > 64 || value.find_first_of("{} ") != std::string::npos) {
      return refuse_redis_url("prefix= is 1 to 64 characters without braces and spaces");
    }
    parsed.prefix = value;
  } else if (name == "cluster") {
    if (value != "0" && value != "1") return refuse_redis_url("cluster= is 0 or 1");
    parsed.cluster = value == "1";
  } else if (name == "ca") {
    if (value.empty()) return refuse_redis_url("ca= is the name of a file in PEM form");
    parsed.ca_file = value;
  } else {
    return refuse_redis_url("it has an option that is unknown; known are prefix=, cluster=, ca=");
  }
  return {};
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE result<redis_url> parse_redis_url(std::string_view text) {
  using detail::refuse_redis_url;
  for (const char c : text) {
    if (c <= 0x20 || c > 0x7E) {
      return refuse_redis_url("it holds a space or a character that is not of ASCII");
    }
  }
  redis_url parsed;
  const std::size_t colon = text.find("://");
  const std::string_view scheme = text.substr(0, colon == std::string_view::npos ? 0 : colon);
  parsed.secure = http::iequals(scheme, "rediss");
  if (!parsed.secure && !http::iequals(scheme, "redis")) {
    return refuse_redis_url("it begins with redis:// or rediss:// (with TLS)");
  }
  std::string_view rest = text.substr(colon + 3);
  const std::size_t authority_end = rest.find_first_of("/?#");
  std::string_view authority = rest.substr(0, authority_end);
  rest = authority_end == std::string_view::npos ? std::string_view() : rest.substr(authority_end);
  if (rest.find('#') != std::string_view::npos ||
      (rest.find('@') != std::string_view::npos && authority.find('@') == std::string_view::npos)) {
    return refuse_redis_url("in a user or a password / ? # are written %2F %3F %23, an @ %40");
  }
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    const auto taken = detail::take_redis_credentials(authority.substr(0, at), parsed);
    if (!taken) return taken.error();
    authority.remove_prefix(at + 1);
  }
  std::string host(authority);
  const std::size_t bracket = host.rfind(']');
  if (host.find(':', bracket == std::string::npos ? 0 : bracket) == std::string::npos) {
    host += ":6379";
  }
  const auto split = http::parse_url("http://" + host);
  if (!split) return refuse_redis_url(split.error().message);
  parsed.address = {split->host, split->port};

  const std::size_t mark = rest.find('?');
  std::string_view path = rest.substr(0, mark);
  if (!path.empty()) path.remove_prefix(1);
  if (!path.empty()) {
    const auto [end, failure] =
        std::from_chars(path.data(), path.data() + path.size(), parsed.database);
    if (failure != std::errc() || end != path.data() + path.size() || parsed.database > 65535) {
      return refuse_redis_url("after the host stands the number of a database, as in /0");
    }
  }
  std::string_view options = mark == std::string_view::npos ? "" : rest.substr(mark + 1);
  while (!options.empty()) {
    const std::size_t end = options.find('&');
    const auto taken = detail::take_redis_option(options.substr(0, end), parsed);
    if (!taken) return taken.error();
    options.remove_prefix(end == std::string_view::npos ? options.size() : end + 1);
  }
  if (parsed.cluster && parsed.database != 0) {
    return refuse_redis_url("a cluster has no database but 0");
  }
  if (!parsed.secure && !parsed.ca_file.empty()) {
    return refuse_redis_url("ca= needs TLS: rediss://");
  }
  return parsed;
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS
