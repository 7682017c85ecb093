// SPDX-License-Identifier: MIT
//
// A client of the server that is measured: says hello, asks, and may come back to its session.
#pragma once

#include "checker.hpp"
#include "link.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace load {

class session final : public link {
 public:
  session(soak::event_loop& loop, const manner& of, readings& into)
      : link(loop, of), manner_(of), into_(into), check_(into, of.one_by_one) {
    connect();
  }

  bool is_live() const noexcept { return live_; }
  bool is_asking() const noexcept { return asking_; }
  bool was_recovered() const noexcept { return recovered_; }
  /// Of the connection that has ended; 0 when it was not the server's doing.
  unsigned close_code() const noexcept { return close_code_; }

  void ask(const question& asked, bool streamed = true) {
    if (asking_) soak::give_up("a session is asked twice at once");
    asking_ = true;
    check_.begin(asked);
    say(R"({"type":"query","id":"q)" + std::to_string(++asked_before_) + R"(","content":")" +
        asked.words() + R"(","stream":)" + (streamed ? "true}" : "false}"));
  }
  /// One after the other: so many, but none is begun after `end_ns`.
  void ask_on(const question& asked, std::size_t count, std::uint64_t end_ns = ~std::uint64_t{0},
              bool streamed = true) {
    left_ = count;
    end_ns_ = end_ns;
    streamed_ = streamed;
    if (left_ == 0) return;
    --left_;
    ask(asked, streamed);
  }
  /// None after the running one.
  void stop_asking() { left_ = 0; }

  /// A close is not the end of the run from now on.
  void expect_close() { may_close_ = true; }
  /// Leaves by RST; the session stays.
  void detach() {
    drop();
    live_ = false;
  }
  /// It has seen nothing of its answer: each resume has to bring it again.
  void forget_answers() {
    acknowledges_ = false;
    last_seq_ = replayed_ = 0;
  }
  /// Answers that came again since.
  std::size_t replayed() const noexcept { return replayed_; }
  std::function<void(session&)> told_live;
  /// A new connection for the session, with what it has missed.
  void resume() {
    live_ = recovered_ = may_close_ = false;
    resumes_ = true;
    close_code_ = welcomes_ = 0;
    connect();
  }

 private:
  static constexpr unsigned acknowledge_every = 16;  // as the clients of the library do

  void on_open() override {
    if (!manner_.says_hello) return;
    std::string hello = R"({"type":"command","op":"hello","v":1,"caps":["delta"])";
    if (resumes_) {
      hello += R"(,"session_id":")" + id_ + R"(","resume":{"token":")" + token_ + R"(","epoch":")" +
               epoch_ + R"(","last_seq":)" + std::to_string(last_seq_) + R"(},"outbox":[])";
    }
    say(hello + "}");
  }

  void on_closed(unsigned code) override {
    if (!may_close_) soak::give_up("the server has closed a connection: " + std::to_string(code));
    close_code_ = code;
    live_ = false;
  }

  void on_message(std::string_view words) override {
    ++into_.messages;
    if (asking_ && check_.is_next_token(words)) return;
    const std::string_view begin = words.substr(0, 160);
    const auto is = [&](std::string_view piece) { return fields::has(begin, piece); };
    if (is(R"("type":"response")")) return on_response(words, begin);
    if (is(R"("op":"ack")")) {
      if (!asking_) give_up("an acknowledgement of nothing", words);
      return into_.ack_us.push_back(checker::us_between(check_.begun_at(), received_at()));
    }
    if (is(R"("op":"welcome")")) return on_welcome(words);
    if (is(R"("op":"live")")) {
      if (resumes_ && !recovered_) give_up("live without a verdict", words);
      live_ = true;
      if (resumes_) acknowledge();
      if (told_live) return told_live(*this);
    }
    if (is(R"("type":"error")")) give_up("an error", words);
  }

  void on_welcome(std::string_view words) {
    // A client that says hello is welcomed twice; the first one is for a session of this socket,
    // which a client that comes back does not want.
    const bool is_verdict = ++welcomes_ == 2;
    if (!manner_.says_hello) live_ = true;
    if (resumes_ && !is_verdict) return;
    if (resumes_) {
      recovered_ = fields::has(words, R"("recovered":true)");
      if (!recovered_) give_up("a session that was not recovered", words);
    }
    id_ = fields::string(words, R"("session_id":")");
    if (id_.empty()) give_up("a welcome without a session", words);
    token_ = fields::string(words, R"("resume_token":")");
    epoch_ = fields::string(words, R"("epoch":")");
  }

  void on_response(std::string_view words, std::string_view begin) {
    if (!asking_) {
      if (!fields::has(words, R"("replay":true)"))
        give_up("an answer that nobody has asked for", words);
      note_seq(begin);
      if (!fields::has(begin, R"("phase":"full")")) return;
      if (fields::content(words) != check_.asked().answer()) give_up("a wrong answer", words);
      ++replayed_;
      return;
    }
    const std::string_view phase = fields::string(begin, R"("phase":")");
    if (phase == "delta" || phase == "snapshot")
      return check_.on_delta(words, phase == "snapshot", received_at());
    note_seq(begin);
    if (phase == "start") return;
    if (phase != "end" && phase != "full") give_up("a response of no phase", words);
    if (phase == "end" && !streamed_) give_up("tokens that nobody has asked for", words);
    check_.on_end(words, phase == "end", received_at());
    asking_ = false;
    if (left_ == 0 || received_at() >= end_ns_) return;
    --left_;
    ask(question(check_.asked()), streamed_);
  }

  void note_seq(std::string_view begin) {
    const std::size_t seq = fields::number(begin, R"("seq":)");
    if (seq <= last_seq_) return;
    if (seq != last_seq_ + 1) give_up("a numbered message is missing", begin);
    last_seq_ = seq;
    if (++unacknowledged_ == acknowledge_every) acknowledge();
  }
  void acknowledge() {
    unacknowledged_ = 0;
    if (!acknowledges_) return;
    say(R"({"type":"command","op":"ack","seq":)" + std::to_string(last_seq_) + "}");
  }

  const manner& manner_;
  readings& into_;
  checker check_;
  bool live_ = false, asking_ = false, streamed_ = true;
  bool resumes_ = false, recovered_ = false, may_close_ = false;
  bool acknowledges_ = true;
  unsigned unacknowledged_ = 0, welcomes_ = 0, close_code_ = 0;
  std::uint64_t asked_before_ = 0, last_seq_ = 0, end_ns_ = 0;
  std::size_t left_ = 0, replayed_ = 0;
  std::string id_, token_, epoch_;
};

}  // namespace load
