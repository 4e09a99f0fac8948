/* Strict integers: decimal digits only, no sign, blank or leading '+', checked for overflow. */
#pragma once
#include "base/attr.h"
#include "base/str.h"

#define NUM_U64_MAX_DIGITS 20
bool num_parse_u64(struct str s, uint64_t *ret_v); /* "007" is accepted */
bool num_parse_u32(struct str s, uint32_t *ret_v);
bool num_parse_hex(struct str s, uint64_t *ret_v); /* 1 to 16 hex digits */
/* "10", "64K", "10M", "2G" (powers of 1024). */
bool num_parse_size(struct str s, uint64_t *ret_v);
uint32_t num_get_le32(const void *p);
size_t num_format_u64(uint64_t v, char out[NUM_U64_MAX_DIGITS]); /* digits written, no NUL */
