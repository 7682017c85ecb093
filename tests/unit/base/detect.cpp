// SPDX-License-Identifier: MIT
#include <agent_websocket/base/detect.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>

using agent_websocket::is_detected_v;

namespace {

template <typename T>
using size_expression = decltype(std::declval<T&>().size());
template <typename T, typename U>
using sum_expression = decltype(std::declval<T&>() + std::declval<U&>());
template <typename T>
using nested_type = typename T::value_type;

class hidden {
  int size() { return 0; }  // private: for the detection it does not exist

 public:
  int used() { return size(); }
};

struct removed {
  int size() = delete;
};

struct inherited : std::string {};

struct two_meanings_a {
  int size();
};
struct two_meanings_b {
  int size();
};
struct ambiguous : two_meanings_a, two_meanings_b {};

}  // namespace

TEST_CASE("detect: what is well-formed") {
  CHECK(is_detected_v<size_expression, std::string>);
  CHECK(is_detected_v<size_expression, inherited>);
  CHECK(is_detected_v<sum_expression, int, double>);
  CHECK(is_detected_v<sum_expression, std::string, const char*>);
  CHECK(is_detected_v<nested_type, std::string>);
}

TEST_CASE("detect: what is not, without an error") {
  CHECK_FALSE(is_detected_v<size_expression, int>);
  CHECK_FALSE(is_detected_v<size_expression, hidden>);
  CHECK_FALSE(is_detected_v<size_expression, removed>);
  CHECK_FALSE(is_detected_v<size_expression, ambiguous>);
  CHECK_FALSE(is_detected_v<size_expression, void>);
  CHECK_FALSE(is_detected_v<sum_expression, std::string, int*>);
  CHECK_FALSE(is_detected_v<nested_type, int>);
  CHECK(hidden().used() == 0);
}
