// SPDX-License-Identifier: MIT
//
// What a session has to do with its store: a keeper when the store is lasting, and nothing when it
// is not; then nothing outlives the process, and what there is counts as kept at once.
#pragma once

#include <agent_websocket/policy/store.hpp>
#include <agent_websocket/session/core.hpp>
#include <agent_websocket/session/keeper.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace agent_websocket {

template <typename Store, typename Scheduler>
class optional_keeper {
 public:
  /// `core` makes records from now on, if they are kept. All outlive this.
  optional_keeper(Store& store, Scheduler& scheduler, session_core& core, keeper_sink& sink)
      : core_(core) {
    if (!store.lasting()) return;
    core.keep_records();
    keeper_ = std::make_unique<keeper_type>(store, scheduler, core.id(), sink,
                                            core.settings().store_patience);
  }

  /// See keeper. Precondition: the store is lasting.
  void begin_at(std::uint64_t next, fence_number fence) noexcept { keeper_->begin_at(next, fence); }
  /// Hands over what the core has recorded, if anything.
  void keep(moment at) {
    if (core_.book().has_fresh()) keeper_->keep(core_, at);
  }

  /// The store is lasting.
  bool keeps() const noexcept { return keeper_ != nullptr; }
  /// By which this process may write the session; 0: nothing is written.
  fence_number fence() const noexcept { return keeper_ ? keeper_->fence() : 0; }
  /// See keeper::leave.
  void leave(bool forever, std::function<void()> done) {
    keeper_ ? keeper_->leave(forever, std::move(done)) : done();
  }

  /// Tells when all that was recorded up to now is kept, maybe at once; false: it is lost.
  void when_kept(kept_handler told) {
    if (!keeper_ || core_.book().all_kept()) return told(true);
    keeper_->when_kept(core_.book().made(), std::move(told));
  }
  /// Tells when the store has forgotten the session, which is about to end; false: it may have it
  /// still.
  void when_erased(kept_handler told) {
    keeper_ ? keeper_->when_erased(std::move(told)) : told(true);
  }

 private:
  using keeper_type = keeper<Store, Scheduler>;

  session_core& core_;
  std::unique_ptr<keeper_type> keeper_;
};

}  // namespace agent_websocket
