/* The checks of superguppy doctor: each looks at the facts and adds what it finds. */
#pragma once
#include "cli/doctor.h"

void doctor_ok(struct doctor_report *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* cure: what to do, as a sentence. */
void doctor_bad(struct doctor_report *r, enum doctor_level level, const char *cure, const char *fmt,
    ...) PRINTF_LIKE(4, 5);

/* Does the configuration rely on the tailnet? Then its troubles are failures, else warnings. */
bool doctor_wants_tailnet(const struct doctor_facts *f);
enum doctor_level doctor_tailnet_level(const struct doctor_facts *f);

/* ---- doctor_here.c ---- */
void doctor_check_config(const struct doctor_facts *f, struct doctor_report *r);
void doctor_check_grants(const struct doctor_facts *f, struct doctor_report *r);
void doctor_check_data(const struct doctor_facts *f, struct doctor_report *r);
void doctor_check_server(const struct doctor_facts *f, struct doctor_report *r);
void doctor_check_doors(const struct doctor_facts *f, struct doctor_report *r);
/* ---- doctor_node.c ---- */
void doctor_check_tailscaled(const struct doctor_facts *f, struct doctor_report *r);
void doctor_check_state(const struct doctor_facts *f, struct doctor_report *r);
void doctor_check_version(const struct doctor_facts *f, struct doctor_report *r);
void doctor_check_mode(const struct doctor_facts *f, struct doctor_report *r);
void doctor_check_key(const struct doctor_facts *f, struct doctor_report *r);
void doctor_check_name(const struct doctor_facts *f, struct doctor_report *r);
void doctor_check_health(const struct doctor_facts *f, struct doctor_report *r);
/* ---- doctor_access.c ---- */
void doctor_check_identity(const struct doctor_facts *f, struct doctor_report *r);
void doctor_check_serve(const struct doctor_facts *f, struct doctor_report *r);
void doctor_check_policy(const struct doctor_facts *f, struct doctor_report *r);
void doctor_check_defaults(const struct doctor_facts *f, struct doctor_report *r);
void doctor_check_admin(const struct doctor_facts *f, struct doctor_report *r);
