// SPDX-License-Identifier: MIT
//
// What the fuzz targets share. With libFuzzer:
//   clang++ -std=c++17 -Iinclude -fsanitize=fuzzer,address,undefined tests/fuzz/TARGET.cpp
// with -fno-sanitize=pointer-overflow behind it, as RapidJSON's stack adds to a null pointer.
// Without, as a program that runs ROUNDS (20000) random inputs from SEED (1), or the files that a
// fuzzer has left:
//   c++ -std=c++17 -Iinclude -DFUZZ_STANDALONE tests/fuzz/TARGET.cpp
//   ./a.out [ROUNDS [SEED]]     ./a.out FILE...
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

/// The target: has to return for every input.
void fuzz(std::string_view input);
/// Pieces that make interesting inputs likely.
std::vector<std::string_view> fuzz_pieces();

/// Stops the program with the input on the screen when `holds` is false.
inline void require(bool holds, const char* what, std::string_view input) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\ninput (%zu bytes): \"", what, input.size());
  for (const char c : input) {
    const bool plain = c >= 0x20 && c <= 0x7E && c != '"' && c != '\\';
    std::fprintf(stderr, plain ? "%c" : "\\%03o", static_cast<unsigned char>(c));
  }
  std::fputs("\"\n", stderr);
  std::abort();
}

#ifdef FUZZ_STANDALONE

inline std::string random_input(std::mt19937_64& random,
                                const std::vector<std::string_view>& pieces) {
  std::string input;
  for (auto parts = random() % (random() % 2 == 0 ? 8 : 40); parts > 0; --parts) {
    if (random() % 8 == 0) {
      input.push_back(static_cast<char>(random()));
    } else {
      input += pieces[random() % pieces.size()];
    }
    if (random() % 64 == 0) input += std::string(random() % 300, input.back());
  }
  return input;
}

int main(int count, char** words) {
  if (count > 1 && std::string(words[1]).find_first_not_of("0123456789") != std::string::npos) {
    for (int i = 1; i < count; ++i) {
      std::ifstream file(words[i], std::ios::binary);
      require(file.good(), "the file can be read", words[i]);
      fuzz(std::string(std::istreambuf_iterator<char>(file), {}));
    }
    return 0;
  }
  const unsigned long rounds = count > 1 ? std::strtoul(words[1], nullptr, 10) : 20'000;
  std::mt19937_64 random(count > 2 ? std::strtoul(words[2], nullptr, 10) : 1);
  const std::vector<std::string_view> pieces = fuzz_pieces();
  for (unsigned long i = 0; i < rounds; ++i) fuzz(random_input(random, pieces));
  std::printf("%lu inputs\n", rounds);
}

#else

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}

#endif
