# SPDX-License-Identifier: MIT
#
# agent_websocket_compile_once(<name> <library>...): a static library with what the header defines,
# compiled once. Who links it includes the header as declarations, in a fraction of the time, and gets
# the given libraries too: agent_websocket::adapters or agent_websocket::agent_websocket, and others
# that definitions need. Macros such as AGENT_WEBSOCKET_WITH_SQLITE=1 have to be the same for all, so
# they go to it: target_compile_definitions(<name> PUBLIC ...).
function(agent_websocket_compile_once name)
  if(NOT "agent_websocket::adapters" IN_LIST ARGN AND
     NOT "agent_websocket::agent_websocket" IN_LIST ARGN)
    message(FATAL_ERROR "agent_websocket_compile_once(${name}): name agent_websocket::adapters or "
      "agent_websocket::agent_websocket behind it")
  endif()
  # Not file(WRITE), after which each configuration would compile it anew.
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${name}_agent_websocket.cpp)
  file(GENERATE OUTPUT ${source}
    CONTENT "#define AGENT_WEBSOCKET_IMPLEMENTATION\n#include <agent_websocket.hpp>\n")
  add_library(${name} STATIC ${source})
  target_link_libraries(${name} PUBLIC ${ARGN})
  target_compile_definitions(${name} PUBLIC AGENT_WEBSOCKET_SEPARATE_COMPILATION=1)
  # The header must not have been included before, with declarations alone.
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF DISABLE_PRECOMPILE_HEADERS ON)
endfunction()
