/* Between output.c, output_format.c and stream.c alone. */
#pragma once
#include "supervisor/output.h"

#define NAME_SHOWN 64
/* A line as it leaves, at its longest: each byte of the text as \u00NN, and what is around it. */
#define LINE_OUT_MAX ((OUTPUT_LINE_MAX + NAME_SHOWN) * 6 + 256)

enum target { TARGET_STDOUT, TARGET_STDERR, TARGET_OWN, TARGETS };

struct filter {
    int highest[TARGETS]; /* an enum say_level, or -1: nothing */
};

/* Directives that make no sense are passed over; without one that does: info. NULL is fine. */
void filter_parse(struct filter *f, const char *text);

#define COLOUR_BOLD 0 /* others: 1 to COLOURS, by turns */
#define COLOURS 5

struct line {
    bool own; /* then level counts, else name, phase, channel and colour */
    enum say_level level;
    enum channel channel;
    unsigned colour;
    struct str name;
    const char *phase;
    struct str text; /* bytes past OUTPUT_LINE_MAX are left out */
    int64_t wall_ms;
};

/* With a newline at the end. Returns the bytes written. */
size_t line_format(
    char out[LINE_OUT_MAX], const struct output_style *style, const struct line *line);

/* The ring is filling since less than a moment: who feeds it should wait before it gives more, or
 * lines are lost to a reader that is merely a little slower. NULL is fine. */
bool source_asks_to_wait(struct source *s);
/* The same at the end of a command, where it is better to give now what the ring still takes. */
bool source_is_full(const struct source *s);
