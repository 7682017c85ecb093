// SPDX-License-Identifier: MIT
//
// Checks an answer while it comes: each token against the answer that is known, or, where tokens
// are times, against the end. The first thing that is wrong ends the program.
#pragma once

#include "words.hpp"

#include <soak/loop.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace load {

/// What the sessions have seen in a phase.
struct readings {
  std::size_t answers = 0;
  std::size_t tokens = 0;
  std::size_t messages = 0;       ///< frames with text
  std::vector<double> token_us;   ///< from the upstream's write to here
  std::vector<double> ack_us;     ///< from the query
  std::vector<double> answer_us;  ///< from the query to the end of the answer
};

[[noreturn]] inline void give_up(const std::string& why, std::string_view words) {
  soak::give_up(why + ": " + std::string(words.substr(0, 300)));
}

/// What is looked for in a message, without reading it as a whole.
struct fields {
  static bool has(std::string_view words, std::string_view piece) {
    return memmem(words.data(), words.size(), piece.data(), piece.size()) != nullptr;
  }
  static std::size_t number(std::string_view words, std::string_view field) {
    const std::size_t at = words.find(field);
    if (at == std::string_view::npos) give_up("no " + std::string(field), words);
    std::size_t value = 0, i = at + field.size();
    for (; i < words.size() && words[i] >= '0' && words[i] <= '9'; ++i)
      value = value * 10 + static_cast<std::size_t>(words[i] - '0');
    return value;
  }
  /// As it stands there, escapes included; the field with its colon and opening quote.
  static std::string_view string(std::string_view words, std::string_view field) {
    const std::size_t at = words.find(field);
    if (at == std::string_view::npos) return {};
    const std::size_t begin = at + field.size();
    for (std::size_t end = words.find('"', begin); end != std::string_view::npos;
         end = words.find('"', end + 1)) {
      std::size_t escapes = 0;
      while (words[end - 1 - escapes] == '\\') ++escapes;
      if (escapes % 2 == 0) return words.substr(begin, end - begin);
    }
    return {};
  }
  static std::string_view content(std::string_view words) {
    return string(words, R"("content":")");
  }
};

class checker {
 public:
  checker(readings& into, const bool& one_by_one) : into_(into), one_by_one_(one_by_one) {}

  void begin(const question& asked) {
    asked_ = asked;
    expected_ = asked.is_stamped() ? nullptr : &asked.answer();
    have_ = at_ = deltas_ = 0;
    text_.clear();
    shape_ = {};
    begun_at_ = now_ns();
  }
  const question& asked() const noexcept { return asked_; }
  std::uint64_t begun_at() const noexcept { return begun_at_; }

  /// Whether it was the next token, and is done with: the fast way for what comes most.
  bool is_next_token(std::string_view words) {
    const auto takes = [&](std::string_view piece) {
      const bool is =
          words.size() > piece.size() && std::memcmp(words.data(), piece.data(), piece.size()) == 0;
      if (is) words.remove_prefix(piece.size());
      return is;
    };
    if (shape_.begin.empty() || expected_ == nullptr || have_ == asked_.count) return false;
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, have_).ptr;
    if (!takes(shape_.begin) || !takes({digits, static_cast<std::size_t>(end - digits)}) ||
        !takes(shape_.middle))
      return false;
    const std::size_t size = asked_.bytes_of(have_);
    if (!takes(std::string_view(*expected_).substr(at_, size)) || words[0] != '"') return false;
    at_ += size;
    ++have_;
    ++deltas_;
    ++into_.tokens;
    return true;
  }

  void on_delta(std::string_view words, bool is_snapshot, std::uint64_t now) {
    const std::size_t idx = fields::number(words, R"("idx":)");
    const std::size_t n = fields::number(words, R"("n":)");
    const std::string_view piece = fields::content(words);
    if (one_by_one_ && (n != 1 || is_snapshot)) give_up("merged tokens", words);
    ++deltas_;
    if (idx + n <= have_) return;
    if (idx == 0) {
      if (!is_snapshot) learn_shape(words);
      at_ = 0;
      text_.clear();
    } else if (idx != have_) {
      give_up("a hole: token " + std::to_string(have_) + " is missing", words);
    }
    const std::size_t fresh = idx + n - have_;
    have_ = idx + n;
    into_.tokens += fresh;
    if (expected_ != nullptr) {
      if (expected_->compare(at_, piece.size(), piece) != 0) give_up("wrong tokens", words);
      at_ += piece.size();
      return;
    }
    const std::size_t width = asked_.real_width();
    if (piece.size() != n * width) give_up("stamped tokens of another width", words);
    for (std::size_t i = n - fresh; i < n; ++i)
      note_stamp(piece.substr(i * width, width), words, now);
    text_ += piece;
  }

  /// `end` after deltas, else `full`.
  void on_end(std::string_view words, bool is_after_deltas, std::uint64_t now) {
    if (!fields::has(words, R"("status":"completed")"))
      give_up("an answer that did not end well", words);
    const std::string_view whole = fields::content(words);
    const std::size_t count = asked_.count;
    if (is_after_deltas) {
      if (have_ != count)
        give_up(std::to_string(have_) + " tokens of " + std::to_string(count), words);
      if (fields::number(words, R"("n":)") != count) give_up("an end that counts wrong", words);
      if (one_by_one_ && deltas_ != count) give_up("not one message per token", words);
      if (expected_ != nullptr && at_ != expected_->size())
        give_up("tokens that are too short", words);
      if (expected_ == nullptr && whole != text_) give_up("an end that is not its tokens", words);
    } else {
      into_.tokens += count - have_;
    }
    if (expected_ != nullptr && whole != *expected_) give_up("a wrong answer", words);
    if (whole.size() < count * asked_.real_width()) give_up("an answer that is too short", words);
    into_.answer_us.push_back(us_between(begun_at_, now));
    ++into_.answers;
  }

  static double us_between(std::uint64_t then, std::uint64_t now) {
    return static_cast<double>(now - std::min(then, now)) / 1000;
  }

 private:
  /// Deltas of an answer differ in their number, token and time alone. Where the first one had
  /// these is known, so that the load costs less than the server that it measures.
  struct delta_shape {
    std::string begin;   ///< up to the number
    std::string middle;  ///< between number and token, when it is of one token
  };
  void learn_shape(std::string_view words) {
    shape_ = {};
    constexpr std::string_view idx = R"("idx":)", text = R"("content":")";
    const std::size_t at = words.find(idx), text_at = words.find(text);
    if (at == std::string_view::npos || text_at == std::string_view::npos || text_at < at) return;
    std::size_t after = at + idx.size();
    while (words[after] >= '0' && words[after] <= '9') ++after;
    shape_.begin = words.substr(0, at + idx.size());
    shape_.middle = words.substr(after, text_at + text.size() - after);
    if (shape_.middle.find(R"("n":1,)") == std::string::npos) shape_ = {};
  }

  void note_stamp(std::string_view token, std::string_view words, std::uint64_t now) {
    std::uint64_t ns = 0;
    for (const char c : token.substr(question::stamp_mark))
      ns = ns * 10 + static_cast<unsigned>(c - '0');
    if (token.substr(0, 2) != " @" || ns < begun_at_ || ns > now)
      give_up("a time that cannot be", words);
    into_.token_us.push_back(us_between(ns, now));
  }

  readings& into_;
  const bool& one_by_one_;
  question asked_;
  std::uint64_t begun_at_ = 0;
  delta_shape shape_;
  const std::string* expected_ = nullptr;  ///< none when the tokens are times
  std::size_t have_ = 0;                   ///< tokens
  std::size_t at_ = 0;                     ///< bytes of them
  std::size_t deltas_ = 0;
  std::string text_;
};

}  // namespace load
