/* A data folder in a fresh temporary folder, for unit tests; gone with temp_store_free. */
#pragma once
#include "store/db.h"

struct temp_store {
    char root[64]; /* the temporary folder */
    char path[80]; /* root/data: the data folder, not made yet */
    struct data_dir *dir;
    struct db *db; /* the writer's connection */
};

struct temp_store *temp_folder_new(void);    /* dir and db are NULL */
struct temp_store *temp_store_new(void);     /* opened, migrated */
void temp_store_close(struct temp_store *t); /* connection and folder; files stay */
void temp_store_reopen(struct temp_store *t);
void temp_store_free(struct temp_store *t);
