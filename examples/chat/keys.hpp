// SPDX-License-Identifier: MIT
//
// Bytes of a terminal in raw mode -> keys: UTF-8, the escape sequences of xterm and its kin
// (ECMA-48), bracketed paste. Sequences may come in pieces; what is not known is dropped.
#pragma once

#include "text.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace chat {

using time_point = std::chrono::steady_clock::time_point;

enum class key {
  text,  ///< a character, or all that was pasted
  enter,
  newline,  ///< a line break that does not send: Alt-Enter
  left,
  right,
  up,
  down,
  home,
  end,
  word_left,
  word_right,
  backspace,
  erase,
  erase_to_start,
  erase_to_end,
  erase_word,
  redraw,
  interrupt,
  end_of_input,
  suspend,
};

class key_decoder {
 public:
  /// Calls `on_key(key, std::string_view text)` for each key; the text is empty but for key::text.
  template <typename F>
  void feed(std::string_view bytes, time_point now, F&& on_key) {
    // The Escape key itself sends the byte that begins a sequence; nothing but time tells them
    // apart.
    if (state_ == state::escape && now - last_ > std::chrono::milliseconds(50))
      state_ = state::ground;
    last_ = now;
    for (const char byte : bytes) take(byte, on_key);
  }

 private:
  enum class state { ground, character, escape, sequence, function, paste };
  static constexpr std::string_view paste_end = "\x1b[201~";
  static constexpr std::size_t max_paste_bytes = 256 * 1024;

  template <typename F>
  void take(char byte, F& on_key) {
    switch (state_) {
      case state::ground: return ground(byte, on_key);
      case state::character:
        if ((static_cast<unsigned char>(byte) & 0xC0) != 0x80) {  // the character was cut short
          state_ = state::ground;
          return ground(byte, on_key);
        }
        pending_.push_back(byte);
        return character(on_key);
      case state::escape: return escape(byte, on_key);
      case state::sequence:
        if (byte >= 0x40 && byte <= 0x7E) return sequence(byte, on_key);
        if (pending_.size() < 32) pending_.push_back(byte);
        return;
      case state::function: state_ = state::ground; return emit(arrow(byte), on_key);
      case state::paste: return paste(byte, on_key);
    }
  }

  template <typename F>
  static void emit(std::pair<bool, key> found, F& on_key) {
    if (found.first) on_key(found.second, std::string_view());
  }

  template <typename F>
  void ground(char byte, F& on_key) {
    const auto value = static_cast<unsigned char>(byte);
    if (value == 0x1B) {
      state_ = state::escape;
    } else if (value >= 0x80) {
      pending_.assign(1, byte);
      state_ = state::character;
    } else if (value >= 0x20 && value != 0x7F) {
      on_key(key::text, std::string_view(&byte, 1));
    } else {
      emit(control(value), on_key);
    }
  }

  template <typename F>
  void character(F& on_key) {
    if (agent_websocket::utf8_sequence_length(pending_) == pending_.size()) {
      state_ = state::ground;
      const char32_t c = front_of(pending_).value;
      if (c >= 0xA0)
        on_key(key::text, std::string_view(pending_));  // below are more control characters
    } else if (pending_.size() >= 4) {
      state_ = state::ground;
    }
  }

  /// Alt and a key come as Escape and the key.
  template <typename F>
  void escape(char byte, F& on_key) {
    pending_.clear();
    state_ = state::ground;
    switch (byte) {
      case '[': state_ = state::sequence; return;
      case 'O': state_ = state::function; return;
      case 0x1B: state_ = state::escape; return;
      case '\r':
      case '\n': return emit({true, key::newline}, on_key);
      case 'b': return emit({true, key::word_left}, on_key);
      case 'f': return emit({true, key::word_right}, on_key);
      case 0x7F: return emit({true, key::erase_word}, on_key);
      default: return;
    }
  }

  template <typename F>
  void sequence(char last, F& on_key) {
    state_ = state::ground;
    const std::string parameters = std::exchange(pending_, {});
    if (last == '~' && parameters == "200") {
      state_ = state::paste;
    } else if (last == '~') {
      emit(editing(parameters), on_key);
    } else if (last == 'u' && parameters.compare(0, 3, "13;") == 0) {
      emit({true, key::newline}, on_key);  // Enter with a modifier, where the terminal tells
    } else if (parameters.find(';') != std::string::npos && (last == 'C' || last == 'D')) {
      emit({true, last == 'C' ? key::word_right : key::word_left}, on_key);
    } else {
      emit(arrow(last), on_key);
    }
  }

  template <typename F>
  void paste(char byte, F& on_key) {
    pending_.push_back(byte);
    const std::size_t size = pending_.size();
    if (size < paste_end.size() ||
        pending_.compare(size - paste_end.size(), size, paste_end) != 0) {
      if (size > max_paste_bytes + paste_end.size())
        pending_.erase(max_paste_bytes, 1);  // keeps the end in sight
      return;
    }
    state_ = state::ground;
    pending_.resize(size - paste_end.size());
    std::string text;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      const char c = pending_[i];
      if (c != '\r') {
        text.push_back(c);
      } else if (i + 1 == pending_.size() || pending_[i + 1] != '\n') {
        text.push_back('\n');  // terminals paste line breaks as Enter
      }
    }
    pending_.clear();
    on_key(key::text, std::string_view(text));
  }

  static std::pair<bool, key> control(unsigned char value) {
    switch (value) {
      case '\r':
      case '\n': return {true, key::enter};
      case 0x01: return {true, key::home};
      case 0x02: return {true, key::left};
      case 0x03: return {true, key::interrupt};
      case 0x04: return {true, key::end_of_input};
      case 0x05: return {true, key::end};
      case 0x06: return {true, key::right};
      case 0x08:
      case 0x7F: return {true, key::backspace};
      case 0x0B: return {true, key::erase_to_end};
      case 0x0C: return {true, key::redraw};
      case 0x0E: return {true, key::down};
      case 0x10: return {true, key::up};
      case 0x15: return {true, key::erase_to_start};
      case 0x17: return {true, key::erase_word};
      case 0x1A: return {true, key::suspend};
      default: return {false, key::text};
    }
  }

  static std::pair<bool, key> arrow(char last) {
    switch (last) {
      case 'A': return {true, key::up};
      case 'B': return {true, key::down};
      case 'C': return {true, key::right};
      case 'D': return {true, key::left};
      case 'H': return {true, key::home};
      case 'F': return {true, key::end};
      default: return {false, key::text};
    }
  }

  static std::pair<bool, key> editing(const std::string& number) {
    if (number == "1" || number == "7") return {true, key::home};
    if (number == "3") return {true, key::erase};
    if (number == "4" || number == "8") return {true, key::end};
    if (number == "27;2;13" || number == "27;3;13") return {true, key::newline};
    return {false, key::text};
  }

  state state_ = state::ground;
  std::string pending_;
  time_point last_;
};

}  // namespace chat
