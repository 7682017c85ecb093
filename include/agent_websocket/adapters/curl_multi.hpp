// SPDX-License-Identifier: MIT
//
// Runs libcurl's multi interface on an asio::io_context: tells Asio which sockets and which time
// curl waits for, and curl when they are ready. Knows nothing about requests.
// https://curl.se/libcurl/c/libcurl-multi.html, "multi_socket".
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/turn_keeper.hpp>
#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL

#include <asio/posix/basic_stream_descriptor.hpp>
#include <curl/curl.h>

#ifndef ASIO_HAS_POSIX_STREAM_DESCRIPTOR
#error "curl_multi needs a POSIX system: set AGENT_WEBSOCKET_WITH_CURL to 0, bring an HttpClient"
#endif

#include <cassert>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <system_error>
#include <unordered_map>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// Owns a CURLM. Its user adds and removes transfers by curl_multi_add_handle and
/// curl_multi_remove_handle, and only while inside() is false: curl forbids that in its callbacks.
class curl_multi {
 public:
  /// `on_turn` is called after each time that curl has worked, outside of its callbacks: the moment
  /// to read curl_multi_info_read, and to add and remove what had to wait. The context must
  /// outlive the object.
  curl_multi(asio::io_context& context, std::function<void()> on_turn);
  curl_multi(const curl_multi&) = delete;
  curl_multi& operator=(const curl_multi&) = delete;

  /// Closes the pooled connections. Precondition: all transfers were removed, and !inside().
  ~curl_multi();

  /// Null when curl could not be initialised.
  CURLM* handle() const noexcept { return multi_; }

  /// True while curl works, so that its callbacks may be on the stack.
  bool inside() const noexcept { return inside_; }

  /// Lets curl work: `f` calls it. Then comes on_turn. Precondition: !inside().
  template <typename Function>
  void enter(Function f) {
    assert(!inside_);
    inside_ = true;
    f();
    inside_ = false;
    on_turn_();
  }

  /// What curl does with a socket is an event of these; null: of none.
  void share_turns(std::shared_ptr<turn_keeper> turns) noexcept { turns_ = std::move(turns); }

  /// Runs `f` in the next turn of the executor, unless the object is gone by then.
  template <typename Function>
  void post(Function f) {
    asio::post(context_, [alive = watch_, f = std::move(f)] {
      if (!alive.expired()) f();
    });
  }

 private:
  // One socket that curl waits for. The handlers of its two waits keep it, `removed` tells them
  // that curl does not want them any more.
  using watcher = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;

  struct socket : std::enable_shared_from_this<socket> {
    socket(curl_multi& multi, curl_socket_t number);

    void want(int what);

    void wait(int direction, bool& waiting);

    // A direction that was armed and is not wanted by now stays quiet until it is wanted again.
    void ready(int direction, std::error_code failure);

    // Before curl closes the socket, or keeps it for later.
    void let_go();

    curl_multi& owner;
    watcher descriptor;
    const curl_socket_t fd;
    int wanted = 0;
    bool reading = false;
    bool writing = false;
    bool removed = false;
  };

  void act(curl_socket_t fd, int events);

  static int on_socket(CURL*, curl_socket_t fd, int what, void* self, void* of_socket) noexcept;

  void socket_wanted(curl_socket_t fd, int what, socket* known);

  static int on_timer(CURLM*, long milliseconds, void* self) noexcept;

  // Curl may not be called from here, so also a timeout of 0 takes its turn.
  void time_wanted(long milliseconds);

  asio::io_context& context_;
  asio::steady_timer timer_;
  std::function<void()> on_turn_;
  CURLM* multi_ = nullptr;
  std::unordered_map<socket*, std::shared_ptr<socket>> sockets_;
  std::uint64_t timer_turn_ = 0;
  std::shared_ptr<turn_keeper> turns_;
  bool timer_armed_ = false;
  bool inside_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  const std::weak_ptr<char> watch_ = alive_;  // handlers look here before they touch anything
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE curl_multi::curl_multi(asio::io_context& context,
                                              std::function<void()> on_turn)
    : context_(context), timer_(context), on_turn_(std::move(on_turn)) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised == CURLE_OK) multi_ = curl_multi_init();
  if (multi_ == nullptr) return;
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &curl_multi::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &curl_multi::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
}

AGENT_WEBSOCKET_INLINE curl_multi::~curl_multi() {
  assert(!inside_);
  alive_.reset();
  if (multi_ == nullptr) return;
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, nullptr);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, nullptr);
  for (const auto& each : sockets_) each.second->let_go();
  curl_multi_cleanup(multi_);
}

AGENT_WEBSOCKET_INLINE curl_multi::socket::socket(curl_multi& multi, curl_socket_t number)
    : owner(multi), descriptor(multi.context_.get_executor()), fd(number) {}

AGENT_WEBSOCKET_INLINE void curl_multi::socket::want(int what) {
  wanted = what;
  if ((wanted & CURL_POLL_IN) != 0 && !reading) wait(CURL_POLL_IN, reading);
  if ((wanted & CURL_POLL_OUT) != 0 && !writing) wait(CURL_POLL_OUT, writing);
}

AGENT_WEBSOCKET_INLINE void curl_multi::socket::wait(int direction, bool& waiting) {
  waiting = true;
  descriptor.async_wait(
      direction == CURL_POLL_IN ? watcher::wait_read : watcher::wait_write,
      [self = this->shared_from_this(), direction, &waiting](std::error_code failure) {
        waiting = false;
        if (!self->removed) self->ready(direction, failure);
      });
}

AGENT_WEBSOCKET_INLINE void curl_multi::socket::ready(int direction, std::error_code failure) {
  if ((wanted & direction) == 0) return;
  const int event = failure                     ? CURL_CSELECT_ERR
                    : direction == CURL_POLL_IN ? CURL_CSELECT_IN
                                                : CURL_CSELECT_OUT;
  owner.act(fd, event);
  if (!removed) want(wanted);
}

AGENT_WEBSOCKET_INLINE void curl_multi::socket::let_go() {
  removed = true;
  if (descriptor.is_open()) descriptor.release();
}

AGENT_WEBSOCKET_INLINE void curl_multi::act(curl_socket_t fd, int events) {
  const turn_event event(turns_);
  enter([&] {
    int running = 0;
    curl_multi_socket_action(multi_, fd, events, &running);
  });
}

AGENT_WEBSOCKET_INLINE int curl_multi::on_socket(CURL*, curl_socket_t fd, int what, void* self,
                                                 void* of_socket) noexcept {
  static_cast<curl_multi*>(self)->socket_wanted(fd, what, static_cast<socket*>(of_socket));
  return 0;  // anything else makes the CURLM useless for ever
}

AGENT_WEBSOCKET_INLINE void curl_multi::socket_wanted(curl_socket_t fd, int what, socket* known) {
  if (what == CURL_POLL_REMOVE) {
    if (known == nullptr) return;
    known->let_go();
    curl_multi_assign(multi_, fd, nullptr);
    sockets_.erase(known);
    return;
  }
  if (known == nullptr) {
    auto made = std::make_shared<socket>(*this, fd);
    known = made.get();
    sockets_.emplace(known, std::move(made));
    curl_multi_assign(multi_, fd, known);
    std::error_code failure;
    known->descriptor.assign(fd, failure);
    if (failure) {  // out of memory or of epoll watches: let curl find the socket broken
      post([this, fd] { act(fd, CURL_CSELECT_ERR); });
      return;
    }
  }
  if (known->descriptor.is_open()) known->want(what);
}

AGENT_WEBSOCKET_INLINE int curl_multi::on_timer(CURLM*, long milliseconds, void* self) noexcept {
  static_cast<curl_multi*>(self)->time_wanted(milliseconds);
  return 0;
}

AGENT_WEBSOCKET_INLINE void curl_multi::time_wanted(long milliseconds) {
  const std::uint64_t turn = ++timer_turn_;
  const auto expired = [this, turn, alive = watch_](std::error_code failure = {}) {
    if (failure || alive.expired() || turn != timer_turn_) return;
    act(CURL_SOCKET_TIMEOUT, 0);
  };
  if (timer_armed_) timer_.cancel();
  timer_armed_ = milliseconds > 0;
  if (milliseconds < 0) return;
  if (milliseconds == 0) return asio::post(context_, expired);
  timer_.expires_after(std::chrono::milliseconds(milliseconds));
  timer_.async_wait(expired);
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL
