// SPDX-License-Identifier: MIT
//
// A model of the requirement Store that holds any other one, so that a program can choose while it
// runs.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/memory_store.hpp>
#include <agent_websocket/policy/store.hpp>

#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace agent_websocket {

class any_store {
 public:
  /// Holds a memory_store that is not lasting.
  any_store();

  /// Precondition: `held` is not null.
  template <typename Store>
  explicit any_store(std::unique_ptr<Store> held)
      : held_(std::make_unique<holder<Store>>(std::move(held))) {
    static_assert(require_store<Store>());
  }

  bool lasting() const { return held_->lasting(); }
  void load(std::string_view session, load_handler done) { held_->load(session, std::move(done)); }
  void claim(std::string_view session, const stored_session& known, claim_handler done);
  void append(store_batch batch, store_handler done);
  void release(std::string_view session, fence_number fence, store_handler done);
  void erase(std::string_view session, fence_number fence, store_handler done);
  void check(store_handler done) { held_->check(std::move(done)); }

 private:
  struct concept_type {
    virtual ~concept_type() = default;
    virtual bool lasting() const = 0;
    virtual void load(std::string_view session, load_handler done) = 0;
    virtual void claim(std::string_view session, const stored_session& known,
                       claim_handler done) = 0;
    virtual void append(store_batch batch, store_handler done) = 0;
    virtual void release(std::string_view session, fence_number fence, store_handler done) = 0;
    virtual void erase(std::string_view session, fence_number fence, store_handler done) = 0;
    virtual void check(store_handler done) = 0;
  };

  template <typename Store>
  struct holder final : concept_type {
    explicit holder(std::unique_ptr<Store> store) : held(std::move(store)) {}
    bool lasting() const override { return std::as_const(*held).lasting(); }
    void load(std::string_view session, load_handler done) override {
      held->load(session, std::move(done));
    }
    void claim(std::string_view session, const stored_session& known, claim_handler done) override {
      held->claim(session, known, std::move(done));
    }
    void append(store_batch batch, store_handler done) override {
      held->append(std::move(batch), std::move(done));
    }
    void release(std::string_view session, fence_number fence, store_handler done) override {
      held->release(session, fence, std::move(done));
    }
    void erase(std::string_view session, fence_number fence, store_handler done) override {
      held->erase(session, fence, std::move(done));
    }
    void check(store_handler done) override { held->check(std::move(done)); }
    std::unique_ptr<Store> held;
  };

  std::unique_ptr<concept_type> held_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE any_store::any_store() : any_store(std::make_unique<memory_store>()) {}

AGENT_WEBSOCKET_INLINE void any_store::claim(std::string_view session, const stored_session& known,
                                             claim_handler done) {
  held_->claim(session, known, std::move(done));
}

AGENT_WEBSOCKET_INLINE void any_store::append(store_batch batch, store_handler done) {
  held_->append(std::move(batch), std::move(done));
}

AGENT_WEBSOCKET_INLINE void any_store::release(std::string_view session, fence_number fence,
                                               store_handler done) {
  held_->release(session, fence, std::move(done));
}

AGENT_WEBSOCKET_INLINE void any_store::erase(std::string_view session, fence_number fence,
                                             store_handler done) {
  held_->erase(session, fence, std::move(done));
}

#endif

}  // namespace agent_websocket
