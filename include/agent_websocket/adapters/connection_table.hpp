// SPDX-License-Identifier: MIT
//
// Connections by their ids. An id holds the place in the table and how often that place was used,
// so that finding one is one look and no id is given out twice (not before a single place has been
// used 2^32 times).
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/transport.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// `Pointer` is a smart pointer, null by default.
template <typename Pointer>
class connection_table {
 public:
  connection_id add(Pointer connection) {
    std::uint32_t index = free_;
    if (index == none) {
      index = static_cast<std::uint32_t>(places_.size());
      places_.emplace_back();
    } else {
      free_ = places_[index].next_free;
    }
    place& chosen = places_[index];
    chosen.connection = std::move(connection);
    ++chosen.uses;
    ++size_;
    publish();
    return (static_cast<connection_id>(chosen.uses) << 32) | static_cast<connection_id>(index);
  }

  /// Null for ids that are not in the table, whatever they are.
  const Pointer& find(connection_id id) const noexcept {
    static const Pointer nobody{};
    const auto index = static_cast<std::size_t>(id & 0xFFFF'FFFFU);
    if (index >= places_.size() || places_[index].uses != id >> 32) return nobody;
    return places_[index].connection;
  }

  /// Ids that are not in the table are ignored.
  void remove(connection_id id) {
    if (!find(id)) return;
    const auto index = static_cast<std::uint32_t>(id & 0xFFFF'FFFFU);
    place& emptied = places_[index];
    const Pointer last =
        std::move(emptied.connection);  // outlives the change: it may be the only reference
    emptied.connection = Pointer{};
    emptied.next_free = free_;
    free_ = index;
    --size_;
    publish();
  }

  std::size_t size() const noexcept { return size_; }

  /// From now on `where` holds the size, for others to read; it outlives the table. Null: no more.
  void publish_size(std::atomic<std::uint32_t>* where) noexcept {
    published_ = where;
    publish();
  }

  /// A copy of what is in the table.
  std::vector<Pointer> all() const {
    std::vector<Pointer> found;
    found.reserve(size_);
    for (const place& each : places_) {
      if (each.connection) found.push_back(each.connection);
    }
    return found;
  }

 private:
  static constexpr std::uint32_t none = static_cast<std::uint32_t>(-1);  // beyond all places

  struct place {
    Pointer connection{};
    std::uint32_t next_free = none;
    std::uint32_t uses = 0;
  };

  void publish() noexcept {
    if (published_ != nullptr)
      published_->store(static_cast<std::uint32_t>(size_), std::memory_order_relaxed);
  }

  std::vector<place> places_;
  std::atomic<std::uint32_t>* published_ = nullptr;
  std::uint32_t free_ = none;
  std::size_t size_ = 0;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
