// SPDX-License-Identifier: MIT
//
// What is asked of the stub upstream and what it has to answer. The load generator knows the
// answer beforehand, so that it can tell a relay that is fast from one that is wrong.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace load {

/// Of CLOCK_MONOTONIC, which is the same for every process of a machine.
inline std::uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

struct question {
  static constexpr std::size_t stamp_mark = 2;  ///< " @"
  static constexpr std::size_t min_stamped_width = 18;

  std::size_t count = 1;     ///< tokens
  std::size_t delay_us = 0;  ///< between two of them; with one, each token is the time it was sent
  std::size_t width = 8;     ///< bytes of a token

  bool is_stamped() const noexcept { return delay_us != 0; }
  std::size_t real_width() const noexcept {
    return std::max(width, is_stamped() ? min_stamped_width : std::size_t{4});
  }

  /// The content of a query. As long as what people ask, since it stays in the history.
  std::string words() const {
    return "bench " + std::to_string(count) + " " + std::to_string(delay_us) + " " +
           std::to_string(width) + " Tell me about WebSocket technology, please.";
  }

  /// A token as it stands in JSON: most begin with a space, some with what is escaped, some with
  /// what is not ASCII.
  std::string token(std::size_t index) const {
    const std::string_view begin = index % 16 == 15 ? "\\n" : index % 16 == 7 ? "é" : " ";
    const std::size_t digits = real_width() - (begin == "é" ? 2 : 1);
    const std::string number = std::to_string(index);
    std::string made(begin);
    if (number.size() < digits) made.append(digits - number.size(), '0');
    return made.append(number, number.size() - std::min(number.size(), digits));
  }
  /// Of a token as it stands in JSON.
  std::size_t bytes_of(std::size_t index) const noexcept {
    return real_width() + (index % 16 == 15 ? 1 : 0);
  }
  static void write_stamp(char* at, std::size_t width, std::uint64_t ns) {
    at[0] = ' ';
    at[1] = '@';
    for (std::size_t i = width; i-- > stamp_mark; ns /= 10)
      at[i] = static_cast<char>('0' + ns % 10);
  }

  /// The whole answer as it stands in JSON; made once for each kind of question.
  const std::string& answer() const {
    static std::map<std::pair<std::size_t, std::size_t>, std::string> made;
    std::string& whole = made[{count, real_width()}];
    if (whole.empty()) {
      for (std::size_t i = 0; i < count; ++i) whole += token(i);
    }
    return whole;
  }

  /// The last one in a request's body; `end` is where it ends, npos when there is none.
  static question last_in(std::string_view body, std::size_t& end) {
    question found;
    const std::size_t at = body.rfind("bench ");
    end = at;
    if (at == std::string_view::npos) return found;
    const std::string from(body.substr(at + 6, 80));
    char* next = nullptr;
    found.count = std::strtoull(from.c_str(), &next, 10);
    found.delay_us = std::strtoull(next, &next, 10);
    found.width = std::strtoull(next, &next, 10);
    return found;
  }
};

}  // namespace load
