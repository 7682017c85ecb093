// SPDX-License-Identifier: MIT
//
// Policies of your own: a transport that speaks through standard input and output (one line, one frame), an HTTP client
// that makes the answers itself, and a scheduler of forty lines. The same server, sessions and protocol as with sockets.
// Try it: printf '%s\n' '{"content":"Hello","stream":true}' '{"type":"command","op":"info"}' | ./custom_policies
#define AGENT_WEBSOCKET_WITH_ADAPTERS 0
#include <agent_websocket.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <iostream>
#include <map>
#include <queue>
#include <string>
#include <string_view>
#include <utility>

namespace aw = agent_websocket;

/// Scheduler: what is posted runs in order, timers by their time. Its loop sleeps in no system call: it ends when
/// nothing is left to do.
class loop_scheduler {
 public:
  aw::time_point now() const { return std::chrono::steady_clock::now(); }
  aw::wall_time wall_now() const { return std::chrono::system_clock::now(); }
  void post(std::function<void()> f) { posted_.push(std::move(f)); }
  aw::timer_id start_timer(aw::time_point when, std::function<void()> f) {
    timers_.emplace(std::make_pair(when, ++last_timer_), std::move(f));
    return last_timer_;
  }
  void cancel_timer(aw::timer_id id) {
    for (auto each = timers_.begin(); each != timers_.end(); ++each) {
      if (each->first.second != id) continue;
      timers_.erase(each);
      return;
    }
  }

  /// Runs what is due; false when there was nothing.
  bool run_due() {
    if (!posted_.empty()) {
      const auto f = std::move(posted_.front());
      posted_.pop();
      f();
      return true;
    }
    if (timers_.empty() || timers_.begin()->first.first > now()) return false;
    const auto f = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    f();
    return true;
  }

 private:
  std::queue<std::function<void()>> posted_;
  std::map<std::pair<aw::time_point, aw::timer_id>, std::function<void()>> timers_;
  aw::timer_id last_timer_ = 0;
};

/// Transport: standard input and output are its one connection.
class stdio_transport {
 public:
  explicit stdio_transport(loop_scheduler& loop) : loop_(loop) {}

  aw::result<void> start(aw::transport_sink& sink) {
    sink_ = &sink;
    return {};
  }
  void stop() {}
  void answer(aw::connection_id id, const aw::http::response& response) {
    if (response.status != 101) return;
    loop_.post([this, id] { sink_->on_open(id); });  // never from inside of answer()
  }
  std::size_t send(aw::connection_id, std::string_view text) {
    std::cout << text << '\n';
    return 0;  // nothing waits
  }
  void ping(aw::connection_id) {}
  void close(aw::connection_id id, std::uint16_t code, std::string_view why) {
    if (!std::exchange(open_, false)) return;
    loop_.post([this, id, code, reason = std::string(why)] { sink_->on_close(id, code, reason); });
  }

  /// Connects standard input.
  void connect() {
    open_ = true;
    aw::handshake upgrade;
    upgrade.request.target = "/ws";
    upgrade.remote_address = "stdin";
    upgrade.is_upgrade = true;
    sink_->on_request(1, std::move(upgrade));
  }
  void receive(const std::string& line) {
    if (open_) sink_->on_text(1, line);
  }
  bool is_open() const { return open_; }

 private:
  loop_scheduler& loop_;
  aw::transport_sink* sink_ = nullptr;
  bool open_ = false;
};

/// HttpClient: every request is answered by the same little stream.
class canned_http_client {
 public:
  explicit canned_http_client(loop_scheduler& loop) : loop_(loop) {}

  aw::http_call_id start(const aw::http::request&, aw::http_sink& sink) {
    const aw::http_call_id id = ++last_;
    open_[id] = &sink;
    later(id, [id](aw::http_sink& to) { to.on_head(id, 200, {{"Content-Type", "text/event-stream"}}); });
    for (const char* word : {"This ", "is ", "a ", "canned ", "answer."}) {
      const std::string chunk = std::string(R"(data: {"choices":[{"delta":{"content":")") + word + "\"}}]}\n\n";
      later(id, [id, chunk](aw::http_sink& to) { to.on_body(id, chunk); });
    }
    later(id, [id](aw::http_sink& to) {
      to.on_body(id, "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
    });
    later(id, [this, id](aw::http_sink& to) {
      open_.erase(id);
      to.on_complete(id, {}, {});
    });
    return id;
  }
  void cancel(aw::http_call_id id) { open_.erase(id); }
  void pause(aw::http_call_id) {}   // standard output is never slow
  void resume(aw::http_call_id) {}

 private:
  void later(aw::http_call_id id, std::function<void(aw::http_sink&)> step) {
    loop_.post([this, id, step = std::move(step)] {
      if (const auto found = open_.find(id); found != open_.end()) step(*found->second);
    });
  }

  loop_scheduler& loop_;
  std::map<aw::http_call_id, aw::http_sink*> open_;
  aw::http_call_id last_ = 0;
};

// The first error line for a class that lacks a member names the member.
static_assert(aw::is_scheduler_v<loop_scheduler>);
static_assert(aw::is_transport_v<stdio_transport>);
static_assert(aw::is_http_client_v<canned_http_client>);

int main() {
  loop_scheduler loop;
  stdio_transport transport(loop);
  canned_http_client http(loop);

  aw::options options;
  options.base_url = "http://localhost/v1";  // never reached: the client above answers
  aw::basic_server<stdio_transport, canned_http_client, loop_scheduler> server(options, transport, http, loop);
  if (const auto started = server.start(); !started) {
    std::cerr << started.error().message << '\n';
    return 1;
  }
  transport.connect();
  std::string line;
  while (loop.run_due()) {}
  while (transport.is_open() && std::getline(std::cin, line)) {
    transport.receive(line);
    while (loop.run_due()) {}
  }
  return 0;
}
