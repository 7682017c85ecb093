// SPDX-License-Identifier: MIT
//
// Feature switches and the language check. Every switch is 0 or 1, set by the user before the first
// include, the same in all translation units of a program; a switch only adds names.
#pragma once

#if !defined(__cplusplus) || (__cplusplus < 201703L && !(defined(_MSVC_LANG) && _MSVC_LANG >= 201703L))
#error "agent_websocket needs C++17 or newer: compile with -std=c++17 (MSVC: /std:c++17 /Zc:__cplusplus)"
#endif

/// 1 (default): the shipped adapters and `server` (Asio, websocketpp, and what the switches below add).
/// 0: the core and the mocks only; nothing but RapidJSON and the standard library is included.
#ifndef AGENT_WEBSOCKET_WITH_ADAPTERS
#define AGENT_WEBSOCKET_WITH_ADAPTERS 1
#endif

/// 1: `adapters::curl_http_client`, and `server` asks models by it (needs the adapters, and libcurl to compile and
/// link: -lcurl). Default 0: by `adapters::asio_http_client`, which needs nothing more.
#ifndef AGENT_WEBSOCKET_WITH_CURL
#define AGENT_WEBSOCKET_WITH_CURL 0
#endif

/// 1: `adapters::sqlite_store` (SQLite 3.31 or newer), in programs that link sqlite3 themselves:
/// neither the CMake targets nor the pkg-config files of this library do. Default: 0.
#ifndef AGENT_WEBSOCKET_WITH_SQLITE
#define AGENT_WEBSOCKET_WITH_SQLITE 0
#endif

/// 1: `adapters::redis_store` and `adapters::redis_exchange`, for servers that share their sessions
/// (needs the adapters, and hiredis to compile and link: -lhiredis). Default 0.
#ifndef AGENT_WEBSOCKET_WITH_REDIS
#define AGENT_WEBSOCKET_WITH_REDIS 0
#endif

/// 1: functions are compiled once in a program, in the unit that defines AGENT_WEBSOCKET_IMPLEMENTATION before its
/// first include: what is no template, the server, the client and the supervisor. For the other units all this is only
/// declared. Default 0: in each unit that includes the library (header-only).
#ifndef AGENT_WEBSOCKET_SEPARATE_COMPILATION
#define AGENT_WEBSOCKET_SEPARATE_COMPILATION 0
#endif

/// 1: with separate compilation, `testing::mock_server` is compiled once too, for programs of many tests; each unit
/// takes half a second longer for it. Default 0: in the units that use it.
#ifndef AGENT_WEBSOCKET_SEPARATE_MOCK_SERVER
#define AGENT_WEBSOCKET_SEPARATE_MOCK_SERVER 0
#endif

// What the headers say about it: definitions of functions that are no templates stand at the end of
// their header, #if AGENT_WEBSOCKET_DEFINITIONS, and each begins with AGENT_WEBSOCKET_INLINE; a few
// words (an accessor) may stand in the class, and what no other header needs is just inline, and
// declared nowhere. A virtual function says AGENT_WEBSOCKET_INLINE in its class too: one that is not
// inline there has the class's table made in every unit. The instances of templates that are
// compiled once are named by AGENT_WEBSOCKET_INSTANTIATE(class name<...>).
#if !AGENT_WEBSOCKET_SEPARATE_COMPILATION
#if defined(AGENT_WEBSOCKET_IMPLEMENTATION)
#error "AGENT_WEBSOCKET_IMPLEMENTATION needs AGENT_WEBSOCKET_SEPARATE_COMPILATION=1, in all units of the program"
#endif
#define AGENT_WEBSOCKET_DEFINITIONS 1
#define AGENT_WEBSOCKET_INLINE inline
#define AGENT_WEBSOCKET_INSTANTIATE(...) static_assert(true, "")
#elif defined(AGENT_WEBSOCKET_IMPLEMENTATION)
#define AGENT_WEBSOCKET_DEFINITIONS 1
#define AGENT_WEBSOCKET_INLINE
#define AGENT_WEBSOCKET_INSTANTIATE(...) template __VA_ARGS__
#else
#define AGENT_WEBSOCKET_DEFINITIONS 0
#define AGENT_WEBSOCKET_INLINE
#define AGENT_WEBSOCKET_INSTANTIATE(...) extern template __VA_ARGS__
#endif
