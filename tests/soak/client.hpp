// SPDX-License-Identifier: MIT
//
// A client of the protocol over a socket of its own: one session, which it resumes on a new socket
// whenever it has lost the old one, with the backoff, the outbox and the rules for numbered
// messages and deltas of the protocol's section on clients. Checks every answer to the byte.
#pragma once

#include "bytes.hpp"
#include "loop.hpp"
#include "socket.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace soak {

/// What has happened to all clients of a case.
struct tallies {
  std::size_t answered = 0;                ///< queries whose whole answer has come
  std::size_t resumes = 0;                 ///< verdicts on a resume
  std::size_t recovered = 0;               ///< of these, `recovered: true`
  std::size_t gaps = 0;                    ///< numbered messages left out
  std::size_t holes = 0;                   ///< deltas left out
  std::size_t wrong = 0;                   ///< answers that are not what was asked for, and errors
  std::size_t duplicates = 0;              ///< numbered messages that had been seen
  std::map<unsigned, std::size_t> closes;  ///< by code; 1006: without a close frame
  std::vector<clock::time_point> attempts;

  bool nothing_lost() const {
    return recovered == resumes && gaps == 0 && holes == 0 && wrong == 0;
  }
};

class client final : public watcher {
 public:
  struct hooks {
    std::function<void(client&)> on_live = [](client&) {};
    std::function<void(client&)> on_answer = [](client&) {};
    std::function<void(client&)> on_delta = [](client&) {};
    std::function<void(client&)> on_pong = [](client&) {};
    std::function<void(client&, unsigned code)> on_closed = [](client&, unsigned) {};
  };

  client(event_loop& loop, std::uint16_t port, tallies& counted)
      : loop_(loop), port_(port), counted_(counted) {}
  client(const client&) = delete;
  client& operator=(const client&) = delete;
  ~client() { drop(); }

  hooks told;
  socket_options options;
  bool comes_back = true;  ///< by itself, with backoff
  bool jitters = true;     ///< false is a fault, to see that the case notices

  bool is_live() const noexcept { return live_; }
  bool is_open() const noexcept { return descriptor_ >= 0; }
  std::size_t open_queries() const noexcept { return open_.size(); }

  void connect() {
    drop();
    counted_.attempts.push_back(clock::now());
    descriptor_ = connect_to(port_, options);
    if (descriptor_ < 0) return lost(1006);
    loop_.watch(descriptor_, EPOLLOUT, *this);
  }

  /// As connect(), but the old connection stands a moment longer: a peer that has changed its
  /// network, whom the server has not missed yet.
  void connect_beside() {
    if (descriptor_ >= 0) {
      loop_.forget(descriptor_);
      loop_.after(milliseconds(300), [old = std::exchange(descriptor_, -1)] { reset(old); });
      forget_socket();
    }
    connect();
  }

  /// The connection breaks.
  void drop() {
    ++attempt_;
    if (descriptor_ < 0) return;
    loop_.forget(descriptor_);
    reset(std::exchange(descriptor_, -1));
    forget_socket();
  }

  /// Comes back after the delay of the protocol's section 8.
  void come_back() {
    if (live_since_ && clock::now() - *live_since_ > std::chrono::seconds(10)) failures_ = 0;
    live_since_.reset();
    const double range =
        std::min(20'000.0, 500.0 * static_cast<double>(1U << std::min(failures_, 6U)));
    const double delay = std::min(20'000.0, 500 + (jitters ? random_below(range) : 0));
    ++failures_;
    loop_.after(microseconds(static_cast<std::int64_t>(delay * 1000)), [this, attempt = attempt_] {
      if (attempt == attempt_) connect();
    });
  }

  void ask(question what) {
    const std::string id = "q" + std::to_string(++asked_);
    open_.emplace(id, query{std::move(what), false, false});
    if (live_) send_outbox();
  }
  void ping() { send_text(R"({"type":"command","op":"ping","id":"p"})"); }
  void end_session() { send_text(R"({"type":"command","op":"close","id":"z"})"); }

  /// Takes nothing out of its socket any more, or does so again.
  void stop_reading() {
    reads_ = false;
    loop_.change(descriptor_, 0);
  }
  void go_on_reading() {
    reads_ = true;
    if (descriptor_ >= 0) loop_.change(descriptor_, EPOLLIN);
  }

 private:
  struct query {
    question what;
    bool acknowledged;
    bool sent;  // by this socket
  };
  struct partial_answer {
    std::uint64_t have = 0;
    std::string text;
  };

  void forget_socket() {
    in_.clear();
    out_.clear();
    upgraded_ = live_ = false;
    welcomes_ = 0;
    for (auto& each : open_) each.second.sent = false;
    reads_ = true;
  }

  void lost(unsigned code) {
    if (close_code_ != 0) code = std::exchange(close_code_, 0U);
    ++counted_.closes[code];
    drop();
    told.on_closed(*this, code);
    if (comes_back && descriptor_ < 0) come_back();
  }

  void on_event(std::uint32_t events) override {
    if (!reads_ && (events & (EPOLLHUP | EPOLLERR)) != 0) return lost(1006);
    if ((events & EPOLLOUT) != 0) {
      if (out_.empty() && !upgraded_) out_ = upgrade_request;
      loop_.change(descriptor_, reads_ ? EPOLLIN : 0U);
      flush();
    }
    if (descriptor_ < 0 || !reads_ || (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
    thread_local char bytes[256 * 1024];
    const ssize_t size = ::recv(descriptor_, bytes, sizeof bytes, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return lost(1006);
    in_.append(bytes, static_cast<std::size_t>(size));
    take_input();
  }

  void flush() {
    const ssize_t size = ::send(descriptor_, out_.data(), out_.size(), MSG_NOSIGNAL);
    if (size > 0) out_.erase(0, static_cast<std::size_t>(size));
    if (!out_.empty()) loop_.change(descriptor_, reads_ ? EPOLLIN | EPOLLOUT : EPOLLOUT);
  }

  void send_frame(unsigned op, std::string_view payload) {
    if (descriptor_ < 0) return;
    append_frame(out_, op, payload, static_cast<std::uint32_t>(random_numbers()()));
    flush();
  }
  void send_text(std::string_view message) { send_frame(opcode::text, message); }

  void take_input() {
    if (!upgraded_) {
      const std::size_t blank = in_.find("\r\n\r\n");
      if (blank == std::string::npos) return;
      if (in_.compare(0, 12, "HTTP/1.1 101") != 0) return lost(1006);
      in_.erase(0, blank + 4);
      upgraded_ = true;
      resumes_now_ = !session_.empty();
      send_text(hello());
    }
    std::size_t at = 0;
    frame next;
    const std::uint64_t attempt = attempt_;
    while (attempt == attempt_ && reads_ && take_frame(in_, at, next)) on_frame(next);
    if (attempt == attempt_) in_.erase(0, at);
  }

  std::string hello() const {
    std::string made = R"({"type":"command","op":"hello","v":1,"caps":["delta"])";
    if (!session_.empty()) {
      made += R"(,"session_id":")" + session_ + R"(","resume":{"token":")" + token_ +
              R"(","epoch":")" + epoch_ + R"(","last_seq":)" + std::to_string(last_seq_) + "}";
      std::string outbox;
      for (const auto& [id, each] : open_) {
        if (!each.acknowledged) outbox += (outbox.empty() ? "\"" : ",\"") + id + "\"";
      }
      made += R"(,"outbox":[)" + outbox + "]";
    }
    return made + "}";
  }

  void send_outbox() {
    for (auto& [id, each] : open_) {
      if (each.acknowledged || std::exchange(each.sent, true)) continue;
      send_text(R"({"type":"query","id":")" + id + R"(","content":")" + each.what.words() + "\"}");
    }
  }

  void on_frame(const frame& next) {
    if (next.op == opcode::ping) return send_frame(opcode::pong, next.payload);
    if (next.op == opcode::close) {
      const auto* const code = reinterpret_cast<const unsigned char*>(next.payload.data());
      close_code_ =
          next.payload.size() < 2 ? 1005 : (static_cast<unsigned>(code[0]) << 8U) | code[1];
      send_frame(opcode::close, next.payload.substr(0, 2));
      return lost(1006);
    }
    if (next.op == opcode::text) on_message(next.payload);
  }

  void on_message(std::string_view words) {
    const json_object message(words);
    const std::string_view type = message.string("type"), op = message.string("op");
    if (op == "welcome") return on_welcome(message);
    if (op == "live") return on_live();
    if (op == "pong") return told.on_pong(*this);
    if (op == "ack") {
      const auto found = open_.find(std::string(message.string("ref")));
      if (found != open_.end()) found->second.acknowledged = true;
      return;
    }
    if (type == "status") return;
    bool seen = false;
    if (message.has("seq")) {
      const std::uint64_t seq = message.number("seq");
      seen = seq <= last_seq_;
      if (seq > last_seq_ + 1)
        note(counted_.gaps, "a gap before " + std::string(words.substr(0, 200)));
      if (seen) ++counted_.duplicates;
      last_seq_ = std::max(last_seq_, seq);
    }
    if (type == "response") return on_response(message, seen);
    if (type == "error") note(counted_.wrong, std::string(words.substr(0, 300)));
  }

  void on_welcome(const json_object& message) {
    // The first one of a socket is for a session that a client which comes back does not want.
    const bool is_verdict = ++welcomes_ == 2;
    if (!is_verdict && resumes_now_) return;
    if (is_verdict && resumes_now_) {
      ++counted_.resumes;
      if (message.is_true("recovered")) {
        ++counted_.recovered;
      } else {
        std::fprintf(stderr, "not recovered: %s\n", std::string(message.string("reason")).c_str());
        last_seq_ = message.number("seq");
      }
    }
    session_ = message.string("session_id");
    token_ = message.string("resume_token");
    epoch_ = message.string("epoch");
    if (!is_verdict) return;
    const std::string_view accepted = message.raw("accepted");
    for (auto& [id, each] : open_) {
      if (accepted.find("\"" + id + "\"") != std::string_view::npos) each.acknowledged = true;
    }
    send_outbox();
  }

  void on_live() {
    live_ = true;
    live_since_ = clock::now();
    send_text(R"({"type":"command","op":"ack","seq":)" + std::to_string(last_seq_) + "}");
    send_outbox();  // what was asked meanwhile
    told.on_live(*this);
  }

  void on_response(const json_object& message, bool seen) {
    const std::string_view phase = message.string("phase");
    if (phase == "start") {
      if (!seen) partial_ = {};
      return;
    }
    if (phase == "delta" || phase == "snapshot") {
      add(message.number("idx"), message.number("n"), message.string("content"));
      return told.on_delta(*this);
    }
    const auto found = open_.find(std::string(message.string("ref")));
    if (found == open_.end()) return;
    const std::string expected = found->second.what.answer();
    open_.erase(found);
    if (message.string("status") != "completed" || message.string("content") != expected) {
      note(counted_.wrong, "a wrong answer: " + std::string(message.string("status")));
    } else if (partial_.text != expected.substr(0, partial_.text.size())) {
      note(counted_.wrong, "deltas that are not of the answer");
    }
    partial_ = {};
    ++counted_.answered;
    told.on_answer(*this);
  }

  void add(std::uint64_t idx, std::uint64_t n, std::string_view text) {
    if (idx + n <= partial_.have) return;
    if (idx == 0 && n >= partial_.have) {
      partial_.text = text;
    } else if (idx == partial_.have) {
      partial_.text += text;
    } else {
      return note(counted_.holes, "a hole in the deltas at " + std::to_string(idx));
    }
    partial_.have = idx + n;
  }

  static void note(std::size_t& counter, const std::string& what) {
    if (++counter <= 5) std::fprintf(stderr, "%s\n", what.c_str());
  }

  event_loop& loop_;
  std::uint16_t port_;
  tallies& counted_;
  int descriptor_ = -1;
  std::uint64_t attempt_ = 0;  // tells sockets apart
  std::string in_, out_;
  bool upgraded_ = false, live_ = false, reads_ = true, resumes_now_ = false;
  unsigned welcomes_ = 0, failures_ = 0, close_code_ = 0;
  std::optional<clock::time_point> live_since_;
  std::string session_, token_, epoch_;
  std::uint64_t last_seq_ = 0;
  std::size_t asked_ = 0;
  std::map<std::string, query> open_;
  partial_answer partial_;
};

}  // namespace soak
