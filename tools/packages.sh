# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Sourced by tools/test and tools/run: finds out what is missing on a Debian or Ubuntu and installs
# only that. What is there already, by whatever way it came, is left alone.

missing_packages=()

want() {  # PACKAGE PROBE...: the package is missing when the command PROBE fails
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing_packages+=("$package")
}

has_header() { echo "#include <$1>" | g++ -E -x c++ -DASIO_STANDALONE - ; }

want_compiler() {
  want g++ command -v g++
  want cmake command -v cmake
  want ninja-build command -v ninja
  want python3 command -v python3
  want rapidjson-dev has_header rapidjson/reader.h
  want libasio-dev has_header asio/version.hpp
  want libwebsocketpp-dev has_header websocketpp/version.hpp
  want libssl-dev has_header openssl/ssl.h
  want libsqlite3-dev has_header sqlite3.h
  want libhiredis-dev has_header hiredis/hiredis.h
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo -n "$@"
  fi
}

install_missing() {  # FUNCTION: calls it to fill missing_packages, and installs these
  missing_packages=()
  "$1"
  [ "${#missing_packages[@]}" -gt 0 ] || return 0
  echo "installing: ${missing_packages[*]}"
  if ! command -v apt-get >/dev/null; then
    echo "this system has no apt-get: install these by its own means" >&2
    return 1
  fi
  if [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
    echo "needs root: sudo apt-get install ${missing_packages[*]}" >&2
    return 1
  fi
  local log
  log=$(mktemp)
  if as_root apt-get -o DPkg::Lock::Timeout=600 update >"$log" 2>&1 &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 \
      install -y --no-install-recommends "${missing_packages[@]}" >>"$log" 2>&1; then
    rm -f "$log"
    return 0
  fi
  cat "$log" >&2
  rm -f "$log"
  return 1
}

# Jobs: one per processor, but no more than memory allows at a gigabyte and a half each.
job_count() {
  local processors memory
  processors=$(nproc)
  memory=$(awk '/^MemAvailable/ { print int($2 / 1572864) }' /proc/meminfo)
  [ "${memory:-1}" -ge 1 ] || memory=1
  echo $((processors < memory ? processors : memory))
}

use_ccache() {  # for every CMake that follows, nested ones too
  if command -v ccache >/dev/null; then
    export CMAKE_CXX_COMPILER_LAUNCHER=ccache
    # What ccache asks for before it looks into precompiled headers.
    export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
  fi
}
