// SPDX-License-Identifier: MIT
//
// What the server says, in words for a person: errors, the ends of connections, usage, and the
// facts that answer the commands info, history and help. Pure; making the text harmless for a
// terminal is the view's duty.
#pragma once

#include "exchange.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace chat {
namespace words {

inline std::string_view text_of(json::value what) {
  return what.string().value_or(std::string_view());
}

inline std::string with_decimals(double number, int decimals) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, number);
  return text.data();
}

/// "3.2 s", "12 ms", "0.31 ms"
inline std::string duration(std::chrono::steady_clock::duration took) {
  const double seconds = std::chrono::duration<double>(took).count();
  if (seconds >= 0.1) return with_decimals(seconds, 1) + " s";
  return with_decimals(seconds * 1000, seconds < 0.01 ? 2 : 0) + " ms";
}

/// "The balance does not suffice (payment_required)"
inline std::string failure(const agent_websocket::answer_failure& why) {
  std::string text = why.content.empty() ? "Something went wrong" : why.content;
  if (!why.code.empty() && text.find(why.code) == std::string::npos)
    text.append(" (").append(why.code).append(")");
  if (why.retry_after && why.retry_after->count() > 0) {
    text += ". Try again in " +
            with_decimals(std::chrono::duration<double>(*why.retry_after).count(), 1) + " s";
  } else if (why.retryable) {
    text += ". It may work when tried again";
  }
  return text;
}

/// Of an error message.
inline std::string failure(const agent_websocket::client_notice& notice) {
  json::document message;
  if (!message.parse(notice.json)) return notice.content;
  const auto read = agent_websocket::wire::read_failure(message.root());
  return failure({notice.code, notice.content, read.retryable, read.retry_after});
}

/// Why a connection ended. `reason` is what the server said.
inline std::string closed(std::uint16_t code, std::string_view reason) {
  static constexpr std::pair<std::uint16_t, std::string_view> known[] = {
      {1001, "The server is shutting down"},
      {1006, "The connection was lost"},
      {1009, "A message was too long for the server"},
      {1012, "The server restarts"},
      {1013, "The server is overloaded"},
      {4001, "The server does not answer"},
      {4002, "The connection was too slow for the server"},
      {4100, "The session has expired"},
      {4401, "The server asks for a valid token; set AGENT_WEBSOCKET_TOKEN"},
      {4403, "This server may not be used by you"},
      {4408, "The server asks for a valid token; set AGENT_WEBSOCKET_TOKEN"},
      {4413, "A message was too long for the server"},
      {4426, "The server speaks another version of the protocol"},
      {4429, "There are too many connections"},
      {4499, "The operator closed this session"},
  };
  for (const auto& each : known) {
    if (each.first == code) return std::string(each.second) + " (" + std::to_string(code) + ").";
  }
  if (code == 1000) {
    return reason == "Session timeout" ? "The session ended because nothing happened for a while."
                                       : "The server ended the session.";
  }
  std::string words = "The server closed the connection (" + std::to_string(code);
  if (!reason.empty()) words.append(", ").append(reason);
  return words + ").";
}

/// "$0.0004"
inline std::string money(double cost) {
  if (!(cost >= 0 && cost < 1e9)) return "$?";
  std::string text = with_decimals(cost, cost >= 0.01 ? 4 : 8);
  while (text.back() == '0' && text[text.size() - 3] != '.') text.pop_back();  // two decimals stay
  return "$" + text;
}

/// "clock {"utc_offset_hours":2}", "clock: done", "clock: failed. It has stopped"
inline std::string tool(const agent_websocket::client_tool_progress& progress) {
  if (progress.state == "failed") return progress.name + ": failed. " + progress.error;
  if (progress.state != "calling") return progress.name + ": " + progress.state;
  const std::string_view given = agent_websocket::cut_utf8(progress.arguments, 300);
  std::string text = "Calling " + progress.name;
  if (given != "{}") text.append(" ").append(given);
  return given.size() < progress.arguments.size() ? text + "..." : text;
}

/// What an answer took: "openai/gpt-4o, 12 + 98 tokens, $0.0004, 3.2 s".
inline std::string usage(const agent_websocket::client_answer& answer,
                         std::chrono::steady_clock::duration took) {
  std::string text = answer.model;
  const auto add = [&text](const std::string& fact) {
    if (!text.empty()) text += ", ";
    text += fact;
  };
  json::document used;
  if (!answer.usage.empty() && used.parse(answer.usage)) {
    const auto prompt = used.root()["prompt_tokens"].integer();
    const auto completion = used.root()["completion_tokens"].integer();
    if (prompt && completion)
      add(std::to_string(*prompt) + " + " + std::to_string(*completion) + " tokens");
    if (const auto cost = used.root()["cost"].number(); cost && *cost > 0) add(money(*cost));
  }
  add(duration(took));
  return text;
}

/// Why an answer that was not failed is not whole either; empty when it is.
inline std::string shortcoming(const agent_websocket::client_answer& answer) {
  using agent_websocket::wire::answer_status;
  const bool empty = answer.text().empty();
  if (answer.status == answer_status::cancelled)
    return empty ? "Stopped before an answer came." : "Stopped.";
  if (answer.finish_reason == "length") return "The answer ended at its length limit.";
  if (answer.finish_reason == "content_filter") return "The answer was ended by a content filter.";
  if (answer.status == answer_status::incomplete) return "The answer ended early.";
  return empty ? "The answer is empty." : "";
}

/// An object as lines of "name: value".
inline std::string facts(json::value object, const std::string& prefix = {}) {
  std::string text;
  object.for_each_member([&](std::string_view name, json::value member) {
    const std::string path = prefix + std::string(name);
    if (member.is_object()) {
      text += facts(member, path + ".");
    } else {
      text.append("  ").append(path).append(": ");
      text.append(member.is_string() ? std::string(text_of(member)) : json::to_text(member))
          .append("\n");
    }
  });
  return text;
}

inline std::string judgement(json::value feedback) {
  std::string text;
  const auto add = [&text](const std::string& what) {
    text.append(text.empty() ? "" : ", ").append(what);
  };
  if (feedback["rating"]) add("rated " + json::to_text(feedback["rating"]));
  if (feedback["content"]) add(std::string(text_of(feedback["content"])));
  if (feedback["correction"]) add("should be: " + std::string(text_of(feedback["correction"])));
  return "  [" + text + "]\n";
}

inline std::string history(json::value data) {
  std::string text;
  if (data["more"].boolean().value_or(false)) text += "(older ones are left out)\n";
  data["messages"].for_each_element([&text](json::value each) {
    const bool asked = text_of(each["role"]) == "user";
    const std::string_view status = text_of(each["status"]);
    text.append(asked ? "> " : "").append(text_of(each["content"]));
    if (!asked && !status.empty() && status != "completed")
      text.append(" (").append(status).append(")");
    text.append("\n");
    each["feedback"].for_each_element([&text](json::value said) { text += judgement(said); });
  });
  return text.empty() ? "No messages yet." : text;
}

/// The commands that only this server has; empty when there are none.
inline std::string application_commands(json::value data) {
  static constexpr std::string_view known[] = {"help",    "info", "ping",  "cancel",    "clear",
                                               "history", "set",  "close", "regenerate"};
  std::string text;
  data["commands"].for_each_element([&text](json::value each) {
    const std::string_view op = text_of(each["op"]);
    if (std::find(std::begin(known), std::end(known), op) != std::end(known)) return;
    text.append("  /").append(op).append(": ").append(text_of(each["content"])).append("\n");
  });
  return text.empty() ? text : "Of this server's application:\n" + text;
}

}  // namespace words
}  // namespace chat
