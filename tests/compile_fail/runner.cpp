// expect first: static.?assert.*the runner sees this message
// SPDX-License-Identifier: MIT
// The smallest case, for the runner itself. g++ and clang put different words before the text of a
// static_assert: a case should expect no more of these than this one does.
static_assert(sizeof(char) == 2, "the runner sees this message");
