// SPDX-License-Identifier: MIT
//
// The model that the soak tests ask: as fast as it is read, or a token per delay. Speaks what of
// the chat completions API a streamed answer takes. A process of its own, so that what it does is
// not in the clients' times.
#pragma once

#include "bytes.hpp"
#include "loop.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <unordered_map>

namespace soak {

class upstream final : public watcher {
 public:
  explicit upstream(event_loop& loop) : loop_(loop) {
    descriptor_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof here;
    auto* const address = reinterpret_cast<sockaddr*>(&here);
    if (descriptor_ < 0 || bind(descriptor_, address, size) != 0 ||
        listen(descriptor_, 4096) != 0 || getsockname(descriptor_, address, &size) != 0)
      give_up("the upstream cannot listen");
    port_ = ntohs(here.sin_port);
    loop_.watch(descriptor_, EPOLLIN, *this);
  }

  std::uint16_t port() const noexcept { return port_; }

 private:
  static constexpr std::size_t max_unsent = 64 * 1024;

  class connection final : public watcher {
   public:
    connection(upstream& owner, int descriptor) : owner_(owner), descriptor_(descriptor) {
      owner_.loop_.watch(descriptor_, EPOLLIN, *this);
    }
    ~connection() {
      owner_.loop_.forget(descriptor_);
      ::close(descriptor_);
    }

    void produce() {
      waits_for_time_ = false;
      if (!answering_) return;
      const auto now = clock::now();
      std::size_t due = asked_.count;
      if (asked_.delay_us != 0) {
        due = std::min(due, static_cast<std::size_t>(ms_between(begun_, now) * 1000 /
                                                     static_cast<double>(asked_.delay_us)));
      }
      std::string events;
      while (at_ < due && out_.size() + events.size() < max_unsent) {
        events += event_head;
        events += asked_.token(at_++);
        events += event_tail;
      }
      if (at_ == asked_.count) events += last_events;
      if (!events.empty()) put_chunk(events);
      if (at_ == asked_.count) {
        out_ += "0\r\n\r\n";
        answering_ = false;
      }
      flush();
    }

   private:
    static constexpr const char* event_head =
        R"(data: {"id":"gen-1","object":"chat.completion.chunk","created":1,"model":"soak",)"
        R"("choices":[{"index":0,"delta":{"role":"assistant","content":")";
    static constexpr const char* event_tail = "\"},\"finish_reason\":null}]}\n\n";
    static constexpr const char* last_events =
        R"(data: {"id":"gen-1","object":"chat.completion.chunk","created":1,"model":"soak",)"
        R"("choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}]})"
        "\n\ndata: [DONE]\n\n";

    void put_chunk(const std::string& bytes) {
      char size[20];
      std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
      out_.append(size).append(bytes).append("\r\n");
    }

    void on_event(std::uint32_t events) override {
      if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        char bytes[65'536];
        const ssize_t size = ::read(descriptor_, bytes, sizeof bytes);
        if (size == 0 || (size < 0 && errno != EAGAIN)) return owner_.end(descriptor_);
        if (size > 0) in_.append(bytes, static_cast<std::size_t>(size));
        take_request();
      }
      if ((events & EPOLLOUT) == 0) return;
      const bool may_produce = answering_ && asked_.delay_us == 0 && out_.size() < max_unsent / 2;
      may_produce ? produce() : flush();  // one batch a turn, so that all get theirs
    }

    void take_request() {
      if (answering_) return;
      const std::size_t blank = in_.find("\r\n\r\n");
      if (blank == std::string::npos) return;
      const std::size_t field = in_.find("Content-Length: ");
      if (field > blank) return owner_.end(descriptor_);
      const std::size_t length = std::strtoull(in_.c_str() + field + 16, nullptr, 10);
      if (in_.size() < blank + 4 + length) return;
      asked_ = question::last_in(std::string_view(in_).substr(blank + 4, length));
      in_.erase(0, blank + 4 + length);
      answering_ = true;
      at_ = 0;
      begun_ = clock::now();
      out_ +=
          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
          "Transfer-Encoding: chunked\r\n\r\n";
      put_chunk(event_head + asked_.tag + event_tail);
      produce();
    }

    void flush() {
      const ssize_t size = ::send(descriptor_, out_.data(), out_.size(), MSG_NOSIGNAL);
      if (size > 0) out_.erase(0, static_cast<std::size_t>(size));
      if (size < 0 && errno != EAGAIN) return owner_.end(descriptor_);
      const bool wants_to_write = !out_.empty() || (answering_ && asked_.delay_us == 0);
      if (wants_to_write != writes_) {
        writes_ = wants_to_write;
        owner_.loop_.change(descriptor_, writes_ ? EPOLLIN | EPOLLOUT : EPOLLIN);
      }
      if (!answering_) return take_request();
      if (asked_.delay_us != 0 && !waits_for_time_) {
        waits_for_time_ = true;
        owner_.later(descriptor_, this, microseconds(std::max<std::size_t>(asked_.delay_us, 5000)));
      }
    }

    upstream& owner_;
    int descriptor_;
    std::string in_, out_;
    question asked_;
    std::size_t at_ = 0;
    clock::time_point begun_;
    bool answering_ = false;
    bool waits_for_time_ = false;
    bool writes_ = false;
  };

  void on_event(std::uint32_t) override {
    for (;;) {
      const int made = accept4(descriptor_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (made < 0) return;
      const int on = 1;
      setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      connections_[made] = std::make_unique<connection>(*this, made);
    }
  }
  /// Not at once: one of its functions may be running.
  void end(int descriptor) {
    connection* const ended = connections_[descriptor].get();
    loop_.after(microseconds(0), [this, descriptor, ended] {
      const auto found = connections_.find(descriptor);
      if (found != connections_.end() && found->second.get() == ended) connections_.erase(found);
    });
  }
  void later(int descriptor, connection* which, clock::duration delay) {
    loop_.after(delay, [this, descriptor, which] {
      const auto found = connections_.find(descriptor);
      if (found != connections_.end() && found->second.get() == which) which->produce();
    });
  }

  event_loop& loop_;
  int descriptor_ = -1;
  std::uint16_t port_ = 0;
  std::unordered_map<int, std::unique_ptr<connection>> connections_;
};

}  // namespace soak
