/* Tokens: "sgp_", 43 base62 characters (256 random bits), 6 check characters (CRC-32 of what is
 * before). Only the SHA-256 of the text is ever stored. Any thread. */
#pragma once
#include "base/digest.h"
#include "base/err.h"

#define TOKEN_LEN (4 + 43 + 6)

void token_make(char ret_token[TOKEN_LEN + 1]); /* wipe it after use */
bool token_has_form(struct str token);          /* prefix, length, alphabet and check characters */
void token_hash(struct str token, uint8_t ret_hash[SHA256_LEN]);

enum credential_kind {
    CREDENTIAL_NONE,    /* no header, or Dependabot's "placeholder_token" */
    CREDENTIAL_TOKEN,   /* of the right form */
    CREDENTIAL_NETWORK, /* the word "tailscale" or "network" */
    CREDENTIAL_OTHER    /* anything else: never a caller, never ignored */
};
/* An Authorization header as cargo and others send it: the bare token, or "Bearer TOKEN" (scheme in
 * any case, one or more blanks). *ret_token borrows from header. */
enum credential_kind credential_read(struct str header, struct str *ret_token);
