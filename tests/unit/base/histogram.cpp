// SPDX-License-Identifier: MIT
#include <agent_websocket/base/histogram.hpp>

#include <doctest/doctest.h>

using agent_websocket::histogram;

TEST_CASE("histogram: a value lies in the first bucket whose bound it does not exceed") {
  histogram<3> measured{{{0.5, 1, 10}}};
  for (const double each : {0.0, 0.5, 0.75, 1.0, 10.0, 10.5, 1e9}) measured.add(each);
  CHECK(measured.counted(0) == 2u);
  CHECK(measured.counted(1) == 2u);
  CHECK(measured.counted(2) == 1u);
  CHECK(measured.counted(3) == 2u);
  CHECK(measured.count() == 7u);
  CHECK(measured.sum() == doctest::Approx(1e9 + 22.75));
  CHECK(measured.bounds()[1] == 1);
}

TEST_CASE("histogram: empty at the beginning") {
  const histogram<1> measured{{{1}}};
  CHECK(measured.count() == 0u);
  CHECK(measured.sum() == 0);
  CHECK(measured.counted(0) == 0u);
  CHECK(measured.counted(1) == 0u);
}
