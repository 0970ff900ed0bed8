#include <stdint.h>
#include <sys/stat.h>

#ifdef TINY_ZLIB
#include <zlib.h>
const char *tiny_zlib(void) { return zlibVersion(); }
#else
const char *tiny_zlib(void) { return "none"; }
#endif

/* stat is a symbol of glibc since 2.33; before, it was a part of every program. */
int tiny_exists(const char *path) {
  struct stat status;
  return stat(path, &status) == 0;
}

/* Where this file was when it was compiled. */
const char *tiny_file(void) { return __FILE__; }

uint32_t tiny_answer(uint32_t seed) { return seed * 2654435761u + 42; }
