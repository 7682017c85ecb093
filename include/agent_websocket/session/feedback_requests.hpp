// SPDX-License-Identifier: MIT
//
// The questions to people that are open in a session, each about one tool call, and what became of
// the last ones, so that who comes too late is told so. The first decision counts; that is the
// core's business.
#pragma once

#include <agent_websocket/base/boxed.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/fifo.hpp>
#include <agent_websocket/wire/message.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

class feedback_requests {
 public:
  static constexpr std::size_t max_former = 64;

  struct request {
    std::string id;    ///< "f_1", unique in the session
    std::string call;  ///< called_tool::id
    std::string ref;   ///< id of the query
    std::string kind;  ///< approval or question
    std::string content;
    std::string tool;
    std::string arguments;   ///< JSON object text
    std::string expires_at;  ///< ISO-8601
    bool approved_by_default = false;

    wire::feedback_request to_wire() const;
  };
  struct former {
    std::string id;
    std::string decision;
    bool expired = false;
  };

  void open(request asked);

  /// Takes the request out; it is remembered as decided.
  request close(std::string_view id, std::string decision, bool expired);

  const request* find(std::string_view id) const noexcept;
  const former* find_former(std::string_view id) const noexcept;

  const std::vector<request>& all() const noexcept;
  bool empty() const noexcept { return all().empty(); }

 private:
  struct kept {
    std::vector<request> open;
    fifo<former> closed;
  };

  boxed<kept> kept_;  // most sessions ask nothing
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE wire::feedback_request feedback_requests::request::to_wire() const {
  return {id,   ref,       kind,       content,
          tool, arguments, expires_at, approved_by_default ? "approve" : "reject"};
}

AGENT_WEBSOCKET_INLINE void feedback_requests::open(request asked) {
  kept_.need().open.push_back(std::move(asked));
}

AGENT_WEBSOCKET_INLINE feedback_requests::request feedback_requests::close(std::string_view id,
                                                                           std::string decision,
                                                                           bool expired) {
  if (!kept_) return {};
  auto& [open, closed_ones] = *kept_;
  for (std::size_t i = 0; i < open.size(); ++i) {
    if (open[i].id != id) continue;
    request closed = std::move(open[i]);
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(i));
    closed_ones.push_back({closed.id, std::move(decision), expired});
    if (closed_ones.size() > max_former) closed_ones.take_front();
    return closed;
  }
  return {};
}

AGENT_WEBSOCKET_INLINE const feedback_requests::request* feedback_requests::find(
    std::string_view id) const noexcept {
  for (const request& each : all()) {
    if (each.id == id) return &each;
  }
  return nullptr;
}

AGENT_WEBSOCKET_INLINE const feedback_requests::former* feedback_requests::find_former(
    std::string_view id) const noexcept {
  if (!kept_) return nullptr;
  for (std::size_t i = kept_->closed.size(); i-- > 0;) {
    if (kept_->closed[i].id == id) return &kept_->closed[i];
  }
  return nullptr;
}

AGENT_WEBSOCKET_INLINE const std::vector<feedback_requests::request>& feedback_requests::all()
    const noexcept {
  static const std::vector<request> none;
  return kept_ ? kept_->open : none;
}

#endif

}  // namespace agent_websocket
