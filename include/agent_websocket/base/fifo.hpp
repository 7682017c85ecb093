// SPDX-License-Identifier: MIT
//
// A queue in a ring: first in, first out. One pointer, and no memory at all while it is empty:
// std::deque holds half a kilobyte from its construction on, and even three pointers are much where
// an idle session has ten queues.
#pragma once

#include <cassert>
#include <cstddef>
#include <iterator>
#include <new>
#include <type_traits>
#include <utility>

namespace agent_websocket {

/// `Spare`: for so many items the memory is kept when the queue runs empty, for queues of which
/// there are few and that run empty often.
template <typename T, std::size_t Spare = 0>
class fifo {
  static_assert(std::is_nothrow_move_constructible_v<T>);
  static_assert(alignof(T) <= alignof(std::max_align_t));

 public:
  fifo() = default;
  fifo(const fifo& other) : fifo() {
    for (std::size_t i = 0; i < other.size(); ++i) push_back(other[i]);
  }
  fifo(fifo&& other) noexcept : ring_(std::exchange(other.ring_, nullptr)) {}
  fifo& operator=(fifo other) noexcept {
    std::swap(ring_, other.ring_);
    return *this;
  }
  ~fifo() {
    clear();
    give_up();
  }

  bool empty() const noexcept { return ring_ == nullptr || ring_->count == 0; }
  std::size_t size() const noexcept { return ring_ == nullptr ? 0 : ring_->count; }

  void push_back(T item) { emplace_back(std::move(item)); }

  /// Makes the item where it is to lie, of nothing that lies in this queue.
  template <typename... From>
  T& emplace_back(From&&... from) {
    make_room();
    T* const made = ::new (static_cast<void*>(place(size()))) T(std::forward<From>(from)...);
    ++ring_->count;
    return *made;
  }

  void push_front(T item) {
    make_room();
    ring_->first = (ring_->first + ring_->capacity - 1) & (ring_->capacity - 1);
    ::new (static_cast<void*>(place(0))) T(std::move(item));
    ++ring_->count;
  }

  /// Precondition: !empty().
  T& front() noexcept {
    assert(!empty());
    return *place(0);
  }
  T& back() noexcept {
    assert(!empty());
    return *place(ring_->count - 1);
  }
  const T& front() const noexcept { return *place(0); }
  const T& back() const noexcept { return *place(ring_->count - 1); }
  T& operator[](std::size_t position) noexcept { return *place(position); }
  const T& operator[](std::size_t position) const noexcept { return *place(position); }

  template <typename Queue, typename Item>
  class walk {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = Item*;
    using reference = Item&;

    walk() = default;
    walk(Queue& queue, std::size_t position) noexcept : queue_(&queue), position_(position) {}
    Item& operator*() const noexcept { return (*queue_)[position_]; }
    Item* operator->() const noexcept { return &**this; }
    walk& operator++() noexcept {
      ++position_;
      return *this;
    }
    walk operator++(int) noexcept { return walk(*queue_, position_++); }
    bool operator==(const walk& other) const noexcept { return position_ == other.position_; }
    bool operator!=(const walk& other) const noexcept { return position_ != other.position_; }

   private:
    Queue* queue_ = nullptr;
    std::size_t position_ = 0;
  };
  using iterator = walk<fifo, T>;
  using const_iterator = walk<const fifo, const T>;

  /// In order, as long as nothing is added or taken.
  iterator begin() noexcept { return {*this, 0}; }
  iterator end() noexcept { return {*this, size()}; }
  const_iterator begin() const noexcept { return {*this, 0}; }
  const_iterator end() const noexcept { return {*this, size()}; }

  /// Precondition: !empty().
  void drop_back() {
    assert(!empty());
    back().~T();
    drop_one();
  }

  /// Precondition: !empty(). Constant.
  T take_front() {
    assert(!empty());
    T taken = std::move(front());
    front().~T();
    ring_->first = (ring_->first + 1) & (ring_->capacity - 1);
    drop_one();
    return taken;
  }

  /// Takes the item at that position out. Linear. Precondition: position < size().
  T take(std::size_t position) {
    assert(position < size());
    T taken = std::move((*this)[position]);
    for (std::size_t i = position + 1; i < size(); ++i) (*this)[i - 1] = std::move((*this)[i]);
    back().~T();
    drop_one();
    return taken;
  }

  void clear() noexcept {
    if (empty()) return;
    for (std::size_t i = 0; i < size(); ++i) (*this)[i].~T();
    ring_->count = 1;
    drop_one();
  }

 private:
  /// The items lie behind it.
  struct alignas(alignof(T) > alignof(std::size_t) ? alignof(T) : alignof(std::size_t)) ring {
    std::size_t capacity;  // a power of two
    std::size_t first;
    std::size_t count;
  };

  static constexpr std::size_t first_capacity = sizeof(T) > 256 ? 1 : 2;

  T* place(std::size_t position) const noexcept {
    return reinterpret_cast<T*>(ring_ + 1) + ((ring_->first + position) & (ring_->capacity - 1));
  }

  void make_room() {
    if (ring_ != nullptr && ring_->count < ring_->capacity) return;
    const std::size_t capacity = ring_ == nullptr ? first_capacity : ring_->capacity * 2;
    void* const memory = ::operator new(sizeof(ring) + capacity * sizeof(T));
    ring* const larger = ::new (memory) ring{capacity, 0, size()};
    T* const to = reinterpret_cast<T*>(larger + 1);
    for (std::size_t i = 0; i < size(); ++i) {
      ::new (static_cast<void*>(to + i)) T(std::move((*this)[i]));
      (*this)[i].~T();
    }
    give_up();
    ring_ = larger;
  }

  /// The item has been destroyed.
  void drop_one() noexcept {
    if (--ring_->count != 0) return;
    ring_->first = 0;
    if (ring_->capacity > Spare) give_up();
  }

  /// What lies in it has been destroyed.
  void give_up() noexcept { ::operator delete(std::exchange(ring_, nullptr)); }

  ring* ring_ = nullptr;
};

}  // namespace agent_websocket
