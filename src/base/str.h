/* Borrowed byte slices. A struct str never owns; whoever made the bytes says how long they live.
 * Bytes may hold anything, NUL included; p may be NULL only when n is 0. Any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(lit) ((struct str){ "" lit, sizeof(lit) - 1 })
#define STR_NONE ((struct str){ NULL, 0 })
/* printf("%" STR_FMT, STR_ARG(s)) */
#define STR_FMT ".*s"
#define STR_ARG(s) (int)(s).n, (s).n ? (s).p : ""

struct str str_from(const char *cstr); /* NULL gives STR_NONE */
bool str_eq(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b); /* ASCII only */
int str_cmp(struct str a, struct str b);        /* bytewise, like strcmp */
bool str_starts(struct str s, struct str prefix);
bool str_starts_nocase(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_has(struct str s, char c);

#define STR_NPOS SIZE_MAX
size_t str_find(struct str s, char c);  /* STR_NPOS when absent */
size_t str_rfind(struct str s, char c); /* STR_NPOS when absent */
size_t str_find_str(struct str s, struct str needle);

struct str str_from_to(struct str s, size_t from, size_t to); /* clamped */
struct str str_skip(struct str s, size_t n);                  /* clamped */
struct str str_trim(struct str s, struct str set);            /* drops bytes of set at both ends */
struct str str_trim_ws(struct str s);                         /* space, \t, \r, \n */

/* Cuts *rest at the first sep: returns what is before it, leaves what is after. Without a sep
 * returns all of it and leaves an empty rest with p NULL. */
struct str str_cut(struct str *rest, char sep);
/* Next word of *rest at white space; false when none is left. */
bool str_next_word(struct str *rest, struct str *ret_word);

char ascii_lower(char c);
bool ascii_is_alpha(char c);
bool ascii_is_digit(char c);
bool ascii_is_alnum(char c);
bool ascii_is_xdigit(char c);

/* Strict UTF-8 (RFC 3629): no overlong forms, surrogates or values past U+10FFFF. */
bool utf8_valid(struct str s);
/* Decodes one code point at s.p; returns its length in bytes, 0 if s is empty or not valid. */
size_t utf8_next(struct str s, uint32_t *ret_cp);
/* Longest prefix of s of at most max bytes that does not cut a code point. */
struct str utf8_clip(struct str s, size_t max);
