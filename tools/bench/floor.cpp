// SPDX-License-Identifier: MIT
//
// The floor: the relay that the example server is measured by, hand-written for its one task. One
// thread, epoll, no library, no object per token. The least that the same work costs: the same
// messages to clients, the same requests to the upstream. What it leaves out is what a server needs
// besides: resuming, queues, limits, timeouts, TLS.
//
//   floor PORT_OF_UPSTREAM      prints "listening on http://127.0.0.1:PORT/"; the path is /ws
#include "floor/front.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace relay_floor {

class server final : public front {
 public:
  /// `max_messages` of a conversation, at least 2.
  server(std::uint16_t upstream_port, std::size_t max_messages) : max_messages_(max_messages) {
    upstream_.sin_family = AF_INET;
    upstream_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    upstream_.sin_port = htons(upstream_port);
    request_head_ =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(upstream_port) +
        "\r\nUser-Agent: floor\r\nContent-Type: application/json\r\n"
        "Accept: text/event-stream\r\nContent-Length: ";
    listener_.descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    set(listener_.descriptor, SOL_SOCKET, SO_SNDBUF, buffer_bytes);  // inherited
    set(listener_.descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    sockaddr_in here = upstream_;
    here.sin_port = 0;
    socklen_t size = sizeof here;
    auto* const address = reinterpret_cast<sockaddr*>(&here);
    if (bind(listener_.descriptor, address, size) != 0 || listen(listener_.descriptor, 4096) != 0 ||
        getsockname(listener_.descriptor, address, &size) != 0)
      give_up("listening");
    watch(EPOLL_CTL_ADD, listener_, EPOLLIN);
    std::printf("listening on http://127.0.0.1:%u/\n", ntohs(here.sin_port));
    std::fflush(stdout);
  }

  [[noreturn]] void run() {
    epoll_event events[256];
    for (;;) {
      const int count = epoll_wait(epoll_, events, 256, -1);
      for (int i = 0; i < count; ++i) {
        auto* const of = static_cast<watched*>(events[i].data.ptr);
        if (of->is_dead) continue;
        switch (of->is) {
          case watched::kind::listener: accept_some(); break;
          case watched::kind::client: on_client(*static_cast<client*>(of), events[i].events); break;
          case watched::kind::model: on_model(*static_cast<model*>(of), events[i].events); break;
        }
      }
      bury();
    }
  }

 private:
  static constexpr int buffer_bytes = 64 * 1024;

  struct listening final : watched {
    listening() : watched(kind::listener, -1) {}
  };

  void accept_some() {
    for (int i = 0; i < 64; ++i) {
      const int made =
          accept4(listener_.descriptor, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (made < 0 && (errno == EMFILE || errno == ENFILE)) give_up("accepting");
      if (made < 0) return;
      watch(EPOLL_CTL_ADD, *new client(made), EPOLLIN);
    }
  }

  // ---- to the upstream
  // -----------------------------------------------------------------------------

  void ask(client& of, std::string_view id, std::string_view content, bool streamed) override {
    of.running = std::make_unique<answer>();
    answer& made = *of.running;
    made.stream = "r_" + std::to_string(++of.streams);
    made.id = id.empty() ? "q_" + made.stream : std::string(id);
    made.prefix = R"({"type":"response","stream":")" + made.stream + R"(","phase":"delta","idx":)";
    made.is_streamed = streamed;
    if (!id.empty()) {
      say(R"({"type":"status","op":"ack")", "ref", id,
          R"(,"stream":")" + made.stream + R"(","position":0,"duplicate":false)");
    }
    say(R"({"type":"status","op":"thinking","content":"Thinking...")", "ref", made.id, {});
    of.said.add("user", content, max_messages_);
    model& to = connection();
    made.from = &to;
    to.asker = &of;

    const std::string_view messages = of.said.messages();
    request_.clear();
    request_.reserve(request_head_.size() + 24 + body_begin.size() + messages.size() +
                     body_end.size());
    request_.put(request_head_);
    request_.put_number(body_begin.size() + messages.size() + body_end.size());
    request_.put("\r\n\r\n");
    request_.put(body_begin);
    request_.put(messages);
    request_.put(body_end);
    std::string_view left = request_.view();
    const ssize_t size = ::send(to.descriptor, left.data(), left.size(), MSG_NOSIGNAL);
    if (size > 0) left.remove_prefix(static_cast<std::size_t>(size));
    if (left.empty()) return;
    to.unsent = left;  // or it is broken, which the next turn says
    watch(EPOLL_CTL_MOD, to, EPOLLIN | EPOLLOUT);
  }

  /// The one that was used last, whose memory is warm, or a new one.
  model& connection() {
    if (!idle_.empty()) {
      model& last = *idle_.back();
      idle_.pop_back();
      return last;
    }
    const int made = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made < 0) give_up("connecting");
    set(made, IPPROTO_TCP, TCP_NODELAY, 1);
    set(made, SOL_SOCKET, SO_RCVBUF, buffer_bytes);
    if (connect(made, reinterpret_cast<const sockaddr*>(&upstream_), sizeof upstream_) != 0 &&
        errno != EINPROGRESS)
      give_up("connecting");
    model& fresh = *new model(made);
    watch(EPOLL_CTL_ADD, fresh, EPOLLIN);
    return fresh;
  }

  // ---- from the upstream
  // ---------------------------------------------------------------------------

  void on_model(model& of, std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) {
      const ssize_t size = ::send(of.descriptor, of.unsent.data(), of.unsent.size(), MSG_NOSIGNAL);
      if (size > 0) of.unsent.erase(0, static_cast<std::size_t>(size));
      if (of.unsent.empty()) watch(EPOLL_CTL_MOD, of, EPOLLIN);
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
    const ssize_t size = ::recv(of.descriptor, read_, read_bytes, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (of.asker == nullptr) return end(of);  // closed, or says what nobody has asked for
    client& to = *of.asker;
    if (size <= 0) return fail(to, of);
    answer& running = *to.running;
    const auto result = of.reader.feed({read_, static_cast<std::size_t>(size)},
                                       [&](std::string_view data) { on_event(to, running, data); });
    if (result == response_reader::result::failed || running.is_wrong) return fail(to, of);
    if (result == response_reader::result::done) {
      if (!running.has_ended || running.count == 0) return fail(to, of);
      finish(to, of);
    }
    send_out(to);
  }

  void on_event(client& to, answer& of, std::string_view data) {
    if (data == "[DONE]") {
      of.has_ended = true;
      return;
    }
    constexpr std::string_view field = R"("content":")";
    constexpr std::string_view no_end = R"("},"finish_reason":null)";
    // Events of an answer are alike: the text is where it was in the last one, as a rule.
    if (data.size() <= content_at_ || data.compare(content_at_, field.size(), field) != 0)
      content_at_ = data.find(field);
    std::size_t at = 0;
    if (content_at_ != std::string_view::npos) {
      const std::size_t begin = content_at_ + field.size();
      at = end_of_string(data, begin);
      if (at == std::string_view::npos) {
        of.is_wrong = true;
        return;
      }
      if (at != begin) on_token(to, of, data, data.substr(begin, at - begin));
      if (at != begin && data.compare(at, no_end.size(), no_end) == 0) return;
    } else {
      content_at_ = 0;
    }
    if (data.find(R"("error":{)", at) != std::string_view::npos) of.is_wrong = true;
    if (const auto reason = string_after(data, R"("finish_reason":")", at); !reason.empty())
      of.reason = reason;
    const std::size_t usage = data.find(R"("usage":{)", at);
    if (usage == std::string_view::npos) return;
    std::size_t end = usage + 8;
    for (int depth = 0; end < data.size(); ++end) {
      depth += (data[end] == '{') - (data[end] == '}');
      if (depth == 0) break;
    }
    of.usage = data.substr(usage + 8, end + 1 - usage - 8);
  }
  static std::string_view string_after(std::string_view data, std::string_view field,
                                       std::size_t from) {
    const std::size_t at = data.find(field, from);
    if (at == std::string_view::npos) return {};
    const std::size_t end = end_of_string(data, at + field.size());
    if (end == std::string_view::npos) return {};
    return data.substr(at + field.size(), end - at - field.size());
  }

  void on_token(client& to, answer& of, std::string_view data, std::string_view token) {
    if (of.count == 0) {
      of.name = string_after(data, R"("model":")", 0);
      if (of.is_streamed) {
        say(R"({"type":"response","seq":)" + std::to_string(++to.seq), "ref", of.id,
            R"(,"stream":")" + of.stream + R"(","phase":"start","model":")" + of.name + "\"");
      }
    }
    of.text.append(token);
    const std::size_t index = of.count++;
    if (!of.is_streamed) return;
    constexpr std::string_view parts[] = {R"(,"n":1,"content":")", R"(","timestamp":")", "\"}"};
    std::size_t digits = 1;
    for (std::size_t rest = index; rest >= 10; rest /= 10) ++digits;
    const std::string_view time = timestamp();
    const std::size_t length = of.prefix.size() + digits + parts[0].size() + token.size() +
                               parts[1].size() + time.size() + parts[2].size();
    out_.reserve(length + 10);
    out_.put_frame_head(opcode::text, length);
    out_.put(of.prefix);
    out_.put_number(index);
    out_.put(parts[0]);
    out_.put(token);
    out_.put(parts[1]);
    out_.put(time);
    out_.put(parts[2]);
  }

  void finish(client& to, model& from) {
    const std::unique_ptr<answer> ended = std::move(to.running);
    from.asker = nullptr;
    idle_.push_back(&from);
    std::string rest = R"(,"stream":")" + ended->stream + R"(","phase":)";
    rest += ended->is_streamed ? R"("end","n":)" + std::to_string(ended->count) : R"("full")";
    rest += R"(,"content":")" + ended->text + R"(","status":"completed","finish_reason":")" +
            ended->reason + R"(","model":")" + ended->name + "\"";
    if (!ended->usage.empty()) rest += R"(,"usage":)" + ended->usage;
    say(R"({"type":"response","seq":)" + std::to_string(++to.seq), "ref", ended->id, rest);
    to.said.add("assistant", ended->text, max_messages_);
  }
  void fail(client& to, model& from) {
    end(from);
    const std::unique_ptr<answer> ended = std::move(to.running);
    to.said.drop_last();
    say_error(ended->id, "provider_error", "Failed to generate response");
    send_out(to);
  }

  const std::size_t max_messages_;
  listening listener_;
  sockaddr_in upstream_{};
  std::string request_head_;
  scratch request_;
  std::size_t content_at_ = 0;
};

}  // namespace relay_floor

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const int port = argc == 2 ? std::atoi(argv[1]) : 0;
  if (port <= 0 || port > 65'535) {
    std::fprintf(stderr, "usage: floor PORT_OF_UPSTREAM\n");
    return 2;
  }
  const char* const kept = std::getenv("MAX_HISTORY");
  const int max_messages = kept == nullptr ? 50 : std::atoi(kept);
  if (max_messages < 2) {
    std::fprintf(stderr, "floor: MAX_HISTORY is a number of messages, 2 or more\n");
    return 2;
  }
  const auto server = std::make_unique<relay_floor::server>(
      static_cast<std::uint16_t>(port), static_cast<std::size_t>(max_messages));
  server->run();
}
