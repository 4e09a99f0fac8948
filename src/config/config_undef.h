/* Ends a use of config.def: forgets the row macros. No guard, for it is included many times. */
#undef CFG_STR
#undef CFG_LIST
#undef CFG_SIZE
#undef CFG_NUM
#undef CFG_SECONDS
#undef CFG_ENUM
#undef CFG_BOOL
