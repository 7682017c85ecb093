// SPDX-License-Identifier: MIT
//
// How many of something each address has, and the most that it may have: for connections that have
// not said yet who they are, so that one address cannot take all places there are. IPv6 counts by
// /64. Proxies, behind which many clients have one address, are left out.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/http/forwarded.hpp>
#include <agent_websocket/http/ip_address.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// One thread. What has no places any more is not kept.
class address_counts {
  using counts = std::unordered_map<std::string, std::size_t>;

 public:
  /// A place, given back at its end. Empty: none. May outlive the counts.
  class place {
   public:
    place() = default;
    place(place&& other) noexcept;
    place& operator=(place&&) = delete;
    ~place();

   private:
    friend class address_counts;
    place(std::shared_ptr<counts> of, std::string address);

    std::shared_ptr<counts> counts_;
    std::string address_;
  };

  /// `most` 0: no limit. Of `exempt` nothing is counted.
  explicit address_counts(std::size_t most = 0, http::trusted_proxies exempt = {});

  /// False: that address has as many as it may have.
  bool has_place(std::string_view address) const;

  place take(std::string_view address);

  /// Addresses that have something.
  std::size_t size() const noexcept { return counts_->size(); }

 private:
  static std::string key_of(std::string_view address);

  std::size_t most_;
  http::trusted_proxies exempt_;
  std::shared_ptr<counts> counts_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE address_counts::place::place(place&& other) noexcept
    : counts_(std::move(other.counts_)), address_(std::move(other.address_)) {}

AGENT_WEBSOCKET_INLINE address_counts::place::~place() {
  if (counts_ == nullptr) return;
  const auto found = counts_->find(address_);
  if (--found->second == 0) counts_->erase(found);
}

AGENT_WEBSOCKET_INLINE address_counts::place::place(std::shared_ptr<counts> of, std::string address)
    : counts_(std::move(of)), address_(std::move(address)) {}

AGENT_WEBSOCKET_INLINE address_counts::address_counts(std::size_t most,
                                                      http::trusted_proxies exempt)
    : most_(most), exempt_(std::move(exempt)), counts_(std::make_shared<counts>()) {}

AGENT_WEBSOCKET_INLINE bool address_counts::has_place(std::string_view address) const {
  if (most_ == 0) return true;
  const auto found = counts_->find(key_of(address));
  return found == counts_->end() || found->second < most_ || exempt_.trusts(address);
}

AGENT_WEBSOCKET_INLINE address_counts::place address_counts::take(std::string_view address) {
  if (most_ == 0 || exempt_.trusts(address)) return place();
  std::string key = key_of(address);
  ++(*counts_)[key];
  return place(counts_, std::move(key));
}

AGENT_WEBSOCKET_INLINE std::string address_counts::key_of(std::string_view address) {
  const auto parsed = http::ip_address::parse(address);
  return parsed ? parsed->subscriber().to_string() : std::string(address);
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
