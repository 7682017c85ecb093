// SPDX-License-Identifier: MIT
//
// What the server says, in words for a person: errors, usage, and the facts that answer the
// commands info, history and help. Pure; making the text harmless for a terminal is the view's
// duty.
#pragma once

#include "messages.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <string>
#include <string_view>

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
inline std::string failure(json::value m) {
  std::string text(text_of(m["content"]));
  if (text.empty()) text = "Something went wrong";
  const std::string_view code = text_of(m["code"]);
  if (!code.empty() && text.find(code) == std::string::npos)
    text.append(" (").append(code).append(")");
  if (const auto wait = m["retry_after_ms"].number(); wait && *wait > 0 && *wait < 1e9) {
    text += ". Try again in " + with_decimals(*wait / 1000, 1) + " s";
  } else if (m["retryable"].boolean().value_or(false)) {
    text += ". It may work when tried again";
  }
  return text;
}

/// "$0.0004"
inline std::string money(double cost) {
  if (!(cost >= 0 && cost < 1e9)) return "$?";
  std::string text = with_decimals(cost, cost >= 0.01 ? 4 : 8);
  while (text.back() == '0' && text[text.size() - 3] != '.') text.pop_back();  // two decimals stay
  return "$" + text;
}

/// What an answer took: "openai/gpt-4o, 12 + 98 tokens, $0.0004, 3.2 s". `m` is its last message.
inline std::string usage(json::value m, std::string_view model,
                         std::chrono::steady_clock::duration took) {
  std::string text(text_of(m["model"]).empty() ? model : text_of(m["model"]));
  const auto add = [&text](const std::string& fact) {
    if (!text.empty()) text += ", ";
    text += fact;
  };
  const json::value used = m["usage"];
  const auto prompt = used["prompt_tokens"].integer();
  const auto completion = used["completion_tokens"].integer();
  if (prompt && completion)
    add(std::to_string(*prompt) + " + " + std::to_string(*completion) + " tokens");
  if (const auto cost = used["cost"].number(); cost && *cost > 0) add(money(*cost));
  add(duration(took));
  return text;
}

/// Why an answer that was not failed is not whole either; empty when it is.
inline std::string shortcoming(json::value m, bool empty) {
  if (text_of(m["status"]) == "cancelled")
    return empty ? "Stopped before an answer came." : "Stopped.";
  if (text_of(m["finish_reason"]) == "length") return "The answer ended at its length limit.";
  if (text_of(m["finish_reason"]) == "content_filter")
    return "The answer was ended by a content filter.";
  if (text_of(m["status"]) == "incomplete") return "The answer ended early.";
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
