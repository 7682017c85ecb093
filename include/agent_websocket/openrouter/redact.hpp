// SPDX-License-Identifier: MIT
//
// What may be shown of an upstream's words: for the log with keys masked, for clients one short
// line without keys, links, paths and raw bodies. A filter by form: it knows what keys look like,
// and the one key that is given to it.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/http/headers.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace openrouter {

namespace detail {

constexpr bool is_alphanumeric(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
constexpr bool is_key_character(char c) noexcept {
  // '*' because servers print keys half masked; '.' and the rest because tokens hold them.
  return is_alphanumeric(c) || c == '-' || c == '_' || c == '.' || c == '*' || c == '+' ||
         c == '/' || c == '=' || c == '~';
}

template <typename Accept>
constexpr std::size_t run_length(std::string_view text, Accept accept) {
  std::size_t length = 0;
  while (length < text.size() && accept(text[length])) ++length;
  return length;
}

constexpr std::string_view link_start = "://";

}  // namespace detail

/// `text` with what looks like a key, and every occurrence of `secret`, replaced by "***".
std::string mask_keys(std::string_view text, std::string_view secret = {});

/// For the log: keys masked, at most 2 KiB.
std::string words_for_log(std::string_view text, std::string_view secret = {});

/// For clients: one line of at most 300 bytes, valid UTF-8; empty when `text` is a raw body (HTML,
/// JSON) rather than words.
std::string words_for_client(std::string_view text, std::string_view secret = {});

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

/// How many bytes at the front of `text` are a key by its form; `shown` of them may be kept.
inline std::size_t key_length(std::string_view text, std::size_t& shown) {
  static constexpr std::array<std::string_view, 12> prefixes{
      "sk-", "sk_", "pk-", "pk_", "rk_", "gsk_", "hf_", "xai-", "AIza", "AKIA", "ghp_", "eyJ"};
  for (const std::string_view prefix : prefixes) {
    if (text.substr(0, prefix.size()) != prefix) continue;
    const std::size_t length = run_length(text, is_key_character);
    shown = prefix.size();
    return length >= prefix.size() + 8 ? length : 0;
  }
  for (const std::string_view scheme : {std::string_view("bearer "), std::string_view("basic ")}) {
    if (!http::iequals(text.substr(0, scheme.size()), scheme)) continue;
    const std::size_t length = run_length(text.substr(scheme.size()), is_key_character);
    shown = scheme.size();
    return length >= 6 ? scheme.size() + length : 0;
  }
  return 0;
}

/// How many bytes at the front of `text`, which follow "://", are user information with its '@'.
inline std::size_t user_information_length(std::string_view text) {
  const std::size_t end = text.substr(0, 512).find_first_of("/?# \t\r\n\"'<>\\");
  const std::size_t at = text.substr(0, end == std::string_view::npos ? 512 : end).rfind('@');
  return at == std::string_view::npos ? 0 : at + 1;
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE std::string mask_keys(std::string_view text, std::string_view secret) {
  constexpr std::string_view mask = "***";
  std::string masked;
  masked.reserve(text.size());
  bool in_word = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    if (secret.size() >= 4 && rest.substr(0, secret.size()) == secret) {
      masked.append(mask);
      at += secret.size();
      continue;
    }
    std::size_t shown = 0;
    const std::size_t key = in_word ? 0 : detail::key_length(rest, shown);
    if (key != 0) {
      masked.append(rest.substr(0, shown)).append(mask);
      at += key;
      in_word = true;
      continue;
    }
    if (rest.substr(0, detail::link_start.size()) == detail::link_start) {
      masked.append(detail::link_start);
      at += detail::link_start.size();
      if (const std::size_t user = detail::user_information_length(text.substr(at)); user != 0) {
        masked.append(mask).push_back('@');
        at += user;
      }
      in_word = false;
      continue;
    }
    in_word = detail::is_alphanumeric(rest.front());
    masked.push_back(rest.front());
    ++at;
  }
  return masked;
}

AGENT_WEBSOCKET_INLINE std::string words_for_log(std::string_view text, std::string_view secret) {
  constexpr std::size_t most = 2048;
  // Masked before it is cut, so that no half of a key is left at the end.
  std::string words = mask_keys(cut_utf8(text, 4 * most), secret);
  words.resize(cut_utf8(words, most).size());
  return words;
}

namespace detail {

/// One word of a message as a client may see it.
inline std::string_view harmless_word(std::string_view word) {
  if (word.find(link_start) != std::string_view::npos) {
    constexpr std::string_view docs = "https://openrouter.ai/";
    const bool known = word.substr(0, docs.size()) == docs;
    return known && word.find_first_of("?@") == std::string_view::npos ? word : "[link]";
  }
  const std::string_view bare = word.substr(run_length(
      word, [](char c) { return c == '"' || c == '\'' || c == '(' || c == '[' || c == '`'; }));
  const auto count = [bare](char wanted) {
    std::size_t found = 0;
    for (const char c : bare) found += c == wanted ? 1u : 0u;
    return found;
  };
  const bool from_root = !bare.empty() && (bare.front() == '/' || bare.front() == '~');
  const bool on_drive = bare.size() > 2 && bare[1] == ':' && bare[2] == '\\';
  if ((from_root && count('/') >= 2) || on_drive) return "[path]";
  std::size_t run = 0;
  bool digit = false, letter = false;
  for (const char c : word) {
    if (!is_alphanumeric(c) && c != '_' && c != '-') {
      run = 0;
      digit = letter = false;
      continue;
    }
    digit = digit || (c >= '0' && c <= '9');
    letter = letter || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (++run >= 32 && digit && letter) return "***";  // a key of a form that nobody knows
  }
  return word;
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE std::string words_for_client(std::string_view text,
                                                    std::string_view secret) {
  constexpr std::size_t most = 300;
  std::string plain;
  const std::string masked = mask_keys(cut_utf8(text, 4096), secret);
  for (std::string_view rest = masked; !rest.empty();) {
    const std::size_t length = utf8_sequence_length(rest);
    if (length == 0) {
      plain.append("\xEF\xBF\xBD");
      rest.remove_prefix(1);
      continue;
    }
    const auto c = static_cast<unsigned char>(rest.front());
    plain.append(c < 0x20 || c == 0x7F ? std::string_view(" ") : rest.substr(0, length));
    rest.remove_prefix(length);
  }
  std::string_view rest = http::trim(plain);
  if (rest.empty() || rest.front() == '<' || rest.front() == '{') return {};
  for (const std::string_view raw : {"{\"", "{'", "[{", "<!", "<html", "<HTML", "<body"}) {
    rest = rest.substr(0, rest.find(raw));
  }
  std::string words;
  while (!(rest = http::trim(rest)).empty()) {
    const std::size_t length = detail::run_length(rest, [](char c) { return c != ' '; });
    if (!words.empty()) words.push_back(' ');
    words.append(detail::harmless_word(rest.substr(0, length)));
    rest.remove_prefix(length);
  }
  while (!words.empty() && (words.back() == ':' || words.back() == ',' || words.back() == '-')) {
    words.pop_back();
  }
  if (words.size() > most) words = std::string(cut_utf8(words, most - 3)) + "...";
  return words;
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
