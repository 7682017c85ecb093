// SPDX-License-Identifier: MIT
//
// How often a measured value lay in which of some fixed ranges, as Prometheus' histograms count it:
// buckets by their upper bounds, the sum and the number of all values. Plain numbers, one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace agent_websocket {

template <std::size_t Size>
class histogram {
 public:
  /// Upper bounds, each inclusive, in ascending order; what is above the last has a bucket too.
  explicit constexpr histogram(const std::array<double, Size>& bounds) noexcept : bounds_(bounds) {}

  void add(double value) noexcept {
    std::size_t at = 0;
    while (at < Size && value > bounds_[at]) ++at;
    ++counted_[at];
    ++count_;
    sum_ += value;
  }

  const std::array<double, Size>& bounds() const noexcept { return bounds_; }
  /// How many lay between the bound before and this one; at Size: above all.
  std::uint64_t counted(std::size_t bucket) const noexcept { return counted_[bucket]; }
  std::uint64_t count() const noexcept { return count_; }
  double sum() const noexcept { return sum_; }

 private:
  std::array<double, Size> bounds_;
  std::array<std::uint64_t, Size + 1> counted_{};
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

}  // namespace agent_websocket
