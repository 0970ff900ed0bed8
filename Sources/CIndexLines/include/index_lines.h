/* One line of a registry's index, read by simdjson: only the fields that the farm wants. */
#ifndef BUILDSRS_INDEX_LINES_H
#define BUILDSRS_INDEX_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  buildsrs_field_absent = 0,
  buildsrs_field_null,
  buildsrs_field_of_other_type,
  buildsrs_field_present,
} buildsrs_field_state;

/* UTF-8, without an end marker; valid until the next line is read by the same reader. */
typedef struct {
  buildsrs_field_state state;
  const uint8_t *bytes;
  size_t length;
} buildsrs_field_text;

typedef struct {
  buildsrs_field_text name;
  buildsrs_field_text version;
  buildsrs_field_text checksum;
  buildsrs_field_text rust_version;
  buildsrs_field_text published;
  buildsrs_field_state yanked_state;
  bool yanked;
  buildsrs_field_state format_state;
  int64_t format;
} buildsrs_index_line;

typedef struct buildsrs_index_reader buildsrs_index_reader;

/* How many bytes behind a line must be readable, lest the line be copied. */
size_t buildsrs_index_padding(void);

/* NULL where there is no memory. */
buildsrs_index_reader *buildsrs_index_reader_make(void);
void buildsrs_index_reader_free(buildsrs_index_reader *reader);

/* Reads a line without its line feed; false: it is no JSON object.
   `readable`: how many bytes from `line` on may be read, `length` or more. */
bool buildsrs_index_read(
    buildsrs_index_reader *reader, const uint8_t *line, size_t length, size_t readable,
    buildsrs_index_line *found);

#ifdef __cplusplus
}
#endif
#endif
