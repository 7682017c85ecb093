// SPDX-License-Identifier: MIT
//
// Model of the requirement Exchange for several servers of one program, or of one test: messages go
// from one to the other through a function that posts, so that tests run in virtual time.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/exchange.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

/// What the exchanges of one group have in common. One thread.
class memory_bus {
 public:
  /// As when the process has lost its connection: what is sent to it or by it is lost.
  void cut(std::string_view name);
  /// It is back, and is told that messages may have been lost.
  void join(std::string_view name);

 private:
  friend class memory_exchange;

  struct member {
    std::function<void(std::function<void()>)> post;
    exchange_sink* sink = nullptr;
    bool is_cut = false;
  };
  using member_pointer = std::shared_ptr<member>;

  member_pointer find(std::string_view name) const;

  template <typename F>
  static void give(const member_pointer& to, F f) {
    if (to->sink == nullptr || to->is_cut) return;
    to->post([to = std::weak_ptr<member>(to), f = std::move(f)] {
      if (const member_pointer there = to.lock()) f(*there->sink);
    });
  }

  std::map<std::string, std::weak_ptr<member>, std::less<>> members_;
};

class memory_exchange {
 public:
  /// `post` runs what it is given soon and in order, on the executor of this process. Precondition:
  /// `bus` is not null, and no other exchange on it has the name.
  memory_exchange(std::shared_ptr<memory_bus> bus, std::string name,
                  std::function<void(std::function<void()>)> post);
  memory_exchange(const memory_exchange&) = delete;
  memory_exchange& operator=(const memory_exchange&) = delete;
  ~memory_exchange();

  std::string name() const { return name_; }
  void listen(exchange_sink& sink) { self_->sink = &sink; }

  void send(std::string_view to, std::string_view text);

  void publish(std::string_view text);

 private:
  void give(const memory_bus::member_pointer& to, std::string_view text);

  std::shared_ptr<memory_bus> bus_;
  std::string name_;
  std::shared_ptr<memory_bus::member> self_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void memory_bus::cut(std::string_view name) {
  if (const auto found = find(name)) found->is_cut = true;
}

AGENT_WEBSOCKET_INLINE void memory_bus::join(std::string_view name) {
  const auto found = find(name);
  if (!found || !std::exchange(found->is_cut, false)) return;
  give(found, [](exchange_sink& sink) { sink.on_gap(); });
}

AGENT_WEBSOCKET_INLINE memory_bus::member_pointer memory_bus::find(std::string_view name) const {
  const auto found = members_.find(name);
  return found == members_.end() ? nullptr : found->second.lock();
}

AGENT_WEBSOCKET_INLINE memory_exchange::memory_exchange(
    std::shared_ptr<memory_bus> bus, std::string name,
    std::function<void(std::function<void()>)> post)
    : bus_(std::move(bus)), name_(std::move(name)), self_(std::make_shared<memory_bus::member>()) {
  self_->post = std::move(post);
  bus_->members_[name_] = self_;
}

AGENT_WEBSOCKET_INLINE memory_exchange::~memory_exchange() {
  self_.reset();
  const auto found = bus_->members_.find(name_);
  if (found != bus_->members_.end() && found->second.expired()) bus_->members_.erase(found);
}

AGENT_WEBSOCKET_INLINE void memory_exchange::send(std::string_view to, std::string_view text) {
  if (const auto found = bus_->find(to)) give(found, text);
}

AGENT_WEBSOCKET_INLINE void memory_exchange::publish(std::string_view text) {
  for (const auto& each : bus_->members_) {
    const auto found = each.first == name_ ? nullptr : each.second.lock();
    if (found) give(found, text);
  }
}

AGENT_WEBSOCKET_INLINE void memory_exchange::give(const memory_bus::member_pointer& to,
                                                  std::string_view text) {
  if (self_->is_cut) return;
  memory_bus::give(to, [from = name_, text = std::string(text)](exchange_sink& sink) {
    sink.on_message(from, text);
  });
}

#endif

}  // namespace agent_websocket
