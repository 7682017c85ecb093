# SPDX-License-Identifier: MIT
#
# Finds what the header includes. Read by CMakeLists.txt and, installed beside it, by
# agent_websocketConfig.cmake, so that a build and an installed package look the same way.
# Not here: sqlite3, which only a program with AGENT_WEBSOCKET_WITH_SQLITE=1 needs and links itself:
#   find_package(SQLite3 REQUIRED)
#   target_compile_definitions(server PRIVATE AGENT_WEBSOCKET_WITH_SQLITE=1)
#   target_link_libraries(server PRIVATE agent_websocket::adapters SQLite::SQLite3)
# (without CMake: pkg-config --libs sqlite3). Nor hiredis, the same with AGENT_WEBSOCKET_WITH_REDIS=1
# and pkg-config --libs hiredis, nor libcurl, the same with AGENT_WEBSOCKET_WITH_CURL=1.
# Sets agent_websocket_CORE_MISSING and agent_websocket_ADAPTERS_MISSING to what was not found.

set(agent_websocket_CORE_MISSING "")
set(agent_websocket_ADAPTERS_MISSING "")

# A library that is headers only and that not every system ships with a CMake package.
macro(agent_websocket_find_header name file missing)
  string(TOUPPER "${name}" _agent_websocket_upper)
  set(_agent_websocket_variable "AGENT_WEBSOCKET_${_agent_websocket_upper}_INCLUDE_DIR")
  find_path(${_agent_websocket_variable} "${file}")
  mark_as_advanced(${_agent_websocket_variable})
  if(NOT ${_agent_websocket_variable})
    list(APPEND ${missing} "${file} (set ${_agent_websocket_variable})")
  elseif(NOT TARGET agent_websocket::${name})
    # Global, so that a project that took this one by add_subdirectory sees it too.
    add_library(agent_websocket::${name} INTERFACE IMPORTED GLOBAL)
    set_target_properties(agent_websocket::${name} PROPERTIES
      INTERFACE_INCLUDE_DIRECTORIES "${${_agent_websocket_variable}}")
  endif()
endmacro()

# A library with a find module. What it creates here is made global for the same reason; what
# was there before belongs to a folder above, which sees it already.
macro(agent_websocket_find_library package missing)
  set(_agent_websocket_new "")
  foreach(_agent_websocket_target ${ARGN})
    if(NOT TARGET ${_agent_websocket_target})
      list(APPEND _agent_websocket_new ${_agent_websocket_target})
    endif()
  endforeach()
  if(_agent_websocket_new)
    find_package(${package} QUIET)
  endif()
  foreach(_agent_websocket_target ${_agent_websocket_new})
    if(NOT TARGET ${_agent_websocket_target})
      list(APPEND ${missing} "${_agent_websocket_target} (find_package(${package}))")
    else()
      get_target_property(_agent_websocket_real ${_agent_websocket_target} ALIASED_TARGET)
      if(NOT _agent_websocket_real)
        set_target_properties(${_agent_websocket_target} PROPERTIES IMPORTED_GLOBAL TRUE)
      endif()
    endif()
  endforeach()
endmacro()

agent_websocket_find_header(rapidjson rapidjson/reader.h agent_websocket_CORE_MISSING)
agent_websocket_find_header(asio asio/io_context.hpp agent_websocket_ADAPTERS_MISSING)
agent_websocket_find_header(websocketpp websocketpp/processors/hybi13.hpp
  agent_websocket_ADAPTERS_MISSING)
agent_websocket_find_library(OpenSSL agent_websocket_ADAPTERS_MISSING OpenSSL::SSL OpenSSL::Crypto)
agent_websocket_find_library(Threads agent_websocket_ADAPTERS_MISSING Threads::Threads)
