/* Any bytes as a user database: the first line names who is looked for, the rest is the file. What
 * is found stands in a line of that name, and stays found when lines of others are put around it.
 */
#include "supervisor/userdb.h"

#include "base/buf.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    struct str name = str_cut(&text, '\n');
    struct user_entry user = { 7, 7 }, again;
    gid_t gid = 7, same;
    bool is_user = userdb_find_user(text, name, &user);
    bool is_group = userdb_find_group(text, name, &gid);
    AUTO_BUF struct buf around = BUF_INIT(size + 64);
    if (!is_user)
        assert(user.uid == 7 && user.gid == 7);
    else
        assert(user.uid != UINT32_MAX && user.gid != UINT32_MAX && is_group);
    if (!is_group)
        assert(gid == 7);
    else
        assert(name.n && str_find_str(text, name) != STR_NPOS);
    buf_add(&around, STR("#:x:1:1\n"));
    buf_add(&around, text);
    buf_add(&around, STR("\n#:x:2:2"));
    if (str_eq(name, STR("#")))
        return 0;
    bool found = userdb_find_user(buf_str(&around), name, &again);
    assert(found == is_user && (!found || (again.uid == user.uid && again.gid == user.gid)));
    found = userdb_find_group(buf_str(&around), name, &same);
    assert(found == is_group && (!found || same == gid));
    return 0;
}
