// SPDX-License-Identifier: MIT
//
// How many connections each worker has, in memory that supervisor and workers share, so that a
// connection can be left to the worker that has the fewest. Without it the kernel wakes all that
// wait on one socket in the same order each time, and on a quiet machine the first one gets
// everything. A worker that is not there, or drains, holds `absent`.
#pragma once

#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#if !defined(_WIN32)
#include <sys/mman.h>
#include <unistd.h>
#endif

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <utility>

namespace agent_websocket {

/// May be empty, where the system has no such memory: then nothing is left to anybody.
class worker_loads {
 public:
  using count = std::atomic<std::uint32_t>;
  static_assert(count::is_always_lock_free, "atomics have to work between processes");

  static constexpr std::uint32_t absent = 0xFFFF'FFFF;
  static constexpr unsigned size = 128;  ///< places
  /// A worker with so many more connections than the one with the fewest leaves new ones to it; so
  /// a crowd that comes at once is taken several at a time.
  static constexpr std::uint32_t slack = 4;

  worker_loads() = default;
  worker_loads(worker_loads&& other) noexcept;
  worker_loads& operator=(worker_loads&& other) noexcept;
  ~worker_loads();

  /// All places absent.
  static worker_loads create();

  /// Of another process; the descriptor is closed with it. Empty when it is none.
  static worker_loads adopt(int descriptor);

  explicit operator bool() const noexcept { return counts_ != nullptr; }
  int descriptor() const noexcept { return descriptor_; }

  /// Null when there is none.
  count* at(unsigned place) const noexcept;
  void leave(unsigned place) const noexcept;

  /// True when somebody else has so many fewer that the next connection should be his.
  bool has_less_loaded_than(unsigned place) const noexcept;

 private:
  static constexpr std::size_t bytes = size * sizeof(count);

  void swap(worker_loads& other) noexcept;

#if !defined(_WIN32)
  bool map() {
    void* const found = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
    if (found == MAP_FAILED) return false;
    counts_ = static_cast<count*>(found);
    return true;
  }
#endif

  int descriptor_ = -1;
  count* counts_ = nullptr;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE worker_loads::worker_loads(worker_loads&& other) noexcept { swap(other); }

AGENT_WEBSOCKET_INLINE worker_loads& worker_loads::operator=(worker_loads&& other) noexcept {
  worker_loads taken(std::move(other));
  swap(taken);
  return *this;
}

AGENT_WEBSOCKET_INLINE worker_loads::~worker_loads() {
#if !defined(_WIN32)
  if (counts_ != nullptr) ::munmap(static_cast<void*>(counts_), bytes);
  if (descriptor_ >= 0) ::close(descriptor_);
#endif
}

AGENT_WEBSOCKET_INLINE worker_loads worker_loads::create() {
  worker_loads made;
#if !defined(_WIN32)
#if defined(__linux__) && defined(MFD_CLOEXEC)
  made.descriptor_ = ::memfd_create("agent_websocket loads", MFD_CLOEXEC);
#endif
  if (made.descriptor_ < 0) {
    if (std::FILE* const file = std::tmpfile()) {  // which has no name any more
      made.descriptor_ = ::dup(::fileno(file));
      std::fclose(file);
    }
  }
  if (made.descriptor_ < 0 || ::ftruncate(made.descriptor_, bytes) != 0 || !made.map()) return {};
  for (unsigned i = 0; i < size; ++i) made.counts_[i].store(absent, std::memory_order_relaxed);
#endif
  return made;
}

AGENT_WEBSOCKET_INLINE worker_loads worker_loads::adopt(int descriptor) {
  worker_loads made;
#if !defined(_WIN32)
  made.descriptor_ = descriptor;
  if (descriptor < 0 || ::lseek(descriptor, 0, SEEK_END) != static_cast<off_t>(bytes) ||
      !made.map()) {
    return {};
  }
#else
  static_cast<void>(descriptor);
#endif
  return made;
}

AGENT_WEBSOCKET_INLINE worker_loads::count* worker_loads::at(unsigned place) const noexcept {
  return counts_ != nullptr && place < size ? &counts_[place] : nullptr;
}

AGENT_WEBSOCKET_INLINE void worker_loads::leave(unsigned place) const noexcept {
  if (count* const mine = at(place)) mine->store(absent, std::memory_order_relaxed);
}

AGENT_WEBSOCKET_INLINE bool worker_loads::has_less_loaded_than(unsigned place) const noexcept {
  const count* const mine = at(place);
  if (mine == nullptr) return false;
  const std::uint32_t have = mine->load(std::memory_order_relaxed);
  for (unsigned i = 0; i < size; ++i) {
    const std::uint32_t other = counts_[i].load(std::memory_order_relaxed);
    if (other != absent && have != absent && other < have && have - other >= slack) return true;
  }
  return false;
}

AGENT_WEBSOCKET_INLINE void worker_loads::swap(worker_loads& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(counts_, other.counts_);
}

#endif

}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
