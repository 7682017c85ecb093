// SPDX-License-Identifier: MIT
//
// A model of the requirement Exchange that holds any other one, so that a program can choose while
// it runs.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/exchange.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

class any_exchange {
 public:
  /// Holds a null_exchange.
  any_exchange();

  /// Precondition: `held` is not null.
  template <typename Exchange>
  explicit any_exchange(std::unique_ptr<Exchange> held)
      : held_(std::make_unique<holder<Exchange>>(std::move(held))) {
    static_assert(require_exchange<Exchange>());
  }

  std::string name() const { return held_->name(); }
  void listen(exchange_sink& sink) { held_->listen(sink); }
  void send(std::string_view to, std::string_view text) { held_->send(to, text); }
  void publish(std::string_view text) { held_->publish(text); }

 private:
  struct concept_type {
    virtual ~concept_type() = default;
    virtual std::string name() const = 0;
    virtual void listen(exchange_sink& sink) = 0;
    virtual void send(std::string_view to, std::string_view text) = 0;
    virtual void publish(std::string_view text) = 0;
  };

  template <typename Exchange>
  struct holder final : concept_type {
    explicit holder(std::unique_ptr<Exchange> exchange) : held(std::move(exchange)) {}
    std::string name() const override { return std::as_const(*held).name(); }
    void listen(exchange_sink& sink) override { held->listen(sink); }
    void send(std::string_view to, std::string_view text) override { held->send(to, text); }
    void publish(std::string_view text) override { held->publish(text); }
    std::unique_ptr<Exchange> held;
  };

  std::unique_ptr<concept_type> held_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE any_exchange::any_exchange()
    : any_exchange(std::make_unique<null_exchange>()) {}

#endif

}  // namespace agent_websocket
