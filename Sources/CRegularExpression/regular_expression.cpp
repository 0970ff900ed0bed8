#include "regular_expression.h"

#include <re2/re2.h>

#include <cstdio>
#include <memory>
#include <new>
#include <string>

struct buildsrs_regular_expression {
  RE2 re2;
};

namespace {

RE2::Options options() {
  RE2::Options options;
  options.set_log_errors(false);
  // Of what an expression is compiled to; more is refused.
  options.set_max_mem(4 << 20);
  return options;
}

void tell(const std::string &what, char *error, size_t capacity) {
  if (capacity > 0) std::snprintf(error, capacity, "%s", what.c_str());
}

}  // namespace

buildsrs_regular_expression *buildsrs_regular_expression_make(
    const char *pattern, size_t length, char *error, size_t capacity) {
  try {
    std::unique_ptr<buildsrs_regular_expression> made(
        new buildsrs_regular_expression{RE2("(?m)" + std::string(pattern, length), options())});
    if (made->re2.ok()) return made.release();
    tell(made->re2.error(), error, capacity);
  } catch (const std::bad_alloc &) {
    tell("there is no memory for it", error, capacity);
  }
  return nullptr;
}

bool buildsrs_regular_expression_finds(
    const buildsrs_regular_expression *expression, const char *text, size_t length) {
  return RE2::PartialMatch(re2::StringPiece(text, length), expression->re2);
}

void buildsrs_regular_expression_free(buildsrs_regular_expression *expression) { delete expression; }
