/* Two readings of a tailnet's policy that jansson and auth/policy.c leave over: at which line a
 * grant stands, and which ports an entry opens. Pure; any thread. */
#pragma once
#include "base/str.h"

/* The lines, from 1, at which the elements of the list behind a key of the root begin: objects and
 * lists alone. json is good JSON. Those past n, or not there, leave *ret as it is. */
void policy_lines(struct str json, struct str key, int *ret, size_t n);
/* "80", "80-90", "80,443", "*" */
bool policy_ports_cover(struct str ports, uint16_t port);
/* The same with a protocol before it, or without: "tcp:80", "tcp:*", "*", "udp:53". TCP alone
 * counts. */
bool policy_ip_covers(struct str ip, uint16_t port);
bool policy_is_tcp(struct str proto);
