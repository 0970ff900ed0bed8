/* A TOML text, read by toml++ and given back as JSON. */
#ifndef BUILDSRS_TOML_TEXT_H
#define BUILDSRS_TOML_TEXT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  /* The root table as JSON, or what is wrong with the text; UTF-8 without an end marker. NULL where there
     was no memory. */
  char *bytes;
  size_t length;
  /* Where the text is wrong, from 1; both 0: it is right. */
  uint32_t line;
  uint32_t column;
} buildsrs_toml;

/* Reads UTF-8, 0 bytes included. Dates, times and numbers without a value in JSON become strings. */
buildsrs_toml buildsrs_toml_read(const char *text, size_t length);
void buildsrs_toml_free(buildsrs_toml toml);

#ifdef __cplusplus
}
#endif
#endif
