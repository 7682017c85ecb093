// SPDX-License-Identifier: MIT
//
// A client's socket: the upgrade, frames both ways, the close handshake, and readers that stop to
// read. What the messages say is known to those who derive from it.
#pragma once

#include "tls.hpp"
#include "words.hpp"

#include <soak/bytes.hpp>
#include <soak/loop.hpp>
#include <soak/socket.hpp>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

namespace load {

/// How the clients of a run are.
struct manner {
  std::uint16_t port = 0;
  bool is_tls = false;
  std::string bearer;       ///< a token for `Authorization`, or none
  bool says_hello = true;   ///< then `live` is awaited
  bool one_by_one = false;  ///< every token has to come in a message of its own
  soak::socket_options socket = {};
};

class link : public soak::watcher {
 public:
  link(soak::event_loop& loop, const manner& of) : loop_(loop), manner_(of) {}
  link(const link&) = delete;
  link& operator=(const link&) = delete;

  bool is_connected() const noexcept { return descriptor_ >= 0; }

  /// Again, when it is connected: the old connection ends by RST.
  void connect() {
    drop();
    descriptor_ = soak::connect_to(manner_.port, manner_.socket);
    if (descriptor_ < 0) soak::give_up("cannot connect");
    bytes_.begin(descriptor_, manner_.is_tls);
    in_.clear();
    upgraded_ = said_goodbye_ = false;
    reads_ = true;
    close_code_ = 1006;
    out_ = soak::upgrade_request;
    if (!manner_.bearer.empty())
      out_.insert(out_.size() - 2, "Authorization: Bearer " + manner_.bearer + "\r\n");
    interest_ = EPOLLIN | EPOLLOUT;
    loop_.watch(descriptor_, interest_, *this);
    if (!manner_.is_tls) flush();  // on the loopback interface it stands already, as a rule
  }
  void drop() { leave(true); }
  /// Its port on this side, by which the kernel's tables know it.
  std::uint16_t local_port() const {
    sockaddr_in here{};
    socklen_t size = sizeof here;
    getsockname(descriptor_, reinterpret_cast<sockaddr*>(&here), &size);
    return ntohs(here.sin_port);
  }
  void stop_reading() {
    reads_ = false;
    settle();
  }
  void go_on_reading() {
    reads_ = true;
    settle();
  }

 protected:
  ~link() { drop(); }

  virtual void on_open() = 0;
  virtual void on_message(std::string_view words) = 0;
  /// Closed with what the server's close frame said; 1006 when there was none.
  virtual void on_closed(unsigned code) = 0;

  void say(std::string_view message, unsigned op = soak::text) {
    soak::append_frame(out_, op, message, 0x5A17'C0DE);
    flush();
  }
  void say_goodbye() {
    said_goodbye_ = true;
    say("\x03\xE8", soak::close);
  }
  std::uint64_t received_at() const noexcept { return received_at_; }

 private:
  void leave(bool by_reset) {
    if (descriptor_ < 0) return;
    ++attempt_;
    loop_.forget(descriptor_);
    bytes_.end();
    by_reset ? soak::reset(descriptor_) : void(::close(descriptor_));
    descriptor_ = -1;
  }

  void flush() {
    if (descriptor_ < 0) return;
    while (!out_.empty()) {
      const ssize_t size = bytes_.send(out_.data(), out_.size());
      if (size <= 0) break;
      out_.erase(0, static_cast<std::size_t>(size));
    }
    settle();
  }
  void settle() {
    if (descriptor_ < 0) return;
    const std::uint32_t wanted =
        (reads_ ? std::uint32_t{EPOLLIN} : 0U) |
        (out_.empty() || bytes_.waits_for_read() ? 0U : std::uint32_t{EPOLLOUT});
    if (wanted == interest_) return;
    interest_ = wanted;
    loop_.change(descriptor_, wanted);
  }

  void on_event(std::uint32_t events) override {
    if ((events & EPOLLOUT) != 0) flush();
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
    static char bytes[256 * 1024];
    const std::uint64_t attempt = attempt_;
    do {
      const ssize_t size = bytes_.recv(bytes, sizeof bytes);
      if (size < 0 && errno == EAGAIN) break;
      if (size <= 0) return end();
      received_at_ = now_ns();
      take({bytes, static_cast<std::size_t>(size)});
    } while (attempt == attempt_ && bytes_.is_tls());
    if (attempt == attempt_ && bytes_.is_tls() && !out_.empty()) flush();
  }

  void end() {
    const unsigned code = close_code_;
    leave(code == 1006);
    on_closed(code);
  }

  void take(std::string_view read) {
    const std::uint64_t attempt = attempt_;
    if (in_.empty() && upgraded_) {
      const std::size_t taken = take_frames(read);
      if (attempt == attempt_) in_.append(read.substr(taken));
      return;
    }
    in_.append(read);
    if (!upgraded_) {
      const std::size_t blank = in_.find("\r\n\r\n");
      if (blank == std::string::npos) return;
      if (in_.compare(0, 12, "HTTP/1.1 101") != 0) soak::give_up("refused: " + in_.substr(0, 200));
      in_.erase(0, blank + 4);
      upgraded_ = true;
      on_open();
    }
    const std::size_t taken = take_frames(in_);
    if (attempt == attempt_) in_.erase(0, taken);
  }

  std::size_t take_frames(std::string_view bytes) {
    const std::uint64_t attempt = attempt_;
    std::size_t at = 0;
    soak::frame next;
    while (attempt == attempt_ && soak::take_frame(bytes, at, next)) {
      if (next.op == soak::text) {
        on_message(next.payload);
      } else if (next.op == soak::ping) {
        say(next.payload, soak::pong);
      } else if (next.op == soak::close) {
        const auto* const code = reinterpret_cast<const unsigned char*>(next.payload.data());
        close_code_ =
            next.payload.size() < 2 ? 1005 : (static_cast<unsigned>(code[0]) << 8U) | code[1];
        if (!said_goodbye_) say(next.payload.substr(0, 2), soak::close);
      } else if (next.op != soak::pong) {
        soak::give_up("a frame of no known kind: " + std::to_string(next.op));
      }
    }
    return at;
  }

  soak::event_loop& loop_;
  const manner& manner_;
  int descriptor_ = -1;
  stream bytes_;
  std::uint64_t attempt_ = 0;  // tells sockets apart
  std::uint64_t received_at_ = 0;
  std::uint32_t interest_ = 0;
  std::string in_, out_;
  bool upgraded_ = false, said_goodbye_ = false, reads_ = true;
  unsigned close_code_ = 1006;
};

}  // namespace load
