// SPDX-License-Identifier: MIT
//
// Names to addresses without holding the executor up: Asio asks the system in a thread of its own,
// one name after the other, so that a name which takes long holds up other names that are new. Who
// asks for a name that is being asked for waits for the same answer, and an answer serves for
// a minute, so that a thousand streams to one host are one lookup.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// On the executor of its context, which outlives it.
class asio_name_cache {
 public:
  using endpoints = std::vector<asio::ip::tcp::endpoint>;
  using handler = std::function<void(const std::error_code&, const endpoints&)>;

  static constexpr std::chrono::seconds lifetime{60};  ///< of an answer; libcurl's too
  static constexpr std::size_t max_names = 1'000;      ///< kept at once

  explicit asio_name_cache(asio::io_context& context) : context_(context) {}
  asio_name_cache(const asio_name_cache&) = delete;
  asio_name_cache& operator=(const asio_name_cache&) = delete;

  /// Calls `then` with at least one address or with an error: at once when the answer is known or
  /// the host is an address, else later, unless this object is gone by then.
  void resolve(const std::string& host, std::uint16_t port, handler then);

 private:
  struct name {
    explicit name(asio::io_context& context) : resolver(context) {}
    asio::ip::tcp::resolver resolver;
    std::vector<handler> waiting;
    endpoints known;
    std::chrono::steady_clock::time_point until;
    bool is_asking = true;
  };

  void answered(const std::string& key, name& asked, std::error_code failure,
                const asio::ip::tcp::resolver::results_type& found);

  void forget_answers();

  asio::io_context& context_;
  std::unordered_map<std::string, std::shared_ptr<name>> names_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void asio_name_cache::resolve(const std::string& host, std::uint16_t port,
                                                     handler then) {
  std::error_code is_name;
  const auto address = asio::ip::make_address(host, is_name);
  if (!is_name) return then({}, {asio::ip::tcp::endpoint(address, port)});
  const std::string key = host + ":" + std::to_string(port);
  const auto now = std::chrono::steady_clock::now();
  if (const auto known = names_.find(key); known != names_.end()) {
    const std::shared_ptr<name> entry = known->second;
    if (entry->is_asking) return entry->waiting.push_back(std::move(then));
    if (now < entry->until) return then({}, entry->known);
  }
  if (names_.size() >= max_names) forget_answers();
  const auto entry = std::make_shared<name>(context_);
  names_[key] = entry;
  entry->waiting.push_back(std::move(then));
  entry->resolver.async_resolve(
      host, std::to_string(port),
      [this, key, watch = std::weak_ptr<name>(entry)](
          std::error_code failure, const asio::ip::tcp::resolver::results_type& found) {
        // The cache is gone when its entry is.
        if (const auto asked = watch.lock()) answered(key, *asked, failure, found);
      });
}

AGENT_WEBSOCKET_INLINE void asio_name_cache::answered(
    const std::string& key, name& asked, std::error_code failure,
    const asio::ip::tcp::resolver::results_type& found) {
  for (const auto& each : found) asked.known.push_back(each.endpoint());
  if (!failure && asked.known.empty()) failure = asio::error::host_not_found;
  asked.is_asking = false;
  asked.until = std::chrono::steady_clock::now() + lifetime;
  const std::vector<handler> waiting = std::exchange(asked.waiting, {});
  const endpoints known = asked.known;
  if (failure) names_.erase(key);
  for (const handler& each : waiting) each(failure, known);
}

AGENT_WEBSOCKET_INLINE void asio_name_cache::forget_answers() {
  for (auto each = names_.begin(); each != names_.end();) {
    each = each->second->is_asking ? std::next(each) : names_.erase(each);
  }
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
