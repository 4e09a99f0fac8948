/* The sparse index in memory: lower-case crate name to finished answer. Loop thread only; an answer
 * costs one look-up, no lock, no query. */
#pragma once
#include "http/answer.h"

struct sparse;

struct sparse *sparse_new(void);
void sparse_free(struct sparse *s);
/* Takes over the caller's reference to a. */
void sparse_put(struct sparse *s, struct str lower_name, struct answer *a);
/* path: what follows /index/. Its last segment, lower-cased, decides; the folders before it are not
 * looked at (Dependabot asks 3/ab/abc). Borrowed; NULL when there is no such crate. */
struct answer *sparse_find(const struct sparse *s, struct str path);
size_t sparse_count(const struct sparse *s);
