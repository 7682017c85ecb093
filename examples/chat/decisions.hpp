// SPDX-License-Identifier: MIT
//
// Decisions that the server asks the person for: what is asked, what was decided and by whom. The
// library knows which requests are open; here is which of them the person has answered already.
#pragma once

#include "commands.hpp"
#include "display.hpp"

#include <agent_websocket.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

namespace chat {

class decision_list {
 public:
  decision_list(agent_websocket::client& agent, display& shown) : agent_(agent), display_(shown) {}

  /// Nothing waits for the person.
  bool empty() const { return first() == nullptr; }

  void take(const agent_websocket::client_request& request) {
    if (request.is_open) display_.show(tone::request, words_of(request));
  }

  /// What was typed, about the oldest request. False: it is not taken, the person was told why.
  bool decide(const typed_line& typed) {
    const agent_websocket::client_request* const asked = first();
    if (asked == nullptr) return display_.refuse("Nothing is asked.");
    const bool edit = typed.what == action::edit;
    const std::string said(typed.text);
    const auto sent = agent_.decide(asked->id, decision_of(typed.what), edit ? "" : said,
                                    edit ? said : std::string());
    if (!sent) return display_.refuse(sent.error().message);
    sent_[*sent] = asked->id;
    return true;
  }

  /// For a program without a person.
  void reject_all(std::string_view why) {
    while (!empty() && decide({action::reject, "reject", why, nullptr})) continue;
  }

  void resolve(const agent_websocket::client_resolution& how) {
    bool own = false;
    for (auto each = sent_.begin(); each != sent_.end();) {
      const bool found = each->second == how.id;
      own = own || found;
      each = found ? sent_.erase(each) : std::next(each);
    }
    display_.show(tone::step, words_of(how, own));
    if (const auto* const next = first()) display_.show(tone::request, words_of(*next));
  }

  /// Takes an error about a decision: the request is open again, or was closed by somebody else.
  bool refuse(const agent_websocket::client_notice& notice) {
    if (sent_.erase(notice.ref) == 0) return false;
    display_.show(tone::failure, notice.content);
    return true;
  }

 private:
  static agent_websocket::client_decision decision_of(action what) {
    using agent_websocket::client_decision;
    return what == action::approve  ? client_decision::approve
           : what == action::edit   ? client_decision::edit
           : what == action::answer ? client_decision::answer
                                    : client_decision::reject;
  }

  /// The oldest that the person has not decided about.
  const agent_websocket::client_request* first() const {
    for (const agent_websocket::client_request& each : agent_.requests()) {
      const bool decided = std::any_of(sent_.begin(), sent_.end(), [&each](const auto& decision) {
        return decision.second == each.id;
      });
      if (!decided) return &each;
    }
    return nullptr;
  }

  static std::string words_of(const agent_websocket::client_request& request) {
    std::string text = request.content;
    if (!request.tool_name.empty()) text += "\n" + request.tool_name + " " + request.tool_arguments;
    text += request.kind == "question" ? "\n/answer TEXT or /reject [REASON]"
                                       : "\n/approve, /reject [REASON], /edit JSON or /answer TEXT";
    if (request.expires_at.size() < 19) return text;
    text += ", until " + request.expires_at.substr(11, 8) + " UTC; then it is ";
    return text + (request.default_decision == "approve" ? "approved" : "rejected");
  }

  static std::string words_of(const agent_websocket::client_resolution& how, bool own) {
    const std::string verdict = how.decision == "approve"  ? "Approved"
                                : how.decision == "edit"   ? "Approved with other arguments"
                                : how.decision == "answer" ? "Answered"
                                                           : "Rejected";
    if (how.reason == "expired") return "Nobody decided in time: " + verdict + ".";
    if (!how.reason.empty()) return "The question is withdrawn.";
    return verdict + (own ? "." : ", elsewhere.");
  }

  agent_websocket::client& agent_;
  display& display_;
  std::map<std::string, std::string> sent_;  // ids of decisions and of their requests
};

}  // namespace chat
