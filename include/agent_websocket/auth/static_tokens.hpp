// SPDX-License-Identifier: MIT
//
// A fixed list of users and their tokens, as the variable AUTH_TOKENS gives it: a model of
// Authenticator. Kept as SHA-256 digests only, so that nothing that prints or dumps the object
// shows a token, and compared in constant time: a digest tells nobody how far a guess was right,
// and every entry is looked at, whoever the user is. A plain digest is enough because a token is
// long and random; it is no way to keep passwords.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/base/sha256.hpp>
#include <agent_websocket/http/headers.hpp>
#include <agent_websocket/policy/authenticator.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

namespace detail {

inline constexpr std::size_t min_static_token_bytes = 16;

}  // namespace detail

class static_tokens {
 public:
  /// Nobody.
  static_tokens() = default;

  /// Reads `user:token,user2:token2`. A token is at least 16 visible ASCII characters without a
  /// comma, or `sha256:` and the 64 hexadecimal digits of its digest. Spaces around an entry and
  /// empty entries do not count. A user may have several tokens, so that one can take the place of
  /// another without a gap. The error (bad_configuration) says which entry is wrong and never what
  /// stands in it: who mixes up user and token would read the token in the log.
  static result<static_tokens> parse(std::string_view list);

  /// One more entry, under the same rules.
  result<void> add(std::string_view user, std::string_view token);

  /// Whose token that is; unauthorized when it is nobody's.
  result<principal> verify(std::string_view token) const;

  void authenticate(const credentials& shown, const authentication_handler& done) const;

  std::size_t size() const noexcept { return entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }

 private:
  struct entry {
    std::string user;
    digest256 digest;
  };

  static result<void> wrong(std::string words);

  std::vector<entry> entries_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

/// 64 hexadecimal digits -> the digest.
inline std::optional<digest256> read_digest(std::string_view text) noexcept {
  digest256 made{};
  if (text.size() != 2 * made.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    int digit = -1;
    if (c >= '0' && c <= '9') digit = c - '0';
    if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
    if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
    if (digit < 0) return std::nullopt;
    made[i / 2] = static_cast<unsigned char>(made[i / 2] << 4 | digit);
  }
  return made;
}

/// 1 to 128 of A-Z a-z 0-9 _ . @ + -: what an address or an account name is made of, and nothing
/// that a log, a metric's label or this list would have to escape.
inline bool is_user_name(std::string_view text) noexcept {
  if (text.empty() || text.size() > 128) return false;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '.' || c == '@' || c == '+' || c == '-';
    if (!plain) return false;
  }
  return true;
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE result<static_tokens> static_tokens::parse(std::string_view list) {
  static_tokens made;
  std::size_t number = 0;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view item = http::trim(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    if (item.empty()) continue;
    ++number;
    const std::size_t colon = item.find(':');
    const auto added = colon == std::string_view::npos
                           ? wrong("has no colon between user and token")
                           : made.add(item.substr(0, colon), item.substr(colon + 1));
    if (!added) {
      return error(errc::bad_configuration,
                   "entry " + std::to_string(number) + " " + added.error().message);
    }
  }
  return made;
}

AGENT_WEBSOCKET_INLINE result<void> static_tokens::add(std::string_view user,
                                                       std::string_view token) {
  if (!detail::is_user_name(user)) {
    return wrong(
        "has a user name that is not 1 to 128 letters, digits and _ . @ + - (is it user:token?)");
  }
  if (user == principal().name) {
    return wrong("has the user name that is kept for those who show nothing");
  }
  constexpr std::string_view hashed = "sha256:";
  std::optional<digest256> digest;
  if (token.substr(0, hashed.size()) == hashed) {
    digest = detail::read_digest(token.substr(hashed.size()));
    if (!digest) return wrong("has no 64 hexadecimal digits behind sha256:");
  } else {
    if (token.empty()) return wrong("has no token");
    for (const char c : token) {
      if (c <= 0x20 || c >= 0x7F || c == ',') {
        return wrong("has a token that is not of visible ASCII characters without a comma");
      }
    }
    if (token.size() < detail::min_static_token_bytes) {
      return wrong("has a token of fewer than " + std::to_string(detail::min_static_token_bytes) +
                   " characters (openssl rand -hex 32 makes a good one)");
    }
    digest = sha256(token);
  }
  for (const entry& each : entries_) {
    if (each.digest == *digest) return wrong("has the token of an entry before it");
  }
  entries_.push_back({std::string(user), *digest});
  return {};
}

AGENT_WEBSOCKET_INLINE result<principal> static_tokens::verify(std::string_view token) const {
  if (token.empty()) return error(errc::unauthorized);
  const digest256 shown = sha256(token);
  const entry* found = nullptr;
  for (const entry& each : entries_) {
    if (equal_in_constant_time(each.digest, shown)) found = &each;
  }
  if (found == nullptr) {
    return error(errc::unauthorized, "The token is not valid", "no static token is like it");
  }
  principal who;
  who.name = found->user;
  return who;
}

AGENT_WEBSOCKET_INLINE void static_tokens::authenticate(const credentials& shown,
                                                        const authentication_handler& done) const {
  done(verify(shown.token));
}

AGENT_WEBSOCKET_INLINE result<void> static_tokens::wrong(std::string words) {
  return error(errc::bad_configuration, std::move(words));
}

#endif

}  // namespace agent_websocket
