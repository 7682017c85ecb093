// SPDX-License-Identifier: MIT
//
// A client of the server that is measured, on the load's loop. It checks what it receives while it
// comes: each token against the answer that it knows, or, where tokens are times, against the end.
#pragma once

#include "words.hpp"

#include <soak/bytes.hpp>
#include <soak/loop.hpp>
#include <soak/socket.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace load {

/// How the clients of a run are.
struct manner {
  std::uint16_t port = 0;
  std::string bearer;       ///< a token for `Authorization`, or none
  bool says_hello = true;   ///< then `live` is awaited
  bool one_by_one = false;  ///< every token has to come in a message of its own
};

/// What the sessions have seen in a phase.
struct readings {
  std::size_t answers = 0;
  std::size_t tokens = 0;
  std::size_t messages = 0;         ///< frames with text
  std::vector<double> token_us;     ///< from the upstream's write to here
  std::vector<double> ack_us;       ///< from the query
  std::vector<double> answer_us;    ///< from the query to the end of the answer
};

class session final : public soak::watcher {
 public:
  session(soak::event_loop& loop, const manner& of, readings& into)
      : loop_(loop), manner_(of), into_(into), descriptor_(soak::connect_to(of.port)) {
    if (descriptor_ < 0) soak::give_up("cannot connect");
    out_ = upgrade_of(of);
    loop_.watch(descriptor_, EPOLLIN | EPOLLOUT, *this);
  }
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session() {
    loop_.forget(descriptor_);
    soak::reset(descriptor_);
  }

  bool is_live() const noexcept { return live_; }
  bool is_asking() const noexcept { return asking_; }

  void ask(const question& asked, bool streamed = true) {
    if (asking_) soak::give_up("a session is asked twice at once");
    asking_ = true;
    asked_ = asked;
    expected_ = asked.is_stamped() ? nullptr : &asked.answer();
    have_ = at_ = deltas_ = 0;
    text_.clear();
    shape_ = {};
    std::string query = R"({"type":"query","id":"q)" + std::to_string(++asked_before_) +
                        R"(","content":")" + asked.words() + R"(","stream":)" +
                        (streamed ? "true}" : "false}");
    asked_at_ = now_ns();
    say(query);
  }
  /// One after the other: as many more as there are told, but none is begun after `end`.
  void ask_on(const question& asked, std::size_t count, std::uint64_t end_ns = ~std::uint64_t{0},
              bool streamed = true) {
    left_ = count;
    end_ns_ = end_ns;
    streamed_ = streamed;
    if (left_-- > 0) ask(asked, streamed);
  }

  static std::string upgrade_of(const manner& of) {
    std::string made(soak::upgrade_request);
    if (!of.bearer.empty()) made.insert(made.size() - 2, "Authorization: Bearer " + of.bearer + "\r\n");
    return made;
  }

 private:
  static constexpr unsigned acknowledge_every = 16;  // as the clients of the library do

  void say(std::string_view message, unsigned op = soak::text) {
    soak::append_frame(out_, op, message, 0x5A17'C0DE);
    flush();
  }

  void flush() {
    const ssize_t size = ::send(descriptor_, out_.data(), out_.size(), MSG_NOSIGNAL);
    if (size > 0) out_.erase(0, static_cast<std::size_t>(size));
    const bool writes = !out_.empty();
    if (writes != writes_) {
      writes_ = writes;
      loop_.change(descriptor_, writes ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
  }

  void on_event(std::uint32_t events) override {
    if ((events & EPOLLOUT) != 0) flush();
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
    static char bytes[256 * 1024];
    const ssize_t size = ::recv(descriptor_, bytes, sizeof bytes, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) soak::give_up("the server has closed a connection");
    received_at_ = now_ns();
    if (in_.empty() && upgraded_) {
      const std::string_view read(bytes, static_cast<std::size_t>(size));
      in_.append(read.substr(take_frames(read)));
      return;
    }
    in_.append(bytes, static_cast<std::size_t>(size));
    if (!upgraded_ && !take_head()) return;
    in_.erase(0, take_frames(in_));
  }

  bool take_head() {
    const std::size_t blank = in_.find("\r\n\r\n");
    if (blank == std::string::npos) return false;
    if (in_.compare(0, 12, "HTTP/1.1 101") != 0) soak::give_up("refused: " + in_.substr(0, 200));
    in_.erase(0, blank + 4);
    upgraded_ = true;
    if (manner_.says_hello) say(R"({"type":"command","op":"hello","v":1,"caps":["delta"]})");
    return true;
  }

  std::size_t take_frames(std::string_view bytes) {
    std::size_t at = 0;
    soak::frame next;
    while (soak::take_frame(bytes, at, next)) {
      if (next.op == soak::text) {
        on_message(next.payload);
      } else if (next.op == soak::ping) {
        say(next.payload, soak::pong);
      } else if (next.op != soak::pong) {
        soak::give_up("the server closes a socket");
      }
    }
    return at;
  }

  // ---- messages ----------------------------------------------------------------------------------

  static bool has(std::string_view words, std::string_view piece) {
    return memmem(words.data(), words.size(), piece.data(), piece.size()) != nullptr;
  }
  static std::size_t number(std::string_view words, std::string_view field) {
    const std::size_t at = words.find(field);
    if (at == std::string_view::npos)
      soak::give_up("no " + std::string(field) + " in " + std::string(words.substr(0, 300)));
    std::size_t value = 0;
    for (std::size_t i = at + field.size(); i < words.size() && words[i] >= '0' && words[i] <= '9'; ++i)
      value = value * 10 + static_cast<std::size_t>(words[i] - '0');
    return value;
  }
  /// As it stands there, escapes included.
  static std::string_view content(std::string_view words) {
    constexpr std::string_view field = R"("content":")";
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
  /// Whether it was the next token, and is done with.
  bool is_next_token(std::string_view words) {
    const auto takes = [&](std::string_view piece) {
      const bool is = words.size() > piece.size() &&
                      std::memcmp(words.data(), piece.data(), piece.size()) == 0;
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

  void on_message(std::string_view words) {
    ++into_.messages;
    if (asking_ && is_next_token(words)) return;
    const std::string_view begin = words.substr(0, 160);
    if (has(begin, R"("type":"response")")) {
      const std::size_t at = begin.find(R"("phase":")");
      const char phase = at == std::string_view::npos ? '?' : begin[at + 9];
      if (phase == 'd') return on_delta(words, false);
      if (begin.substr(at + 9, 3) == "sna") return on_delta(words, true);
      note_seq(begin);
      if (phase == 'e' || phase == 'f') return on_end(words, phase == 'e');
      if (phase != 's') give_up("a response of no phase", words);
      return;
    }
    if (has(begin, R"("op":"ack")")) return into_.ack_us.push_back(since(asked_at_));
    if (has(begin, R"("op":"live")")) live_ = true;
    if (has(begin, R"("op":"welcome")") && !manner_.says_hello) live_ = true;
    if (has(begin, R"("type":"error")")) give_up("an error", words);
  }

  double since(std::uint64_t then) const {
    return static_cast<double>(received_at_ - std::min(then, received_at_)) / 1000;
  }

  void note_seq(std::string_view begin) {
    if (++unacknowledged_ < acknowledge_every) return;
    unacknowledged_ = 0;
    say(R"({"type":"command","op":"ack","seq":)" + std::to_string(number(begin, R"("seq":)")) + "}");
  }

  void on_delta(std::string_view words, bool is_snapshot) {
    const std::size_t idx = number(words, R"("idx":)"), n = number(words, R"("n":)");
    const std::string_view piece = content(words);
    if (!asking_) give_up("a token that nobody has asked for", words);
    if (manner_.one_by_one && (n != 1 || is_snapshot)) give_up("merged tokens", words);
    ++deltas_;
    if (idx + n <= have_) return;
    if (idx == 0) {
      learn_shape(words);
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
    if (piece.size() != n * width) give_up("stamped tokens that are not " + std::to_string(width) + " wide", words);
    for (std::size_t i = n - fresh; i < n; ++i) note_stamp(piece.substr(i * width, width), words);
    text_ += piece;
  }

  void note_stamp(std::string_view token, std::string_view words) {
    std::uint64_t ns = 0;
    for (const char c : token.substr(question::stamp_mark)) ns = ns * 10 + static_cast<unsigned>(c - '0');
    const bool is_stamp = token.substr(0, 2) == " @" && ns > asked_at_ && ns < received_at_;
    if (!is_stamp) give_up("a time that cannot be", words);
    into_.token_us.push_back(since(ns));
  }

  void on_end(std::string_view words, bool is_streamed) {
    if (!asking_) give_up("an answer that nobody has asked for", words);
    if (!has(words, R"("status":"completed")")) give_up("an answer that did not end well", words);
    const std::string_view whole = content(words);
    if (is_streamed) {
      if (have_ != asked_.count) {
        give_up(std::to_string(asked_.count) + " tokens asked for, but received " + std::to_string(have_), words);
      }
      if (number(words, R"("n":)") != asked_.count) give_up("an end that counts wrong", words);
      if (manner_.one_by_one && deltas_ != asked_.count) give_up("not one message per token", words);
      if (expected_ != nullptr && at_ != expected_->size()) give_up("an answer that is too short", words);
      if (expected_ == nullptr && whole != text_) give_up("an end that is not its tokens", words);
    } else {
      into_.tokens += asked_.count;
      if (whole.size() != asked_.count * asked_.real_width() && expected_ == nullptr)
        give_up("an answer of another length", words);
    }
    if (expected_ != nullptr && whole != *expected_) give_up("a wrong answer", words);
    into_.answer_us.push_back(since(asked_at_));
    ++into_.answers;
    asking_ = false;
    if (left_ == 0 || now_ns() >= end_ns_) return;
    --left_;
    ask(asked_, streamed_);
  }

  [[noreturn]] static void give_up(const std::string& why, std::string_view words) {
    soak::give_up(why + ": " + std::string(words.substr(0, 300)));
  }

  soak::event_loop& loop_;
  const manner& manner_;
  readings& into_;
  int descriptor_;
  std::string in_, out_;
  bool upgraded_ = false, live_ = false, asking_ = false, streamed_ = true;
  bool writes_ = true;
  unsigned unacknowledged_ = 0;
  std::uint64_t asked_before_ = 0, asked_at_ = 0, received_at_ = 0, end_ns_ = 0;
  std::size_t left_ = 0;
  question asked_;
  delta_shape shape_;
  const std::string* expected_ = nullptr;  ///< none when the tokens are times
  std::size_t have_ = 0;                   ///< tokens of the running answer
  std::size_t at_ = 0;                     ///< bytes of them
  std::size_t deltas_ = 0;
  std::string text_;
};

}  // namespace load
