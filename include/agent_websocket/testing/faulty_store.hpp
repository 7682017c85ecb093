// SPDX-License-Identifier: MIT
//
// A Store in front of another one, whose faults a test chooses: it answers late, fails, does what
// it is told and says that it failed, or says nothing until it is told to go on. In virtual time.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/policy/store.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace testing {

/// The faults of one or more stores. Hold it and change it while the test runs.
struct store_faults {
  /// Each call takes so long, 0: it answers at once. Calls keep their order.
  duration delay{};
  /// All calls fail with it. A claim and a load too.
  std::optional<error> failure;
  /// With `failure`: what was asked for is done nevertheless, as when a connection breaks in time.
  bool fails_after_doing = false;
  /// Calls are not begun until this is false again, and go_on() is called.
  bool stalls = false;

  /// Begins what was stalled, in its order; what is asked for meanwhile comes behind.
  void go_on();

  std::vector<std::function<void()>> stalled;
  std::size_t appends = 0;  ///< begun so far
};

template <typename Store, typename Scheduler>
class faulty_store {
 public:
  /// Precondition: `faults` is not null.
  faulty_store(Store store, Scheduler& scheduler, std::shared_ptr<store_faults> faults)
      : store_(std::move(store)), scheduler_(scheduler), faults_(std::move(faults)) {}

  bool lasting() const { return store_.lasting(); }

  void load(std::string_view session, load_handler done) {
    call<stored_session>(std::move(done), [this, id = std::string(session)](load_handler told) {
      store_.load(id, std::move(told));
    });
  }
  void claim(std::string_view session, const stored_session& known, claim_handler done) {
    call<fence_number>(std::move(done),
                       [this, id = std::string(session), known](claim_handler told) {
                         store_.claim(id, known, std::move(told));
                       });
  }
  void append(store_batch batch, store_handler done) {
    call<void>(std::move(done), [this, batch = std::move(batch)](store_handler told) {
      ++faults_->appends;
      store_.append(batch, std::move(told));
    });
  }
  void release(std::string_view session, fence_number fence, store_handler done) {
    call<void>(std::move(done), [this, id = std::string(session), fence](store_handler told) {
      store_.release(id, fence, std::move(told));
    });
  }
  void erase(std::string_view session, fence_number fence, store_handler done) {
    call<void>(std::move(done), [this, id = std::string(session), fence](store_handler told) {
      store_.erase(id, fence, std::move(told));
    });
  }
  void check(store_handler done) {
    call<void>(std::move(done), [this](store_handler told) { store_.check(std::move(told)); });
  }

 private:
  template <typename Value, typename Done, typename Work>
  void call(Done done, Work work) {
    auto begin = [this, alive = std::weak_ptr<const bool>(alive_), done = std::move(done),
                  work = std::move(work)] {
      if (alive.lock()) perform<Value>(done, work);
    };
    if (faults_->stalls) {
      faults_->stalled.push_back(std::move(begin));
    } else {
      begin();
    }
  }

  template <typename Value, typename Done, typename Work>
  void perform(const Done& done, const Work& work) {
    const auto answer = [this, done](result<Value> outcome) {
      if (faults_->delay <= duration::zero()) return done(std::move(outcome));
      const auto kept = std::make_shared<result<Value>>(std::move(outcome));
      scheduler_.start_timer(scheduler_.now() + faults_->delay,
                             [alive = std::weak_ptr<const bool>(alive_), done, kept] {
                               if (alive.lock()) done(std::move(*kept));
                             });
    };
    if (!faults_->failure) return work(answer);
    if (faults_->fails_after_doing) work([](const result<Value>&) {});
    answer(*faults_->failure);
  }

  Store store_;
  Scheduler& scheduler_;
  std::shared_ptr<store_faults> faults_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void store_faults::go_on() {
  while (!stalled.empty()) {
    const auto next = std::move(stalled.front());
    stalled.erase(stalled.begin());
    next();
  }
  stalls = false;
}

#endif

}  // namespace testing
}  // namespace agent_websocket
