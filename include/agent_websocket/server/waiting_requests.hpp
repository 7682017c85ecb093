// SPDX-License-Identifier: MIT
//
// Plain HTTP requests and their answers, which may come later than the request: each gets one, also
// when what it waits for takes too long or the server goes. Of a client that goes nothing stays.
#pragma once

#include <agent_websocket/http/message.hpp>
#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/policy/transport.hpp>
#include <agent_websocket/server/http_route.hpp>
#include <agent_websocket/server/metrics.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace agent_websocket {

/// Counts the answers, too.
template <typename Transport, typename Scheduler>
class waiting_requests {
 public:
  using request_handler = std::function<void(const http::request&, respond_handler)>;

  /// Below the time after which transports (30 s) and most clients do not wait any more.
  static constexpr std::chrono::seconds patience{20};

  waiting_requests(Transport& transport, Scheduler& scheduler, server_counts& counts,
                   request_handler handler)
      : transport_(transport),
        scheduler_(scheduler),
        counts_(counts),
        handler_(std::move(handler)) {}
  waiting_requests(const waiting_requests&) = delete;
  waiting_requests& operator=(const waiting_requests&) = delete;
  ~waiting_requests() { dismiss(); }

  /// Who waits is told that there will be no answer.
  void dismiss() {
    while (!waiting_.empty())
      answer(waiting_.begin()->first, unknown("The server stops; nobody knows"));
  }

  void ask(connection_id connection, const http::request& request) {
    waiting_[connection] = 0;
    handler_(request,
             [this, connection, weak = std::weak_ptr<const bool>(alive_)](http::response given) {
               if (weak.lock()) answer(connection, std::move(given));
             });
    const auto still = waiting_.find(connection);
    if (still == waiting_.end()) return;
    still->second = scheduler_.start_timer(scheduler_.now() + patience, [this, connection] {
      answer(connection, unknown("It takes too long to say"));
    });
  }

  /// The client is gone.
  void abandon(connection_id connection) { take(connection); }

 private:
  void answer(connection_id connection, http::response given) {
    if (!take(connection)) return;
    counts_.answer(given.status);
    transport_.answer(connection, std::move(given));
  }
  /// False: it does not wait.
  bool take(connection_id connection) {
    const auto found = waiting_.find(connection);
    if (found == waiting_.end()) return false;
    if (found->second != 0) scheduler_.cancel_timer(found->second);
    waiting_.erase(found);
    return true;
  }

  static http::response unknown(std::string_view why) {
    auto refusal = api_refusal(503, "internal",
                               std::string(why) +
                                   " whether what was asked for is done for good; ask again, with "
                                   "the same Idempotency-Key if there was one");
    refusal.headers.add("Retry-After", "5");
    return refusal;
  }

  Transport& transport_;
  Scheduler& scheduler_;
  server_counts& counts_;
  request_handler handler_;
  std::unordered_map<connection_id, timer_id> waiting_;  // 0: it has just come
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace agent_websocket
