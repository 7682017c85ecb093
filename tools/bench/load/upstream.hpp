// SPDX-License-Identifier: MIT
//
// The model behind the servers that are measured, a process of its own: answers a chat completion
// as fast as it is read, or a token per delay, each with the time at which it was written. It
// shares the machine with the server, so an answer is made once and then only sent.
#pragma once

#include "tls.hpp"
#include "words.hpp"

#include <soak/loop.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace load {

/// The bytes of answers. Events as OpenRouter sends them: 329 bytes with a token of 8.
struct answers {
  static constexpr std::string_view event_head =
      R"(data: {"id":"gen-1764279000-AbCdEfGhIjKlMnOpQrSt","provider":"OpenAI",)"
      R"("model":"openai/gpt-4o-mini","object":"chat.completion.chunk","created":1764279000,)"
      R"("choices":[{"index":0,"delta":{"role":"assistant","content":")";
  static constexpr std::string_view event_tail =
      R"("},"finish_reason":null,"native_finish_reason":null,"logprobs":null}],)"
      R"("system_fingerprint":"fp_0123456789"})"
      "\n\n";
  static constexpr std::string_view last_events =
      R"(data: {"id":"gen-1764279000-AbCdEfGhIjKlMnOpQrSt","provider":"OpenAI",)"
      R"("model":"openai/gpt-4o-mini","object":"chat.completion.chunk","created":1764279000,)"
      R"("choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop",)"
      R"("native_finish_reason":"stop","logprobs":null}],"system_fingerprint":"fp_0123456789"})"
      "\n\n"
      R"(data: {"id":"gen-1764279000-AbCdEfGhIjKlMnOpQrSt","provider":"OpenAI",)"
      R"("model":"openai/gpt-4o-mini","object":"chat.completion.chunk","created":1764279000,)"
      R"("choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null,)"
      R"("native_finish_reason":null,"logprobs":null}],)"
      R"("usage":{"prompt_tokens":42,"completion_tokens":12,"total_tokens":54,"cost":0.0000135}})"
      "\n\ndata: [DONE]\n\n";
  static constexpr std::string_view stream_head =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
      "Transfer-Encoding: chunked\r\n\r\n";

  static void put_chunk(std::string& out, std::string_view bytes) {
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
    out.append(size).append(bytes).append("\r\n");
  }
  static void put_event(std::string& out, std::string_view token) {
    put_chunk(out, std::string(event_head).append(token).append(event_tail));
  }
  static std::string end() {
    std::string made;
    put_chunk(made, last_events);
    return made + "0\r\n\r\n";
  }

  static std::string streamed(const question& asked) {
    std::string made(stream_head);
    for (std::size_t i = 0; i < asked.count; ++i) put_event(made, asked.token(i));
    return made + end();
  }
  static std::string whole(const question& asked) {
    const std::string body =
        R"({"id":"gen-1764279000-AbCdEfGhIjKlMnOpQrSt","provider":"OpenAI",)"
        R"("model":"openai/gpt-4o-mini","object":"chat.completion","created":1764279000,)"
        R"("choices":[{"logprobs":null,"finish_reason":"stop","native_finish_reason":"stop",)"
        R"("index":0,"message":{"role":"assistant","content":")" +
        asked.answer() +
        R"(","refusal":null,"reasoning":null}}],"system_fingerprint":"fp_0123456789",)"
        R"("usage":{"prompt_tokens":42,"completion_tokens":12,"total_tokens":54,)"
        R"("cost":0.0000135}})";
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  }
};

class upstream {
 public:
  explicit upstream(bool is_tls) : is_tls_(is_tls), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int buffer = 64 * 1024;  // inherited: what waits in the kernel is the server's then
    setsockopt(listener_, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof here;
    auto* const address = reinterpret_cast<sockaddr*>(&here);
    if (epoll_ < 0 || listener_ < 0 || bind(listener_, address, size) != 0 ||
        listen(listener_, 4096) != 0 || getsockname(listener_, address, &size) != 0)
      soak::give_up("the upstream cannot listen");
    port_ = ntohs(here.sin_port);
    watch(EPOLL_CTL_ADD, listener_, EPOLLIN);
  }
  upstream(const upstream&) = delete;
  upstream& operator=(const upstream&) = delete;

  std::uint16_t port() const noexcept { return port_; }

  [[noreturn]] void run() {
    prctl(PR_SET_TIMERSLACK, timer_slack_ns, 0, 0, 0);
    epoll_event events[128];
    for (;;) {
      const int count = wait(events, 128);
      for (int i = 0; i < count; ++i) {
        const int of = events[i].data.fd;
        of == listener_ ? accept_all() : on_event(of, events[i].events);
      }
      send_due();
    }
  }

 private:
  static constexpr std::size_t max_send = 64 * 1024;  // a turn, so that all get theirs
  /// How much later than due a token may be, so that those of many streams share a wake-up.
  static constexpr unsigned long timer_slack_ns = 100'000;
  static constexpr int max_due = 64;  // tokens a turn
  static constexpr std::size_t max_answer = 256 * 1024 * 1024;

  struct connection {
    stream bytes;
    std::string in;
    std::string_view ready;  ///< of an answer that is kept: what is to be sent
    std::string late;        ///< of a paced one: what the socket did not take
    question asked;
    std::size_t sent = 0;  ///< tokens
    std::uint64_t due = 0;
    std::uint64_t serial = 0;  ///< of the answer, so that a due time of another is seen to be old
    bool is_answering = false;
    bool writes = false;
  };
  struct due_token {
    std::uint64_t at;
    int descriptor;
    std::uint64_t serial;
    bool operator<(const due_token& other) const noexcept { return at > other.at; }
  };
  /// A paced event with its chunk, in which only the token changes.
  struct stamped_event {
    std::string bytes;
    std::size_t token_at = 0;
  };

  void watch(int what, int descriptor, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.fd = descriptor;
    if (epoll_ctl(epoll_, what, descriptor, &event) != 0) soak::give_up("epoll_ctl failed");
  }

  /// Until the next token is due, to the precision of the kernel's timers.
  int wait(epoll_event* events, int room) {
    if (due_.empty()) return epoll_wait(epoll_, events, room, -1);
    const std::uint64_t now = now_ns();
    const std::uint64_t left = due_.top().at > now ? due_.top().at - now : 0;
#ifdef SYS_epoll_pwait2
    if (has_precise_wait_) {
      timespec time{};
      time.tv_sec = static_cast<time_t>(left / 1'000'000'000U);
      time.tv_nsec = static_cast<long>(left % 1'000'000'000U);
      const long count = syscall(SYS_epoll_pwait2, epoll_, events, room, &time, nullptr, 0);
      if (count >= 0 || errno != ENOSYS) return static_cast<int>(count);
      has_precise_wait_ = false;
    }
#endif
    return epoll_wait(epoll_, events, room, left < 1'000'000U ? 0 : 1);
  }

  void accept_all() {
    for (;;) {
      const int made = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (made < 0) return;
      const int on = 1;
      setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const auto index = static_cast<std::size_t>(made);
      if (index >= connections_.size()) connections_.resize(index + 1);
      connections_[index] = std::make_unique<connection>();
      connections_[index]->bytes.begin(made, is_tls_, true);
      watch(EPOLL_CTL_ADD, made, EPOLLIN);
    }
  }

  void on_event(int descriptor, std::uint32_t events) {
    if (connections_[static_cast<std::size_t>(descriptor)] == nullptr) return;
    connection& of = *connections_[static_cast<std::size_t>(descriptor)];
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
      static char bytes[65'536];
      ssize_t size = 0;
      do {
        size = of.bytes.recv(bytes, sizeof bytes);
        if (size == 0 || (size < 0 && errno != EAGAIN)) return end(descriptor);
        if (size > 0) of.in.append(bytes, static_cast<std::size_t>(size));
      } while (size > 0 && is_tls_);  // which may have taken more than epoll knows of
      take_request(descriptor, of);
    } else if ((events & EPOLLOUT) != 0) {
      flush(descriptor, of);
    }
  }

  void end(int descriptor) {
    connections_[static_cast<std::size_t>(descriptor)].reset();
    ::close(descriptor);
  }

  void take_request(int descriptor, connection& of) {
    if (of.is_answering) return;
    const std::size_t blank = of.in.find("\r\n\r\n");
    if (blank == std::string::npos) return;
    const char* const field = strcasestr(of.in.c_str(), "\r\ncontent-length:");
    if (field == nullptr || field > of.in.c_str() + blank)
      soak::give_up("a request without Content-Length: " + of.in.substr(0, blank));
    const std::size_t length = std::strtoull(field + 17, nullptr, 10);
    if (of.in.size() < blank + 4 + length) return;
    const std::string_view body = std::string_view(of.in).substr(blank + 4, length);
    std::size_t at = 0;
    of.asked = question::last_in(body, at);
    if (at == std::string_view::npos || of.asked.count == 0)
      soak::give_up("a request that asks nothing: " + of.in.substr(0, 2000));
    if (of.asked.count * (of.asked.real_width() + 360) > max_answer)
      soak::give_up("an answer that is too long");
    const bool is_streamed = body.find(R"("stream":true)", at) != std::string_view::npos ||
                             body.find(R"("stream":true)") != std::string_view::npos;
    of.in.erase(0, blank + 4 + length);
    of.is_answering = true;
    of.serial = ++serial_;
    of.sent = 0;
    if (!is_streamed || !of.asked.is_stamped()) {
      of.ready = kept_answer(of.asked, is_streamed);
      return flush(descriptor, of);
    }
    // A grid for all answers of a delay, with the golden ratio between two: whenever they begin,
    // their tokens are spread evenly over the delay.
    const std::uint64_t delay = of.asked.delay_us * 1000;
    const double turns = static_cast<double>(of.serial) * 0.6180339887498949;
    const auto phase = static_cast<std::uint64_t>(
        (turns - static_cast<double>(static_cast<std::uint64_t>(turns))) *
        static_cast<double>(delay));
    const std::uint64_t first = now_ns() + delay;
    of.due = first + (phase + delay - first % delay) % delay;
    due_.push({of.due, descriptor, of.serial});
    of.late = answers::stream_head;
    flush(descriptor, of);
  }

  std::string_view kept_answer(const question& asked, bool is_streamed) {
    std::string& kept = kept_[{asked.count, asked.real_width(), is_streamed}];
    if (kept.empty()) kept = is_streamed ? answers::streamed(asked) : answers::whole(asked);
    return kept;
  }

  void flush(int descriptor, connection& of) {
    const std::string_view out =
        of.late.empty() ? of.ready.substr(0, max_send) : std::string_view(of.late);
    const ssize_t size = out.empty() ? 0 : of.bytes.send(out.data(), out.size());
    if (size < 0 && errno != EAGAIN) return end(descriptor);
    const auto sent = static_cast<std::size_t>(std::max<ssize_t>(size, 0));
    of.late.empty() ? of.ready.remove_prefix(sent) : void(of.late.erase(0, sent));
    settle(descriptor, of);
  }

  void settle(int descriptor, connection& of) {
    const bool has_more = !of.ready.empty() || !of.late.empty();
    if (has_more != of.writes) {
      of.writes = has_more;
      watch(EPOLL_CTL_MOD, descriptor, has_more ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
    if (has_more || of.due != 0 || !of.is_answering) return;
    of.is_answering = false;
    if (!of.in.empty()) take_request(descriptor, of);
  }

  void send_due() {
    for (int i = 0; i < max_due && !due_.empty(); ++i) {
      const due_token next = due_.top();
      if (next.at > now_ns()) return;
      due_.pop();
      connection* const of = connections_[static_cast<std::size_t>(next.descriptor)].get();
      if (of != nullptr && of->serial == next.serial) send_token(next.descriptor, *of);
    }
  }

  void send_token(int descriptor, connection& of) {
    const bool is_last = ++of.sent == of.asked.count;
    of.due = is_last ? 0 : of.due + of.asked.delay_us * 1000;
    if (!is_last) due_.push({of.due, descriptor, of.serial});
    const std::size_t width = of.asked.real_width();
    stamped_event& event = stamped_[{width, is_last}];
    if (event.bytes.empty()) {
      const std::string token(width, '#');
      answers::put_event(event.bytes, token);
      event.token_at = event.bytes.find(token);
      if (is_last) event.bytes += answers::end();
    }
    question::write_stamp(&event.bytes[event.token_at], width, now_ns());
    std::size_t sent = 0;
    if (of.late.empty()) {
      const ssize_t size = of.bytes.send(event.bytes.data(), event.bytes.size());
      if (size < 0 && errno != EAGAIN) return end(descriptor);
      sent = static_cast<std::size_t>(std::max<ssize_t>(size, 0));
    }
    of.late.append(event.bytes, sent);
    settle(descriptor, of);
  }

  bool is_tls_;
  int epoll_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::uint64_t serial_ = 0;
  bool has_precise_wait_ = true;
  std::vector<std::unique_ptr<connection>> connections_;
  std::priority_queue<due_token> due_;
  std::map<std::tuple<std::size_t, std::size_t, bool>, std::string> kept_;
  std::map<std::pair<std::size_t, bool>, stamped_event> stamped_;
};

}  // namespace load
