/* The lines a person pastes, the same at start-up, on / and on /me. Pure. */
#pragma once
#include "base/buf.h"

/* The three steps from nothing to a published crate in use. base_url: no slash at the end. */
void guide_steps(struct buf *out, struct str base_url);
/* The same where the network is the login: three lines, checked in with the project. */
void guide_tailnet_steps(struct buf *out, struct str base_url);
/* The three lines alone. */
void guide_tailnet_lines(struct buf *out, struct str base_url);
/* How to keep a crate off crates.io. */
void guide_keep_private(struct buf *out, bool on_tailnet);
