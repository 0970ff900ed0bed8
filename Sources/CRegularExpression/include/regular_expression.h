/* A regular expression, matched by RE2 in time that grows with the text only, whatever the expression. */
#ifndef BUILDSRS_REGULAR_EXPRESSION_H
#define BUILDSRS_REGULAR_EXPRESSION_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct buildsrs_regular_expression buildsrs_regular_expression;

/* Reads an expression; `^` and `$` stand for the ends of lines. NULL: it is none, or there was no memory; then
   `error` holds up to `capacity` bytes of what is wrong, with an end marker. */
buildsrs_regular_expression *buildsrs_regular_expression_make(
    const char *pattern, size_t length, char *error, size_t capacity);

/* Whether a text of UTF-8 has a part that matches. Any number of threads may ask at once. */
bool buildsrs_regular_expression_finds(
    const buildsrs_regular_expression *expression, const char *text, size_t length);

void buildsrs_regular_expression_free(buildsrs_regular_expression *expression);

#ifdef __cplusplus
}
#endif
#endif
