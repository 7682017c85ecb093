// SPDX-License-Identifier: MIT
//
// What both sides of the floor share: epoll, what is written to clients, and how connections end.
#pragma once

#include "client.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace relay_floor {

enum opcode : unsigned { continuation = 0, text = 1, close = 8, ping = 9, pong = 10 };

class hub {
 public:
  hub(const hub&) = delete;
  hub& operator=(const hub&) = delete;

 protected:
  static constexpr std::size_t read_bytes = 64 * 1024;
  static constexpr std::size_t max_waiting = 64 * 1024;  // then the upstream is not read

  hub() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) give_up("epoll_create1");
  }
  ~hub() { ::close(epoll_); }

  static void set(int descriptor, int level, int option, int value) {
    setsockopt(descriptor, level, option, &value, sizeof value);
  }
  void watch(int what, watched& of, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &of;
    if (epoll_ctl(epoll_, what, of.descriptor, &event) != 0) give_up("epoll_ctl");
  }
  void bury() {
    for (client* const each : dead_clients_) delete each;
    for (model* const each : dead_models_) delete each;
    dead_clients_.clear();
    dead_models_.clear();
  }

  /// Sends what has been written to out_; what the socket does not take waits.
  void send_out(client& to) {
    if (out_.empty() || to.is_dead) return out_.clear();
    std::string_view left = out_.view();
    if (to.waiting.empty()) {
      const ssize_t size = ::send(to.descriptor, left.data(), left.size(), MSG_NOSIGNAL);
      if (size < 0 && errno != EAGAIN) {
        out_.clear();
        return end(to);
      }
      left.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    }
    to.waiting.append(left);
    out_.clear();
    settle(to);
  }
  void settle(client& to) {
    if (to.waiting.empty() == to.writes) {
      to.writes = !to.waiting.empty();
      watch(EPOLL_CTL_MOD, to, to.writes ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
    if (!to.running) return;
    model& from = *to.running->from;
    const bool pauses = to.waiting.size() > (from.is_paused ? max_waiting / 2 : max_waiting);
    if (pauses == from.is_paused) return;
    from.is_paused = pauses;
    watch(EPOLL_CTL_MOD, from, pauses ? 0U : std::uint32_t{EPOLLIN});
  }
  void say(std::string_view begin, std::string_view field, std::string_view value,
           std::string_view rest) {
    line_.assign(begin);
    if (!value.empty()) line_.append(",\"").append(field).append("\":\"").append(value) += '"';
    line_.append(rest).append(R"(,"timestamp":")").append(timestamp()).append("\"}");
    out_.put_frame(opcode::text, line_);
  }
  void say_error(std::string_view ref, std::string_view code, std::string_view words) {
    say(R"({"type":"error")", "ref", ref,
        std::string(R"(,"code":")").append(code).append(R"(","content":")").append(words) +
            R"(","retryable":false)");
  }
  void say_welcome(const client& to) { say(welcome_words(to.session_id, epoch_), {}, {}, {}); }

  void end(client& of) {
    if (of.is_dead) return;
    of.is_dead = true;
    ::close(of.descriptor);
    if (of.running) end(*of.running->from);
    dead_clients_.push_back(&of);
  }
  void end(model& of) {
    of.is_dead = true;
    ::close(of.descriptor);
    const auto found = std::find(idle_.begin(), idle_.end(), &of);
    if (found != idle_.end()) idle_.erase(found);
    dead_models_.push_back(&of);
  }

  int epoll_;
  scratch out_;       ///< for the client of this turn
  std::string line_;  ///< a message
  std::string epoch_ = random_uuid();
  std::vector<model*> idle_;  ///< connections to the upstream without an answer
  char read_[read_bytes];

 private:
  std::vector<client*> dead_clients_;
  std::vector<model*> dead_models_;
};

}  // namespace relay_floor
