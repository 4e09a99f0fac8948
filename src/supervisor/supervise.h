/* The supervisor: everything from the loaded file to the exit status. One thread; must be called in
 * a process that has no other and no child. */
#pragma once
#include "supervisor/conf.h"

/* Takes the configuration. Starts, watches, stops; returns the exit status: 0 after a signal,
 * the code of the process whose end stopped everything, 1 when the start was aborted or the
 * supervisor itself could not be set up. Output goes to fd 1, what goes wrong before there is one
 * to fd 2. */
int supervise(struct conf *c, bool break_glass);
