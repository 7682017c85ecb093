// SPDX-License-Identifier: MIT
// The main() of both test binaries. The doctest implementation costs seconds to compile, so it
// stands alone here and is linked into each of them.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
