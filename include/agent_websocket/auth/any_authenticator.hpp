// SPDX-License-Identifier: MIT
//
// A model of Authenticator that holds any other one, or a function of the application, so that a
// program can choose while it runs. Also keeps a server whole where a function does not keep the
// promises of the requirement: one that throws has refused (internal), and a second answer to the
// same question is dropped.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/policy/authenticator.hpp>

#include <exception>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace agent_websocket {

class any_authenticator {
  template <typename T>
  using other = std::enable_if_t<!std::is_same_v<std::decay_t<T>, any_authenticator>>;
  template <typename F>
  static constexpr bool answers_later =
      std::is_invocable_v<F&, const credentials&, authentication_handler>;
  template <typename F>
  static constexpr bool answers_at_once =
      std::is_invocable_r_v<result<principal>, F&, const credentials&>;

 public:
  /// Lets everybody in, and says so.
  any_authenticator() : any_authenticator(allow_all()) {}

  /// Holds, by value, a model of Authenticator, or what can be called as one of
  ///   void(const credentials&, authentication_handler done)   done as the requirement has it
  ///   result<principal>(const credentials&)                   decides at once
  /// A function is taken not to let everybody in.
  template <typename T, typename = other<T>>
  any_authenticator(T&& held) {  // NOLINT: implicit, as std::function is
    using type = std::decay_t<T>;
    static_assert(is_authenticator_v<type> || answers_later<type> || answers_at_once<type>,
                  "any_authenticator needs an Authenticator, a void(const credentials&, "
                  "authentication_handler) or a result<principal>(const credentials&)");
    held_ = std::make_unique<holder<type>>(std::forward<T>(held));
  }

  void authenticate(const credentials& shown, authentication_handler done);

  bool lets_everybody_in() const { return held_->lets_everybody_in(); }

 private:
  struct concept_type {
    virtual ~concept_type() = default;
    virtual void authenticate(const credentials& shown, authentication_handler done) = 0;
    virtual bool lets_everybody_in() const = 0;
  };

  template <typename T>
  struct holder final : concept_type {
    template <typename U>
    explicit holder(U&& from) : held(std::forward<U>(from)) {}

    void authenticate(const credentials& shown, authentication_handler done) override {
      if constexpr (is_authenticator_v<T>) {
        held.authenticate(shown, std::move(done));
      } else if constexpr (answers_later<T>) {
        held(shown, std::move(done));
      } else {
        done(held(shown));
      }
    }
    bool lets_everybody_in() const override {
      if constexpr (is_authenticator_v<T>) require_authenticator<T>();
      return agent_websocket::lets_everybody_in(held);
    }

    T held;
  };

  /// Copies share the one answer.
  class once {
   public:
    explicit once(authentication_handler done);
    void operator()(result<principal> who) const;

   private:
    std::shared_ptr<authentication_handler> done_;
  };

  std::unique_ptr<concept_type> held_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void any_authenticator::authenticate(const credentials& shown,
                                                            authentication_handler done) {
  const once answer(std::move(done));
  try {
    held_->authenticate(shown, answer);
  } catch (const std::exception& thrown) {
    answer(error(errc::internal, message_of(errc::internal),
                 std::string("the authenticator threw: ") + thrown.what()));
  } catch (...) {
    answer(error(errc::internal, message_of(errc::internal), "the authenticator threw"));
  }
}

AGENT_WEBSOCKET_INLINE any_authenticator::once::once(authentication_handler done)
    : done_(std::make_shared<authentication_handler>(std::move(done))) {}

AGENT_WEBSOCKET_INLINE void any_authenticator::once::operator()(result<principal> who) const {
  if (const auto done = std::exchange(*done_, nullptr)) done(std::move(who));
}

#endif

}  // namespace agent_websocket
