// SPDX-License-Identifier: MIT
//
// Model of the requirement Store in memory. By default it is not lasting: a server on it gives it
// nothing, since its sessions have all of it themselves. Several servers of one program, or of one
// test, can share a memory_space; then sessions outlive the server that made them.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/store.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace agent_websocket {

/// Sessions by id, at most `max_bytes` of records together: then those go that nobody holds and
/// that were not written for longest.
class memory_space {
 public:
  explicit memory_space(std::size_t max_bytes = 64u << 20) : max_bytes_(max_bytes) {}

  std::size_t size() const noexcept { return sessions_.size(); }
  std::size_t bytes() const noexcept { return bytes_; }

  /// Lets go of all that the process holds, as when its lease is over.
  void drop_holder(std::string_view name);

 private:
  friend class memory_store;

  struct kept {
    std::vector<std::string> records;
    std::uint64_t next = 0;
    fence_number fence = 1;
    std::string holder;
    std::size_t bytes = 0;
    std::uint64_t written = 0;
  };

  kept* find(std::string_view session);

  void erase(std::string_view session);

  /// Makes room for that many bytes more, `freed` of which are there already, and lets `growing`
  /// stay; false when what is held takes it.
  bool make_room(std::size_t bytes, std::size_t freed, const kept* growing);

  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t writes_ = 0;
  std::unordered_map<std::string, kept> sessions_;
};

class memory_store {
 public:
  memory_store();
  /// Lasting. `name`: of the process, not empty, no two the same. Precondition: `space` is not
  /// null.
  memory_store(std::shared_ptr<memory_space> space, std::string name);

  bool lasting() const noexcept { return lasting_; }

  void load(std::string_view session, const load_handler& done);

  void claim(std::string_view session, const stored_session& known, const claim_handler& done);

  void append(store_batch batch, const store_handler& done);

  void release(std::string_view session, fence_number fence, const store_handler& done);

  void erase(std::string_view session, fence_number fence, const store_handler& done);

  void check(const store_handler& done) { done({}); }

 private:
  result<void> append(store_batch batch);

  std::shared_ptr<memory_space> space_;
  std::string name_;
  bool lasting_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void memory_space::drop_holder(std::string_view name) {
  for (auto& each : sessions_) {
    if (each.second.holder == name) each.second.holder.clear();
  }
}

AGENT_WEBSOCKET_INLINE memory_space::kept* memory_space::find(std::string_view session) {
  const auto found = sessions_.find(std::string(session));
  return found == sessions_.end() ? nullptr : &found->second;
}

AGENT_WEBSOCKET_INLINE void memory_space::erase(std::string_view session) {
  const auto found = sessions_.find(std::string(session));
  if (found == sessions_.end()) return;
  bytes_ -= found->second.bytes;
  sessions_.erase(found);
}

AGENT_WEBSOCKET_INLINE bool memory_space::make_room(std::size_t bytes, std::size_t freed,
                                                    const kept* growing) {
  while (bytes_ - freed + bytes > max_bytes_) {
    auto oldest = sessions_.end();
    for (auto each = sessions_.begin(); each != sessions_.end(); ++each) {
      if (!each->second.holder.empty() || &each->second == growing) continue;
      if (oldest == sessions_.end() || each->second.written < oldest->second.written) oldest = each;
    }
    if (oldest == sessions_.end()) return false;
    bytes_ -= oldest->second.bytes;
    sessions_.erase(oldest);
  }
  return true;
}

AGENT_WEBSOCKET_INLINE memory_store::memory_store()
    : space_(std::make_shared<memory_space>()), name_("memory") {}

AGENT_WEBSOCKET_INLINE memory_store::memory_store(std::shared_ptr<memory_space> space,
                                                  std::string name)
    : space_(std::move(space)), name_(std::move(name)), lasting_(true) {}

AGENT_WEBSOCKET_INLINE void memory_store::load(std::string_view session, const load_handler& done) {
  stored_session known;
  if (const auto* const found = space_->find(session)) {
    known = {found->records, found->next, found->fence, {}};
    if (found->holder != name_) known.holder = found->holder;
  }
  done(std::move(known));
}

AGENT_WEBSOCKET_INLINE void memory_store::claim(std::string_view session,
                                                const stored_session& known,
                                                const claim_handler& done) {
  auto* const found = space_->find(session);
  if (found == nullptr) return done(error(errc::session_not_found));
  if (found->fence != known.fence || found->next != known.next) return done(error(errc::moved));
  if (!found->holder.empty() && found->holder != name_) return done(error(errc::busy));
  found->holder = name_;
  done(++found->fence);
}

AGENT_WEBSOCKET_INLINE void memory_store::append(store_batch batch, const store_handler& done) {
  done(append(std::move(batch)));
}

AGENT_WEBSOCKET_INLINE void memory_store::release(std::string_view session, fence_number fence,
                                                  const store_handler& done) {
  auto* const found = space_->find(session);
  if (found != nullptr && found->fence != fence) return done(error(errc::moved));
  if (found != nullptr) found->holder.clear();
  done({});
}

AGENT_WEBSOCKET_INLINE void memory_store::erase(std::string_view session, fence_number fence,
                                                const store_handler& done) {
  const auto* const found = space_->find(session);
  if (found != nullptr && found->fence != fence) return done(error(errc::moved));
  space_->erase(session);
  done({});
}

AGENT_WEBSOCKET_INLINE result<void> memory_store::append(store_batch batch) {
  auto* found = space_->find(batch.session);
  const bool is_new = found == nullptr && batch.first == 0 && batch.fence == 1;
  if (found == nullptr && !is_new) return error(errc::session_not_found);
  if (found != nullptr) {
    if (found->fence != batch.fence) return error(errc::moved);
    if (found->next == batch.first + batch.records.size()) return {};  // again
    if (found->next != batch.first) return error(errc::moved);
  }
  std::size_t bytes = 0;
  for (const std::string& each : batch.records) bytes += each.size();
  const std::size_t freed = batch.replaces && found != nullptr ? found->bytes : 0;
  if (!space_->make_room(bytes, freed, found)) return error(errc::internal, "The store is full");
  if (is_new) {
    found = &space_->sessions_[batch.session];
    found->holder = name_;
  }
  if (batch.replaces) {
    space_->bytes_ -= std::exchange(found->bytes, 0);
    found->records.clear();
  }
  for (std::string& each : batch.records) found->records.push_back(std::move(each));
  found->next += batch.records.size();
  found->bytes += bytes;
  found->written = ++space_->writes_;
  space_->bytes_ += bytes;
  return {};
}

#endif

}  // namespace agent_websocket
