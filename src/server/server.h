/* The whole server: configuration to stores, access, routes, listeners, and a clean stop. */
#pragma once
#include "config/config.h"

struct server_options {
    const struct config *config;
    int ready_fd; /* gets each listener's URL, a line each in their order, then is closed; -1: none
                   */
};

/* Runs until SIGTERM or SIGINT; a second one stops at once. 0 after a clean stop. */
int server_run(const struct server_options *o, struct err *e) MUST_CHECK;
