// SPDX-License-Identifier: MIT
#include <agent_websocket/server/metrics_text.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>

using agent_websocket::histogram;
using agent_websocket::metrics_text;

TEST_CASE("metrics_text: a family has its help and type once, then its samples") {
  std::string text;
  metrics_text out(text);
  out.counter("shop_orders_total", "Orders taken")
      .sample({{"kind", "book"}}, 7)
      .sample({{"kind", "pen"}, {"paid", "no"}}, std::uint64_t(18446744073709551615U));
  out.gauge("shop_open", "1 while it is open").sample(true);
  CHECK(text ==
        "# HELP shop_orders_total Orders taken\n"
        "# TYPE shop_orders_total counter\n"
        "shop_orders_total{kind=\"book\"} 7\n"
        "shop_orders_total{kind=\"pen\",paid=\"no\"} 18446744073709551615\n"
        "# HELP shop_open 1 while it is open\n"
        "# TYPE shop_open gauge\n"
        "shop_open 1\n");
}

TEST_CASE("metrics_text: what would end a line or a label is escaped") {
  std::string text;
  metrics_text(text)
      .gauge("a", "back\\slash, \"quotes\"\nand a second line")
      .sample({{"l", "back\\slash, \"quotes\"\nand a second line"}}, 0);
  CHECK(text ==
        "# HELP a back\\\\slash, \"quotes\"\\nand a second line\n"
        "# TYPE a gauge\n"
        "a{l=\"back\\\\slash, \\\"quotes\\\"\\nand a second line\"} 0\n");
}

TEST_CASE("metrics_text: numbers") {
  const auto printed = [](auto number) {
    std::string text;
    metrics_text(text).gauge("a", "b").sample(number);
    const std::string line = text.substr(text.rfind('\n', text.size() - 2) + 1);
    return line.substr(2, line.size() - 3);
  };
  CHECK(printed(0) == "0");
  CHECK(printed(-5) == "-5");
  CHECK(printed(0.1) == "0.1");
  CHECK(printed(3.0) == "3");
  CHECK(printed(1764253731.25) == "1764253731.25");
  CHECK(printed(std::numeric_limits<double>::infinity()) == "+Inf");
  CHECK(printed(-std::numeric_limits<double>::infinity()) == "-Inf");
  CHECK(printed(std::numeric_limits<double>::quiet_NaN()) == "NaN");
  CHECK(printed(false) == "0");
}

TEST_CASE("metrics_text: the buckets of a histogram add up") {
  histogram<2> measured{{{0.5, 10}}};
  for (const double each : {0.25, 0.5, 2.0, 20.0}) measured.add(each);
  std::string text;
  metrics_text(text).whole_histogram("wait_seconds", "Waited", measured);
  CHECK(text ==
        "# HELP wait_seconds Waited\n"
        "# TYPE wait_seconds histogram\n"
        "wait_seconds_bucket{le=\"0.5\"} 2\n"
        "wait_seconds_bucket{le=\"10\"} 3\n"
        "wait_seconds_bucket{le=\"+Inf\"} 4\n"
        "wait_seconds_sum 22.75\n"
        "wait_seconds_count 4\n");
}
