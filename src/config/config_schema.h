/* What config.def says, as a table that loading, showing and documenting share.
 * Private to config/. Pure; any thread. */
#pragma once
#include "base/toml.h"
#include "config/config.h"

enum setting_kind {
    SETTING_STR,
    SETTING_LIST,
    SETTING_SIZE,
    SETTING_NUM,
    SETTING_SECONDS,
    SETTING_ENUM,
    SETTING_BOOL
};

/* SETTING_ID_data, SETTING_ID_listen, ...: indices into settings and config.origins. */
enum setting_id {
#define CFG_STR(id, key, def, doc) SETTING_ID_##id,
#define CFG_LIST(id, key, def, doc) SETTING_ID_##id,
#define CFG_SIZE(id, key, def, min, max, doc) SETTING_ID_##id,
#define CFG_NUM(id, key, def, min, max, doc) SETTING_ID_##id,
#define CFG_SECONDS(id, key, def, min, max, doc) SETTING_ID_##id,
#define CFG_ENUM(id, key, def, words, doc) SETTING_ID_##id,
#define CFG_BOOL(id, key, def, doc) SETTING_ID_##id,
#include "config/config.def"
#include "config/config_undef.h"
    SETTING_COUNT
};

struct setting {
    const char *key; /* "section.name" */
    enum setting_kind kind;
    size_t offset;        /* in struct config */
    const char *def_text; /* STR, ENUM; LIST: words */
    uint64_t def_num;     /* numbers; BOOL: 0 or 1 */
    uint64_t min, max;
    const char *words; /* ENUM */
    const char *doc;
};

extern const struct setting settings[SETTING_COUNT];

const struct setting *setting_find(struct str key); /* NULL when there is none */
/* The setting or, with sections, the section whose name is nearest to a misspelled one;
 * STR_NONE when none is near. */
struct str setting_nearest(struct str name, bool sections);
struct str setting_section(const struct setting *s);
struct str setting_name(const struct setting *s); /* without the section */
bool setting_begins_section(size_t i);            /* its first setting is settings[i] */
struct str setting_env_name(struct arena *a, const struct setting *s);
/* "seconds from 1 to 600": what a value must be, for messages and the documentation. */
void setting_allowed(const struct setting *s, struct buf *out);
void setting_put_default(const struct setting *s, struct buf *out); /* as TOML */
void setting_put_size(struct buf *out, uint64_t bytes);             /* 10485760 as 10M */

/* Fail with ERR_USAGE, naming the setting, where and what is allowed; *c is then half-changed. */
int setting_set_default(
    struct arena *a, const struct setting *s, struct config *c, struct err *e) MUST_CHECK;
/* From the environment (a list's text is split at white space) or a flag (one item). */
int setting_set_text(struct arena *a, const struct setting *s, struct config *c, struct str text,
    struct config_origin from, struct err *e) MUST_CHECK;
int setting_set_toml(struct arena *a, const struct setting *s, struct config *c,
    const struct toml_value *v, struct config_origin from, struct err *e) MUST_CHECK;

/* "KEY (WHERE): text" */
int setting_fail(struct err *e, struct str key, struct str where, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* FILE:LINE */
struct config_origin setting_from_file(struct arena *a, struct str file, int line);

/* The array behind access.grant; file names it in origins. */
int grants_parse(
    struct arena *a, const struct toml_value *v, struct config *c, struct err *e) MUST_CHECK;
