// SPDX-License-Identifier: MIT
// The precompiled header of the tests on the single header.
#pragma once

#include <agent_websocket.hpp>
#include <doctest/doctest.h>
