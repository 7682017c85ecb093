// SPDX-License-Identifier: MIT
//
// The questions to people that are open in a session, each about one tool call, and what became of
// the last ones, so that who comes too late is told so. The first decision counts; that is the
// core's business.
#pragma once

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

    wire::feedback_request to_wire() const {
      return {id,   ref,       kind,       content,
              tool, arguments, expires_at, approved_by_default ? "approve" : "reject"};
    }
  };
  struct former {
    std::string id;
    std::string decision;
    bool expired = false;
  };

  void open(request asked) { open_.push_back(std::move(asked)); }

  /// Takes the request out; it is remembered as decided.
  request close(std::string_view id, std::string decision, bool expired) {
    for (std::size_t i = 0; i < open_.size(); ++i) {
      if (open_[i].id != id) continue;
      request closed = std::move(open_[i]);
      open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(i));
      former_.push_back({closed.id, std::move(decision), expired});
      if (former_.size() > max_former) former_.take_front();
      return closed;
    }
    return {};
  }

  const request* find(std::string_view id) const noexcept {
    for (const request& each : open_) {
      if (each.id == id) return &each;
    }
    return nullptr;
  }
  const former* find_former(std::string_view id) const noexcept {
    for (std::size_t i = former_.size(); i-- > 0;) {
      if (former_[i].id == id) return &former_[i];
    }
    return nullptr;
  }

  const std::vector<request>& all() const noexcept { return open_; }
  bool empty() const noexcept { return open_.empty(); }

 private:
  std::vector<request> open_;
  fifo<former> former_;
};

}  // namespace agent_websocket
